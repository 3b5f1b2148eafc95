// SPDX-License-Identifier: MIT
// x86_64: what its users asked for (U1..U8, U11..U13, U18, U20, U22), and the defects behind it (D12, D17, D18, D23,
// D24, D26).
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr attributes rw{.allow = rights::kernel_rw};

}  // namespace

TEST(x86_64, U1_U2_D12_every_operation_takes_a_range_and_descends_once) {
  machine m{x86::x86_64_4level, 4 * M};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 1 * M), {0x7000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.protect(span_of(0x1000, 1 * M), rights::kernel_ro, m.owed)));
  EXPECT_TRUE(done(m.space.identity_map(span_of(4 * G, 1 * G), rw, m.owed)));
  EXPECT_TRUE(done(m.space.unmap(span_of(0, 8 * G), m.owed)));
  EXPECT_EQ(m.tables(), 0u);
}

TEST(x86_64, U5_a_large_page_is_a_type_or_what_a_range_gets_by_itself_and_tables_have_their_own_frames) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(map(m.space, page_2m::containing({2 * M}), frame_2m::containing({4 * M}), rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(4 * M, 2 * M), {8 * M}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(6 * M, 2 * M), {10 * M}, rw, m.owed, {.largest_lg2 = 12})));
  EXPECT_EQ(m.query(2 * M)->lg2, 21);
  EXPECT_EQ(m.query(4 * M)->lg2, 21);
  EXPECT_EQ(m.query(6 * M)->lg2, 12);
  EXPECT_EQ(why(m.space.map(span_of(8 * M, 2 * M), {0x1000}, rw, m.owed, {.smallest_lg2 = 21})),
            error_reason::wrong_size)
      << "and refused rather than made of small pages, if asked for";
}

TEST(x86_64, U6_a_range_that_was_not_mapped_owes_nothing) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 64 * K), {0}, rw, m.owed)));
  EXPECT_TRUE(m.owed.is_settled());
  EXPECT_TRUE(done(m.space.unmap(span_of(1 * M, 64 * K), m.owed)));
  EXPECT_TRUE(m.owed.is_settled()) << "nor does unmapping a hole";
}

TEST(x86_64, U4_U7_U8_D23_mappings_are_visited_asked_and_printed_to_the_last_page) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 12 * K), {0x7000}, {.allow = rights::user_ro, .global = true}, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(0x4000, 4 * K), {0xa000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(~u64{0} - 0xfff, 4 * K), {bit(52) - 0x1000}, rw, m.owed)));
  EXPECT_EQ(m.query(0x2000)->own, rights::user_ro);
  std::string printed;
  print(m.h, m.top, m.memory, [&](char const *text, std::size_t n) { printed.append(text, n); });
  EXPECT_EQ(printed, "0x0000000000001000-0x0000000000003fff -> 0x0000000000007000  4K  r--/r--  WB G A\n"
                     "0x0000000000004000-0x0000000000004fff -> 0x000000000000a000  4K  rw-/---  WB A D\n"
                     "0xfffffffffffff000-0xffffffffffffffff -> 0x000ffffffffff000  4K  rw-/---  WB A D\n");
}

TEST(x86_64, U11_the_rights_that_parents_withhold_are_visible_and_can_be_added) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {0x7000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.update(span_of(0, 4 * K), {.allow = rights::user_rw}, m.owed)));
  EXPECT_EQ(m.query(0)->effective, rights::user_rw) << "new tables withhold nothing";
  EXPECT_TRUE(done(m.space.protect_table({0}, 3, rights::kernel, m.owed)));
  EXPECT_EQ(m.query(0)->own, rights::user_rw);
  EXPECT_EQ(m.query(0)->effective, rights::kernel_rw);
  EXPECT_TRUE(
      done(m.space.map(span_of(0x1000, 4 * K), {0x8000}, {.allow = rights::user_rw}, m.owed, {}, {.widen = true})));
  EXPECT_EQ(m.query(0)->effective, rights::user_rw);
}

TEST(x86_64, U12_D26_errors_say_what_is_there_and_frames_say_why_they_ran_out) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {0x7000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {4 * M}, rw, m.owed)));
  auto const table_there = translate(m.space, page_2m{});
  auto const large_there = translate(m.space, page_4k::containing({2 * M}));
  EXPECT_EQ(why(table_there), error_reason::wrong_size);
  EXPECT_EQ(table_there.error().level, 0) << "a small page";
  EXPECT_EQ(why(large_there), error_reason::wrong_size);
  EXPECT_EQ(large_there.error().level, 1) << "a large page";
  struct quota {  // the source's own reason stays with the source
    char const *reason = nullptr;
    auto        allocate(unsigned) -> std::optional<output_address> { return reason = "over quota", std::nullopt; }
    void        release(output_address, unsigned) {}
  } frames;
  address_space poor{m.h, m.top, m.memory, frames, m.tlb};
  auto const    result = poor.map(span_of(1 * T, 4 * K), {0x8000}, rw, m.owed);
  ASSERT_EQ(why(result), error_reason::no_frames);
  EXPECT_EQ(result.error().at.value, 1 * T);
  EXPECT_STREQ(frames.reason, "over quota");
}

