// SPDX-License-Identifier: MIT
// AArch32, with golden entries worked out from the field positions of DDI 0487 G5.4.1 (short) and G5.5.2 (long).
//
//   small page      XN 0 | 1 | B 2 | C 3 | AP[1:0] 5:4  | TEX 8:6   | AP[2] 9  | S 10 | nG 11
//   large page      1    | 0 | B 2 | C 3 | AP[1:0] 5:4  | TEX 14:12 | AP[2] 9  | S 10 | nG 11 | XN 15
//   section         PXN 0| 1 | B 2 | C 3 | AP[1:0] 11:10| TEX 14:12 | AP[2] 15 | S 16 | nG 17 | XN 4, domain 8:5
//   long, stage 1   AttrIndx 4:2 | AP[1] 6 | AP[2] 7 | SH 9:8 | AF 10 | nG 11 | Contiguous 52 | PXN 53 | XN 54
//   long, stage 2   MemAttr  5:2 | S2AP[0] 6 (read) | S2AP[1] 7 (write) | SH 9:8 | AF 10 | Contiguous 52 | XN 54:53
#include <pagewright/formats/arm32.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::arm32;
using golden::both_ways, golden::decodes, golden::is_faultless, golden::is_table, golden::kind_at, golden::machine;
using golden::K, golden::M, golden::G;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto plain_short = short_descriptors({.shareable = false});
constexpr auto afe         = short_descriptors({.access_flag = true, .shareable = false});
constexpr auto old         = short_descriptors({.privileged_execute_never = false, .supersections = false});
constexpr auto xnx         = lpae_stage2({.separate_execute = true});

static_assert(is_sound<short_32>());

/// What a leaf of short descriptors says where there are no marks.
constexpr auto plain(rights allow, mt type = mt::wb, bool global = true) -> attributes {
  return {.allow = allow, .type = type, .global = global, .accessed = false, .dirty = false};
}
constexpr auto clean(rights allow, mt type = mt::wb, bool global = false) -> attributes {
  return {.allow = allow, .type = type, .global = global, .dirty = false};
}
auto writes(format const &f, rights r) -> bool { return encode_rights(dynamic{&f}, f.forms[0], r).has_value(); }

}  // namespace

// --- short descriptors --------------------------------------------------------------------------------------------

TEST(arm32_short, reads_and_writes_supersections) {
  // PA AB_CD00_0000: 31:24 = CD, 35:32 = B in 23:20, 39:36 = A in 8:5 (140). Bit 18 | 2 = 40002, AP 011 = C00.
  EXPECT_TRUE(both_ways(plain_short, 0xCDB40D42, {1, "supersection", 0xABCD000000, 24, plain(all, mt::device_ngnrne)}));
  // Below 4 Gbytes: 41000000 | 40002 | S 10000 | nG 20000 | AP 001 400 | XN 10 | PXN 1 | C B C = 4107041F.
  EXPECT_TRUE(both_ways(short_32, 0x4107041F, {1, "supersection", 0x41000000, 24, plain(kernel_rw, mt::wb, false)}));
}

TEST(arm32_short, reads_and_writes_sections) {
  // Linux's lowmem section: 2 | C B (C) | AP 001 at 11:10 (400) | S 10000 | XN 10 and PXN 1 set too.
  EXPECT_TRUE(both_ways(short_32, 0x4031041F, {1, "section", 0x40300000, 20, plain(kernel_rw)}));
  // Kernel text: AP 101 = 8400, executable by the kernel: 2 | C | 8400 | 10000.
  EXPECT_TRUE(both_ways(short_32, 0x4031840E, {1, "section", 0x40300000, 20, plain(kernel_rx)}));
  // XN alone stops the kernel too.
  EXPECT_TRUE(decodes(short_32, 0x4031041E, {1, "section", 0x40300000, 20, plain(kernel_rw)}));
  // AP 011 (C00), PXN 1: the user executes, the kernel does not. Domain 2 is 40: ignored here.
  EXPECT_TRUE(both_ways(short_32, 0x40310C0F, {1, "section", 0x40300000, 20, plain(user_rwx)}));
  EXPECT_TRUE(decodes(short_32, 0x40310C4F, {1, "section", 0x40300000, 20, plain(user_rwx)}));
}

TEST(arm32_short, reads_and_writes_pages) {
  // 2 | C B (C) | AP 011 (30) | nG 800 = 83E, S 400 = C3E.
  EXPECT_TRUE(both_ways(plain_short, 0x1234583E, {0, "small page", 0x12345000, 12, plain(all, mt::wb, false)}));
  EXPECT_TRUE(both_ways(short_32, 0x12345C3E, {0, "small page", 0x12345000, 12, plain(all, mt::wb, false)}));
  // XN 1, AP 111 = 230, global: 2 | 1 | C | 230 | S 400 = 63F.
  EXPECT_TRUE(both_ways(short_32, 0x1234563F, {0, "small page", 0x12345000, 12, plain(readers)}));
  // Large page 1 | C | AP 101 = 210 | S 400, executable: 61D. XN is bit 15.
  EXPECT_TRUE(both_ways(short_32, 0x1234061D, {0, "large page", 0x12340000, 16, plain(kernel_rx)}));
  // AP 000 and 010 (20), never executable: 2 | 1 | C | S 400.
  EXPECT_TRUE(both_ways(short_32, 0x1234540F, {0, "small page", 0x12345000, 12, plain(none)}));
  EXPECT_TRUE(both_ways(short_32, 0x1234542F, {0, "small page", 0x12345000, 12, plain(kernel_rw | user_read)}));
  EXPECT_TRUE(both_ways(short_32, 0x1234861D, {0, "large page", 0x12340000, 16, plain(kernel_ro)}));
  // A device: TEX[0] C B = 100 is TEX 001, 40 in a small page, 1000 in a large one. 2 | 40 | AP 001 10 | S 400 | XN 1.
  EXPECT_TRUE(both_ways(short_32, 0x09000453, {0, "small page", 0x09000000, 12, plain(kernel_rw, mt::device_ngnre)}));
  EXPECT_TRUE(both_ways(short_32, 0x09009411, {0, "large page", 0x09000000, 16, plain(kernel_rw, mt::device_ngnre)}));
}

