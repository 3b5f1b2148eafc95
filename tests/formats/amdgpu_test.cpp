// SPDX-License-Identifier: MIT
// AMD GPUVM: golden entries worked out from the bits that Linux's amdgpu uses.
//
//   VALID 0 | SYSTEM 1 | SNOOPED 2 | TMZ 3 | X 4 (10) | R 5 (20) | W 6 (40) | FRAGMENT 11:7 (80 each)
//   GFX9: P 54 (0040...), MTYPE 58:57   GFX10: P 54, MTYPE 50:48   GFX12: MTYPE 55:54, IS_PTE 63 (8000...)
#include <pagewright/formats/amdgpu.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::amdgpu;
using golden::both_ways, golden::builds, golden::decodes, golden::encodes, golden::is_table, golden::kind_at;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto in_system = gpuvm({.system = true, .snooped = true, .tables_in_system = true});
constexpr auto three     = gpuvm({.levels = 3});
constexpr auto wide_ptb  = gpuvm({.block_bits = 12});

// Six shapes at five levels take more steps than Clang evaluates at compile time: names_every_bit checks the others.
static_assert(is_sound<three>());

constexpr auto read_write = readers | writers;
constexpr auto plain(rights r = read_write, mt t = mt::wb) -> attributes {
  return {.allow = r, .type = t, .accessed = false, .dirty = false};
}

