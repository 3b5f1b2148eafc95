// SPDX-License-Identifier: MIT
// NVIDIA MMU versions 2 and 3: golden entries worked out from the bit positions of dev_mmu.h.
//
//   v2 page   VALID 0 | APERTURE 2:1 | VOL 3 (8) | PRIVILEGE 5 (20) | READ_ONLY 6 (40) | no atomics 7 | PA >> 12 at
// 8 | KIND 63:56
//   v3 page   VALID 0 | APERTURE 2:1 | uncached 3 (8) | privileged 4 (10) | read-only 5 (20) | KIND 11:8 | PA in
// place | PEER 63:61
//   APERTURE  of pages 0 video, 1 peer (2), 2 system (4), 3 system non-coherent (6); of tables 1 video (2), 2 and 3
// system
#include <pagewright/formats/nvidia.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::nvidia;

auto is_sparse(format const &f, unsigned level, u64 entry) -> bool {
  return why_absent(dynamic{&f}, level, entry) == fault_reason::sparse;
}
using golden::both_ways, golden::builds, golden::decodes, golden::is_table, golden::kind_at;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto generic  = tables({.kind = 6});
constexpr auto to_sys   = tables({.pages = aperture::system, .kind = 6});
constexpr auto to_peer  = tables({.pages = aperture::peer, .peer = 3});
constexpr auto in_sys   = tables({.of = side::big, .tables = aperture::system, .pages = aperture::system});
constexpr auto generic3 = tables({.generation = version::v3, .kind = 6});
constexpr auto to_sys3  = tables({.generation = version::v3, .of = side::big, .pages = aperture::system});
constexpr auto to_peer3 = tables({.generation = version::v3, .pages = aperture::peer, .peer = 3});
constexpr auto in_sys3  = tables({.generation = version::v3, .tables = aperture::system_noncoherent,
    .pages = aperture::system});
constexpr auto hopper   = tables({.generation = version::v3, .of = side::big, .pages_256g = false});

static_assert(is_sound<v2_small>() && is_sound<v2_big>() && is_sound<v3_small>() && is_sound<v3_big>());
static_assert(is_sound<generic>() && is_sound<to_sys>() && is_sound<to_peer>() && is_sound<in_sys>());
static_assert(is_sound<generic3>() && is_sound<to_sys3>() && is_sound<to_peer3>() && is_sound<in_sys3>());
static_assert(is_sound<hopper>());

constexpr auto plain(rights r = all, mt t = mt::wb) -> attributes {
  return {.allow = r, .type = t, .accessed = false, .dirty = false};
}
constexpr auto read_execute = readers | executes;

// --- version 2 ----------------------------------------------------------------------------------------------------

TEST(nvidia_v2, reads_and_writes_pages_in_video_memory) {
  EXPECT_TRUE(both_ways(generic, 0x0600000012345601, {0, "video page", 0x123456000, 12, plain()}));
  EXPECT_TRUE(both_ways(v2_small, 0x0000000012345601, {0, "video page", 0x123456000, 12, plain()}));
  EXPECT_TRUE(both_ways(v2_small, 0x0000000012345641, {0, "video page", 0x123456000, 12, plain(read_execute)}));
  EXPECT_TRUE(both_ways(v2_small, 0x0000000012345621, {0, "video page", 0x123456000, 12, plain(kernel_rwx)}));
  EXPECT_TRUE(both_ways(v2_small, 0x0000000012345661, {0, "video page", 0x123456000, 12, plain(kernel_rx)}));
  EXPECT_TRUE(both_ways(v2_small, 0x00000001FFFFFF01, {0, "video page", 0x1FFFFFF000, 12, plain()}));  // the highest
  EXPECT_TRUE(both_ways(v2_big, 0x0000000012345001, {0, "video page", 0x123450000, 16, plain()}));
  EXPECT_TRUE(both_ways(v2_big, 0x0000000020000001, {1, "video page", 0x200000000, 21, plain()}));
  EXPECT_TRUE(both_ways(v2_big, 0x0000000012340041, {1, "video page", 0x123400000, 21, plain(read_execute)}));
  // Atomics off, encrypted, a compression tag: nothing that is told here.
  EXPECT_TRUE(decodes(v2_small, 0xFE7FFFF012345691, {0, "video page", 0x123456000, 12, plain()}));
}