TEST(arm32_short, reads_all_access_permissions) {
  // AP[2:0] at 9 and 5:4 of a small page; executable, so that x follows r.
  struct { unsigned ap; rights allow; } const codes[]{
    {0, none}, {1, kernel_rwx}, {2, kernel_rwx | user_read | user_execute}, {3, all}, {4, none},
    {5, kernel_rx}, {6, kernel_rx | user_rx}, {7, kernel_rx | user_rx}};
  for (auto const &[ap, allow] : codes)
    EXPECT_TRUE(decodes(short_32, 0x1234500E | (ap & 3) << 4 | (ap & 4) << 7,
        {0, "small page", 0x12345000, 12, plain(allow)}))
        << ap;
}

TEST(arm32_short, never_writes_the_reserved_permission) {
  dynamic const h{&short_32};
  for (unsigned r = 0; r <= unsigned(all); ++r) {
    auto const made = encode_rights(h, h->forms[0], static_cast<rights>(r));
    if (made) {
      EXPECT_NE(*made & 0x230, 0x200u) << r;
    }
  }
  EXPECT_TRUE(writes(short_32, kernel_rw) && writes(short_32, kernel_rwx) && writes(short_32, kernel_ro));
  EXPECT_TRUE(writes(short_32, user_rw) && writes(short_32, user_ro) && writes(short_32, all));
  EXPECT_TRUE(writes(short_32, none) && writes(short_32, kernel_rw | user_read));
  EXPECT_FALSE(writes(short_32, user_read) || writes(short_32, kernel_ro | user_write) || writes(short_32,
      kernel_write));
  EXPECT_FALSE(writes(short_32, user_rwx)) << "pages have no PXN of their own";
  EXPECT_FALSE(writes(short_32, kernel_execute) || writes(short_32, user_execute)) << "executing takes reading";
}

TEST(arm32_short, has_simplified_permissions_and_an_access_flag_where_afe_is_set) {
  EXPECT_TRUE(afe.unaccessed_faults);
  // AP[2:1] 00, 01, 10, 11: bits 9 and 5; AF is bit 4, 400 in a section.
  EXPECT_TRUE(both_ways(afe, 0x1234501F, {0, "small page", 0x12345000, 12, clean(kernel_rw, mt::wb, true)}));
  EXPECT_TRUE(both_ways(afe, 0x1234503E, {0, "small page", 0x12345000, 12, clean(all, mt::wb, true)}));
  EXPECT_TRUE(both_ways(afe, 0x1234521E, {0, "small page", 0x12345000, 12, clean(kernel_rx, mt::wb, true)}));
  EXPECT_TRUE(both_ways(afe, 0x1234523F, {0, "small page", 0x12345000, 12, clean(readers, mt::wb, true)}));
  EXPECT_TRUE(both_ways(afe, 0x12345A2F, {0, "small page", 0x12345000, 12, plain(readers, mt::wb, false)}));
  EXPECT_TRUE(both_ways(afe, 0x4030041F, {1, "section", 0x40300000, 20, clean(kernel_rw, mt::wb, true)}));
}

TEST(arm32_short, points_to_tables_of_1_kbyte) {
  EXPECT_TRUE(is_table(short_32, 1, 0x12345401, 0x12345400, all));
  EXPECT_TRUE(is_table(short_32, 1, 0x12345405, 0x12345400, all - kernel_execute));  // PXN
  EXPECT_TRUE(is_table(short_32, 1, 0x123455E9, 0x12345400, all));                   // domain 15, NS
  EXPECT_EQ(encode_table(dynamic{&short_32}, 1u, {0x12345400}, user_rwx), 0x12345405u);
  constexpr auto domain_3 = short_descriptors({.domain = 3});
  EXPECT_EQ(encode_table(dynamic{&domain_3}, 1u, {0x12345400}), 0x12345461u);
  EXPECT_EQ(table_lg2(dynamic{&short_32}, 1u), 14u);
  EXPECT_EQ(table_lg2(dynamic{&short_32}, 0u), 10u);
  EXPECT_EQ(kind_at(short_32, 1, 0xFFFFFFFC), "absent");
  EXPECT_EQ(kind_at(short_32, 0, 0xFFFFFFFC), "absent");
  EXPECT_EQ(golden::rejected_bits(short_32, 1, 1), 0u);  // SBZ is ignored; bit 1 makes a section of it
}

TEST(arm32_short, rejects_what_old_processors_have_not) {
  EXPECT_EQ(kind_at(old, 1, 0x40310C0F), "reserved");  // bits 1:0 are 11 without PXN
  EXPECT_EQ(kind_at(old, 1, 0x40310C0E), "leaf");
  EXPECT_EQ(kind_at(old, 1, 0x40340C0E), "reserved");  // bit 18 without supersections
  EXPECT_TRUE(is_table(old, 1, 0x12345405, 0x12345400, all));
  EXPECT_EQ(old.output_bits, 32);
}