TEST(amdgpu_gfx9, reads_and_writes_pages) {
  EXPECT_TRUE(both_ways(gfx9, 0x12345071, {0, "page", 0x12345000, 12, plain(all)}));
  EXPECT_TRUE(both_ways(gfx9, 0x12345061, {0, "page", 0x12345000, 12, plain()}));
  EXPECT_TRUE(both_ways(gfx9, 0x12345021, {0, "page", 0x12345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(gfx9, 0x12345041, {0, "page", 0x12345000, 12, plain(writers)}));
  EXPECT_TRUE(both_ways(gfx9, 0x12345031, {0, "page", 0x12345000, 12, plain(readers | executes)}));
  EXPECT_TRUE(both_ways(gfx9, 0x12345001, {0, "page", 0x12345000, 12, plain(none)}));
  EXPECT_TRUE(both_ways(gfx9, 0x0600000012345061, {0, "page", 0x12345000, 12, plain(read_write, mt::uc)}));  // MTYPE 3
  EXPECT_TRUE(both_ways(gfx9, 0x0000FFFFFFFFF061, {0, "page", 0xFFFFFFFFF000, 12, plain()}));
  EXPECT_TRUE(both_ways(in_system, 0x12345067, {0, "page", 0x12345000, 12, plain()}));
  // MTYPE RW and CC are cached too; system, snooped, encrypted, logged: nothing that is told.
  EXPECT_TRUE(decodes(gfx9, 0x0280000012345063, {0, "page", 0x12345000, 12, plain()}));
  EXPECT_TRUE(decodes(gfx9, 0x040000001234506D, {0, "page", 0x12345000, 12, plain()}));
}

TEST(amdgpu_gfx9, reads_and_writes_fragments) {
  // 4 is 200: sixteen pages; 9 is 480: a table of them.
  constexpr golden::leaf small{0, "64-Kbyte fragment", 0x12340000, 16, plain()};
  EXPECT_TRUE(decodes(gfx9, 0x12345261, small));
  EXPECT_TRUE(encodes(gfx9, small, 0x12345261, 0x12345000));
  EXPECT_TRUE(both_ways(gfx9, 0x122004E1, {0, "2-Mbyte fragment", 0x12200000, 21, plain()}));
  EXPECT_TRUE(decodes(gfx9, 0x12345361, {0, "page", 0x12345000, 12, plain()}));  // 6: read page by page
}

TEST(amdgpu_gfx9, reads_and_writes_leaves_in_directories) {
  // The fragment is at least their size: 9 (480), 18 (900), 27 (D80).
  EXPECT_TRUE(both_ways(gfx9, 0x00400000122004E1, {1, "PDB0 page", 0x12200000, 21, plain()}));
  EXPECT_TRUE(both_ways(gfx9, 0x0040000040000961, {2, "PDB1 page", 0x40000000, 30, plain()}));
  EXPECT_TRUE(both_ways(gfx9, 0x0040008000000DE1, {3, "PDB2 page", 0x8000000000, 39, plain()}));
  EXPECT_TRUE(decodes(gfx9, 0x0040000012200FE1, {1, "PDB0 page", 0x12200000, 21, plain()}));  // 31
  // Block size 3: 4096 pages, 16 Mbytes, a table; then 12 (600).
  EXPECT_TRUE(both_ways(wide_ptb, 0x0040000012000661, {1, "PDB0 page", 0x12000000, 24, plain()}));
  EXPECT_EQ(table_lg2(dynamic{&wide_ptb}, 0u), 15u);
  EXPECT_EQ(wide_ptb.levels[3].index_bits, 6);  // what remains of 48 bits
  EXPECT_EQ(three.levels[2].index_bits, 18);
}

TEST(amdgpu_gfx9, reads_directory_entries) {
  EXPECT_TRUE(is_table(gfx9, 3, 0x12345001, 0x12345000, all));
  EXPECT_TRUE(is_table(gfx9, 1, 0x12345047, 0x12345040, all));  // 64 bytes aligned; system, snooped
  EXPECT_EQ(encode_table(dynamic{&gfx9}, 1u, {0x12345000}), 0x12345001u);
  EXPECT_EQ(encode_table(dynamic{&in_system}, 1u, {0x12345000}), 0x12345007u);
  EXPECT_EQ(kind_at(gfx9, 2, 0x4800000012345001), "reserved");  // a block fragment size: translate-further
  EXPECT_EQ(kind_at(gfx9, 0, 0x0100000012345061), "reserved");  // TF
}

TEST(amdgpu, knows_partially_resident_pages) {
  EXPECT_EQ(kind_at(gfx9, 0, 0x0008000000000000), "absent");
  EXPECT_EQ(why_absent(dynamic{&gfx9}, 0u, 0x0008000000000000), fault_reason::sparse);
  EXPECT_EQ(why_absent(dynamic{&gfx9}, 0u, 0x0004000000000000), fault_reason::absent);
  EXPECT_EQ(why_absent(dynamic{&gfx12}, 0u, 0x8100000000000006), fault_reason::sparse);
  EXPECT_EQ(sparse_note(generation::gfx9), 0x0008000000000000u);
  EXPECT_EQ(sparse_note(generation::gfx12), 0x8100000000000006u);
  golden::machine m{gfx12};
  ASSERT_TRUE(golden::machine::done(m.space.annotate({{0x200000}, {0x200FFF}}, sparse_note(generation::gfx12),
      m.owed)));
  auto const end = m.space.query({0x200123});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().why, fault_reason::sparse);
}

TEST(amdgpu_gfx10, reads_and_writes_its_own_memory_types) {
  EXPECT_TRUE(both_ways(gfx10, 0x0003000012345061, {0, "page", 0x12345000, 12, plain(read_write, mt::uc)}));
  EXPECT_TRUE(both_ways(gfx10, 0x12345061, {0, "page", 0x12345000, 12, plain()}));
  EXPECT_TRUE(both_ways(gfx10, 0x12345071, {0, "page", 0x12345000, 12, plain(all)}));
  EXPECT_TRUE(both_ways(gfx10, 0x12345021, {0, "page", 0x12345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(gfx10, 0x00400000122004E1, {1, "PDB0 page", 0x12200000, 21, plain()}));
  EXPECT_TRUE(both_ways(gfx10, 0x00430000122004E1, {1, "PDB0 page", 0x12200000, 21, plain(read_write, mt::uc)}));
  EXPECT_TRUE(both_ways(gfx10, 0x0040000040000961, {2, "PDB1 page", 0x40000000, 30, plain()}));
  EXPECT_TRUE(both_ways(gfx10, 0x12340261, {0, "64-Kbyte fragment", 0x12340000, 16, plain()}));
  EXPECT_TRUE(both_ways(gfx10, 0x122004E1, {0, "2-Mbyte fragment", 0x12200000, 21, plain()}));
  EXPECT_TRUE(decodes(gfx10, 0x0400000012345061, {0, "page", 0x12345000, 12, plain()}));                    // NOALLOC
  EXPECT_TRUE(decodes(gfx10, 0x0002000012345061, {0, "page", 0x12345000, 12, plain(read_write, mt::reserved)}));
}

TEST(amdgpu_gfx12, marks_every_page) {
  EXPECT_TRUE(both_ways(gfx12, 0x8000000012345061, {0, "page", 0x12345000, 12, plain()}));
  EXPECT_TRUE(both_ways(gfx12, 0x80C0000012345061, {0, "page", 0x12345000, 12, plain(read_write, mt::uc)}));  // MTYPE 3
  EXPECT_TRUE(both_ways(gfx12, 0x8000000012345071, {0, "page", 0x12345000, 12, plain(all)}));
  EXPECT_TRUE(both_ways(gfx12, 0x8000000012345021, {0, "page", 0x12345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(gfx12, 0x8000000012340261, {0, "64-Kbyte fragment", 0x12340000, 16, plain()}));
  EXPECT_TRUE(both_ways(gfx12, 0x80000000122004E1, {0, "2-Mbyte fragment", 0x12200000, 21, plain()}));
  EXPECT_TRUE(both_ways(gfx12, 0x80000000122004E1, {1, "PDB0 page", 0x12200000, 21, plain()}));
  EXPECT_TRUE(both_ways(gfx12, 0x8000000040000961, {2, "PDB1 page", 0x40000000, 30, plain()}));
  EXPECT_TRUE(both_ways(gfx12, 0x8000008000000DE1, {3, "PDB2 page", 0x8000000000, 39, plain()}));
  EXPECT_TRUE(decodes(gfx12, 0x8400000012345061, {0, "page", 0x12345000, 12, plain()}));  // DCC
  EXPECT_TRUE(decodes(gfx12, 0x0000000012345061, {0, "page", 0x12345000, 12, plain()}));  // without IS_PTE
  EXPECT_TRUE(is_table(gfx12_5, 4, 0x12345001, 0x12345000, all));
  EXPECT_EQ(kind_at(gfx12, 2, 0x2400000012345001), "reserved");  // BFS 9 at 62:58
  EXPECT_EQ(gfx12_5.input_bits(), 57u);
}

TEST(amdgpu, is_walked) {
  golden::machine m{gfx9};
  m.memory.clear({0x110000}, 0x30000);
  m.put(3, 0x100000, 511, 0x110001).put(2, 0x110000, 0, 0x120001).put(2, 0x110000, 1, 0x0040000040000961);
  m.put(1, 0x120000, 0, 0x130001).put(1, 0x120000, 1, 0x00400000122004E1).put(1, 0x120000, 2, 0x4800000000130001);
  m.put(0, 0x130000, 5, 0xABCDE061).put(0, 0x130000, 6, 0xABCDF031).put(0, 0x130000, 7, 0x0008000000000000);
  m.put(0, 0x130000, 8, 0x01000000ABCDE061);
  for (u64 n = 0; n < 16; ++n) m.put(0, 0x130000, 16 + n, 0x12340261 + (n << 12));
  u64 const base = 0xFFFFFF8000000000;
  EXPECT_EQ(m.said(base + 0x5123), "abcde123 rw-/rw- WB 2^12");
  EXPECT_EQ(m.said(base + 0x6123), "abcdf123 r-x/r-x WB 2^12");
  EXPECT_EQ(m.said(base + 0x7123), "sparse at level 0");
  EXPECT_EQ(m.said(base + 0x8123), "reserved at level 0");
  EXPECT_EQ(m.said(base + 0x1A123), "1234a123 rw-/rw- WB 2^16");
  EXPECT_EQ(m.said(base + 0x234567), "12234567 rw-/rw- WB 2^21");
  EXPECT_EQ(m.said(base + 0x400000), "reserved at level 1");
  EXPECT_EQ(m.said(base + 0x40000010), "40000010 rw-/rw- WB 2^30");
  EXPECT_EQ(m.said(0x5123), "absent at level 3");
  EXPECT_EQ(m.said(0x800000000000), "outside the input range at level 3");
}

TEST(amdgpu, is_built) {
  std::vector<std::pair<u64, unsigned>> const sizes{{0, 21}, {0x400000, 16}, {0x410000, 12}};
  builds(gfx9, {0x200000, 0x411000, 0x1234600000, plain(), readers, mt::uc, sizes});
  builds(gfx10, {0x200000, 0x411000, 0x1234600000, plain(all), readers, mt::uc, sizes});
  builds(gfx12, {0x200000, 0x411000, 0x1234600000, plain(), none, mt::uc, sizes});
  builds(gfx12_5, {0xFF00000000200000, 0x411000, 0x1234600000, plain(), readers, mt::uc, sizes});
  builds(in_system, {0x200000, 0x411000, 0x1234600000, plain(), readers, mt::uc, sizes});
  builds(wide_ptb, {0x1000000, 0x1211000, 0x1234000000, plain(), readers, mt::uc,
                    {{0, 24}, {0x1000000, 21}, {0x1200000, 16}, {0x1210000, 12}}});
}

TEST(amdgpu, keeps_what_memory_a_page_is_in_when_it_is_split) {
  // SYSTEM 2 | SNOOPED 4 | TMZ 8; LOG 55, NOALLOC 58 of GFX10, DCC 58 of GFX12: in every page that a large one becomes.
  struct { format const &f; u64 bits; } const cases[]{
    {gfx9, 0xE | bit(55)}, {gfx10, 0xE | bit(55) | bit(58)}, {gfx12, 0xE | bit(58)}};
  for (auto const &[f, bits] : cases) {
    golden::machine m{f};
    ASSERT_TRUE(m.map(0x200000, 0x200000, 0x12200000, plain()));
    auto const large = m.space.query({0x200000});
    ASSERT_EQ(unsigned{large->lg2}, 21u);
    m.memory.store(large->slot, m.h->word(), large->entry | bits);
    ASSERT_TRUE(golden::machine::done(m.space.split({{0x200000}, {0x3FFFFF}}, 12, m.owed)));
    u64 const page = 0x12345061 | bits | (&f == &gfx12 ? bit(63) : 0);
    EXPECT_EQ(golden::hex(m.space.query({0x345678})->entry), golden::hex(page)) << f.name;
  }
}

TEST(amdgpu, is_sound_whatever_its_shape) {
  for (auto const g : {generation::gfx9, generation::gfx10, generation::gfx12})
    for (unsigned levels = 2; levels <= 4; ++levels)
      for (unsigned block = 9; block <= 18; ++block)
        for (unsigned flags = 0; flags < 8; ++flags) {
          auto const f = gpuvm({.gpu = g, .levels = levels, .block_bits = block, .system = (flags & 1) != 0,
                                .snooped = (flags & 2) != 0, .tables_in_system = (flags & 4) != 0});
          if (12 + block + 9 * (levels - 2) >= 48) continue;
          ASSERT_TRUE(golden::is_faultless(f)) << int(g) << ", " << levels << " levels, block of 2^" << block;
        }
}

TEST(amdgpu, has_its_root_in_context_registers) {
  // ENABLE 1 | DEPTH 3 at 3:1 (6) | BLOCK_SIZE 3 at 7:4 (30).
  auto const found = regime_of(0x12345003, 0x37);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->table.value, 0x12345000u);
  EXPECT_EQ(found->tables.levels, 4u);
  EXPECT_EQ(found->tables.block_bits, 12u);
  EXPECT_TRUE(found->tables.tables_in_system);
  // Older: DEPTH 2:1 (6), BLOCK_SIZE 6:3 (18).
  EXPECT_EQ(regime_of(0x12345001, 0x1F, false)->tables.block_bits, 12u);
  EXPECT_EQ(regime_of(0x12345001, 0x1F, false)->tables.levels, 4u);
  EXPECT_FALSE(regime_of(0x12345001, 0x36));
  EXPECT_FALSE(regime_of(0x12345000, 0x37));
  EXPECT_FALSE(regime_of(0x12345001, 0x31));
}

TEST(amdgpu, names_every_bit) {
  for (auto const *f : {&gfx9, &gfx10, &gfx12, &gfx12_5, &in_system, &three,
      &wide_ptb}) EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
