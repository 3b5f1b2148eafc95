// SPDX-License-Identifier: MIT
// x86_64: flush tokens (S116, S117), what its TLB and CR3 instructions are given (S136..S143), and what was wrong or
// wished for there (D22, D25, U6). The instructions are disassembled in tests/cpu and executed by examples/kernels.
#include <pagewright/cpu/x86.hpp>
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;
namespace hw = pagewright::cpu::x86;

namespace {

constexpr attributes rw{.allow = rights::kernel_rw};
constexpr auto       nothing = std::optional<u64>{};

}  // namespace

TEST(x86_64, S116_S117_the_ledger_is_the_token_that_must_be_used_and_names_the_pages) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 0x4000), {0x7000}, rw, m.owed)));
  EXPECT_TRUE(m.owed.is_settled()) << "U6: a new mapping needs no flush, and there is nothing to ignore";
  EXPECT_TRUE(done(m.space.protect(span_of(0x2000, 4 * K), rights::kernel_ro, m.owed)));
  EXPECT_TRUE(done(m.space.protect(span_of(0x3000, 4 * K), rights::kernel_ro, m.owed)));
  ASSERT_EQ(m.owed.extents().size(), 1u) << "two tokens of x86_64, one extent here";
  EXPECT_EQ(m.owed.extents()[0], (stale{span_of(0x2000, 8 * K), 12, false}));
  m.space.settle(m.owed);
  EXPECT_EQ(m.log.back().kind, event::synced);
  EXPECT_TRUE(m.owed.is_settled());
  static_assert(!std::is_copy_constructible_v<ledger>);
}

TEST(x86_64, S116_ignoring_is_said_in_the_type_of_the_cache) {
  machine       m{x86::x86_64_4level};
  not_in_use    none;
  address_space space{m.h, m.top, m.memory, m.frames, none};
  ledger        owed;
  EXPECT_TRUE(done(space.map(span_of(0x1000, 4 * K), {0x7000}, rw, owed)));
  EXPECT_TRUE(done(space.unmap(span_of(0x1000, 4 * K), owed)));
  space.settle(owed);
  EXPECT_EQ(count_of(m.log, event::invalidated), 0u);
  EXPECT_EQ(m.frames.out(), 1u);
}

TEST(x86_64, S117_when_there_is_more_than_can_be_listed_everything_is_flushed) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 64 * K), {0}, rw, m.owed)));
  basic_ledger<2, 2> small;
  for (u64 n = 0; n < 3; ++n) EXPECT_TRUE(done(m.space.protect(span_of(n * 16 * K, 4 * K), rights::kernel_ro, small)));
  EXPECT_TRUE(small.all_stale());
  m.log.clear();
  m.space.settle(small);
  EXPECT_EQ(m.log, (journal{{event::invalidated_all}, {event::synced}}));
}

TEST(x86_64, D22_the_pages_to_flush_reach_every_processor_through_the_cache_that_is_passed_in) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x7000}, rw, m.owed)));
  EXPECT_TRUE(done(unmap(m.space, page_4k::containing({0x1000}), m.owed, emptied::keep)));
  m.log.clear();
  m.space.settle(m.owed);
  ASSERT_EQ(m.log.size(), 2u);
  EXPECT_EQ(m.log[0].what, (stale{span_of(0x1000, 4 * K), 12, false})) << "what a shootdown sends";
  EXPECT_EQ(m.log[1].kind, event::synced) << "and where it waits";
}

TEST(x86_64, S136_S137_what_flushes_pages_and_what_flushes_everything_are_translation_caches) {
#if defined(__x86_64__) || defined(__i386__)
  static_assert(translation_cache<hw::local_tlb> && translation_cache<hw::broadcast_tlb>);
#endif
  static_assert(translation_cache<not_in_use> && translation_cache<recording_cache>);
}

TEST(x86_64, S138_S139_a_pcid_has_12_bits_and_invpcid_a_descriptor_that_does_not_fault) {
  EXPECT_EQ(hw::encode({.table = {0x5000}, .pcid = 0xfff}, hw::cr4_pcide), 0x5fffu);
  EXPECT_EQ(hw::encode({.table = {0x5000}, .pcid = 0x1000}, hw::cr4_pcide), nothing);
  auto const one = hw::descriptor(hw::invpcid_type::address, 7, {0x1234'5000});
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->pcid, 7u);
  EXPECT_EQ(one->address, 0x1234'5000u);
  EXPECT_FALSE(hw::descriptor(hw::invpcid_type::context, 0x1000).has_value());
  EXPECT_FALSE(hw::descriptor(hw::invpcid_type::address, 7, {bit(47)}).has_value()) << "not canonical with 48 bits";
}

TEST(x86_64, S140_S141_S142_invlpgb_is_issued_in_pieces_that_count_as_the_hardware_does) {
  auto const f = hw::features_of({}, {}, {.eax = 48, .ebx = 1 << 3 | 1 << 21, .ecx = 0, .edx = 7});
  EXPECT_TRUE(f.invlpgb && f.invlpgb_nested);
  EXPECT_EQ(f.invlpgb_count_max, 7u);
  std::vector<hw::invlpgb_operands> issued;
  hw::each_invlpgb({span_of(0x10'0000, 9 * 4 * K), 12, false}, {.pcid = 3}, f.invlpgb_count_max, 100,
                   [&](auto const &o) { issued.push_back(o); });
  ASSERT_EQ(issued.size(), 2u);
  EXPECT_EQ(issued[0], (hw::invlpgb_operands{0x10'000b, 7, 3 << 16}))
      << "seven after the first: eight; x86_64 means nine";
  EXPECT_EQ(issued[1], (hw::invlpgb_operands{0x10'800b, 0, 3 << 16}));
}

TEST(x86_64, S143_D25_cr3_is_written_with_the_pcid_it_was_read_with) {
  u64 const  cr3 = *hw::encode({.table = {0x1234'5000}, .pcid = 0xabc}, hw::cr4_pcide);
  auto const r   = hw::decode(cr3, hw::cr4_pcide);
  EXPECT_EQ(r.pcid, 0xabc) << "x86_64 writes back bits 3 and 4 of it and so changes to another PCID";
  EXPECT_EQ(hw::encode(r, hw::cr4_pcide), cr3);
  EXPECT_EQ(cr3 | hw::cr3_keep, 0x8000'0000'1234'5abcu) << "what is cached for the PCID may be kept";
  EXPECT_EQ(x86::root_table(x86::mode::paging_4level, cr3).value, 0x1234'5000u);
  EXPECT_EQ(x86::pcid_of(cr3, hw::cr4_pcide), 0xabc);
  EXPECT_EQ(x86::pcid_of(cr3, 0), 0) << "without CR4.PCIDE there is none";
}