TEST(nvidia_v2, reads_and_writes_pages_in_system_and_peer_memory) {
  EXPECT_TRUE(both_ways(to_sys, 0x060000001234560D, {0, "system page", 0x123456000, 12, plain(all, mt::uc)}));  // VOL
  EXPECT_TRUE(both_ways(to_sys, 0x0600000012345605, {0, "system page", 0x123456000, 12, plain()}));
  EXPECT_TRUE(both_ways(to_sys, 0x0600000012345607, {0, "system page", 0x123456000, 12, plain(all, mt::nc)}));
  EXPECT_TRUE(both_ways(to_sys, 0x0600000012345665, {0, "system page", 0x123456000, 12, plain(kernel_rx)}));
  EXPECT_TRUE(both_ways(to_sys, 0x0600007FFFFFFF05, {0, "system page", 0x7FFFFFFF000, 12, plain()}));
  EXPECT_TRUE(both_ways(in_sys, 0x0000000012345005, {0, "system page", 0x123450000, 16, plain()}));
  EXPECT_TRUE(both_ways(in_sys, 0x0000000020000045, {1, "system page", 0x200000000, 21, plain(read_execute)}));
  // Peer 3 in 35:33 is 600000000.
  EXPECT_TRUE(both_ways(to_peer, 0x0000000612345603, {0, "peer page", 0x123456000, 12, plain()}));
  EXPECT_TRUE(both_ways(to_peer, 0x000000061234560B, {0, "peer page", 0x123456000, 12, plain(all, mt::uc)}));
  // Whatever new leaves are, all are read.
  EXPECT_TRUE(decodes(v2_small, 0x0000000E12345603, {0, "peer page", 0x123456000, 12, plain()}));
  EXPECT_TRUE(decodes(v2_small, 0x060000001234560F, {0, "system page", 0x123456000, 12, plain(all, mt::uc)}));
  EXPECT_TRUE(decodes(to_sys, 0x0600000012345601, {0, "video page", 0x123456000, 12, plain()}));
}

TEST(nvidia_v2, sees_each_half_of_a_dual_entry) {
  dynamic const big{&v2_big}, small{&v2_small};
  EXPECT_TRUE(is_table(v2_big, 1, 0x12345612, 0x123456100, all));
  EXPECT_TRUE(is_table(v2_small, 1, 0x12345802, 0x123458000, all));
  EXPECT_EQ(encode_table(big, 1u, {0x123456100}), 0x12345612u);
  EXPECT_EQ(encode_table(small, 1u, {0x123458000}), 0x12345802u);
  EXPECT_TRUE(is_table(in_sys, 1, 0x12345614, 0x123456100, all));
  EXPECT_TRUE(is_table(in_sys, 3, 0x12345806, 0x123458000, all));  // not coherent
  EXPECT_EQ(encode_table(dynamic{&in_sys}, 3u, {0x123458000}), 0x12345804u);
  EXPECT_EQ(kind_at(v2_small, 2, 0x12345804), "reserved");  // a table in system memory
  EXPECT_EQ(slot_address(big, 1u, {0x1000}, 3).value, 0x1030u);
  EXPECT_EQ(slot_address(small, 1u, {0x1000}, 3).value, 0x1038u);
  EXPECT_EQ(slot_address(small, 2u, {0x1000}, 3).value, 0x1018u);
  EXPECT_EQ(table_lg2(big, 0u), 8u);
  EXPECT_EQ(table_lg2(big, 1u), 12u);
  EXPECT_EQ(table_lg2(small, 0u), 12u);
  EXPECT_EQ(v2_small.input_bits(), 49u);
}

TEST(nvidia_v2, says_when_the_small_view_decides) {
  EXPECT_TRUE(asks_small_view(version::v2, 0, 0x0));
  EXPECT_FALSE(asks_small_view(version::v2, 0, 0x20)) << "PRIVILEGE: no small page is valid";
  EXPECT_FALSE(asks_small_view(version::v2, 0, 0x08)) << "sparse";
  EXPECT_FALSE(asks_small_view(version::v2, 0, 0x12345001)) << "a 64-Kbyte page";
  EXPECT_TRUE(asks_small_view(version::v2, 1, 0x0)) << "no table of big pages";
  EXPECT_TRUE(asks_small_view(version::v2, 1, 0x8)) << "sparse only if there is no small table either";
  EXPECT_FALSE(asks_small_view(version::v2, 1, 0x20000001)) << "a 2-Mbyte page";
  EXPECT_FALSE(asks_small_view(version::v2, 2, 0x0));
  EXPECT_TRUE(is_sparse(v2_big, 0, 0x8) && is_sparse(v2_small, 3, 0x8));
  EXPECT_FALSE(is_sparse(v2_big, 0, 0x20));
  EXPECT_EQ(kind_at(v2_big, 0, 0x8), "absent");
  EXPECT_EQ(kind_at(v2_small, 3, 0x8), "absent");
}

