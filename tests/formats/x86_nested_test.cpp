// SPDX-License-Identifier: MIT
// EPT and NPT, with golden entries worked out from the bit tables of the manuals:
//   EPT   R 1 | W 2 | X 4 | memory type 5:3 | IPAT 40 | PS 80 | A 100 | D 200 | XU 400
//   NPT   P 1 | RW 2 | US 4 | PWT 8 | PCD 10 | A 20 | D 40 | PS or PAT 80 | G 100 | XD bit 63
#include <pagewright/formats/x86_nested.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::decodes, golden::is_faultless, golden::is_table, golden::kind_at, golden::machine,
    golden::rejected_bits;
using golden::K, golden::M, golden::G;
using ept::ept_4level, ept::ept_5level, ept::ept_4level_mbec, npt::npt_4level, npt::npt_5level;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto rw = readers | writers;

/// What a leaf says that is neither accessed nor dirty.
constexpr auto plain(rights allow, mt type = mt::wb) -> attributes {
  return {.allow = allow, .type = type, .accessed = false, .dirty = false};
}

constexpr auto no_marks = ept::four_level({.accessed_dirty = false});
constexpr auto old      = ept::four_level({.physical_bits = 39, .large_pages = false, .gigabyte_pages = false,
    .execute_only = false,
                                           .accessed_dirty = false});

static_assert(is_sound<ept_4level>());
static_assert(is_sound<npt_4level>());

}  // namespace

// --- EPT ----------------------------------------------------------------------------------------------------------

TEST(ept, reads_and_writes_leaves) {
  // R W X 7 | WB 6 << 3 = 30 | PS 80.
  EXPECT_TRUE(both_ways(ept_4level, 0x400000B7, {1, "large page", 0x40000000, 21, plain(all)}));
  // A 100, D 200: 2^30 at the third level, 7 | 30 | 80 | 300.
  EXPECT_TRUE(both_ways(ept_4level, 0x3C00003B7, {2, "large page", 0x3C0000000, 30, {.allow = all}}));
  EXPECT_TRUE(both_ways(ept_4level, 0x12345333, {0, "page", 0x12345000, 12, {.allow = rw}}));
  // Uncached 0, write-combining 1 << 3, write-through 4 << 3 = 20, write-protected 5 << 3 = 28.
  EXPECT_TRUE(both_ways(ept_4level, 0xFEE00103, {0, "page", 0xFEE00000, 12,
      {.allow = rw, .type = mt::uc, .dirty = false}}));
  EXPECT_TRUE(both_ways(ept_4level, 0xE0000303, {0, "page", 0xE0000000, 12,
      {.allow = rw, .type = mt::uc}}));
  EXPECT_TRUE(both_ways(ept_4level, 0xE000008B, {1, "large page", 0xE0000000, 21, plain(rw, mt::wc)}));
  EXPECT_TRUE(both_ways(ept_4level, 0x12345021, {0, "page", 0x12345000, 12, plain(readers, mt::wt)}));
  EXPECT_TRUE(both_ways(ept_4level, 0x12345029, {0, "page", 0x12345000, 12, plain(readers, mt::wp)}));
  // Execute-only, and the highest page: address bits 51:12 all set.
  EXPECT_TRUE(both_ways(ept_4level, 0x12345034, {0, "page", 0x12345000, 12, plain(executes)}));
  EXPECT_TRUE(both_ways(ept_4level, 0x000FFFFFFFFFF037, {0, "page", 0xFFFFFFFFFF000, 12, plain(all)}));
  // Software's: 63:57 without the controls, 56:52, 11, 10. SVE set as KVM does: bit 63.
  EXPECT_TRUE(both_ways(ept_4level, 0x8000000012345833, {0, "page", 0x12345000, 12,
      {.allow = rw, .accessed = false, .dirty = false, .software = bit(63) | bit(11)}}));
  // IPAT 40 changes nothing here.
  EXPECT_TRUE(decodes(ept_4level, 0x12345077, {0, "page", 0x12345000, 12, plain(all)}));
}