TEST(arm32_short, knows_execute_never_of_what_is_written) {
  constexpr auto wxn = short_descriptors({.write_execute_never = true}),
      uwxn = short_descriptors({.user_write_execute_never = true});
  EXPECT_TRUE(decodes(wxn, 0x1234543E, {0, "small page", 0x12345000, 12, plain(user_rw)}));
  EXPECT_TRUE(decodes(wxn, 0x1234541E, {0, "small page", 0x12345000, 12, plain(kernel_rw)}));
  EXPECT_TRUE(decodes(wxn, 0x1234563E, {0, "small page", 0x12345000, 12, plain(kernel_rx | user_rx)}));
  EXPECT_TRUE(decodes(uwxn, 0x1234543E, {0, "small page", 0x12345000, 12, plain(user_rwx)}));
  EXPECT_TRUE(decodes(uwxn, 0x1234541E, {0, "small page", 0x12345000, 12, plain(kernel_rwx)}));
}

TEST(arm32_short, remaps_memory_types) {
  // PRRR FF0A81A8: TR0..7 = 0 2 2 2 1 0 0 2. NMRR 40E040E0: IR and OR 1..3 and 7 = 0 2 3 1.
  auto const linux = remapped(linux_prrr, linux_nmrr);
  mt const   want[]{mt::device_ngnrne, mt::nc, mt::wt, mt::wb, mt::device_ngnre, mt::device_ngnrne, mt::reserved,
      mt::wb};
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(text(linux[i]), text(want[i])) << i;
  // Index 1 normal, inner WB (IR1 = 11: C), outer NC.
  EXPECT_EQ(remapped(0x8, 0xC)[1], mt::mixed);
  EXPECT_EQ(remapped(0xC, 0)[1], mt::reserved);
}

TEST(arm32_short, has_fixed_memory_types_without_remap) {
  struct { unsigned tex_cb; mt type; } const codes[]{
    {0b00000, mt::device_ngnrne}, {0b00001, mt::device_ngnre}, {0b00010, mt::wt}, {0b00011, mt::wb}, {0b00100, mt::nc},
    {0b00101, mt::reserved}, {0b00110, mt::reserved}, {0b00111, mt::wb}, {0b01000, mt::device_ngnre},
    {0b01001, mt::reserved},
    {0b01111, mt::reserved}, {0b10000, mt::nc}, {0b10101, mt::wb}, {0b11010, mt::wt}, {0b11111, mt::wb},
    {0b10001, mt::mixed},
    {0b11001, mt::mixed}};
  for (auto const &[code, type] : codes) EXPECT_EQ(text(unremapped(code)), text(type)) << code;
  if constexpr (max_types >= 32) {
    constexpr auto fixed_types = short_descriptors({.remap = false, .shareable = false});
    EXPECT_TRUE(is_faultless(fixed_types));
    // TEX 101 in a small page is 140, B 4: outer and inner WB. In a section it is 5000.
    EXPECT_TRUE(decodes(fixed_types, 0x12345176, {0, "small page", 0x12345000, 12, plain(all)}));
    EXPECT_TRUE(decodes(fixed_types, 0x12305C06, {1, "section", 0x12300000, 20, plain(all)}));
    EXPECT_TRUE(decodes(fixed_types, 0x12302C02, {1, "section", 0x12300000, 20, plain(all, mt::device_ngnre)}));
  }
}

TEST(arm32_short, every_variant_is_faultless) {
  for (unsigned n = 0; n < 64; ++n)
    for (unsigned bits = 25; bits <= 32; ++bits)
      ASSERT_TRUE(is_faultless(short_descriptors({.input_bits = bits, .output_bits = (n & 1) != 0 ? 40u : 32u,
                                                  .access_flag = (n & 2) != 0, .privileged_execute_never = (n & 4) != 0,
                                                  .supersections = (n & 8) != 0, .write_execute_never = (n & 16) != 0,
                                                  .shareable = (n & 32) != 0, .domain = n & 15,
                                                  .big_endian = (n & 1) != 0})))
          << n << ", " << bits << " bits";
}

TEST(arm32_short, walks_a_tree) {
  // Root at 100000: slot 001 a supersection of 16 slots would begin at 000; here
  //   slot 402 (VA 402xxxxx) section 40300000; slots 410..41F supersection 50000000; slot 800 table 110400 with PXN;
  //   its slot 23 a small page 12345000, slots 30..3F a large page 66660000, slot 40 XN page.
  machine m{short_32};
  m.put(1, 0x100000, 0x402, 0x4031041F).put(1, 0x100000, 0x800, 0x00110405);
  for (u64 i = 0; i < 16; ++i) m.put(1, 0x100000, 0x410 + i, 0x5007041F).put(0, 0x110400, 0x30 + i, 0x66660C3D);
  for (u64 i = 0; i < 256; ++i)
    if (i < 0x30 || i > 0x3F) m.put(0, 0x110400, i, 0);
  m.put(0, 0x110400, 0x23, 0x12345C3E).put(0, 0x110400, 0x40, 0x12346C3F);
  EXPECT_EQ(m.said(0x40212345), "40312345 rw-/--- WB 2^20");
  EXPECT_EQ(m.said(0x41ABCDEF), "50abcdef rw-/--- WB 2^24");
  EXPECT_EQ(m.said(0x80023456), "12345456 rw-/rwx WB 2^12");   // PXN of the table
  EXPECT_EQ(m.said(0x8003ABCD), "6666abcd rw-/rwx WB 2^16");
  EXPECT_EQ(m.said(0x80040000), "12346000 rw-/rw- WB 2^12");
  EXPECT_EQ(m.said(0x80041000), "absent at level 0");
  EXPECT_EQ(m.said(0x00000000), "absent at level 1");
  EXPECT_EQ(m.said(0x100000000), "outside the input range at level 1");
}

