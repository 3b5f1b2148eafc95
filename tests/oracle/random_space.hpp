// SPDX-License-Identifier: MIT
// Tables that the library built: a few hundred random mappings, holes and unmappings by an address_space.
#pragma once

#include <string>
#include <vector>

#include <pagewright/formats/arm64.hpp>
#include <pagewright/pagewright.hpp>

#include "dice.hpp"

namespace oracle {

struct random_space {
  std::vector<pagewright::u8> bytes;
  pagewright::u64             base;         // of `bytes`, and of the root table
  unsigned                    mapped = 0, unmapped = 0;
  bool                        strayed = false;

  auto page(pagewright::u64 at) const -> std::byte const * {
    return at >= base && at - base <= bytes.size() - 4096
               ? reinterpret_cast<std::byte const *>(bytes.data() + (at - base))
               : nullptr;
  }
};

/// The AArch64 regimes in which tables are built.
struct arm64_shape {
  pagewright::arm64::granule page;
  unsigned                   bits;  // of an input address
  bool                       wide;  // LPA or LPA2
};
inline constexpr arm64_shape arm64_shapes[] = {
  {pagewright::arm64::granule::k4,  48, false}, {pagewright::arm64::granule::k4,  39, false},
  {pagewright::arm64::granule::k4,  52, true }, {pagewright::arm64::granule::k16, 48, false},
  {pagewright::arm64::granule::k16, 47, false}, {pagewright::arm64::granule::k16, 36, false},
  {pagewright::arm64::granule::k16, 52, true }, {pagewright::arm64::granule::k64, 48, false},
  {pagewright::arm64::granule::k64, 42, false}, {pagewright::arm64::granule::k64, 52, true }};

inline auto arm64_format(arm64_shape const &s, bool upper) -> pagewright::format {
  using pagewright::arm64::half;
  return pagewright::arm64::stage1({.page = s.page, .input_bits = s.bits, .space = upper ? half::upper : half::lower,
                                    .output_bits = s.wide ? 52u : 48u, .wide = s.wide});
}
inline auto arm64_name(arm64_shape const &s, bool upper) -> std::string {
  return "AArch64 built, 2^" + std::to_string(static_cast<unsigned>(s.page)) + ", " + std::to_string(s.bits) + " bits" +
         (s.wide ? " wide" : "") + (upper ? " TTBR1" : " TTBR0");
}

/// No output address, of a page or of a table, has any of the bits `avoided`. Right after every mapping that succeeds
/// mapped(space, where, to, attributes) is called.
template <class Mapped>
auto build_randomly(pagewright::format const &f, unsigned granule, pagewright::u64 avoided, dice &d, Mapped &&mapped)
    -> random_space {
  using namespace pagewright;
  u64 const size = u64{1} << (granule == 16 ? 25 : 23);
  // The tables lie as high as a table entry can say, to use its upper bits; those of 32-bit and PAE paging below 4 GiB,
  // where CR3 can reach the root.
  bool const low = f.entry_bytes == 4 || f.input_bits() <= 32;
  random_space  s{std::vector<u8>(size), (below(low ? 32 : f.output_bits) + 1 - 2 * size) & ~avoided};
  u64 const     root_bytes = u64{1} << granule;
  byte_memory   memory{s.bytes, {s.base}};
  bump_frames   frames{{s.base + root_bytes}, size - root_bytes};
  not_in_use    tlb;
  dynamic const h{&f};
  address_space space{h, root{{s.base}}, memory, frames, tlb};
  ledger        owed;

  constexpr rights wishes[] = {rights::kernel_ro, rights::kernel_rw, rights::kernel_rx, rights::kernel_rwx,
                               rights::user_ro,   rights::user_rw,   rights::user_rx,   rights::user_rwx};
  unsigned const input = f.input_bits();
  auto const     parts = translated_ranges(h);
  for (unsigned n = 0; n < 400; ++n) {
    unsigned const most = input - 2 < 42 ? input - 2 : 42, lg2 = granule + d.below(most - granule);
    unsigned const unit = d.one_in(3) ? granule : lg2;                        // aligned to itself, or hardly at all
    u64 const      length = (u64{1} + d.below(8)) << (d.one_in(2) ? granule : unit);
    auto const    &part = parts.part[d.below(parts.count)];
    u64 const      first = (part.first.value + (part.bytes() == 0 ? d.word() : d.word() % part.bytes())) & ~below(unit);
    // With PSE-36 only large pages reach above 4 GiB.
    unsigned const reach = f.entry_bytes == 4 && !d.one_in(4) ? 32 : f.output_bits;
    u64 const      to    = d.word() & below(reach) & ~below(unit) & ~avoided;
    auto const     where = range::of({first}, length);
    auto const     allow = least_rights(h, wishes[d.below(8)]);
    auto const     type  = f.types[d.below(8)];
    if (!where || !allow) continue;
    attributes const want{
        .allow = *allow, .type = type == memory_type::reserved ? f.types[0] : type, .global = d.one_in(3)};
    if (n % 8 == 7) {
      if (space.unmap(*where, owed)) ++s.unmapped;
    } else if (space.map(*where, {to}, want, owed, {.runs = d.one_in(2)})) {
      ++s.mapped;
      mapped(s, *where, to, want);
      // Holes in what was just mapped: large leaves are split, contiguous groups broken up.
      u64 const hole = first + (d.word() % length & ~below(granule));
      if (d.one_in(3) && space.unmap(*range::of({hole}, u64{1} << granule), owed)) ++s.unmapped;
    }
  }
  space.settle(owed);
  s.strayed = memory.strayed();
  return s;
}

}  // namespace oracle