TEST(ept, takes_for_present_what_allows_anything) {
  EXPECT_EQ(kind_at(ept_4level, 0, 0xFFFFFFFFFFFFFFF8), "absent");
  EXPECT_EQ(kind_at(ept_4level, 3, 0x8000000000000000), "absent");
  EXPECT_EQ(kind_at(ept_4level, 0, 0x12345434), "leaf");
  EXPECT_EQ(kind_at(ept_4level, 0, 0x12345430), "absent");
  EXPECT_EQ(kind_at(ept_4level_mbec, 0, 0x12345430), "leaf");
  EXPECT_FALSE(encode_rights(dynamic{&ept_4level}, ept_4level.forms[0], none));
  EXPECT_FALSE(encode_rights(dynamic{&ept_4level}, ept_4level.forms[0], writers));
  EXPECT_FALSE(encode_rights(dynamic{&ept_4level}, ept_4level.forms[0], kernel_rw));
}

TEST(ept, tells_user_and_supervisor_execution_apart_with_mode_based_control) {
  EXPECT_TRUE(both_ways(ept_4level_mbec, 0x12345431, {0, "page", 0x12345000, 12, plain(readers | user_execute)}));
  EXPECT_TRUE(both_ways(ept_4level_mbec, 0x12345035, {0, "page", 0x12345000, 12, plain(readers | kernel_execute)}));
  EXPECT_TRUE(both_ways(ept_4level_mbec, 0x400004B7, {1, "large page", 0x40000000, 21, plain(all)}));
  EXPECT_TRUE(both_ways(ept_4level_mbec, 0x12345430, {0, "page", 0x12345000, 12, plain(user_execute)}));
  EXPECT_TRUE(is_table(ept_4level_mbec, 3, 0x12345407, 0x12345000, all));
  EXPECT_TRUE(is_table(ept_4level_mbec, 3, 0x12345007, 0x12345000, all - user_execute));
  EXPECT_EQ(encode_table(dynamic{&ept_4level_mbec}, 3u, {0x12345000}), 0x12345407u);
}

TEST(ept, rejects_misconfigured_leaves) {
  EXPECT_EQ(kind_at(ept_4level, 0, 0x12345032), "reserved");      // W without R: 010
  EXPECT_EQ(kind_at(ept_4level, 0, 0x12345036), "reserved");      // 110
  for (unsigned type : {2u, 3u, 7u}) EXPECT_EQ(kind_at(ept_4level, 0, 0x12345003 | type << 3), "reserved") << type;
  for (unsigned type : {0u, 1u, 4u, 5u, 6u}) EXPECT_EQ(kind_at(ept_4level, 0, 0x12345003 | type << 3), "leaf") << type;
  EXPECT_EQ(kind_at(ept_4level, 1, 0x400010B7), "reserved");      // address bit 12
  EXPECT_EQ(kind_at(ept_4level, 2, 0x402000B7), "reserved");      // bit 21 at 1 Gbyte
  EXPECT_EQ(kind_at(old, 0, 0x12345034), "reserved");             // execute-only where it is not supported
  EXPECT_EQ(kind_at(old, 0, 0x12345035), "leaf");
  constexpr auto old_mbec = ept::four_level({.execute_only = false, .mode_based_execute = true});
  EXPECT_EQ(kind_at(old_mbec, 0, 0x12345430), "reserved");        // XU without R likewise
  EXPECT_EQ(kind_at(old_mbec, 3, 0x12345400), "reserved");
  constexpr auto written = ept::four_level({.paging_write = true});
  EXPECT_EQ(kind_at(written, 0, 0x0400000012345034), "reserved");  // PW without R
  EXPECT_EQ(kind_at(written, 0, 0x0400000012345035), "leaf");
  EXPECT_EQ(kind_at(ept_4level, 0, 0x0400000012345034), "leaf");
}