TEST(arm32_short, faults_on_pages_without_access_flag_and_above_its_part_of_the_space) {
  constexpr auto half_afe = short_descriptors({.input_bits = 31, .access_flag = true});
  machine m{half_afe};
  m.put(1, 0x100000, 7, 0x4031080E).put(1, 0x100000, 8, 0x40310C0E);
  EXPECT_EQ(m.said(0x700000), "not accessed at level 1");
  EXPECT_EQ(m.said(0x800000), "40300000 rwx/rwx WB 2^20");
  EXPECT_EQ(m.said(0x80000000), "outside the input range at level 1");
}

TEST(arm32_short, builds) {
  // A supersection, a section, a large page and a small one: 16M + 1M + 64K + 4K.
  golden::builds(short_32, {0x10000000, 17 * M + 68 * K, 0x40000000, plain(kernel_rwx), user_rw, mt::nc,
                            {{0, 24}, {16 * M, 20}, {17 * M, 16}, {17 * M + 64 * K, 12}}});
  golden::builds(short_afe, {0x10000000, 17 * M + 68 * K, 0x40000000, clean(kernel_rwx), user_rw, mt::device_ngnre,
                             {{0, 24}, {16 * M, 20}, {17 * M, 16}, {17 * M + 64 * K, 12}}});
  golden::builds(old, {0, 2 * M + 68 * K, 0x40000000, plain(all), kernel_ro, mt::nc,
                       {{0, 20}, {2 * M, 16}, {2 * M + 64 * K, 12}}});
}

TEST(arm32_short, breaks_before_it_makes_another_type_but_not_other_rights) {
  dynamic const h{&short_32};
  EXPECT_EQ(duty_of(h, 0u, 0x12345C3E, 0x12345E3F), duty::invalidate);         // XN, AP[2]
  EXPECT_EQ(duty_of(h, 1u, 0x4031041F, 0x4031840E), duty::invalidate);         // the same of a section, and PXN
  EXPECT_EQ(duty_of(h, 0u, 0x12345C3E, 0x12345C3A), duty::break_before_make);  // C
  EXPECT_EQ(duty_of(h, 1u, 0x4031041F, 0x4031045F), duty::break_before_make);  // domain
  EXPECT_EQ(duty_of(h, 1u, 0x4031041F, 0x12345401), duty::break_before_make);  // a table instead
  EXPECT_EQ(duty_of(h, 0u, 0, 0x12345C3E), duty::publish);
  EXPECT_EQ(duty_of(dynamic{&afe}, 0u, 0x1234500F, 0x1234501F), duty::publish);  // the access flag
}

TEST(arm32_short, keeps_execute_never_when_the_memory_type_changes) {
  machine m{short_32};
  ASSERT_TRUE(m.map(0x1000, 4 * K, 0x40001000, plain(kernel_rw)));
  ASSERT_TRUE(m.map(0x2000, 4 * K, 0x40002000, plain(kernel_rwx)));
  ASSERT_TRUE(m.map(0x3000, 4 * K, 0x40003000, plain(kernel_rw)));
  ASSERT_TRUE(machine::done(m.space.retype({{0x1000}, {0x3fff}}, mt::nc, m.owed)));
  EXPECT_EQ(m.space.query({0x1000})->effective, kernel_rw);
  EXPECT_EQ(m.space.query({0x2000})->effective, kernel_rwx);
  EXPECT_EQ(m.space.query({0x3000})->effective, kernel_rw);
}

