// SPDX-License-Identifier: MIT
// Random 32-bit, PAE, 4-level and 5-level tables.
#include <pagewright/formats/x86.hpp>

#include "random_tables.hpp"

namespace {

using namespace pagewright;
using namespace oracle;
using namespace oracle::random_tables;

auto x86_entry(dice &d, arena const &a, subject const &s, bool root) -> u64 {
  bool const long_mode = s.levels >= 4, four_bytes = s.width == 4, pdpt = s.levels == 3 && root;
  u64 const  here = a.base + d.below(8) * 4096;
  u64 const  loose = long_mode ? ones(52, 11) : 0;                                    // software and key bits
  u64        attributes = d.word() & (0xe78 | loose);                                 // PWT PCD A D and software bits
  if (s.x86.nxe && !four_bytes && d.one_in(6)) attributes |= bit(63);
  attributes |= d.one_in(5) ? 0u : 2u;
  attributes |= d.one_in(5) ? 0u : 4u;
  u64 const shift   = four_bytes ? (d.one_in(2) ? 12 : 22) : d.pick({12, 21, 30});
  u64 const physical = d.word() & below(four_bytes ? 32 : s.x86.physical_bits);
  u64       e = 0;
  switch (d.below(20)) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: case 9: case 10: case 11:
      e = 1 | attributes | here;
      break;
    case 12: case 13: case 14: case 15:                                                     // a large leaf
      e = 0x81 | attributes | (physical & ~below(unsigned(shift))) | (d.word() & 0x1100);
      if (four_bytes) e |= d.word() & (d.one_in(2) ? 0x1e000 : 0x3fe000);
      break;
    case 16: e = 1 | attributes | (physical & ~u64{0xfff}) | (d.word() & 0x180); break;     // a small leaf
    case 17: e = d.word() & ~u64{1}; break;
    case 18: e = d.word() | 1; break;
    default: e = d.word(); break;
  }
  if (pdpt && !d.one_in(4)) e = 1 | here | (d.word() & 0xe18);
  if (d.one_in(8)) e ^= bit(d.below(s.width * 8));
  if (d.one_in(16)) e ^= bit(d.below(s.width * 8));
  return e;
}

auto x86_plain(reading &r, u64 root, u64 va, subject const &s) -> plain::answer {
  auto const read = [&](u64 a) { return r(a); };
  if (s.levels == 2) return plain::x86_32(read, root, va, s.x86);
  if (s.levels == 3) return plain::x86_pae(read, root, va, s.x86);
  return plain::x86_64(read, root, va, s.levels, s.x86);
}

constexpr auto x86_format(unsigned levels, x86::options const &o) -> format {
  return levels == 2   ? x86::paging_32(o)
         : levels == 3 ? x86::paging_pae(o)
         : levels == 4 ? x86::paging_4level(o)
                       : x86::paging_5level(o);
}

auto x86_subject(unsigned levels, x86::options o, u64 pat = x86::pat_at_reset) -> subject {
  std::ostringstream name;
  name << "x86, " << levels << " levels, M=" << o.physical_bits << (o.no_execute ? " NXE" : "")
       << (o.gigabyte_pages ? " 1G" : "") << (o.page_size_extensions ? " PSE" : "") << (o.pse36 ? " PSE-36" : "")
       << (o.amd ? " AMD" : "") << " PAT=" << hex(pat);
  subject s{.name = name.str(), .sections = levels == 2 ? "SDM 3A 4.3" : levels == 3 ? "SDM 3A 4.4" : "SDM 3A 4.5",
            .description = x86_format(levels, o)};
  s.levels       = levels;
  s.width        = levels == 2 ? 4 : 8;
  s.input_bits   = levels <= 3 ? 32 : 12 + 9 * levels;
  s.signed_input = levels > 3;
  s.base_bits    = levels <= 3 ? 32 : o.physical_bits;
  s.plain_walk   = x86_plain;
  s.make         = x86_entry;
  s.x86          = {o.physical_bits, o.no_execute, o.gigabyte_pages, o.page_size_extensions, o.pse36,
                    o.amd,           pat,          o.marked_pdptes};
  return s;
}