TEST(ept, rejects_misconfigured_table_entries) {
  EXPECT_EQ(kind_at(ept_4level, 3, 0x12345002), "reserved");  // W without R
  EXPECT_EQ(kind_at(ept_4level, 1, 0x12345006), "reserved");
  EXPECT_EQ(kind_at(ept_4level, 2, 0x12345004), "table");     // execute-only
  EXPECT_EQ(kind_at(old, 2, 0x12345004), "reserved");
  EXPECT_TRUE(is_table(ept_4level, 1, 0x12345005, 0x12345000, readers | executes));
  EXPECT_TRUE(is_table(ept_4level, 1, 0x12345107, 0x12345000, all));  // A
  EXPECT_TRUE(is_table(ept_4level, 1, 0xFFF0000012345E07, 0x12345000, all));  // ignored: 63:52, 11:9
  EXPECT_EQ(encode_table(dynamic{&ept_4level}, 3u, {0x12345000}), 0x12345007u);
}

TEST(ept, rejects_the_reserved_bits_of_each_kind_and_no_others) {
  EXPECT_EQ(rejected_bits(ept_4level, 3, 7), 0xF8u);            // 7:3
  EXPECT_EQ(rejected_bits(ept_4level, 2, 7), 0x78u);            // 6:3; 7 makes a leaf of it, with type 0
  EXPECT_EQ(rejected_bits(ept_4level, 2, 0xB7), 0x3FFFF008u);   // 29:12; type 6 | 1 is 7
  EXPECT_EQ(rejected_bits(ept_4level, 1, 0xB7), 0x1FF008u);     // 20:12
  EXPECT_EQ(rejected_bits(ept_4level, 0, 0x37), 0x8u);
  constexpr u64 hi = 0x000FFF8000000000;                        // MAXPHYADDR 39
  EXPECT_EQ(rejected_bits(old, 3, 7), hi | 0xF8u);
  EXPECT_EQ(rejected_bits(old, 2, 7), hi | 0xF8u);              // no 1-Gbyte pages: bit 7 too
  EXPECT_EQ(rejected_bits(old, 1, 7), hi | 0xF8u);
  EXPECT_EQ(rejected_bits(old, 0, 0x37), hi | 0x8u);
  EXPECT_EQ(rejected_bits(ept_5level, 4, 7), 0xF8u);
}

TEST(ept, sets_what_controls_ask_for_in_new_leaves) {
  constexpr auto f = ept::four_level({.violation_exceptions = true, .ignore_guest_type = true,
      .suppress_exceptions = true});
  EXPECT_TRUE(both_ways(f, 0x8000000012345077, {0, "page", 0x12345000, 12, plain(all)}));
  EXPECT_TRUE(both_ways(f, 0x80000000400000F7, {1, "large page", 0x40000000, 21, plain(all)}));
  EXPECT_EQ(f.software & bit(63), 0u);
  EXPECT_NE(ept_4level.software & bit(63), 0u);
}

TEST(ept, marks_nothing_without_accessed_and_dirty_flags) {
  EXPECT_TRUE(both_ways(no_marks, 0x12345337, {0, "page", 0x12345000, 12,
                                               {.allow = all, .accessed = false, .dirty = false, .software = 0x300}}));
}

TEST(ept, every_variant_is_faultless) {
  for (unsigned n = 0; n < 2048; n += 1 + (n & 2))
    for (unsigned bits : {36u, 52u}) {
      auto const on = [n](unsigned i) { return (n >> i & 1) != 0; };
      auto const f  = ept::five_level({bits, on(0), on(1), on(2), on(3), on(4), on(5), on(6), on(7), on(8), on(9),
          on(10), on(5)});
      auto const e  = check_shape(f);
      ASSERT_FALSE(e) << n << ": " << text(e.what) << ' ' << e.where;
      ASSERT_TRUE(golden::names_every_bit(f)) << n;
      if (n % 97 == 0) {
        ASSERT_TRUE(is_faultless(f)) << n;
      }
    }
}

