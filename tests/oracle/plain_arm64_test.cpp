// SPDX-License-Identifier: MIT
// Random AArch64 stage 1 tables of every granule.
#include <pagewright/formats/arm64.hpp>

#include "random_tables.hpp"

namespace {

using namespace pagewright;
using namespace oracle;
using namespace oracle::random_tables;

auto arm64_address_bits(u64 address, subject const &s) -> u64 {
  auto const &m = s.arm64;
  u64 const  low = address & below(m.wide && m.granule != 16 ? 50 : 48);
  if (!m.wide) return low;
  return m.granule == 16 ? low | (address >> 48 & 15) << 12 : low | (address >> 50 & 3) << 8;
}

auto arm64_entry(dice &d, arena const &a, subject const &s, bool) -> u64 {
  auto const &m = s.arm64;
  u64 const  address_bits = arm64_address_bits(below(52), s);
  u64 const  here = arm64_address_bits(a.base + (d.below(8) << m.granule), s);
  unsigned const stride = m.granule - 3, shift = m.granule + stride * unsigned(d.below(4));
  u64 const  physical = d.word() & below(d.one_in(8) ? 52 : m.output_bits) & ~below(shift > 51 ? 51 : shift);
  u64        attributes = d.word() & ones(2, 10) & ~address_bits;                     // AttrIndx .. nG
  attributes |= d.word() & (ones(51, 5) | ones(55, 4) | ones(63, 1));                 // DBM .. XN and software
  if (!d.one_in(6)) attributes |= bit(10);
  u64 const above = (d.one_in(6) ? bit(59) : 0) | (d.one_in(6) ? bit(60) : 0) | (d.one_in(6) ? bit(61) : 0) |
                    (d.one_in(6) ? bit(62) : 0);
  u64 e = 0;
  switch (d.below(20)) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: case 9: case 10: case 11:
      e = 3 | attributes | above | here;
      break;
    case 12: case 13: case 14: e = 1 | attributes | arm64_address_bits(physical, s); break;
    case 15: e = 1 | (d.word() & (ones(2, 10) | ones(12, 5) | ones(50, 14))) | arm64_address_bits(physical, s); break;
    case 16: e = 3 | attributes | above | arm64_address_bits(physical & ~below(m.granule), s); break;
    case 17: e = d.word() & ~u64{1}; break;
    case 18: e = d.word() | 1; break;
    default: e = d.word(); break;
  }
  if (d.one_in(8)) e ^= bit(d.below(64));
  return e;
}

auto arm64_plain(reading &r, u64 root, u64 va, subject const &s) -> plain::answer {
  return plain::arm64_stage1([&](u64 a) { return r(a); }, root, va, s.arm64);
}

auto arm64_subject(arm64::stage1_options const &o, u64 mair = arm64::default_mair) -> subject {
  std::ostringstream name;
  name << "AArch64, granule 2^" << unsigned(o.page) << ", " << o.input_bits << " to " << o.output_bits << " bits"
       << (o.space == arm64::half::upper ? " TTBR1" : " TTBR0") << (o.wide ? " wide" : "")
       << (o.contiguous ? " contiguous" : "") << (o.no_table_permissions ? " HPD" : "")
       << (o.top_byte_ignored ? " TBI" : "") << (o.hardware_accessed ? " HA" : "") << (o.hardware_dirty ? " HD" : "")
       << " MAIR=" << hex(mair);
  subject s{.name = name.str(), .sections = "DDI 0487 D8.2-D8.7", .description = arm64::stage1(o)};
  s.page_lg2     = unsigned(o.page);
  s.input_bits   = o.input_bits;
  s.signed_input = false;
  s.upper_half   = o.space == arm64::half::upper;
  s.tag_bits     = o.top_byte_ignored ? 8 : 0;
  s.base_bits    = o.output_bits;
  s.plain_walk   = arm64_plain;
  s.make         = arm64_entry;
  s.arm64 = {unsigned(o.page), o.input_bits, s.upper_half, o.top_byte_ignored, o.wide, o.output_bits, o.contiguous,
             o.no_table_permissions, o.hardware_accessed, o.hardware_dirty, mair};
  return s;
}