// --- version 3 ----------------------------------------------------------------------------------------------------

TEST(nvidia_v3, reads_and_writes_pages) {
  EXPECT_TRUE(both_ways(generic3, 0x0000000123456601, {0, "video page", 0x123456000, 12, plain()}));  // KIND 6: 600
  EXPECT_TRUE(both_ways(v3_small, 0x0000000123456001, {0, "video page", 0x123456000, 12, plain()}));
  EXPECT_TRUE(both_ways(v3_small, 0x0000000123456021, {0, "video page", 0x123456000, 12, plain(read_execute)}));
  EXPECT_TRUE(both_ways(v3_small, 0x0000000123456011, {0, "video page", 0x123456000, 12, plain(kernel_rwx)}));
  EXPECT_TRUE(both_ways(v3_small, 0x0000000123456009, {0, "video page", 0x123456000, 12, plain(all, mt::uc)}));
  EXPECT_TRUE(both_ways(v3_big, 0x0000000123450001, {0, "video page", 0x123450000, 16, plain()}));
  EXPECT_TRUE(both_ways(v3_big, 0x0000000200000001, {1, "video page", 0x200000000, 21, plain()}));
  EXPECT_TRUE(both_ways(v3_big, 0x0000000220000031, {2, "video page", 0x220000000, 29, plain(kernel_rx)}));
  EXPECT_TRUE(both_ways(v3_big, 0x0000004000000001, {3, "video page", 0x4000000000, 38, plain()}));
  EXPECT_TRUE(both_ways(v3_small, 0x000FFFFFFFFFF001, {0, "video page", 0xFFFFFFFFFF000, 12, plain()}));
  EXPECT_TRUE(both_ways(to_sys3, 0x0000000123450005, {0, "system page", 0x123450000, 16, plain()}));
  EXPECT_TRUE(decodes(to_sys3, 0x000000020000000F, {1, "system page", 0x200000000, 21, plain(all, mt::uc)}));
  EXPECT_TRUE(both_ways(to_sys3, 0x000000020000000D, {1, "system page", 0x200000000, 21, plain(all, mt::uc)}));
  EXPECT_TRUE(both_ways(to_sys3, 0x0000000200000007, {1, "system page", 0x200000000, 21, plain(all, mt::nc)}));
  // PEER_ID 3 at 63:61
  EXPECT_TRUE(both_ways(to_peer3, 0x6000000123456003, {0, "peer page", 0x123456000, 12, plain()}));
  EXPECT_EQ(kind_at(hopper, 3, 0x0000004000000001), "reserved");
  EXPECT_EQ(kind_at(v3_big, 4, 0x0000800000000001), "reserved");
}

TEST(nvidia_v3, sees_each_half_of_a_dual_entry) {
  EXPECT_TRUE(is_table(v3_big, 1, 0x123456102, 0x123456100, all));
  EXPECT_TRUE(is_table(v3_small, 1, 0x123458002, 0x123458000, all));
  EXPECT_EQ(encode_table(dynamic{&v3_big}, 1u, {0x123456100}), 0x123456102u);
  EXPECT_EQ(encode_table(dynamic{&v3_small}, 1u, {0x123458000}), 0x123458002u);
  EXPECT_TRUE(is_table(v3_small, 5, 0x12345801A, 0x123458000, all));  // PCF 3: uncached, no ATS
  EXPECT_EQ(encode_table(dynamic{&in_sys3}, 2u, {0x123458000}), 0x123458006u);
  EXPECT_EQ(v3_small.input_bits(), 57u);
  EXPECT_TRUE(in_extent(dynamic{&v3_small}, 0xFF00000000000000));
  EXPECT_FALSE(in_extent(dynamic{&v3_small}, 0x0100000000000000));
  EXPECT_EQ(table_lg2(dynamic{&v3_small}, 5u), 12u);  // two entries
}