TEST(ept, walks_a_tree) {
  // PML4 at 100000; slot 1 -> PDPT 110000 (no X). PDPT: slot 0 -> PD 120000, slot 1 a gigabyte, slot 2 misconfigured.
  // PD: slot 0 -> PT 130000 (no W), slot 1 two Mbytes of UC, slot 2 misconfigured table entry. PT: slots 0..3.
  machine m{ept_4level};
  m.put(3, 0x100000, 1, 0x110003).put(2, 0x110000, 0, 0x120007).put(2, 0x110000, 1, 0x800000B7).put(2, 0x110000, 2,
      0x802000B7);
  m.put(1, 0x120000, 0, 0x130005).put(1, 0x120000, 1, 0x40000087).put(1, 0x120000, 2, 0x130006);
  m.put(0, 0x130000, 0, 0x12345037).put(0, 0x130000, 1, 0x12346032).put(0, 0x130000, 2, 0x12347034).put(0, 0x130000,
      3, 0x12348430);
  u64 const at = 0x8000000000;  // slot 1 of the PML4
  EXPECT_EQ(m.said(at + 0x123), "12345123 r--/r-- WB 2^12");
  EXPECT_EQ(m.said(at + 0x1000), "reserved at level 0");
  EXPECT_EQ(m.said(at + 0x2000), "12347000 ---/--- WB 2^12");  // execute-only below a table without X
  EXPECT_EQ(m.said(at + 0x3000), "absent at level 0");
  EXPECT_EQ(m.said(at + 0x200000 + 0x54321), "40054321 rw-/rw- UC 2^21");
  EXPECT_EQ(m.said(at + 0x400000), "reserved at level 1");
  EXPECT_EQ(m.said(at + G + 0x1234567), "81234567 rw-/rw- WB 2^30");
  EXPECT_EQ(m.said(at + 2 * G), "reserved at level 2");
  EXPECT_EQ(m.said(0), "absent at level 3");
  EXPECT_EQ(m.said(bit(48)), "outside the input range at level 3");
}

TEST(ept, builds) {
  golden::builds(ept_4level, {0x4000000000, G + 2 * M + 4 * K, 0x40000000,
      {.allow = all, .dirty = false}, readers, mt::uc,
                              {{0, 30}, {G, 21}, {G + 2 * M, 12}}});
  golden::builds(ept_4level_mbec,
      {0x4000000000, 2 * M + 4 * K, 0x40000000, plain(rw | kernel_execute), readers | user_execute,
                                   mt::wt, {{0, 21}, {2 * M, 12}}});
  golden::builds(ept_5level, {bit(56), 2 * M + 4 * K, 0x40000000, plain(rw), executes, mt::wp, {{0, 21}, {2 * M, 12}}});
  golden::builds(old, {0, 4 * M + 4 * K, 0x40000000, plain(all), rw, mt::uc, {{0, 12}, {4 * M, 12}}});
}

TEST(ept, updates_leaves_whose_rights_make_them_present) {
  machine m{ept_4level};
  ASSERT_TRUE(m.map(0x1000, 8 * K, 0x40001000, plain(all)));
  ASSERT_TRUE(machine::done(m.space.update({{0x1000}, {0x1fff}}, plain(readers, mt::wc), m.owed)));
  EXPECT_EQ(m.said(0x1000), "40001000 r--/r-- WC 2^12");
  EXPECT_EQ(m.said(0x2000), "40002000 rwx/rwx WB 2^12");
}

TEST(ept, never_builds_a_misconfigured_table_entry) {
  for (unsigned r = 0; r <= unsigned(all); ++r) {
    machine m{ept_4level_mbec};
    auto const leave = static_cast<rights>(r);
    auto const want  = plain((r & 1) != 0 ? readers : kernel_execute);
    auto const ok    = m.space.map({{0x1000}, {0x1fff}}, {0x40001000}, want, m.owed, {}, {.leave = leave});
    auto const top   = m.memory.load({0x100000}, {8, byte_order::little});
    EXPECT_NE(kind_at(ept_4level_mbec, 3, top.value_or(0)), "reserved") << r << ": " << golden::hex(top.value_or(0));
    EXPECT_EQ(ok.has_value(), m.space.query({0x1000}).has_value()) << r << ": " << m.said(0x1000);
  }
}