TEST(arm32_short, does_not_split_a_section_whose_rights_pages_cannot_say) {
  machine m{short_32};
  m.put(1, 0x100000, 1, 0x40010C0F);  // PXN: the user executes, the kernel does not
  EXPECT_EQ(m.said(0x100000), "40000000 rw-/rwx WB 2^20");
  auto const refused = m.space.unmap({{0x100000}, {0x100fff}}, m.owed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(text(refused.error().why), text(error_reason::would_split));
}

TEST(arm32_short, moves_nothing_into_another_domain) {
  // A section of domain 2 (40) cannot become a table of domain 0, nor pages below a table of domain 2 a section of
  // domain 0.
  machine m{short_32};
  m.put(1, 0x100000, 1, 0x4001041F | 0x40).put(1, 0x100000, 2, 0x00110041);
  for (u64 i = 0; i < 256; ++i) m.put(0, 0x110000, i, 0x4020041F | i << 12);
  auto const split = m.space.split({{0x100000}, {0x1fffff}}, 12, m.owed);
  ASSERT_FALSE(split);
  EXPECT_EQ(text(split.error().why), text(error_reason::would_split));
  ASSERT_TRUE(machine::done(m.space.collapse({{0x200000}, {0x2fffff}}, m.owed)));
  auto const t = m.space.query({0x212345});
  ASSERT_TRUE(t);
  EXPECT_EQ(domain_of(m.memory.load({0x100008}, short_32.word()).value_or(0)), 2u);
  EXPECT_EQ(golden::hex(t->address.value), "0x40212345");
}

TEST(arm32_registers, decode_ttbcr_for_short_descriptors) {
  // The fixture's registers: TTBCR 0, TTBR0 41CC006A, SCTLR 10C5387D: TRE (28), not AFE (29).
  auto const low = short_regime_of(0, half::lower, 0x10C5387D);
  ASSERT_TRUE(low);
  EXPECT_EQ(low->input_bits, 32u);
  EXPECT_TRUE(low->remap && !low->access_flag && !low->write_execute_never && !low->big_endian);
  EXPECT_EQ(root_table(*low, 0x41CC006A).value, 0x41CC0000u);
  EXPECT_EQ(short_regime_of(0, half::upper, 0).error(), arm32::no_regime::not_used);
  // N = 3: TTBR0 translates 512 Mbytes with 512 slots, aligned to 2 Kbytes; TTBR1 has all 4096.
  auto const n3 = short_regime_of(3, half::lower, 0x221C0000);  // AFE 29, EE 25, UWXN 20, WXN 19, 18
  ASSERT_TRUE(n3);
  EXPECT_EQ(n3->input_bits, 29u);
  EXPECT_TRUE(n3->access_flag && n3->big_endian && n3->write_execute_never && n3->user_write_execute_never &&
      !n3->remap);
  EXPECT_EQ(root_table(*n3, 0x41CC0FFF).value, 0x41CC0800u);
  EXPECT_EQ(short_descriptors(*n3).levels[1].index_bits, 9);
  EXPECT_EQ(short_descriptors(*n3).order, byte_order::big);
  EXPECT_EQ(root_table(*short_regime_of(3, half::upper, 0), 0x41CC7FFF).value, 0x41CC4000u);
  EXPECT_EQ(short_regime_of(0x13, half::lower, 0).error(), arm32::no_regime::walks_disabled);  // PD0
  EXPECT_TRUE(short_regime_of(0x13, half::upper, 0));
  EXPECT_EQ(short_regime_of(0x23, half::upper, 0).error(), arm32::no_regime::walks_disabled);  // PD1
  EXPECT_EQ(short_regime_of(0x80000000, half::lower, 0).error(), arm32::no_regime::other_format);
}

TEST(arm32_registers, choose_the_half) {
  EXPECT_EQ(half_of(0, 0xFFFFFFFF), half::lower);
  EXPECT_EQ(half_of(1, 0x7FFFFFFF), half::lower);
  EXPECT_EQ(half_of(1, 0x80000000), half::upper);
  EXPECT_EQ(half_of(7, 0x01FFFFFF), half::lower);
  EXPECT_EQ(half_of(7, 0x02000000), half::upper);
  // LPAE. T1SZ 2 alone: the last quarter. T0SZ 2 alone: all but the first quarter. Both 3: a gap between.
  EXPECT_EQ(half_of(0x80020000, 0xBFFFFFFF), half::lower);
  EXPECT_EQ(half_of(0x80020000, 0xC0000000), half::upper);
  EXPECT_EQ(half_of(0x80000002, 0x3FFFFFFF), half::lower);
  EXPECT_EQ(half_of(0x80000002, 0x40000000), half::upper);
  EXPECT_EQ(half_of(0x80030003, 0x1FFFFFFF), half::lower);
  EXPECT_EQ(half_of(0x80030003, 0x20000000), std::nullopt);
  EXPECT_EQ(half_of(0x80030003, 0xDFFFFFFF), std::nullopt);
  EXPECT_EQ(half_of(0x80030003, 0xE0000000), half::upper);
}

TEST(arm32_registers, tell_domains) {
  EXPECT_EQ(domain_of(0x123455E1), 15u);
  EXPECT_EQ(domain_of(0x4031045E), 2u);
  EXPECT_EQ(domain_of(0xCDB40D42), 0u);  // 8:5 are address bits of a supersection
  EXPECT_EQ(access_to(0, 0x55), domain_access::client);
  EXPECT_EQ(access_to(4, 0x55), domain_access::none);
  EXPECT_EQ(access_to(15, 0xC0000000), domain_access::manager);
  EXPECT_EQ(access_to(1, 0x8), domain_access::reserved);
}

// --- long descriptors, stage 1 ------------------------------------------------------------------------------------

TEST(arm32_lpae, reads_and_writes_its_leaves) {
  // Page 3 | SH 300 | AF 400 = 703; MAIR of Linux: 3 is WB (C), 1 NC (4), 4 Device-nGnRE (10). nG 800.
  // PXN XN
  EXPECT_TRUE(both_ways(lpae_32, 0x006000004123470F, {0, "page", 0x41234000, 12, clean(kernel_rw, mt::wb, true)}));
  // AP[2] 80
  EXPECT_TRUE(both_ways(lpae_32, 0x000000004123478F, {0, "page", 0x41234000, 12, clean(kernel_rx, mt::wb, true)}));
  EXPECT_TRUE(both_ways(lpae_32, 0x0020000041234FCF,
      {0, "page", 0x41234000, 12, clean(user_rx)}));   // AP 11 C0, nG, PXN
  EXPECT_TRUE(both_ways(lpae_32, 0x0060000041234F4F, {0, "page", 0x41234000, 12, clean(user_rw)}));   // AP 01 40, nG
  EXPECT_TRUE(both_ways(lpae_32, 0x0000000041234F4F, {0, "page", 0x41234000, 12, clean(all)}));       // both execute
  EXPECT_TRUE(both_ways(lpae_32, 0x0060000009000713,
      {0, "page", 0x09000000, 12, clean(kernel_rw, mt::device_ngnre, true)}));
  EXPECT_TRUE(both_ways(lpae_32, 0x006000FFFFE0070D, {1, "block", 0xFFFFE00000, 21, clean(kernel_rw, mt::wb, true)}));
  EXPECT_TRUE(both_ways(lpae_32, 0x0060004040000705, {2, "block", 0x4040000000, 30, clean(kernel_rw, mt::nc, true)}));
  EXPECT_TRUE(both_ways(lpae_32, 0x007000004123070F,
      {0, "contiguous page", 0x41230000, 16, clean(kernel_rw, mt::wb, true)}));
  EXPECT_TRUE(both_ways(lpae_32, 0x03E000004123470F, {0, "page", 0x41234000, 12,
                                                      {.allow = kernel_rw, .global = true, .dirty = false,
                                                      .software = 7ull << 55}}));
}

TEST(arm32_lpae, takes_reading_to_execute_and_xn_for_both_sides) {
  // XN alone: nobody executes. Nothing set, kernel only: the kernel executes, the user does not although XN is clear.
  EXPECT_TRUE(decodes(lpae_32, 0x0040000041234F4F, {0, "page", 0x41234000, 12, clean(user_rw)}));
  EXPECT_TRUE(decodes(lpae_32, 0x000000004123470F, {0, "page", 0x41234000, 12, clean(kernel_rwx, mt::wb, true)}));
  // On AArch64 this page, which the user may write, would not be the kernel's to execute.
  EXPECT_TRUE(includes(attributes_of(dynamic{&lpae_32}, lpae_32.forms[0], 0x41234F4F).allow, kernel_execute));
  EXPECT_FALSE(writes(lpae_32, kernel_rw | user_execute));
  EXPECT_FALSE(writes(lpae_32, user_rw | kernel_execute)) << "XN is for both, so the user executes too";
  constexpr auto wxn = lpae_stage1({.write_execute_never = true}),
      uwxn = lpae_stage1({.user_write_execute_never = true});
  EXPECT_TRUE(decodes(wxn, 0x0000000041234F4F, {0, "page", 0x41234000, 12, clean(user_rw)}));
  EXPECT_TRUE(decodes(uwxn, 0x0000000041234F4F, {0, "page", 0x41234000, 12, clean(user_rwx)}));
}

TEST(arm32_lpae, reads_table_entries) {
  EXPECT_TRUE(is_table(lpae_32, 2, 0x0000000041A92003, 0x41A92000, all));
  EXPECT_TRUE(is_table(lpae_32, 2, 0x1000000041A92003, 0x41A92000, all - executes));        // XNTable 60
  EXPECT_TRUE(is_table(lpae_32, 2, 0x0800000041A92003, 0x41A92000, all - kernel_execute));  // PXNTable 59
  EXPECT_TRUE(is_table(lpae_32, 2, 0x2000000041A92003, 0x41A92000, kernel));                // APTable[0] 61
  EXPECT_TRUE(is_table(lpae_32, 2, 0x4000000041A92003, 0x41A92000, all - writers));         // APTable[1] 62
  constexpr auto flat = lpae_stage1({.no_table_permissions = true});
  EXPECT_TRUE(is_table(flat, 2, 0x7800000041A92003, 0x41A92000, all));
  EXPECT_EQ(kind_at(lpae_32, 0, 0x41234701), "reserved");   // a block at level 3
  EXPECT_EQ(kind_at(lpae_32, 2, 0x0000010041A92003), "reserved");  // bit 40: Address size fault
}

TEST(arm32_lpae, has_one_privilege_in_hyp_mode) {
  // AP[1] is RES1 (40): 743; no PXN.
  EXPECT_TRUE(both_ways(lpae_hyp, 0x004000004123474F, {0, "page", 0x41234000, 12, clean(readers | writers)}));
  EXPECT_TRUE(both_ways(lpae_hyp, 0x00000000412347CF, {0, "page", 0x41234000, 12, clean(readers | executes)}));
  EXPECT_FALSE(writes(lpae_hyp, kernel_rw));
}

TEST(arm32_lpae, is_faultless) {
  for (auto const *f : {&lpae_32, &lpae_30_high, &lpae_hyp, &lpae_stage2_40, &xnx}) EXPECT_TRUE(is_faultless(*f));
}

TEST(arm32_lpae, starts_at_the_level_its_size_needs) {
  // 32 and 31 bits: level 1 with 4 or 2 slots; 30: level 2 with 512; 25: level 2 with 16.
  struct { unsigned bits, depth, index_bits; } const sizes[]{{32, 3, 2}, {31, 3, 1}, {30, 2, 9}, {27, 2, 6},
      {25, 2, 4}};
  for (auto const &[bits, depth, index_bits] : sizes) {
    auto const f = lpae_stage1({.input_bits = bits});
    EXPECT_EQ(f.depth, depth) << bits;
    EXPECT_EQ(f.levels[f.depth - 1].index_bits, index_bits) << bits;
    EXPECT_STREQ(f.levels[f.depth - 1].name, depth == 3 ? "L1" : "L2");
    EXPECT_TRUE(is_faultless(f));
    EXPECT_TRUE(is_faultless(lpae_stage1({.input_bits = bits, .space = half::upper, .hyp = (bits & 1) != 0,
                                          .contiguous = false, .no_table_permissions = true})));
  }
}

TEST(arm32_lpae, walks_a_tree) {
  // 30 bits, upper: root L2 at 100000, slots of 2 Mbytes from C0000000 on. Slot 1 a block, slot 2 a table at 110000
  // with
  // APTable 01, its slot 5 a page, slot 6 without AF, slot 7 beyond 40 bits.
  machine m{lpae_30_high};
  m.put(1, 0x100000, 1, 0x006000FFFFE0070D).put(1, 0x100000, 2, 0x2000000000110003);
  for (u64 i = 0; i < 512; ++i) m.put(0, 0x110000, i, 0);
  m.put(0, 0x110000, 5, 0x41234F4F).put(0, 0x110000, 6, 0x41234B4F).put(0, 0x110000, 7, 0x10041234F4F);
  EXPECT_EQ(m.said(0xC0212345), "ffffe12345 rw-/--- WB 2^21");
  EXPECT_EQ(m.said(0xC0405678), "41234678 rwx/--- WB 2^12");
  EXPECT_EQ(m.said(0xC0406000), "not accessed at level 0");
  EXPECT_EQ(m.said(0xC0407000), "address too wide at level 0");
  EXPECT_EQ(m.said(0xC0600000), "absent at level 1");
  EXPECT_EQ(m.said(0x80212345), "outside the input range at level 1");
  EXPECT_EQ(m.said(0xFFFFFFFFC0212345), "outside the input range at level 1");
}

TEST(arm32_lpae, builds) {
  golden::builds(lpae_32,
      {0x40000000, G + 34 * M + 68 * K, 0x8040000000, clean(kernel_rwx, mt::wb, true), user_rw, mt::nc,
                           {{G, 25}, {0, 30}, {G + 32 * M, 21}, {G + 34 * M, 16}, {G + 34 * M + 64 * K, 12}}});
  golden::builds(lpae_30_high,
      {0xC0000000, 34 * M + 68 * K, 0x40000000, clean(kernel_rwx, mt::wb, true), user_rw, mt::nc,
                                {{0, 25}, {32 * M, 21}, {34 * M, 16}, {34 * M + 64 * K, 12}}});
  golden::builds(lpae_hyp, {0, 34 * M + 4 * K, 0x40000000, clean(all), readers, mt::device_ngnre,
                            {{0, 25}, {32 * M, 21}, {34 * M, 12}}});
}

TEST(arm32_registers, decode_ttbcr_for_long_descriptors) {
  // The fixture: TTBCR B5023500: EAE, T1SZ 2, T0SZ 0. TTBR0 17000042509F00: ASID 17, table 42509F00. TTBR1 40207000.
  auto const low = lpae_regime_of(0xB5023500, half::lower, 0x30C5387D), up = lpae_regime_of(0xB5023500, half::upper,
      0x30C5387D);
  ASSERT_TRUE(low && up);
  EXPECT_EQ(low->input_bits, 32u);
  EXPECT_EQ(up->input_bits, 30u);
  EXPECT_EQ(root_table(lpae_stage1(*low), 0x17000042509F00)->value, 0x42509F00u);
  EXPECT_EQ(asid_of(0x17000042509F00), 0x17);
  EXPECT_EQ(root_table(lpae_stage1(*up), 0x40207000)->value, 0x40207000u);
  EXPECT_EQ(root_table(lpae_stage1(*up), 0x40207FFF)->value, 0x40207000u);
  EXPECT_FALSE(root_table(lpae_stage1(*up), 0x10040207000)) << "bit 40";
  EXPECT_EQ(lpae_regime_of(0x80000080, half::lower, 0).error(), arm32::no_regime::walks_disabled);  // EPD0
  EXPECT_EQ(lpae_regime_of(0x80820000, half::upper, 0).error(), arm32::no_regime::walks_disabled);  // EPD1
  EXPECT_EQ(lpae_regime_of(0x80000000, half::upper, 0).error(), arm32::no_regime::not_used);
  EXPECT_EQ(lpae_regime_of(0, half::lower, 0).error(), arm32::no_regime::other_format);
  EXPECT_TRUE(lpae_regime_of(0x80000040, half::lower, 0, 0, 0, 0x200)->no_table_permissions);   // T2E, HPD0
  EXPECT_FALSE(lpae_regime_of(0x80000000, half::lower, 0, 0, 0, 0x200)->no_table_permissions);
  // TTBR1 has all that TTBR0 has not: extent of the whole space.
  EXPECT_EQ(lpae_stage1(*lpae_regime_of(0x80000002, half::upper, 0)).upper, extent::zero);
  auto const hyp = hyp_regime_of(0x01000003, 0x02080000, 0xEEAA4400, 0xFF000004);
  EXPECT_TRUE(hyp.hyp && hyp.no_table_permissions && hyp.write_execute_never && hyp.big_endian);
  EXPECT_EQ(hyp.input_bits, 29u);
}

TEST(arm32_registers, decode_mair) {
  auto const t = mair(0xEEAA4400, 0xFF0000F0);
  mt const   want[]{mt::device_ngnrne, mt::nc, mt::wt, mt::wb, mt::reserved, mt::device_ngnrne, mt::device_ngnrne,
      mt::wb};
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(text(t[i]), text(want[i])) << i;  // F0: tags, which AArch32 has not
}

// --- long descriptors, stage 2 ------------------------------------------------------------------------------------

TEST(arm32_lpae_stage2, reads_and_writes_leaves) {
  // Page 3 | MemAttr F (3C) | S2AP rw (C0) | SH 300 | AF 400 = 7FF. XN bit 54.
  auto const rw = readers | writers;
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x00400000412347FF, {0, "page", 0x41234000, 12, clean(rw)}));
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x00000000412347FF, {0, "page", 0x41234000, 12, clean(all)}));
  // 40
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x000000004123477F, {0, "page", 0x41234000, 12, clean(readers | executes)}));
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x004000004123473F, {0, "page", 0x41234000, 12, clean(none)}));
  // 1 << 2
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x00400000090007C7, {0, "page", 0x09000000, 12, clean(rw, mt::device_ngnre)}));
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x00400000412347EB,
      {0, "page", 0x41234000, 12, clean(rw, mt::wt)}));   // A << 2 = 28
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x00400000412347D7,
      {0, "page", 0x41234000, 12, clean(rw, mt::nc)}));   // 5 << 2 = 14
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x004000FFFFE007FD, {1, "block", 0xFFFFE00000, 21, clean(rw)}));
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x00400040400007FD, {2, "block", 0x4040000000, 30, clean(rw)}));
  EXPECT_TRUE(both_ways(lpae_stage2_40, 0x00500000412307FF, {0, "contiguous page", 0x41230000, 16, clean(rw)}));
}

