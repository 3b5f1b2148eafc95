// SPDX-License-Identifier: MIT
// aarch64-paging, rows about words, entries and formats (S146, S159, S160, S168, S171..S178, S186..S189, S202..S204),
// with the assertions of their modules paging, mair and target.
#include <pagewright/cpu/arm64_encoding.hpp>
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/arm64_stage2.hpp>

#include "fixture.hpp"

namespace parity {
namespace {

using arm64::granule, arm64::half;

/// Tables for another machine: bytes that begin at `base`, the root first.
struct image {
  image(format const &f, u64 base, unsigned tables)
      : h{&f}, bytes(tables * 4 * K), memory{bytes, {base}}, frames{{base + 4 * K}, (tables - 1) * 4 * K},
        space{h, root{{base}}, memory, frames, nobody} {}

  auto word(u64 offset) const -> u64 {
    u64 v = 0;
    for (unsigned i = 0; i < 8; ++i) v |= u64{bytes[static_cast<std::size_t>(offset + i)]} << (8 * i);
    return v;
  }
  auto words_set() const -> unsigned {
    unsigned n = 0;
    for (u64 at = 0; at < bytes.size(); at += 8) n += word(at) != 0;
    return n;
  }

  dynamic         h;
  std::vector<u8> bytes;
  byte_memory     memory;
  bump_frames     frames;
  not_in_use      nobody;
  address_space<dynamic, byte_memory, bump_frames, not_in_use> space;
  ledger          owed;
};

}  // namespace

// --- S186, S171: tables for another machine ------------------------------------------------------------------------

TEST(aarch64_paging_target, S186_map_one_page_golden_bytes) {
  // Root level 1 at 0x10000; one page at 0 leading to 0x42000: not accessed, inner shareable, UXN.
  auto const f = arm64::stage1({.input_bits = 39});
  image at_10000{f, 0x10000, 3};
  attributes const want{.allow = rights::kernel_rwx, .global = true, .accessed = false};
  ASSERT_TRUE(done(at_10000.space.map(span_of(0, 4 * K), {0x42000}, want, at_10000.owed)));
  EXPECT_EQ(at_10000.word(0x0000), 0x11003u);
  EXPECT_EQ(at_10000.word(0x1000), 0x12003u);
  EXPECT_EQ(at_10000.word(0x2000), 0x40'0000'0004'2303u);
  EXPECT_EQ(at_10000.words_set(), 3u) << "and zero everywhere else";
  u8 const leaf[8]{0x03, 0x23, 0x04, 0x00, 0x00, 0x00, 0x40, 0x00};
  EXPECT_EQ(std::memcmp(at_10000.bytes.data() + 0x2000, leaf, 8), 0) << "little endian";
  EXPECT_FALSE(at_10000.memory.strayed());
  EXPECT_TRUE(at_10000.owed.is_settled()) << "nobody has cached anything";
}

TEST(aarch64_paging_target, S186_S171_tables_of_a_big_endian_machine_are_bytes_the_other_way) {
  auto f = arm64::stage1({.input_bits = 39});
  f.order = byte_order::big;  // SCTLR_ELx.EE
  image tables{f, 0x10000, 3};
  ASSERT_TRUE(done(tables.space.map(span_of(0, 4 * K), {0x42000}, {.allow = rights::kernel_rwx}, tables.owed)));
  u8 const link[8]{0, 0, 0, 0, 0, 0x01, 0x10, 0x03};
  EXPECT_EQ(std::memcmp(tables.bytes.data(), link, 8), 0);
  EXPECT_EQ(tables.space.query({0x123})->address.value, 0x42123u);
}

TEST(aarch64_paging_target, S186_an_image_that_is_too_small_is_an_error_and_stays_zero) {
  auto const f = arm64::stage1({.input_bits = 39});
  image tables{f, 0x10000, 2};
  auto const full = tables.space.map(span_of(0, 4 * K), {0x42000}, {.allow = rights::kernel_rwx}, tables.owed);
  EXPECT_EQ(why(full), error_reason::no_frames);
  EXPECT_EQ(tables.word(0), 0u) << "nothing is linked";
  EXPECT_EQ(tables.space.query({0}).error().why, fault_reason::absent);
}

TEST(aarch64_paging_target, S186_U26_tables_far_away_need_not_be_addressable_here) {
  auto const f = arm64::stage1({.input_bits = 48});
  image tables{f, 0xfff0'0000'0000, 4};  // beyond the memory of the machine that builds
  attributes const text_section{.allow = rights::kernel_rx, .global = true};
  ASSERT_TRUE(done(tables.space.map(span_of(0, 2 * M), {2 * M}, text_section, tables.owed)));
  EXPECT_EQ(tables.word(0), 0xfff0'0000'1003u);
  EXPECT_EQ(tables.word(0x1000), 0xfff0'0000'2003u);
  EXPECT_EQ(tables.word(0x2000), 0x0040'0000'0020'0781u) << "2M block: UXN, AP[2], SH, AF";
}

TEST(aarch64_paging_target, U27_U26_configured_and_built_at_compile_time) {
  static constexpr format f = arm64::stage1({.input_bits = 39, .contiguous = false});
  constexpr auto words = [] {
    u8 bytes[2 * 4096]{};
    struct {
      u8 *first;
      constexpr auto data() const -> u8 * { return first; }
      constexpr auto size() const -> std::size_t { return 2 * 4096; }
    } whole{bytes};
    byte_memory   memory{whole, {0x10000}};
    bump_frames   frames{{0x11000}, 4096};
    not_in_use    nobody;
    address_space space{fixed<f>{}, root{{0x10000}}, memory, frames, nobody};
    ledger        owed;
    attributes const text_section{.allow = rights::kernel_rx, .global = true};
    bool const ok = space.map(span_of(0, 2 * M), {2 * M}, text_section, owed).has_value();
    return std::pair{ok ? *memory.load({0x10000}, f.word()) : 0, *memory.load({0x11000}, f.word())};
  }();
  static_assert(words.first == 0x11003 && words.second == 0x0040'0000'0020'0781);
}

// --- S159, S202, S203, S204: geometry ------------------------------------------------------------------------------

TEST(aarch64_paging_format, S159_pages_and_bits_per_level_are_in_the_description) {
  auto const f = arm64::stage1({});
  EXPECT_EQ(f.levels[0].shift, 12u);
  for (unsigned n = 0; n < 4; ++n) EXPECT_EQ(f.levels[n].index_bits, 9u);
  EXPECT_STREQ(f.levels[0].name, "L3") << "their LEAF_LEVEL 3 is level 0, and keeps its name";
}

TEST(aarch64_paging_format, S202_S160_U25_table_sizes) {
  // Their root level 0..3 is an input size here. The very last address belongs to it.
  struct { unsigned bits, depth; } const rows[]{{48, 4}, {39, 3}, {30, 2}, {21, 1}};
  for (auto const &[bits, depth] : rows)
    for (auto const space : {half::lower, half::upper}) {
      auto const f = arm64::stage1({.input_bits = bits, .space = space});
      EXPECT_EQ(f.depth, depth);
      auto const whole = translated_ranges(dynamic{&f});
      ASSERT_EQ(whole.count, 1u);
      EXPECT_EQ(whole.part[0].bytes(), bit(bits));
      EXPECT_EQ(whole.part[0].last.value, space == half::upper ? ~u64{0} : bit(bits) - 1);
    }
}

TEST(aarch64_paging_format, S203_stage_2_has_the_same_geometry_and_concatenated_roots) {
  EXPECT_EQ(arm64::stage2({.input_bits = 48}).depth, 4u);
  EXPECT_EQ(arm64::stage2({.input_bits = 39}).depth, 3u);
  EXPECT_EQ(arm64::stage2({.input_bits = 40}).depth, 3u) << "two tables as the root";
  auto const f = arm64::stage2({.input_bits = 40});
  EXPECT_EQ(table_lg2(dynamic{&f}, 2u), 13u);
}

TEST(aarch64_paging_format, S204_D35_what_theirs_leaves_out_is_there) {
  EXPECT_EQ(arm64::stage1(granule::k16, 48, half::upper).levels[0].shift, 14u);
  EXPECT_EQ(arm64::stage1(granule::k64, 48, half::lower).levels[0].shift, 16u);
  auto const lpa2 = arm64::stage1(granule::k4, 52, half::lower, true);
  EXPECT_STREQ(lpa2.levels[4].name, "L-1");
  EXPECT_EQ(lpa2.output_bits, 52u);
  EXPECT_EQ(arm64::stage1(granule::k64, 52, half::lower, true).output_bits, 52u);
  EXPECT_EQ(arm64::stage1({.input_bits = 25}).input_bits(), 25u) << "any TxSZ, not only four";
}

// --- S168, S172: regions and addresses -----------------------------------------------------------------------------

TEST(aarch64_paging_words, S168_regions_are_closed_and_never_empty_backwards_or_wrapped) {
  EXPECT_FALSE(range::of({0}, 0)) << "theirs: new(0, 0) overflows";
  EXPECT_FALSE(range::of({~u64{0}}, 2)) << "theirs: new(x, usize::MAX) overflows";
  EXPECT_FALSE(range::between({8 * K}, {1})) << "theirs: a backwards region is constructible";
  auto const top = range::of({~u64{0} - 4095}, 4096);
  ASSERT_TRUE(top);
  EXPECT_EQ(top->last.value, ~u64{0});
  EXPECT_EQ(top->bytes(), 4096u);
  EXPECT_EQ((range{{0}, {~u64{0}}}.bytes()), 0u) << "2^64";
  EXPECT_EQ(*range::between({0x1000}, {0x1fff}), *range::of({0x1000}, 0x1000));
}

TEST(aarch64_paging_words, S172_addresses_of_input_and_output_do_not_mix) {
  static_assert(!std::is_convertible_v<virtual_address, physical_address>);
  static_assert(!std::is_constructible_v<range, physical_address, physical_address>);
  EXPECT_EQ((physical_address{0x1000} + 0x234).value, 0x1234u);
  EXPECT_LT(virtual_address{1}, virtual_address{2});
  // Their subtraction that panics on overflow is a step that may not exist.
  EXPECT_FALSE(page_4k::containing({0}).before(1));
  EXPECT_FALSE(page_4k::containing({~u64{0}}).after(1));
  EXPECT_EQ(*page_4k::at({0x3000}) - *page_4k::at({0x1000}), 2u);
}

TEST(aarch64_paging_words, S146_errors_say_what_where_and_what_was_there) {
  auto const f = arm64::stage1({.input_bits = 39});
  image tables{f, 0x10000, 8};
  attributes const want{.allow = rights::kernel_rw};
  auto const map = [&](range where, u64 to, attributes const &as) {
    return tables.space.map(where, {to}, as, tables.owed);
  };
  range const page = span_of(0, 4 * K);
  EXPECT_EQ(why(map(span_of(bit(39), 4 * K), 0, want)), error_reason::outside_input) << "AddressRange";
  EXPECT_EQ(why(map(page, bit(48), want)), error_reason::too_wide) << "InvalidVirtualAddress of a linear map";
  attributes const odd{.allow = rights::user_write}, taken_bit{.allow = rights::kernel_rw, .software = bit(52)};
  EXPECT_EQ(why(map(page, 0, odd)), error_reason::inexpressible_rights) << "InvalidFlags";
  EXPECT_EQ(why(map(page, 0, taken_bit)), error_reason::inexpressible_software) << "InvalidFlags";
  ASSERT_TRUE(done(map(span_of(4 * K, 4 * K), 0x5000, want)));
  auto const taken = map(span_of(0, 8 * K), 0, want);
  ASSERT_EQ(why(taken), error_reason::occupied);
  EXPECT_EQ(taken.error().at.value, 4 * K);
  EXPECT_EQ(taken.error().slot.value, 0x12008u);
  EXPECT_EQ(taken.error().entry & ones(12, 36), 0x5000u);
  EXPECT_STREQ(text(taken.error().why), "occupied");
}

// --- S173..S176, S178: entries -------------------------------------------------------------------------------------

TEST(aarch64_paging_format, S174_each_attribute_of_El1_has_its_bit) {
  auto const f = arm64::stage1({.hardware_dirty = true});
  dynamic const h{&f};
  auto const page = [&](attributes const &a) { return encode_attributes(h, f.forms[0], a).entry; };
  attributes const base{.allow = rights::kernel_rw, .global = true, .accessed = false, .dirty = false};
  u64 const plain = page(base);
  EXPECT_EQ(plain & 3, 3u) << "VALID, TABLE_OR_PAGE";
  auto with = base;
  with.accessed = true;
  EXPECT_EQ(page(with) ^ plain, bit(10)) << "ACCESSED";
  with = base, with.global = false;
  EXPECT_EQ(page(with) ^ plain, bit(11)) << "NON_GLOBAL";
  with = base, with.allow = rights::kernel_ro;
  EXPECT_EQ(page(with) ^ plain, bit(51)) << "DBM; READ_ONLY bit 7 is its counterpart";
  EXPECT_EQ(plain >> 7 & 1, 1u) << "writable and clean";
  with = base, with.allow = rights::user_rw;
  EXPECT_EQ(page(with) ^ plain, bit(6)) << "USER";
  with = base, with.allow = rights::kernel_rwx;
  EXPECT_EQ(page(with) ^ plain, bit(53)) << "PXN";
  with = base, with.allow = rights::kernel_rw | rights::user_execute;
  EXPECT_EQ(page(with) ^ plain, bit(54)) << "UXN";
  for (unsigned n = 0; n < 4; ++n) {
    with = base, with.software = bit(55 + n);
    EXPECT_EQ(page(with) ^ plain, bit(55 + n)) << "SWFLAG_" << n;
  }
  EXPECT_EQ(plain & ones(8, 2), 3u << 8) << "INNER_SHAREABLE";
  for (unsigned n = 0; n < 8; ++n) {  // ATTRIBUTE_INDEX_0..7: the index is found by what MAIR says
    with = base, with.type = arm64::mair(arm64::default_mair)[n];
    EXPECT_EQ(page(with) & ones(2, 3), u64{n} << 2);
  }
  EXPECT_EQ(arm64::nt | arm64::gp | arm64::dbm | arm64::contiguous, bit(16) | bit(50) | bit(51) | bit(52));
  EXPECT_EQ(encode_table(h, 1u, {0x1000}, rights::kernel_ro), 0x1003 | ones(59, 4)) << "PXN_TABLE, XN_TABLE, AP_TABLE";
}

TEST(aarch64_paging_format, S173_S175_S176_bits_that_cannot_be_set_by_name_are_kept_and_can_be_set_raw) {
  auto const f = arm64::stage1({.input_bits = 39});
  image tables{f, 0x10000, 4};
  attributes const want{.allow = rights::kernel_rx, .global = true};
  ASSERT_TRUE(done(tables.space.map(span_of(2 * M, 2 * M), {4 * M}, want, tables.owed)));
  auto const guarded = [](leaf const &) { return bit_change{.clear = bit(8), .set = arm64::gp | bit(5) | bit(59)}; };
  ASSERT_TRUE(done(tables.space.modify(span_of(2 * M, 2 * M), guarded, tables.owed)));
  u64 const extra = arm64::gp | bit(5) | bit(59) | bit(9);  // GP, NS, PBHA; outer shareable
  u64 const mask  = extra | bit(8);
  EXPECT_EQ(tables.space.query({2 * M})->entry & mask, extra);
  ASSERT_TRUE(done(tables.space.protect(span_of(2 * M, 4 * K), rights::kernel_rw, tables.owed)));
  EXPECT_EQ(tables.space.query({2 * M})->entry & mask, extra) << "also after a split";
  EXPECT_EQ(tables.space.query({3 * M})->entry & mask, extra);
  tables.space.settle(tables.owed);
}

TEST(aarch64_paging_format, S178_invalid_set_and_modified_descriptors) {
  // Their invalid_descriptor, set_descriptor, modify_descriptor_flags, table_or_page, table_or_page_unknown_bits.
  auto const f = arm64::stage1({.input_bits = 39});
  dynamic const h{&f};
  EXPECT_EQ(kind_of(h, 1u, 0), entry_kind::absent);
  EXPECT_EQ(kind_of(h, 1u, 0x12340000'00000002), entry_kind::absent) << "TABLE_OR_PAGE without VALID";
  EXPECT_EQ(kind_of(h, 1u, 0x1003), entry_kind::table);
  EXPECT_EQ(kind_of(h, 0u, 0x1003), entry_kind::leaf) << "the same bits are a page at the last level";
  EXPECT_EQ(kind_of(h, 0u, 0x1001), entry_kind::reserved) << "0b01 at the last level";
  EXPECT_EQ(kind_of(h, 1u, 0x20'0701), entry_kind::leaf);
  EXPECT_EQ(kind_of(h, 1u, 0xff80'0000'0000'1003), entry_kind::table) << "unknown bits do not change what it is";
  EXPECT_EQ(table_of(h, 1u, 0xff80'0000'0000'1003).value, 0x1000u);
  EXPECT_EQ(leaf_base(h, 0u, f.forms[0], 0xffff'0000'1234'5fff).value, 0x1234'5000u) << "output_address is bits 47:12";
}

// --- S187, S188, S189: MAIR ----------------------------------------------------------------------------------------

TEST(aarch64_paging_mair, S187_a_constant_is_built_at_compile_time) {
  // Their build_const: 0x7f4404.
  constexpr auto types = arm64::mair(0x7f4404);
  static_assert(types[0] == memory_type::device_ngnre);
  static_assert(types[1] == memory_type::nc);
  static_assert(types[2] == memory_type::wb, "transient hints are not told apart");
  constexpr memory_types mine{memory_type::device_ngnre, memory_type::nc, memory_type::wb};
  static_assert(cpu::arm64::mair(mine) == 0xff4404u, "WB with all hints");
  static_assert(arm64::mair(*cpu::arm64::mair(mine))[2] == memory_type::wb);
}

TEST(aarch64_paging_mair, S188_devices) {
  for (auto const &[byte, type, name] :
       {std::tuple{0x00u, memory_type::device_ngnrne, "Device-nGnRnE"},
        {0x04u, memory_type::device_ngnre, "Device-nGnRE"},
        {0x08u, memory_type::device_ngre, "Device-nGRE"},
        {0x0cu, memory_type::device_gre, "Device-GRE"}}) {
    EXPECT_EQ(arm64::mair(byte)[0], type);
    EXPECT_STREQ(text(type), name);
    memory_types types{};
    types[3] = type;
    EXPECT_EQ(cpu::arm64::mair(types), u64{byte} << 24);
  }
  for (u64 const byte : {0x02u, 0x03u, 0x06u, 0x0fu}) EXPECT_EQ(arm64::mair(byte)[0], memory_type::reserved) << byte;
}

TEST(aarch64_paging_mair, S189_every_nibble_of_normal_memory_means_what_the_manual_says) {
  // D19.2.100: 00RW WT transient, 0100 NC, 01RW WB transient, 10RW WT, 11RW WB. Theirs reads 1 as WB.
  auto const expected = [](u64 n) {
    return n == 4 ? memory_type::nc : n < 4 || (n >= 8 && n < 12) ? memory_type::wt : memory_type::wb;
  };
  for (u64 n = 1; n < 16; ++n) EXPECT_EQ(arm64::mair(n << 4 | n)[0], expected(n)) << n;
  EXPECT_EQ(arm64::mair(0x11)[0], memory_type::wt) << "write-through transient, write-allocate";
  EXPECT_EQ(arm64::mair(0x4f)[0], memory_type::mixed) << "different inner and outer";
  EXPECT_EQ(arm64::mair(0x80)[0], memory_type::reserved) << "inner 0000 with an outer one: unpredictable";
}

TEST(aarch64_paging_mair, S187_what_has_no_encoding_is_not_written) {
  memory_types types{};
  types[7] = memory_type::uc;
  EXPECT_EQ(cpu::arm64::mair(types), std::nullopt);
}

}  // namespace parity