TEST(x86_64, U3_U13_D18_mapping_that_allocates_its_frames_gives_all_of_them_back_when_it_fails) {
  machine    m{x86::x86_64_4level};
  auto const before = m.picture();
  m.frames.fail_after(5);
  EXPECT_EQ(why(allocate(m.space, span_of(0, 32 * K), rw, m.frames, m.owed)), error_reason::no_frames);
  EXPECT_EQ(m.picture(), before);
  EXPECT_EQ(m.frames.out(), 1u);
  m.frames.fail_after(-1);
  EXPECT_TRUE(done(allocate(m.space, span_of(0, 32 * K), rw, m.frames, m.owed)));
  EXPECT_TRUE(done(release(m.space, span_of(0, 32 * K), m.frames, m.owed)));
}

TEST(x86_64, U20_D24_tables_of_another_machine_are_read_through_a_function) {
  struct guest {  // what an introspection library offers: read n bytes at a physical address, or fail
    std::vector<std::pair<u64, u64>> words;
    unsigned                         reads = 0;
    auto                             load(output_address a, word) -> std::optional<u64> {
                                  ++reads;
                                  for (auto const &[where, what] : words)
        if (where == a.value) return what;
      return std::nullopt;
    }
  } vm{{{0x1000 + 511 * 8, 0x2063}, {0x2000 + 510 * 8, 0x3063}, {0x3000 + 8 * 8, 0x0100'00e1}}};
  auto const t = walk(fixed<x86::x86_64_4level>{}, root{{0x1000}}, {0xffff'ffff'8101'2345}, vm);
  ASSERT_TRUE(t.has_value());
  EXPECT_EQ(t->address.value, 0x101'2345u);
  EXPECT_EQ(t->effective, rights::kernel_rx);
  EXPECT_EQ(vm.reads, 3u);
  EXPECT_EQ(why(walk(fixed<x86::x86_64_4level>{}, root{{0x1000}}, {0}, vm)), fault_reason::unreadable);
}

TEST(x86_64, U22_D17_a_large_page_is_split_on_unmap_if_allowed_and_its_rest_stays) {
  for (auto const half : {half_covered::split, half_covered::whole, half_covered::refuse}) {
    machine m{x86::x86_64_4level};
    EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {4 * M}, rw, m.owed)));
    auto const result = m.space.unmap(span_of(2 * M, 4 * K), m.owed, half);
    switch (half) {
      case half_covered::split:
        EXPECT_TRUE(done(result));
        EXPECT_EQ(why(m.query(2 * M)), fault_reason::absent);
        EXPECT_EQ(m.leads(2 * M + 0x1000), 4 * M + 0x1000);
        break;
      case half_covered::whole:
        EXPECT_TRUE(done(result));
        EXPECT_EQ(m.tables(), 0u);
        break;
      case half_covered::refuse:
        ASSERT_EQ(why(result), error_reason::would_split);
        EXPECT_EQ(result.error().level, 1) << "with what is there";
        EXPECT_EQ(result.error().entry, m.entry(2 * M));
        break;
    }
  }
}

TEST(x86_64, U18_what_can_be_wrong_with_an_argument_is_an_error_and_what_cannot_be_checked_a_stated_precondition) {
  machine    m{x86::x86_64_4level};
  auto const before = m.picture();
  for (auto const &[where, to, reason] : {std::tuple{span_of(0x800, 4 * K), u64{0}, error_reason::misaligned},
                                          {span_of(0, 4 * K), u64{0x800}, error_reason::misaligned},
                                          {span_of(bit(47), 4 * K), u64{0}, error_reason::outside_input},
                                          {span_of(0, 8 * K), bit(52) - 0x1000, error_reason::too_wide}})
    EXPECT_EQ(why(m.space.map(where, {to}, rw, m.owed)), reason);
  EXPECT_EQ(why(m.space.map(span_of(0, 4 * K), {0}, {.allow = rights::user_write}, m.owed)),
            error_reason::inexpressible_rights);
  EXPECT_EQ(why(m.space.map(span_of(0, 4 * K), {0}, {.allow = rights::user_rwx}, m.owed)),
            error_reason::inexpressible_rights)
      << "x86 cannot keep the kernel from executing what the user may";
  EXPECT_EQ(*least_rights(m.h, rights::user_rwx), rights::all);
  EXPECT_EQ(m.picture(), before);
}