TEST(arm32_lpae_stage2, takes_reading_to_execute) {
  // S2AP 00 and 10 with XN clear: on AArch64 these could be executed.
  EXPECT_TRUE(decodes(lpae_stage2_40, 0x000000004123473F, {0, "page", 0x41234000, 12, clean(none)}));
  EXPECT_TRUE(decodes(lpae_stage2_40, 0x00000000412347BF, {0, "page", 0x41234000, 12, clean(writers)}));
  EXPECT_FALSE(writes(lpae_stage2_40, executes));
  // XN[1:0] with FEAT_XNX: 01 EL0 alone, 11 EL1 alone.
  EXPECT_TRUE(both_ways(xnx, 0x00200000412347FF, {0, "page", 0x41234000, 12, clean(readers | writers | user_execute)}));
  EXPECT_TRUE(both_ways(xnx, 0x00600000412347FF,
      {0, "page", 0x41234000, 12, clean(readers | writers | kernel_execute)}));
  EXPECT_TRUE(both_ways(xnx, 0x00400000412347FF, {0, "page", 0x41234000, 12, clean(readers | writers)}));
}

TEST(arm32_lpae_stage2, takes_nothing_from_table_entries) {
  EXPECT_TRUE(is_table(lpae_stage2_40, 2, 0xF800000041A92003, 0x41A92000, all));
  EXPECT_EQ(kind_at(lpae_stage2_40, 1, 0x0000800041A92003), "reserved");
}