TEST(ept, needs_no_invalidation_for_what_was_absent_or_misconfigured) {
  dynamic const h{&ept_4level};
  EXPECT_EQ(duty_of(h, 0u, 0, 0x12345037), duty::publish);
  EXPECT_EQ(duty_of(h, 0u, 0x12345032, 0x12345037), duty::publish);
  EXPECT_EQ(duty_of(h, 0u, 0x12345037, 0x12345035), duty::invalidate);
  EXPECT_EQ(duty_of(h, 1u, 0x400000B7, 0x12345007), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0x12345037, 0x12345137), duty::publish);  // A
}

TEST(eptp, says_root_depth_and_switches) {
  // Table 12345000 | A/D 40 | four levels 3 << 3 = 18 | WB 6.
  auto const four = ept::pointer_of(0x1234505E);
  ASSERT_TRUE(four);
  EXPECT_EQ(four->table.value, 0x12345000u);
  EXPECT_EQ(four->depth, 4);
  EXPECT_EQ(text(four->table_type), text(mt::wb));
  EXPECT_TRUE(four->accessed_dirty && !four->shadow_stack);
  auto const five = ept::pointer_of(0x12345020);
  ASSERT_TRUE(five);
  EXPECT_EQ(five->depth, 5);
  EXPECT_EQ(text(five->table_type), text(mt::uc));
  EXPECT_FALSE(five->accessed_dirty);
  EXPECT_EQ(ept::eptp_of(*four), 0x1234505Eu);
  EXPECT_EQ(ept::eptp_of(*five), 0x12345020u);
  EXPECT_EQ(ept::format_of(*five, {}).depth, 5);
  EXPECT_EQ(ept::format_of(*five, {}).forms[0].accessed, never);
  EXPECT_EQ(ept::format_of(*four, {}).forms[0].accessed, all_set(0x100));
  for (u64 const type : {1u, 2u, 3u, 4u, 5u, 7u}) EXPECT_EQ(ept::pointer_of(0x12345018 | type).error(),
      ept::no_pointer::memory_type);
  for (u64 const length : {0u, 1u, 2u, 5u, 6u, 7u})
    EXPECT_EQ(ept::pointer_of(0x12345006 | length << 3).error(), ept::no_pointer::walk_length);
  EXPECT_EQ(ept::pointer_of(0x1234511E).error(), ept::no_pointer::reserved_bits);
  EXPECT_EQ(ept::pointer_of(0x1234509E).error(), ept::no_pointer::reserved_bits);
  EXPECT_TRUE(ept::pointer_of(0x1234509E, 52, true)->shadow_stack);
  EXPECT_EQ(ept::pointer_of(0x800012345018 | 6, 46).error(), ept::no_pointer::reserved_bits);
}

TEST(ept_capabilities, say_what_the_processor_offers) {
  // 0 execute-only, 6 four levels, 14 WB, 16 2M, 17 1G, 21 A/D: as a current server says, without five levels and UC.
  auto const c = ept::capabilities_of(bit(0) | bit(6) | bit(14) | bit(16) | bit(17) | bit(21), 46);
  EXPECT_TRUE(c.four_level && !c.five_level && !c.uncached_tables && c.cached_tables);
  EXPECT_TRUE(c.offers.execute_only && c.offers.large_pages && c.offers.gigabyte_pages && !c.offers.accessed_dirty);
  EXPECT_EQ(c.offers.physical_bits, 46u);
  auto const none_of_it = ept::capabilities_of(0, 36).offers;
  EXPECT_FALSE(none_of_it.execute_only || none_of_it.large_pages || none_of_it.gigabyte_pages);
}

// --- NPT ----------------------------------------------------------------------------------------------------------

