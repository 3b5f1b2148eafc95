// SPDX-License-Identifier: MIT
#include "walks.hpp"

namespace pagewright::inspect {

auto identifier(fault_reason r) noexcept -> std::string_view {
  switch (r) {
    case fault_reason::outside_input: return "outside_input";
    case fault_reason::absent:        return "absent";
    case fault_reason::sparse:        return "sparse";
    case fault_reason::reserved:      return "reserved";
    case fault_reason::not_accessed:  return "not_accessed";
    case fault_reason::too_wide:      return "too_wide";
    case fault_reason::unreadable:    return "unreadable";
  }
  return "reserved";
}

namespace {

[[nodiscard]] auto sentence_of(format const &d, fault const &f) -> std::string {
  auto const level = d.levels[f.level].name;
  switch (f.why) {
    case fault_reason::outside_input:
      return fmt::format("the address is not one of the {} bits that {} translates{}", d.input_bits(), d.name,
                         d.upper == extent::canonical ? ": it is not canonical" : "");
    case fault_reason::absent:       return fmt::format("the {} entry is absent", level);
    case fault_reason::sparse:
      return fmt::format("the {} entry is sparse: reads yield zeroes and writes are lost, without a fault", level);
    case fault_reason::reserved:
      return fmt::format("hardware rejects the {} entry: reserved bits or a reserved encoding", level);
    case fault_reason::not_accessed:
      return fmt::format("the {} entry is not marked accessed, and hardware does not mark it", level);
    case fault_reason::too_wide:
      return fmt::format("the address in the {} entry is wider than the machine's {} bits", level, d.output_bits);
    case fault_reason::unreadable:
      return fmt::format("the {} table is not in the image: nothing at {:#018x}", level, f.slot.value);
  }
  return "";
}

}  // namespace

auto sentence(machine const &m, explained_walk const &w) -> std::string {
  if (w.through == nullptr && !m.halves) return "no table that is known translates the address";
  if (w.through == nullptr)
    return fmt::format("no table is known for the {} half of the address space",
                       (w.asked.value >> 55 & 1) != 0 ? "upper" : "lower");
  auto const &f = w.outcome.error();
  if (f.why == fault_reason::unreadable && m.below)
    return fmt::format("the {} table is not in the image: nothing at {:#018x} by way of {}",
                       w.through->description.levels[f.level].name, f.slot.value, m.below->label);
  return sentence_of(w.through->description, f);
}

auto sentence_below(machine const &m, explained_walk const &w) -> std::string {
  return sentence_of(m.below->description, w.below->error());
}

auto field_tables(machine const &m) -> std::vector<field_table> {
  std::vector<field_table> tables;
  for (auto const &v : m.views) tables.emplace_back(v.description);
  return tables;
}

}  // namespace pagewright::inspect
