// SPDX-License-Identifier: MIT
#include "describe.hpp"

#include <span>
#include <string_view>

#include <fmt/format.h>

namespace pagewright::inspect {
namespace {

/// `address`: where entries of this kind hold theirs.
[[nodiscard]] auto fields_on(format const &f, u8 scope, std::span<piece const> address) -> std::vector<named_field> {
  std::vector<named_field> found;
  auto const count = field_count(f);
  for (unsigned i = 0; i < count; ++i) {
    auto const &one = f.fields[i];
    if ((one.on & scope) == 0) continue;
    auto const name   = std::string_view{one.name};
    unsigned   owners = 0;
    for (unsigned j = 0; j < count; ++j) owners += (f.fields[j].on & scope) != 0 && name == f.fields[j].name;
    auto const top = one.lo + one.width - 1;
    found.push_back({owners == 1       ? std::string{name}
                     : one.width == 1 ? fmt::format("{}[{}]", name, one.lo)
                                      : fmt::format("{}[{}:{}]", name, top, one.lo),
                     one.lo, one.width});
    if (name == "address")
      for (auto const &p : address)
        if ((p.mask() & one.mask()) != 0) found.back().address.push_back(p);
  }
  return found;
}

}  // namespace

field_table::field_table(format const &f) {
  for (unsigned n = 0; n < f.depth; ++n) of_tables_[n] = fields_on(f, on_tables, table_address_of(dynamic{&f}, n));
  for (unsigned n = 0; n < max_forms; ++n) of_forms_[n] = fields_on(f, on_form(n), f.forms[n].address);
}

auto field_table::of(format const &f, unsigned level, u64 entry) const noexcept -> std::vector<named_field> const & {
  if (is_absent(pagewright::dynamic{&f}, level, entry)) return none_;
  if (is_table(pagewright::dynamic{&f}, level, entry)) return of_tables_[level];
  auto const *fields = &none_;
  with_form(dynamic{&f}, level, entry, [&](form const &shape) { fields = &of_forms_[&shape - f.forms]; });
  return *fields;
}

}  // namespace pagewright::inspect
