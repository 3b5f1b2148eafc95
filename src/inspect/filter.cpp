// SPDX-License-Identifier: MIT
#include "filter.hpp"

namespace pagewright::inspect {

auto rights_rule::accepts(rights r) const noexcept -> bool {
  auto const k = static_cast<u16>(u16(r) & 7), u = static_cast<u16>(u16(r) >> 3 & 7);
  auto const fits = [](triple_rule const &rule, u16 held) {
    return (held & rule.wanted) == rule.wanted && (held & rule.unwanted) == 0;
  };
  bool const one_side = (k & either.wanted) == either.wanted || (u & either.wanted) == either.wanted;
  return one_side && ((k | u) & either.unwanted) == 0 && fits(kernel, k) && fits(user, u);
}

auto parse_rights(std::string_view text, char scope) -> std::expected<rights_rule, problem> {
  rights_rule rule;
  auto *to = scope == 'k' ? &rule.kernel : scope == 'u' ? &rule.user : &rule.either;
  bool  no = false, any = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if ((c == 'k' || c == 'u') && i + 1 < text.size() && text[i + 1] == ':' && !no) {
      to = c == 'k' ? &rule.kernel : &rule.user;
      ++i;
      continue;
    }
    if ((c == ',' || c == ' ') && !no) continue;
    if (c == '!' && !no) {
      no = true;
      continue;
    }
    constexpr std::string_view letters = "rwx";
    auto const n = letters.find(c);
    if (n == std::string_view::npos)
      return refuse(blame::request,
                    "--rights '{}': '{}' at position {} is not understood; write letters r, w, x, with ! "
                    "before one that must be missing, and k: or u: before those of one side",
                    text, c, i + 1);
    auto &set = no ? to->unwanted : to->wanted;
    set = static_cast<u16>(set | bit(static_cast<unsigned>(n)));
    no  = false;
    any = true;
  }
  if (no || !any)
    return refuse(blame::request, "--rights '{}' names no right; write letters r, w, x, for instance wx or !w", text);
  for (auto const &side : {rule.kernel, rule.user, rule.either})
    if ((side.wanted & side.unwanted) != 0)
      return refuse(blame::request, "--rights '{}' asks for a right and forbids it: nothing can match", text);
  return rule;
}

}  // namespace pagewright::inspect
