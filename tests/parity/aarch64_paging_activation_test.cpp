// SPDX-License-Identifier: MIT
// aarch64-paging, rows about tables that change hands, built while nobody uses them and then loaded, and about tables
// whose entries hardware does not mark.
#include <pagewright/cpu/arm64_encoding.hpp>
#include <pagewright/formats/arm64.hpp>

#include "live_machine.hpp"

namespace parity {
namespace {

using arm64::nt;

constexpr attributes kernel_data{.allow = rights::kernel_rw, .global = true};

}  // namespace

TEST(aarch64_paging_activation, S151_S152_S153_tables_become_live_by_the_cache_they_are_given) {
  // There is no counter to be wrong: tables are built with not_in_use, and changed with the CPU's cache afterwards.
  auto const f = arm64::stage1({.input_bits = 39});
  live_machine<exclusive> m{f};
  not_in_use              nobody;
  {
    address_space build{m.h, m.top, m.plain, m.counted, nobody};
    ledger        owed;
    ASSERT_TRUE(done(build.map(span_of(2 * M, 2 * M), {64 * M}, kernel_data, owed)));
    ASSERT_TRUE(done(build.retype(span_of(2 * M, 4 * K), memory_type::nc, owed)));
    build.settle(owed);
  }
  EXPECT_EQ(m.cache.log.size(), 0u) << "nothing was published or invalidated before the tables were loaded";
  using machine_type = live_machine<exclusive>;
  machine_type::mmu_type    mmu{m.h, m.top, m.plain};  // loads the root: this is `activate`
  machine_type::cache_type  cache{mmu};
  machine_type::memory_type memory{m.plain, cache};
  machine_type::frames_type frames{m.counted, cache};
  machine_type::space_type  live{m.h, m.top, memory, frames, cache, exclusive{}};
  ledger                    owed;
  EXPECT_TRUE(mmu.access({3 * M}));
  ASSERT_TRUE(done(live.unmap(span_of(2 * M, 2 * M), owed)));
  live.settle(owed);
  mmu.verify();
  EXPECT_EQ(mmu.violations(), 0u);
  EXPECT_FALSE(mmu.access({3 * M}));
}

TEST(aarch64_paging_activation, S151_S148_S149_the_registers_of_a_root_are_encoded_and_decoded) {
  using namespace cpu::arm64;
  auto const saved = ttbr({0x4020'0000}, 7);
  ASSERT_TRUE(saved);
  EXPECT_EQ(*saved, 0x0007'0000'4020'0000u) << "BADDR and ASID";
  EXPECT_EQ(arm64::root_table({}, *saved).value, 0x4020'0000u);
  EXPECT_EQ(arm64::asid_of(*saved), 7u);
  EXPECT_EQ(ttbr({0x4020'0800}), std::nullopt) << "a root that is not aligned is not activated";
}

TEST(aarch64_paging_activation, U24_collapse_of_tables_hardware_does_not_mark_never_leaves_a_hole_with_FEAT_BBM) {
  for (unsigned const bbm : {0u, 1u, 2u}) {
    auto const f = arm64::stage1({.input_bits = 39, .bbm = bbm});
    live_machine<exclusive> m{f};
    ASSERT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {64 * M}, kernel_data, m.owed, {.runs = false})));
    m.keep_using({2 * M, 3 * M + 0x123, 4 * M - 8});
    u64 const block = m.entry(2 * M);
    auto const slot = m.slot(2 * M);
    ASSERT_TRUE(done(m.space.split(span_of(2 * M, 2 * M), 12, m.owed)));
    ASSERT_TRUE(m.settles_cleanly());
    m.cache.log.clear();
    ASSERT_TRUE(done(m.space.collapse(span_of(2 * M, 2 * M), m.owed, {.runs = false})));
    auto const expected = bbm == 0   ? std::vector<u64>{0, block}
                          : bbm == 1 ? std::vector<u64>{block | nt, block}
                                     : std::vector<u64>{block};
    EXPECT_EQ(m.stores_to(slot), expected) << "level " << bbm;
    EXPECT_TRUE(m.settles_cleanly()) << "level " << bbm;
    EXPECT_EQ(m.access(4 * M - 8), 66 * M - 8);
  }
}

}  // namespace parity