constexpr x86::options x86_reset{}, x86_36{.physical_bits = 36}, x86_no_pse36{.pse36 = false},
    x86_no_pse{.page_size_extensions = false},
    x86_old{.physical_bits = 40, .no_execute = false, .gigabyte_pages = false},
    x86_amd{.physical_bits = 46, .amd = true};

template <unsigned Levels, x86::options const &O>
void examine_x86(u64 walks, dice &d, tally &t) {
  static constexpr format f = x86_format(Levels, O);
  auto const s = x86_subject(Levels, O);
  examine(s, walks, d, t, fixed<f>{}, dynamic{&s.description});
}

TEST(plain_walkers, agree_with_the_library_on_x86) {
  u64 const each = test_size(100'000);
  dice  d{86};
  tally t;
  examine_x86<2, x86_reset>(each, d, t);
  examine_x86<2, x86_36>(each, d, t);
  examine_x86<2, x86_no_pse36>(each, d, t);
  examine_x86<2, x86_no_pse>(each, d, t);
  examine_x86<3, x86_reset>(each, d, t);
  examine_x86<3, x86_old>(each, d, t);
  examine_x86<4, x86_reset>(each, d, t);
  examine_x86<4, x86_old>(each, d, t);
  examine_x86<4, x86_amd>(each, d, t);
  examine_x86<5, x86_reset>(each, d, t);
  examine_x86<5, x86_amd>(each, d, t);
  for (u64 n = 0; n < 10 * each && t.differences < 5; n += 4096) {
    u64 pat = 0;
    for (unsigned i = 0; i < 8; ++i) pat |= u64{d.pick({0, 1, 4, 5, 6, 7})} << (8 * i);
    x86::options const o{.physical_bits        = 32 + unsigned(d.below(21)),
                         .no_execute           = d.one_in(2),
                         .gigabyte_pages       = d.one_in(2),
                         .page_size_extensions = !d.one_in(4),
                         .pse36                = d.one_in(2),
                         .marked_pdptes        = d.one_in(4),
                         .amd                  = d.one_in(2),
                         .types                = x86::pat(pat)};
    auto const s = x86_subject(2 + unsigned(d.below(4)), o, pat);
    examine(s, 4096, d, t, dynamic{&s.description});
  }
  report("x86", t);
  using enum plain::reason;
  expect_equal_and_varied(t, {none, outside, absent, reserved, unreadable}, 500,
                          {12u, 21u, 22u, 30u}, 1000);
}

// The walkers themselves, against translations worked out by hand from the manuals' figures: an oracle that says the
// same of everything would agree with a library that does.
TEST(plain_walkers, know_a_page_by_hand) {
  arena a{0x10000, std::vector<u8>(0x4000), 8};
  a.put(0x0ff8, 0x11067);                                  // PML4E 511 -> 0x11000, user, writable
  a.put(0x1000 + 8 * 510, 0x8000000000012063);             // PDPTE 510 -> 0x12000, writable, supervisor, NX
  reading r{&a, {}};
  a.put(0x2000 + 8 * 3, 0x00000000400010e3 | bit(8));      // PDE 3: 2 Mbytes at 0x40000000, global, PAT
  auto const got = plain::x86_64([&](u64 at) { return r(at); }, 0x10000, 0xffffffff80612345, 4, {});
  EXPECT_EQ(got.why, plain::reason::none);
  EXPECT_EQ(got.address, 0x40012345u);
  EXPECT_EQ(got.lg2, 21u);
  EXPECT_EQ(got.own, plain::kr | plain::kw | plain::kx);
  EXPECT_EQ(got.effective, plain::kr | plain::kw);
  EXPECT_STREQ(got.type, "WB");
  EXPECT_TRUE(got.global && got.accessed && got.dirty);
  EXPECT_EQ(plain::arm64_type(0xff, 0), std::string{"WB"});
  EXPECT_EQ(plain::arm64_type(0x0400, 1), std::string{"Device-nGnRE"});
}

}  // namespace