TEST(arm32_lpae_stage2, walks_a_tree) {
  // 40 bits from level 1: two tables of 512 in a row, 8 Kbytes. Slot 3FF, the last gigabyte, leads to 110000.
  machine m{lpae_stage2_40};
  m.put(2, 0x100000, 0x3FF, 0x110003).put(1, 0x110000, 0x1FF, 0x004000FFFFE007FD).put(1, 0x110000, 0, 0).put(1,
      0x110000, 1, 0x41234701);
  EXPECT_EQ(m.said(0xFFFFFFFFFF), "ffffffffff rw-/rw- WB 2^21");
  EXPECT_EQ(m.said(0xFFC0000000), "absent at level 1");
  EXPECT_EQ(m.said(0xFFC0200000), "41200000 ---/--- Device-nGnRnE 2^21");
  EXPECT_EQ(m.said(0xFF80000000), "absent at level 2");
  EXPECT_EQ(m.said(0x10000000000), "outside the input range at level 2");
}

TEST(arm32_lpae_stage2, builds) {
  auto const rw = readers | writers;
  golden::builds(lpae_stage2_40, {0x8000000000, 34 * M + 68 * K, 0x40000000, clean(all), rw, mt::device_ngnrne,
                                  {{0, 25}, {32 * M, 21}, {34 * M, 16}, {34 * M + 64 * K, 12}}});
  constexpr auto from_2 = lpae_stage2({.input_bits = 34, .start = 2});
  golden::builds(from_2, {0x3F0000000, 2 * M + 4 * K, 0x40000000, clean(all), rw, mt::nc, {{0, 21}, {2 * M, 12}}});
}

