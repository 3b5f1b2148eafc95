// SPDX-License-Identifier: MIT
// Contract 1: what cannot be done is refused before the first store, and says what is wrong and where.
#include "fixture.hpp"

namespace trial {
namespace {

/// What a refused map leaves behind: the reason and the place, and how often memory was written.
struct outcome {
  error_reason why;
  u64          at;
  u64          writes;
  bool operator==(outcome const &) const = default;
};
void PrintTo(outcome const &o, std::ostream *out) {
  *out << text(o.why) << " at 0x" << std::hex << o.at << std::dec << " after " << o.writes << " writes";
}

template <auto const &F, class Operation>
auto refused(Operation &&operation) -> std::optional<outcome> {
  house<F> place;
  models::recorded_memory<byte_memory, 16> memory{place.memory};
  address_space space{place.h, place.top, memory, place.frames, place.cache};
  ledger owed;
  auto const before = place.picture();
  auto const r      = operation(space, owed);
  space.settle(owed);
  if (r) return std::nullopt;
  EXPECT_EQ(place.picture(), before);
  EXPECT_EQ(place.counted.out(), 1u) << "only the root may be out";
  return outcome{r.error().why, r.error().at.value, memory.log().count()};
}
template <auto const &F>
auto refused_map(range where, u64 to, attributes const &want = rw<F>()) -> std::optional<outcome> {
  return refused<F>([&](auto &space, ledger &owed) { return space.map(where, {to}, want, owed); });
}
auto no(error_reason why, u64 at) -> std::optional<outcome> { return outcome{why, at, 0}; }

}  // namespace

TEST(checked_first, a_range_that_begins_or_ends_inside_a_granule_is_refused) {
  EXPECT_EQ(refused_map<x86::x86_64_4level>({{0x1001}, {0x2fff}}, 0), no(error_reason::misaligned, 0x1001));
  EXPECT_EQ(refused_map<x86::x86_64_4level>({{0x1000}, {0x2ffe}}, 0), no(error_reason::misaligned, 0x2ffe));
  EXPECT_EQ(refused_map<x86::x86_64_4level>({{0x1000}, {0x2000}}, 0), no(error_reason::misaligned, 0x2000));
  EXPECT_EQ(refused_map<arm64::stage1_64k_48_lower>(span_of(0x1000, 64 * K), 0), no(error_reason::misaligned, 0x1000));
  EXPECT_EQ(refused_map<arm64::stage1_16k_47_lower>(span_of(0, 20 * K), 0), no(error_reason::misaligned, 20 * K - 1));
}

TEST(checked_first, an_output_address_inside_a_granule_is_refused) {
  EXPECT_EQ(refused_map<x86::x86_64_4level>(span_of(0x1000, 4 * K), 0x1800), no(error_reason::misaligned, 0x1000));
  EXPECT_EQ(refused_map<arm64::stage1_64k_48_lower>(span_of(0, 64 * K), 0x1000), no(error_reason::misaligned, 0));
}

TEST(checked_first, a_range_that_wraps_or_is_empty_cannot_be_made) {
  EXPECT_FALSE(range::of({~u64{0} - 4 * K + 2}, 4 * K));
  EXPECT_FALSE(range::of({0x1000}, 0));
  EXPECT_FALSE(range::between({0x2000}, {0x1fff}));
  EXPECT_TRUE(range::of({~u64{0} - 4 * K + 1}, 4 * K)) << "but it may end at the very top";
  EXPECT_EQ(range::between({0}, {~u64{0}})->bytes(), 0u) << "0 stands for 2^64";
}

TEST(checked_first, a_range_outside_what_the_format_translates_is_refused) {
  EXPECT_EQ(refused_map<riscv::sv32>(span_of(u64{1} << 32, 4 * K), 0), no(error_reason::outside_input, u64{1} << 32));
  EXPECT_EQ(refused_map<riscv::sv32>(span_of((u64{1} << 32) - 4 * K, 8 * K), 0),
            no(error_reason::outside_input, (u64{1} << 32) - 4 * K));
  EXPECT_EQ(refused_map<arm64::stage1_4k_39_lower>(span_of(512 * G, 4 * K), 0), no(error_reason::outside_input, 512 * G));
  EXPECT_EQ(refused_map<arm64::stage1_4k_39_upper>(span_of(0, 4 * K), 0), no(error_reason::outside_input, 0));
}

TEST(checked_first, a_range_in_or_across_the_canonical_hole_is_refused) {
  constexpr u64 under = 128 * T, above = ~u64{0} - 128 * T + 1;
  EXPECT_EQ(refused_map<x86::x86_64_4level>(span_of(under, 4 * K), 0), no(error_reason::outside_input, under));
  EXPECT_EQ(refused_map<x86::x86_64_4level>(span_of(above - 4 * K, 4 * K), 0), no(error_reason::outside_input, above - 4 * K));
  EXPECT_EQ(refused_map<x86::x86_64_4level>({{under - 4 * K}, {above + 4 * K - 1}}, 0),
            no(error_reason::outside_input, under - 4 * K));
  EXPECT_EQ(refused_map<x86::x86_64_4level>({{0}, {~u64{0}}}, 0), no(error_reason::outside_input, 0));
  EXPECT_EQ(refused_map<x86::x86_64_4level>(span_of(under - 4 * K, 4 * K), 0), std::nullopt) << "the last page below it";
  EXPECT_EQ(refused_map<x86::x86_64_4level>(span_of(above, 4 * K), 0), std::nullopt) << "the first page above it";
}

TEST(checked_first, an_output_address_the_machine_does_not_have_is_refused) {
  static constexpr format narrow = x86::paging_4level({.physical_bits = 36});
  EXPECT_EQ(refused_map<narrow>(span_of(0, 4 * K), 64 * G), no(error_reason::too_wide, 0));
  EXPECT_EQ(refused_map<narrow>(span_of(0, 8 * K), 64 * G - 4 * K), no(error_reason::too_wide, 0)) << "only its end is too far";
  EXPECT_EQ(refused_map<narrow>(span_of(0, 4 * K), 64 * G - 4 * K), std::nullopt);
  EXPECT_EQ(refused_map<narrow>(span_of(0, 8 * K), ~u64{0} - 4 * K + 1), no(error_reason::too_wide, 0)) << "it wraps";
}

TEST(checked_first, an_output_address_that_only_large_pages_can_say_is_refused_for_small_ones) {
  // PSE-36: 4-Mbyte pages reach 2^40, 4-Kbyte pages 2^32 (SDM 3A 4.3).
  EXPECT_EQ(refused_map<x86::x86_32>(span_of(4 * M, 4 * M), 64 * G), std::nullopt);
  EXPECT_EQ(refused_map<x86::x86_32>(span_of(4 * M, 4 * K), 64 * G), no(error_reason::too_wide, 4 * M));
}

TEST(checked_first, rights_types_and_software_bits_without_an_encoding_are_refused) {
  EXPECT_EQ(refused_map<x86::x86_64_4level>(span_of(0, 4 * K), 0, {.allow = rights::user_read}),
            no(error_reason::inexpressible_rights, 0))
      << "user pages are the kernel's too on x86";
  EXPECT_EQ(refused_map<riscv::sv39>(span_of(0, 4 * K), 0, {.allow = rights::user_write}),
            no(error_reason::inexpressible_rights, 0))
      << "writing without reading is reserved on RISC-V";
  EXPECT_EQ(refused_map<riscv::sv39>(span_of(0, 4 * K), 0, {.allow = rights::none}), no(error_reason::inexpressible_rights, 0))
      << "without rights an entry would point to a table";
  EXPECT_EQ(refused_map<arm64::stage1_4k_48_lower>(span_of(0, 4 * K), 0, {.allow = rights::user_rwx | rights::kernel_execute}),
            no(error_reason::inexpressible_rights, 0));
  EXPECT_EQ(refused_map<riscv::sv39>(span_of(0, 4 * K), 0, {.allow = rights::kernel_rw, .type = memory_type::wc}),
            no(error_reason::inexpressible_memory_type, 0));
  EXPECT_EQ(refused_map<riscv::sv39>(span_of(0, 4 * K), 0, {.allow = rights::kernel_rw, .software = bit(54)}),
            no(error_reason::inexpressible_software, 0));
}

TEST(checked_first, every_operation_checks_its_range_and_its_wishes) {
  range const crooked{{0x1001}, {0x1fff}}, outside{{128 * T}, {128 * T + 4 * K - 1}}, fine = span_of(0, 4 * K);
  auto const each = [&](auto &&operation) {
    EXPECT_EQ(refused<x86::x86_64_4level>([&](auto &s, ledger &l) { return operation(s, l, crooked); }),
              no(error_reason::misaligned, 0x1001));
    EXPECT_EQ(refused<x86::x86_64_4level>([&](auto &s, ledger &l) { return operation(s, l, outside); }),
              no(error_reason::outside_input, 128 * T));
  };
  each([](auto &s, ledger &l, range r) { return s.unmap(r, l); });
  each([](auto &s, ledger &l, range r) { return s.protect(r, rights::kernel_ro, l); });
  each([](auto &s, ledger &l, range r) { return s.retype(r, memory_type::uc, l); });
  each([](auto &s, ledger &, range r) { return s.reserve(r); });
  EXPECT_EQ(refused<x86::x86_64_4level>([&](auto &s, ledger &l) { return s.protect(fine, rights::user_write, l); }),
            no(error_reason::inexpressible_rights, 0));
  EXPECT_EQ(refused<x86::x86_64_4level>([&](auto &s, ledger &l) { return s.retype(fine, memory_type::io, l); }),
            no(error_reason::inexpressible_memory_type, 0));
}

TEST(checked_first, tables_that_cannot_be_read_are_an_error_and_not_a_crash) {
  house<x86::x86_64_4level> place;
  auto const beyond = encode_table(place.h, 3u, {0x7000'0000});
  place.memory.store(slot_address(place.h, 3u, place.top.table, 1), x86::x86_64_4level.word(), beyond);
  address_space space{place.h, place.top, place.memory, place.frames, place.cache};
  ledger owed;
  auto const before = place.picture();
  for (auto const &r : {space.map(span_of(512 * G, 4 * K), {0}, rw<x86::x86_64_4level>(), owed), space.unmap(span_of(512 * G, 4 * K), owed),
                        space.protect(span_of(512 * G, 4 * K), rights::kernel_ro, owed)}) {
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().why, error_reason::unreadable);
    EXPECT_EQ(r.error().level, 2u);
    EXPECT_EQ(r.error().slot.value, 0x7000'0000u);
  }
  EXPECT_EQ(place.picture(), before);
  EXPECT_FALSE(place.memory.strayed());
  space.settle(owed);
}

}  // namespace trial
