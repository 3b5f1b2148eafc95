// SPDX-License-Identifier: MIT
// Random Sv32 to Sv57 tables.
#include <pagewright/formats/riscv.hpp>

#include "random_tables.hpp"

namespace {

using namespace pagewright;
using namespace oracle;
using namespace oracle::random_tables;

auto riscv_entry(dice &d, arena const &a, subject const &s, bool) -> u64 {
  bool const narrow = s.width == 4;
  u64 const  here = (a.base + d.below(8) * 4096) >> 12 << 10;
  unsigned const width = narrow ? 10 : 9;
  u64 const  ppn  = d.word() & below(narrow ? 22 : 44) & ~below(width * unsigned(d.below(s.levels)));
  u64 const  may  = d.pick({2, 6, 8, 10, 14});
  u64        leaf = 1 | may | (d.word() & 0x3f0) | ppn << 10;
  if (!d.one_in(5)) leaf |= 0x40;
  if (!narrow && d.one_in(3)) leaf |= u64{d.below(s.riscv.pbmt ? 3 : 1)} << 61;
  if (!narrow && s.riscv.rsw60) leaf |= d.word() & ones(59, 2);
  u64 e = 0;
  switch (d.below(20)) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: case 9: case 10:
      e = 1 | here | (d.word() & 0x300) | (d.one_in(6) ? 0x20 : 0);
      break;
    case 11: case 12: case 13: case 14: e = leaf; break;
    case 15: e = narrow ? leaf : (leaf & ~ones(10, 4)) | bit(63) | bit(13); break;          // NAPOT
    case 16: e = 1 | ppn << 10; break;  // a table where no memory is
    case 17: e = d.word() & ~u64{1}; break;
    case 18: e = d.word() | 1; break;
    default: e = d.word(); break;
  }
  if (d.one_in(10)) e ^= bit(d.below(s.width * 8));
  return e;
}

auto riscv_plain(reading &r, u64 root, u64 va, subject const &s) -> plain::answer {
  return plain::riscv([&](u64 a) { return r(a); }, root, va, s.riscv);
}

constexpr auto riscv_format(unsigned levels, riscv::options const &o) -> format {
  constexpr riscv::mode modes[] = {riscv::mode::sv32, riscv::mode::sv39, riscv::mode::sv48, riscv::mode::sv57};
  return riscv::format_of(modes[levels - 2], o);
}

auto riscv_subject(unsigned levels, riscv::options const &o) -> subject {
  constexpr char const *names[] = {"Sv32", "Sv39", "Sv48", "Sv57"};
  subject s{.name = std::string{names[levels - 2]} + (o.napot ? " Svnapot" : "") + (o.memory_types ? " Svpbmt" : "") +
                    (o.more_software ? " Svrsw60t59b" : "") + (o.hardware_accessed ? "" : " Svade"),
            .sections = "Privileged 12.3.2, Svnapot, Svpbmt", .description = riscv_format(levels, o)};
  s.levels       = levels;
  s.width        = levels == 2 ? 4 : 8;
  s.input_bits   = levels == 2 ? 32 : 12 + 9 * levels;
  s.signed_input = levels != 2;
  s.base_bits    = levels == 2 ? 34 : 56;
  s.plain_walk   = riscv_plain;
  s.make         = riscv_entry;
  s.riscv = {levels, o.napot, o.memory_types, o.more_software, !o.hardware_accessed};
  return s;
}

constexpr riscv::options riscv_all{}, riscv_plainest{.napot = false, .memory_types = false},
    riscv_svade{.hardware_accessed = false}, riscv_soft{.more_software = true};

template <unsigned Levels, riscv::options const &O>
void examine_riscv(u64 walks, dice &d, tally &t) {
  static constexpr format f = riscv_format(Levels, O);
  auto const s = riscv_subject(Levels, O);
  examine(s, walks, d, t, fixed<f>{}, dynamic{&s.description});
}

TEST(plain_walkers, agree_with_the_library_on_riscv) {
  u64 const each = test_size(90'000);
  dice  d{5};
  tally t;
  examine_riscv<2, riscv_all>(each, d, t);
  examine_riscv<2, riscv_svade>(each, d, t);
  examine_riscv<3, riscv_all>(each, d, t);
  examine_riscv<3, riscv_plainest>(each, d, t);
  examine_riscv<3, riscv_svade>(each, d, t);
  examine_riscv<3, riscv_soft>(each, d, t);
  examine_riscv<4, riscv_all>(each, d, t);
  examine_riscv<5, riscv_all>(each, d, t);
  examine_riscv<5, riscv_svade>(each, d, t);
  for (u64 n = 0; n < 4 * each && t.differences < 5; n += 4096) {
    auto const s = riscv_subject(2 + unsigned(d.below(4)), {d.one_in(2), d.one_in(2), d.one_in(2), d.one_in(2)});
    examine(s, 4096, d, t, dynamic{&s.description});
  }
  report("RISC-V", t);
  using enum plain::reason;
  expect_equal_and_varied(t, {none, outside, absent, reserved, not_accessed, unreadable}, 1000,
                          {12u, 16u, 21u, 22u, 30u, 39u, 48u}, 10'000);
}

}  // namespace
