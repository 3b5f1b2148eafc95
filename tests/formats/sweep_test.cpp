// SPDX-License-Identifier: MIT
// Every variant of every format: check() finds nothing, and every bit has a name.
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>

#include "golden.hpp"

namespace pagewright::arm64 {
static void PrintTo(granule g, std::ostream *out) { *out << "2^" << unsigned(g) << " bytes"; }
}  // namespace pagewright::arm64

namespace {

using namespace pagewright;
using golden::is_faultless;

TEST(every_variant, of_x86_is_faultless) {
  for (unsigned bits = 32; bits <= 52; ++bits)
    for (unsigned n = 0; n < 64; ++n) {
      x86::options const o{.physical_bits        = bits,
                           .no_execute           = (n & 1) != 0,
                           .gigabyte_pages       = (n & 2) != 0,
                           .page_size_extensions = (n & 4) != 0,
                           .pse36                = (n & 8) != 0,
                           .protection_keys      = (n & 16) != 0,
                           .marked_pdptes        = (n & 16) != 0,
                           .amd                  = (n & 32) != 0};
      for (auto const m : {x86::mode::paging_32, x86::mode::pae, x86::mode::paging_4level, x86::mode::paging_5level})
        ASSERT_TRUE(is_faultless(x86::format_of(m, o))) << bits << " physical bits, options " << n;
    }
}

TEST(every_variant, of_riscv_is_faultless) {
  for (unsigned n = 0; n < 16; ++n) {
    riscv::options const o{(n & 1) != 0, (n & 2) != 0, (n & 4) != 0, (n & 8) != 0};
    for (auto const m : {riscv::mode::sv32, riscv::mode::sv39, riscv::mode::sv48, riscv::mode::sv57})
      ASSERT_TRUE(is_faultless(riscv::format_of(m, o))) << "options " << n;
  }
}

class every_granule : public testing::TestWithParam<arm64::granule> {};

TEST_P(every_granule, and_size_and_switch_of_arm64_is_faultless) {
  for (unsigned bits = GetParam() == arm64::granule::k64 ? 17 : 16; bits <= 52; ++bits)
    for (unsigned n = 0; n < 64; ++n) {
      arm64::stage1_options const o{.page                 = GetParam(),
                                    .input_bits           = bits,
                                    .space                = (n & 1) != 0 ? arm64::half::upper : arm64::half::lower,
                                    .output_bits          = (n & 2) != 0 ? 52u : 48u,
                                    .wide                 = (n & 2) != 0,
                                    .contiguous           = (n & 4) != 0,
                                    .no_table_permissions = (n & 8) != 0,
                                    .top_byte_ignored     = (n & 16) != 0,
                                    .hardware_dirty       = (n & 32) != 0,
                                    .bbm                  = n % 3};
      if (bits > 48 && !o.wide && GetParam() != arm64::granule::k64) continue;
      auto const f = arm64::stage1(o);
      ASSERT_TRUE(is_faultless(f)) << bits << " input bits, options " << n;
      ASSERT_EQ(f.input_bits(), bits);
      ASSERT_EQ(f.depth, arm64::depth_of(GetParam(), bits));
    }
}

TEST_P(every_granule, and_output_size_of_arm64_is_faultless) {
  for (unsigned const bits : {32u, 36u, 40u, 42u, 44u, 48u})
    ASSERT_TRUE(is_faultless(arm64::stage1({.page = GetParam(), .output_bits = bits}))) << bits << " output bits";
}

INSTANTIATE_TEST_SUITE_P(arm64, every_granule,
                         testing::Values(arm64::granule::k4, arm64::granule::k16, arm64::granule::k64),
                         [](auto const &one) { return "of_2_to_the_" + std::to_string(unsigned(one.param)); });

}  // namespace