TEST(nvidia_v3, says_when_the_small_view_decides) {
  // PCF 7:3 of an invalid page: 0 invalid, 1 (8) sparse, 2 (10) nowhere, 3 (18) no 4-Kbyte page.
  EXPECT_TRUE(asks_small_view(version::v3, 0, 0x00));
  EXPECT_FALSE(asks_small_view(version::v3, 0, 0x08));
  EXPECT_FALSE(asks_small_view(version::v3, 0, 0x18));
  EXPECT_TRUE(asks_small_view(version::v3, 1, 0x00));
  EXPECT_FALSE(asks_small_view(version::v3, 1, 0x01));
  EXPECT_TRUE(is_sparse(v3_big, 0, 0x08));
  EXPECT_FALSE(is_sparse(v3_big, 0, 0x10) || is_sparse(v3_big, 0, 0x18));
  EXPECT_TRUE(is_sparse(v3_big, 2, 0x08) && is_sparse(v3_small, 2, 0x18)) << "PCF 1 and 3 of a directory";
  EXPECT_FALSE(is_sparse(v3_big, 2, 0x10));
  for (u64 const entry : {0x08u, 0x10u, 0x18u}) EXPECT_EQ(kind_at(v3_big, 0, entry), "absent");
}

// --- both ---------------------------------------------------------------------------------------------------------

TEST(nvidia, walks_two_views_of_the_same_tables) {
  golden::machine big{v2_big}, small{v2_small};
  // PD3 100000, PD2 110000, PD1 120000, PD0 130000, big table 140100, small table 150000: shifted by four.
  for (auto *m : {&big, &small}) {
    m->memory.clear({0x110000}, 0x80000);
    m->put(4, 0x100000, 1, 0x11002).put(3, 0x110000, 0, 0x12002).put(2, 0x120000, 0, 0x13002);
    u64 const slot = 0x130000;  // 16 bytes each: the big half is what both halves lie in
    auto const half = [&](u64 at, u64 entry) { m->memory.store({at}, m->h->word(), entry); };
    half(slot + 0x00, 0x14012);            // big table at 140100
    half(slot + 0x08, 0x15002);            // small table at 150000
    half(slot + 0x10, 0x0600000020000001); // 2 Mbytes at 200000000
    half(slot + 0x28, 0x15002);            // third slot: no big half
    half(0x140100 + 0 * 8, 0x0600000012345001);  // 64 Kbytes at 123450000
    half(0x140100 + 1 * 8, 0x0);                 // the small table decides
    half(0x140100 + 2 * 8, 0x20);                // no small page is valid
    half(0x150000 + 0x10 * 8, 0x0600000076543245);  // system memory, read-only
    half(0x150000 + 0x20 * 8, 0x0600000076543245);
  }
  u64 const base = 0x800000000000;  // slot 1 of PD3
  EXPECT_EQ(big.said(base + 0x1234), "123451234 rwx/rwx WB 2^16");
  EXPECT_EQ(big.said(base + 0x10123), "absent at level 0");
  EXPECT_EQ(small.said(base + 0x10123), "765432123 r-x/r-x WB 2^12");
  EXPECT_EQ(big.said(base + 0x20123), "absent at level 0");
  EXPECT_EQ(small.said(base + 0x20123), "765432123 r-x/r-x WB 2^12");  // which hardware does not ask: see PRIVILEGE
  EXPECT_EQ(big.said(base + 0x234567), "200034567 rwx/rwx WB 2^21");
  EXPECT_EQ(small.said(base + 0x234567), "absent at level 1");
  EXPECT_EQ(big.said(base + 0x410123), "absent at level 1");
  EXPECT_EQ(small.said(base + 0x410123), "765432123 r-x/r-x WB 2^12");
  EXPECT_EQ(big.said(0), "absent at level 4");
  EXPECT_EQ(small.said(0x2000000000000), "outside the input range at level 4");

  // What decides, taken together: the big view's end says whether the small one is asked.
  auto const together = [&](u64 at) {
    auto const found = big.space.query({at});
    if (found || !asks_small_view(version::v2, found.error().level, found.error().entry)) return big.said(at);
    return small.said(at);
  };
  EXPECT_EQ(together(base + 0x1234), "123451234 rwx/rwx WB 2^16");
  EXPECT_EQ(together(base + 0x10123), "765432123 r-x/r-x WB 2^12");
  EXPECT_EQ(together(base + 0x20123), "absent at level 0");
  EXPECT_EQ(together(base + 0x410123), "765432123 r-x/r-x WB 2^12");
}