TEST(arm32_registers, decode_vtcr) {
  // T0SZ -8 = 8 with S (10), SL0 1 (40): 40 bits from level 1.
  auto const wide = lpae_stage2_of(0x80000058);
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide->input_bits, 40u);
  EXPECT_EQ(wide->start, 1u);
  auto const narrow = lpae_stage2_of(0x80000007);  // T0SZ 7, SL0 0: 25 bits from level 2
  ASSERT_TRUE(narrow);
  EXPECT_EQ(narrow->input_bits, 25u);
  EXPECT_EQ(narrow->start, 2u);
  EXPECT_EQ(lpae_stage2_of(0x18).error(), arm32::no_regime::start_does_not_fit);   // 40 bits from level 2: 64 tables
  EXPECT_EQ(lpae_stage2_of(0x42).error(), arm32::no_regime::start_does_not_fit);   // 30 bits from level 1
  EXPECT_EQ(lpae_stage2_of(0x80).error(), arm32::no_regime::start_does_not_fit);   // SL0 2
  EXPECT_EQ(lpae_stage2_of(0x48).error(), arm32::no_regime::size_out_of_range);    // S is not the sign
  for (unsigned bits = 25; bits <= 40; ++bits)
    for (unsigned start : {1u, 2u}) {
      auto const o = lpae_stage2_of(((32 - bits) & 15) | (bits > 32 ? 0x10 : 0) | (2 - start) << 6);
      EXPECT_EQ(o.has_value(), start == 1 ? bits >= 31 : bits <= 34) << bits << " from " << start;
      if (!o) continue;
      auto const f = lpae_stage2(*o);
      EXPECT_TRUE(is_faultless(f)) << bits;
      EXPECT_EQ(f.input_bits(), bits);
      EXPECT_EQ(f.depth, 4 - start) << bits;
    }
  // 40 bits: 8 Kbytes, so the table is aligned to that.
  EXPECT_EQ(root_table(lpae_stage2_40, 0x00AA000041233000)->value, 0x41232000u);
  EXPECT_EQ(vmid_of(0x00AA000041233000), 0xAA);
}