namespace a64 {
using arm64::granule, arm64::half;
constexpr arm64::stage1_options k4{}, k4_upper{.space = half::upper},
    k4_39{.input_bits = 39, .space = half::upper, .output_bits = 40},
    k4_wide{.input_bits = 52, .output_bits = 52, .wide = true},
    k4_wide_48{.input_bits = 48, .space = half::upper, .output_bits = 52, .wide = true}, k16{.page = granule::k16},
    k16_47{.page = granule::k16, .input_bits = 47, .space = half::upper},
    k16_wide{.page = granule::k16, .input_bits = 52, .output_bits = 52, .wide = true}, k64{.page = granule::k64},
    k64_42{.page = granule::k64, .input_bits = 42, .space = half::upper, .output_bits = 44},
    k64_wide{.page = granule::k64, .input_bits = 52, .output_bits = 52, .wide = true},
    k4_dirty{.top_byte_ignored = true, .hardware_dirty = true},
    k4_soft{.contiguous = false, .no_table_permissions = true, .hardware_accessed = false};
}  // namespace a64

template <arm64::stage1_options const &O>
void examine_arm64(u64 walks, dice &d, tally &t) {
  static constexpr format f = arm64::stage1(O);
  auto const s = arm64_subject(O);
  examine(s, walks, d, t, fixed<f>{}, dynamic{&s.description});
}

TEST(plain_walkers, agree_with_the_library_on_aarch64) {
  u64 const each = test_size(80'000);
  dice  d{64};
  tally t;
  examine_arm64<a64::k4>(each, d, t);
  examine_arm64<a64::k4_upper>(each, d, t);
  examine_arm64<a64::k4_39>(each, d, t);
  examine_arm64<a64::k4_wide>(each, d, t);
  examine_arm64<a64::k4_wide_48>(each, d, t);
  examine_arm64<a64::k4_dirty>(each, d, t);
  examine_arm64<a64::k4_soft>(each, d, t);
  examine_arm64<a64::k16>(each, d, t);
  examine_arm64<a64::k16_47>(each, d, t);
  examine_arm64<a64::k16_wide>(each, d, t);
  examine_arm64<a64::k64>(each, d, t);
  examine_arm64<a64::k64_42>(each, d, t);
  examine_arm64<a64::k64_wide>(each, d, t);
  for (u64 n = 0; n < 10 * each && t.differences < 5; n += 8192) {
    auto const page = static_cast<arm64::granule>(d.pick({12, 14, 16}));
    bool const wide = d.one_in(2);
    unsigned const most = page == arm64::granule::k64 || wide ? 52 : 48;
    u64 mair = 0;
    for (unsigned i = 0; i < 8; ++i)
      mair |= u64{d.pick({0x00, 0x04, 0x08, 0x0c, 0x44, 0xff, 0xbb, 0xf0, 0xee, 0x77, 0x4f, 0xf4, 0xaa})} << (8 * i);
    arm64::stage1_options const o{.page        = page,
                                  .input_bits  = 17 + unsigned(d.below(most - 16)),
                                  .space       = d.one_in(2) ? arm64::half::lower : arm64::half::upper,
                                  .output_bits = wide ? d.pick({40, 44, 48, 52, 52}) : d.pick({32, 36, 40, 42, 44, 48}),
                                  .wide        = wide,
                                  .contiguous  = d.one_in(2),
                                  .no_table_permissions = d.one_in(4),
                                  .top_byte_ignored     = d.one_in(2),
                                  .hardware_accessed    = !d.one_in(3),
                                  .hardware_dirty       = d.one_in(3),
                                  .types                = arm64::mair(mair)};
    auto o2 = o;
    o2.hardware_dirty = o.hardware_accessed && o.hardware_dirty;   // TCR_EL1.HD has no effect without HA
    auto const s = arm64_subject(o2, mair);
    examine(s, 8192, d, t, dynamic{&s.description});
  }
  report("AArch64", t);
  using enum plain::reason;
  expect_equal_and_varied(t, {none, outside, absent, reserved, not_accessed, too_wide, unreadable}, 1000,
                          {12u, 14u, 16u, 21u, 25u, 29u, 30u, 34u, 36u, 39u, 42u}, 10'000);
}

}  // namespace