TEST(npt, reads_and_writes_leaves) {
  // P RW US A D = 67; the guest's kernel and user have the same rights.
  EXPECT_TRUE(both_ways(npt_4level, 0x12345067, {0, "page", 0x12345000, 12, {.allow = all}}));
  EXPECT_TRUE(both_ways(npt_4level, 0x8000000012345067, {0, "page", 0x12345000, 12, {.allow = rw}}));
  EXPECT_TRUE(both_ways(npt_4level, 0x12345025, {0, "page", 0x12345000, 12,
      {.allow = readers | executes, .dirty = false}}));
  EXPECT_TRUE(both_ways(npt_4level, 0x80000001234000E7, {1, "large page", 0x123400000, 21, {.allow = rw}}));
  EXPECT_TRUE(both_ways(npt_4level, 0x1C00000A5, {2, "large page", 0x1C0000000, 30,
      {.allow = readers | executes, .dirty = false}}));
  // PCD 10 is UC-, both PWT and PCD UC; the PAT at reset is WB WT UC- UC twice.
  EXPECT_TRUE(both_ways(npt_4level, 0x80000000FEE0007F, {0, "page", 0xFEE00000, 12, {.allow = rw, .type = mt::uc}}));
  EXPECT_TRUE(both_ways(npt_4level, 0x80000000FEE00077, {0, "page", 0xFEE00000, 12,
      {.allow = rw, .type = mt::uc_minus}}));
  EXPECT_TRUE(both_ways(npt_4level, 0x8000000012345007, {0, "page", 0x12345000, 12, plain(rw)}));
  EXPECT_TRUE(both_ways(npt_4level, 0x12345E67, {0, "page", 0x12345000, 12, {.allow = all, .software = 0xE00}}));
  EXPECT_TRUE(decodes(npt_4level, 0x12345167, {0, "page", 0x12345000, 12, {.allow = all}}));  // G is not told
}

TEST(npt, allows_nothing_where_an_entry_is_the_supervisors) {
  EXPECT_TRUE(decodes(npt_4level, 0x12345063, {0, "page", 0x12345000, 12, {.allow = none}}));
  EXPECT_TRUE(is_table(npt_4level, 3, 0x12345023, 0x12345000, none));
  EXPECT_TRUE(is_table(npt_4level, 3, 0x12345025, 0x12345000, readers | executes));
  EXPECT_TRUE(is_table(npt_4level, 3, 0x8000000012345027, 0x12345000, rw));
  EXPECT_EQ(encode_table(dynamic{&npt_4level}, 3u, {0x12345000}), 0x12345007u);
  EXPECT_FALSE(encode_rights(dynamic{&npt_4level}, npt_4level.forms[0], kernel_rw));
}

TEST(npt, rejects_what_the_hosts_paging_rejects) {
  EXPECT_EQ(rejected_bits(npt_4level, 3, 7), 0x180u);   // PS, and bit 8 on AMD
  EXPECT_EQ(rejected_bits(npt_5level, 4, 7), 0x180u);
  EXPECT_EQ(rejected_bits(npt_4level, 1, 0x87), 0x1FE000u);
  constexpr auto no_nx = npt::nested(x86::mode::paging_4level, {.host = {.physical_bits = 48, .no_execute = false}});
  EXPECT_EQ(kind_at(no_nx, 0, 0x8000000012345067), "reserved");
  EXPECT_EQ(kind_at(no_nx, 0, 0x0001000012345067), "reserved");
  EXPECT_TRUE(decodes(no_nx, 0x12345067, {0, "page", 0x12345000, 12, {.allow = all}}));
}

TEST(npt, keeps_supervisors_from_executing_with_the_execute_trap) {
  constexpr auto trap = npt::nested(x86::mode::paging_4level, {.execute_trap = true});
  EXPECT_TRUE(both_ways(trap, 0x12345067, {0, "page", 0x12345000, 12, {.allow = rw | user_execute}}));
  EXPECT_FALSE(encode_rights(dynamic{&trap}, trap.forms[0], all));
}

