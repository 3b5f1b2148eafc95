// SPDX-License-Identifier: MIT
#include "words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pagewright::catalogue {
namespace {

[[nodiscard]] auto range_text(bit_range r) -> std::string {
  return r.hi == r.lo ? fmt::format("{}", r.lo) : fmt::format("{}:{}", r.hi, r.lo);
}

/// A field's value as the manuals write it: short ones in binary.
[[nodiscard]] auto value_text(u64 value, unsigned width) -> std::string {
  return width == 1   ? fmt::format("{}", value)
         : width <= 5 ? fmt::format("{:0{}b}b", value, width)
                      : fmt::format("{:#x}", value);
}

/// Some of the rights that a side can have, as a verb's object.
[[nodiscard]] auto nouns(unsigned side) -> std::string {
  std::vector<std::string> words;
  if ((side & 1) != 0) words.push_back("reading");
  if ((side & 2) != 0) words.push_back("writing");
  if ((side & 4) != 0) words.push_back("executing");
  return listed(words);
}

[[nodiscard]] auto owned(std::string_view owner, unsigned side) -> std::string {
  return side == 7 ? fmt::format("all the {}'s rights", owner) : fmt::format("the {}'s {}", owner, nouns(side));
}

}  // namespace

auto ranges_of(u64 mask) -> std::vector<bit_range> {
  std::vector<bit_range> found;
  for (unsigned at = 64; at-- > 0;) {
    if ((mask >> at & 1) == 0) continue;
    unsigned lo = at;
    while (lo != 0 && (mask >> (lo - 1) & 1) != 0) --lo;
    found.push_back({at, lo});
    at = lo;
  }
  return found;
}

auto bits_text(u64 mask) -> std::string {
  std::vector<std::string> words;
  for (auto const r : ranges_of(mask)) words.push_back(range_text(r));
  std::string out = count_ones(mask) == 1 ? "bit " : "bits ";
  for (std::size_t i = 0; i < words.size(); ++i) out += (i == 0 ? "" : ", ") + words[i];
  return words.empty() ? "no bits" : out;
}

auto fields_of(format const &f, u8 scope) -> std::vector<named_bits> {
  std::vector<named_bits> found;
  auto const              count = field_count(f);
  for (unsigned i = 0; i < count; ++i) {
    auto const &one = f.fields[i];
    if ((one.on & scope) == 0 || one.width == 0) continue;
    found.push_back({one.name, one.name, unsigned{one.lo} + one.width - 1u, one.lo});
  }
  std::ranges::sort(found, std::greater{}, &named_bits::hi);
  for (std::size_t i = 1; i < found.size();) {
    if (found[i].own != found[i - 1].own || found[i].hi + 1 != found[i - 1].lo) {
      ++i;
      continue;
    }
    found[i - 1].lo = found[i].lo;
    found.erase(found.begin() + static_cast<std::ptrdiff_t>(i));
  }
  auto const plain = found;
  for (auto &one : found)
    if (std::ranges::count(plain, one.name, &named_bits::name) > 1)
      one.name += '[' + range_text({one.hi, one.lo}) + ']';
  return found;
}

auto names_text(format const &f, u8 scope, u64 mask) -> std::string {
  std::string out;
  auto const  put = [&](std::string const &text) { out += (out.empty() ? "" : ", ") + text; };
  for (auto const &one : fields_of(f, scope)) {
    if ((mask & one.mask()) == 0) continue;
    bool const whole = (mask & one.mask()) == one.mask();
    if (whole) put(one.name);
    for (auto const r : ranges_of(whole ? 0 : mask & one.mask())) put(fmt::format("{}[{}]", one.own, range_text(r)));
    mask &= ~one.mask();
  }
  if (mask != 0 || out.empty()) put(bits_text(mask));
  return out;
}

auto match_text(format const &f, u8 scope, match m) -> std::string {
  if (m == never) return "never";
  if (m.mask == 0) return m.value == 0 ? "always" : "never";
  if (m.mask == below(8u * f.entry_bytes)) return fmt::format("the whole entry = {:#x}", m.value);
  std::vector<std::string> words;
  u64                      left = m.mask;
  auto const               put  = [&](std::string const &name, bit_range r) {
    words.push_back(
        fmt::format("{} = {}", name, value_text(m.value >> r.lo & below(r.hi - r.lo + 1), r.hi - r.lo + 1)));
  };
  for (auto const &one : fields_of(f, scope)) {
    u64 const looked = left & one.mask();
    if (looked == 0) continue;
    left &= ~looked;
    if (looked == one.mask()) put(one.name, {one.hi, one.lo});
    else
      for (auto const r : ranges_of(looked)) put(fmt::format("{}[{}]", one.own, range_text(r)), r);
  }
  for (auto const r : ranges_of(left)) put(bits_text(ones(r.lo, r.hi - r.lo + 1)), r);
  return listed(words);
}

auto rights_text(rights r) -> std::string {
  auto const both = text(r);
  return fmt::format("kernel {}, user {}", both.kernel, both.user);
}

auto rights_noun(rights r) -> std::string {
  unsigned const kernel = unsigned(r) & 7, user = unsigned(r) >> 3 & 7;
  if (kernel == user) return kernel == 7 ? "all rights" : nouns(kernel);
  if (kernel == 0) return owned("user", user);
  if (user == 0) return owned("kernel", kernel);
  return owned("kernel", kernel) + " and " + owned("user", user);
}

auto is_used(format const &f, unsigned n) -> bool { return smallest_leaf(f, n) != 64; }

auto lowest_level(format const &f, unsigned n) -> unsigned {
  unsigned level = 0;
  while (level + 1 < f.depth && std::ranges::find(f.levels[level].leaves, n) == f.levels[level].leaves.end()) ++level;
  return level;
}

auto usual_scope(format const &f, unsigned level) -> u8 {
  for (u8 const n : f.levels[level].leaves)
    if (n != no_form) return on_form(n);
  return on_tables;
}

auto listed(std::vector<std::string> const &items) -> std::string {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i)
    out += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  return out;
}

void by_level::add(std::string_view level, std::string said) {
  auto const same = std::ranges::find(said_, said, &entry::said);
  if (same != said_.end()) same->levels.emplace_back(level);
  else said_.push_back({std::move(said), {std::string{level}}});
}

auto by_level::text() const -> std::string {
  if (said_.size() == 1) return said_[0].said;
  std::string out;
  for (auto const &[said, levels] : said_)
    if (!said.empty()) out += (out.empty() ? "" : "; ") + fmt::format("{}: {}", listed(levels), said);
  return out;
}

auto power_text(unsigned lg2) -> std::string {
  constexpr char const *units[]{"", "K", "M", "G", "T", "P", "E"};
  return fmt::format("{}{}", u64{1} << (lg2 % 10), units[lg2 / 10]);
}

}  // namespace pagewright::catalogue