TEST(nvidia, is_built) {
  std::vector<std::pair<u64, unsigned>> const big{{0, 21}, {0x400000, 16}}, small{{0, 12}, {0x400000, 12}};
  builds(v2_big, {0x200000, 0x430000, 0x1234600000, plain(), read_execute, mt::wb, big});
  builds(generic, {0x200000, 0x405000, 0x1234600000, plain(), kernel_rx, mt::wb, small});
  builds(in_sys, {0x200000, 0x430000, 0x1234600000, plain(), kernel_rwx, mt::wb, big});
  builds(to_peer, {0x200000, 0x405000, 0x1234600000, plain(), read_execute, mt::wb, small});
  builds(v3_big, {0xFFFFFFFFE0000000 - 0x200000, 0x20200000, 0x1234600000 + 0xA000000 - 0x200000, plain(),
      read_execute, mt::uc,
                  {{0, 21}, {0x200000, 21}}});
  builds(to_sys3, {0x1FE00000, 0x20240000, 0x11FE00000, plain(), read_execute, mt::uc,
                   {{0, 21}, {0x200000, 29}, {0x20200000, 16}}});
  builds(v3_small, {0x200000, 0x405000, 0x1234600000, plain(), kernel_rx, mt::uc, small});
}

TEST(nvidia, views_share_tables_that_neither_may_remove) {
  golden::machine m{v2_small};
  ASSERT_TRUE(m.map(0x10000, 0x1000, 0x123456000, plain()));
  dynamic const big{&v2_big};
  address_space other{big, m.top, m.memory, m.frames, m.cache};
  ASSERT_TRUE(other.map({{0x200000}, {0x3FFFFF}}, {0x200000000}, plain(), m.owed));
  ASSERT_TRUE(other.map({{0x0}, {0xFFFF}}, {0x300000000}, plain(), m.owed));
  ASSERT_TRUE(m.space.unmap({{0x10000}, {0x10FFF}}, m.owed, half_covered::split, emptied::keep));
  m.space.settle(m.owed);
  EXPECT_EQ(other.query({0x234567})->address.value, 0x200034567u);
  EXPECT_EQ(other.query({0x1234})->address.value, 0x300001234u);
  EXPECT_FALSE(m.space.query({0x10000}));
}

TEST(nvidia, is_sound_wherever_tables_and_pages_are) {
  for (auto const g : {version::v2, version::v3})
    for (auto const of : {side::big, side::small})
      for (auto const where : {aperture::video, aperture::system, aperture::system_noncoherent})
        for (auto const to : {aperture::video, aperture::peer, aperture::system, aperture::system_noncoherent}) {
          auto const f = tables({.generation = g, .of = of, .tables = where, .pages = to, .peer = 5, .kind = 6});
          ASSERT_TRUE(golden::is_faultless(f)) << int(where) << " to " << int(to);
        }
}

TEST(nvidia, notes_sparse_granules) {
  golden::machine m{v2_big};
  ASSERT_TRUE(golden::machine::done(m.space.annotate({{0x200000}, {0x3FFFFF}}, sparse_note, m.owed)));
  auto const end = m.space.query({0x234567});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().why, fault_reason::sparse);
}

TEST(nvidia, breaks_before_it_changes_the_size_of_a_page) {
  dynamic const h{&v2_big};
  EXPECT_EQ(duty_of(h, 1u, 0x20000001, 0x12345612), duty::break_before_make);
  EXPECT_EQ(duty_of(h, 1u, 0x12345612, 0x20000001), duty::break_before_make);
  EXPECT_EQ(duty_of(h, 1u, 0x20000001, 0x20000041), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0, 0x12345001), duty::invalidate) << "absent entries may be cached";
}

TEST(nvidia, reads_the_root_from_an_instance_block) {
  auto const found = directory_of(0x0000001234567C06);  // target 2, VOL 4, format 400, big 64K 800
  ASSERT_TRUE(found);
  EXPECT_EQ(found->table.value, 0x1234567000u);
  EXPECT_EQ(found->where, aperture::system);
  EXPECT_TRUE(found->new_format && found->small_big);
  EXPECT_EQ(directory_of(0x1234567400)->where, aperture::video);
  EXPECT_FALSE(directory_of(0x1234567400)->small_big);
  EXPECT_EQ(directory_of(0x1234567003)->where, aperture::system_noncoherent);
  EXPECT_FALSE(directory_of(0x1234567003)->new_format);
  EXPECT_FALSE(directory_of(0x1234567001));
}

TEST(nvidia, names_every_bit) {
  for (auto const *f : {&v2_small, &v2_big, &v3_small, &v3_big, &generic, &to_sys, &to_peer, &in_sys, &generic3,
      &to_sys3,
                        &to_peer3, &in_sys3, &hopper})
    EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