TEST(npt, has_the_hosts_mode) {
  struct { x86::mode m; unsigned depth, bytes; } const modes[]{
    {x86::mode::paging_32, 2, 4}, {x86::mode::pae, 3, 8}, {x86::mode::paging_4level, 4, 8},
        {x86::mode::paging_5level, 5, 8}};
  for (auto const &[m, depth, bytes] : modes)
    for (bool const nx : {false, true})
      for (bool const trap : {false, true}) {
        auto const f = npt::nested(m, {.host = {.no_execute = nx, .protection_keys = true}, .execute_trap = trap});
        EXPECT_EQ(f.depth, depth);
        EXPECT_EQ(f.entry_bytes, bytes);
        EXPECT_TRUE(is_faultless(f));
      }
  // LA57 12, PAE 5; LMA 10, NXE 11; PG 31.
  auto const four = npt::regime_of(1, 0x12345018, bit(31), bit(5), bit(10));
  ASSERT_TRUE(four);
  EXPECT_EQ(four->mode, x86::mode::paging_4level);
  EXPECT_EQ(four->table.value, 0x12345000u);
  EXPECT_EQ(npt::regime_of(1, 0, bit(31), bit(5) | bit(12), bit(10))->mode, x86::mode::paging_5level);
  auto const pae = npt::regime_of(1, 0x12345678, bit(31), bit(5), 0);
  ASSERT_TRUE(pae);
  EXPECT_EQ(pae->mode, x86::mode::pae);
  EXPECT_EQ(pae->table.value, 0x12345660u);
  EXPECT_FALSE(npt::regime_of(0, 0x12345000, bit(31), bit(5), bit(10)));
  EXPECT_FALSE(npt::regime_of(1, 0x12345000, 0, bit(5), bit(10)));
}

TEST(npt, walks_a_tree) {
  // The hardware-tested cases of a hypervisor's own tests: not present, US = 0, RW = 0 and NX on the way, reserved
  // bits.
  machine m{npt_4level};
  m.put(3, 0x100000, 0, 0x110027).put(2, 0x110000, 0, 0x120027).put(2, 0x110000, 1, 0x800000E7).put(2, 0x110000, 2,
      0x802000E7);
  m.put(1, 0x120000, 0, 0x8000000000130025).put(1, 0x120000, 1, 0x400000E7).put(1, 0x120000, 2, 0x130023);
  for (u64 i = 0; i < 8; ++i) m.put(0, 0x130000, i, 0);
  m.put(0, 0x130000, 0, 0x12345067).put(0, 0x130000, 1, 0x12346063);
  EXPECT_EQ(m.said(0x123), "12345123 r--/r-- WB 2^12");
  EXPECT_EQ(m.said(0x1000), "12346000 ---/--- WB 2^12");
  EXPECT_EQ(m.said(0x2000), "absent at level 0");
  EXPECT_EQ(m.said(0x254321), "40054321 rwx/rwx WB 2^21");
  EXPECT_EQ(m.said(0x400000), "12345000 ---/--- WB 2^12");
  EXPECT_EQ(m.said(G + 5), "80000005 rwx/rwx WB 2^30");
  EXPECT_EQ(m.said(2 * G), "reserved at level 2");
  // A guest-physical address has no sign: KVM offers a guest 48 bits of them with four levels.
  m.put(3, 0x100000, 256, 0x110027);
  EXPECT_EQ(m.said(bit(47) + 0x123), "12345123 r--/r-- WB 2^12");
  EXPECT_EQ(m.said(~u64{0} << 47), "outside the input range at level 3");
}

TEST(npt, builds) {
  golden::builds(npt_4level, {0x4000000000, G + 2 * M + 4 * K, 0x40000000, {.allow = all}, readers, mt::uc,
                              {{0, 30}, {G, 21}, {G + 2 * M, 12}}});
  constexpr auto legacy = npt::nested(x86::mode::paging_32);
  golden::builds(legacy, {0x40000000, 4 * M + 4 * K, 0x40000000, {.allow = all}, readers | executes, mt::wt,
      {{0, 22}, {4 * M, 12}}});
}
