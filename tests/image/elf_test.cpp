// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>

#include "forge.hpp"

namespace {

using testing::HasSubstr;

constexpr auto little = std::endian::little, big = std::endian::big;
constexpr auto top    = ~std::uint64_t{0};

struct shape {
  bool        wide;
  std::endian order;

  friend void PrintTo(shape const &s, std::ostream *to) {
    *to << (s.wide ? "ELF64, " : "ELF32, ") << (s.order == big ? "big" : "little") << "-endian";
  }
};

class elf_core : public testing::TestWithParam<shape> {
 protected:
  auto core() const -> forge::elf {
    return {.wide = GetParam().wide, .order = GetParam().order, .machine = 22,
            .loads = {{.paddr = 0x1000, .data = forge::pattern(0x1000, 1)},
                      {.paddr = 0x8000'0000, .data = forge::pattern(0x800, 2), .zero = 0x800}}};
  }
};

INSTANTIATE_TEST_SUITE_P(
    every_class_and_order, elf_core,
    testing::Values(shape{true, little}, shape{true, big}, shape{false, little}, shape{false, big}), [](auto const &p) {
      return std::string{p.param.wide ? "elf64_" : "elf32_"} + (p.param.order == big ? "big" : "little");
    });

TEST_P(elf_core, is_read_although_e_ehsize_lies_and_offsets_are_unaligned) {
  auto const core  = this->core();
  ASSERT_NE(core.load_at(1) % 4096, 0u);
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_EQ(forge::text(image.extents()), "1000..1fff 80000000..80000fff ");
  EXPECT_TRUE(forge::holds(image, 0x1000, core.loads[0].data));
  EXPECT_TRUE(forge::holds(image, 0x8000'0000, core.loads[1].data));
  EXPECT_TRUE(image.warnings().empty()) << forge::joined(image.warnings());
  ASSERT_TRUE(image.elf());
  EXPECT_EQ(image.elf()->machine, 22);
  EXPECT_EQ(image.elf()->class_bits, GetParam().wide ? 64 : 32);
  EXPECT_EQ(image.elf()->order, GetParam().order);
  EXPECT_EQ(name(image.sources()[0].format), "ELF core");
}

TEST_P(elf_core, reads_what_p_memsz_has_beyond_p_filesz_as_zero) {
  auto const image = forge::must(forge::from(core().build()));
  ASSERT_NE(image.at(0x8000'0800, 0x800), nullptr);
  EXPECT_TRUE(forge::holds(image, 0x8000'0800, forge::bytes(0x800)));
  EXPECT_EQ(image.at(0x8000'07fc, 8), nullptr) << "half in the file, half not: contiguous nowhere";
  auto const data   = core().loads[1].data;
  auto       across = forge::bytes(data.end() - 4, data.end());
  across.resize(8);
  EXPECT_TRUE(forge::holds(image, 0x8000'07fc, across));
  EXPECT_TRUE(forge::absent(image, 0x8000'1000));
}

TEST_P(elf_core, takes_the_header_count_from_section_0_when_e_phnum_is_full) {
  auto core = this->core();
  core.xnum = true;
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_EQ(forge::text(image.extents()), "1000..1fff 80000000..80000fff ");
}

TEST_P(elf_core, steps_by_e_phentsize) {
  auto core   = this->core();
  core.stride = 72;
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_TRUE(forge::holds(image, 0x1000, core.loads[0].data));
  EXPECT_EQ(forge::text(image.extents()), "1000..1fff 80000000..80000fff ");
}

TEST_P(elf_core, leaves_holes_for_blocks_that_a_dump_filter_dropped) {
  auto core  = this->core();
  core.extra = {{1, top, 0, 0x4000, 0, 0x1000}};
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_TRUE(forge::absent(image, 0x4000)) << "left out is not the same as zero";
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("1 blocks of memory (0x1000 bytes) were left out"));
}

TEST_P(elf_core, keeps_what_the_end_of_the_file_left_of_a_segment) {
  auto const core = this->core();
  auto       file = core.build();
  file.resize(core.load_at(0) + 0x123);
  auto const image = forge::must(forge::from(file));
  EXPECT_EQ(image.extents()[0].last, 0x1122u);
  EXPECT_TRUE(forge::holds(image, 0x1000, std::span{core.loads[0].data}.first(0x123)));
  EXPECT_TRUE(forge::absent(image, 0x1123));
  EXPECT_THAT(forge::joined(image.warnings()),
              HasSubstr("program header 0: 0xedd of 0x1000 bytes at physical address 0x1000 lie beyond the end"));
}

TEST_P(elf_core, truncated_anywhere_in_its_headers_is_an_error_that_says_so) {
  auto const core = this->core();
  auto const file = core.build();
  for (std::size_t size = 4; size < core.notes_at(); ++size) {
    auto const opened = forge::from({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)});
    ASSERT_FALSE(opened) << size << " bytes were taken for an image of " << opened->total_bytes();
    ASSERT_THAT(forge::message(opened),
                testing::AnyOf(HasSubstr("truncated"), HasSubstr("offset 4"), HasSubstr("offset 5")))
        << size << " bytes";
  }
}

TEST_P(elf_core, truncated_anywhere_in_its_memory_keeps_exactly_what_is_there) {
  auto const core = this->core();
  auto const file = core.build();
  for (auto size = core.notes_at() + 1; size < file.size(); size += 97) {
    auto const image = forge::must(forge::from({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}));
    ASSERT_EQ(image.total_bytes(), size - core.notes_at() + 0x800) << size << " bytes of file";
    ASSERT_FALSE(image.warnings().empty());
  }
}

TEST(elf_core_overlap, unites_the_virtual_segments_of_a_paging_dump) {
  forge::elf core{.loads = {{.paddr = 0x1000, .data = forge::pattern(0x3000), .vaddr = 0xffff'8000'0000'1000}}};
  core.extra.resize(3);                                            // so that offsets are final
  auto const at = core.load_at(0);
  core.extra = {{1, at,          0xffff'ffff'8100'0000, 0x1000, 0x3000, 0x3000},     // the same bytes again
                {1, at + 0x1000, 0x40'0000,             0x2000, 0x1000, 0x1000},     // a part of them
                {1, at + 0x2000, 0x7fff'0000,           0x3000, 0x1000, 0x2000}};    // a part and a zero tail
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_EQ(forge::text(image.extents()), "1000..4fff ");
  EXPECT_TRUE(forge::holds(image, 0x1000, core.loads[0].data));
  EXPECT_NE(image.at(0x1000, 0x3000), nullptr) << "the union is contiguous";
  EXPECT_TRUE(forge::holds(image, 0x4000, forge::bytes(0x1000)));
  EXPECT_TRUE(image.warnings().empty()) << forge::joined(image.warnings());
}

TEST(elf_core_overlap, says_when_two_segments_contradict) {
  auto const image = forge::must(forge::from(forge::elf{.loads = {{.paddr = 0x1000, .data = forge::pattern(0x1000, 1)},
                                                                  {.paddr = 0x1800, .data = forge::pattern(0x1000, 2)}}}
                                                 .build()));
  EXPECT_TRUE(forge::holds(image, 0x1000, forge::pattern(0x1000, 1)));
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("first at 0x1800"));
}

TEST(elf_core_refuses, sizes_and_offsets_that_overflow) {
  auto const refuse = [](forge::phdr h, bool wide, char const *expected) {
    forge::elf const core{.wide = wide, .loads = {{.paddr = 0, .data = forge::pattern(16)}}, .extra = {h}};
    EXPECT_THAT(forge::message(forge::from(core.build())), HasSubstr(expected));
  };
  refuse({1, 0, 0, top - 0xfff, 0, 0x1001}, true,
         "program header 1: physical address 0xfffffffffffff000 and size 0x1001 go beyond");
  refuse({1, 0, 0, 2, 0, top}, true, "go beyond 2^64");
  refuse({1, 0x10, 0, 0x1000, top, top}, true, "go beyond 2^64");
  refuse({1, top - 1, 0, 0x1000, 0x1000, 0x1000}, true,
         "program header 1: file offset 0xfffffffffffffffe and size 0x1000 go beyond");
}

TEST(elf_core_refuses, a_segment_wholly_beyond_the_file_with_a_warning_only) {
  forge::elf const core{.loads = {{.paddr = 0, .data = forge::pattern(16)}},
                        .extra = {{1, top - 0x2000, 0, 0x1000, 0x1000, 0x1000}, {4, top - 8, 0, 0, 100, 100}}};
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_EQ(forge::text(image.extents()), "0..f ");
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("0x1000 of 0x1000 bytes at physical address 0x1000"));
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("program header 2: 0x64 bytes of notes"));
}

TEST(elf_core_refuses, headers_that_make_no_sense) {
  forge::elf const core{.loads = {{.paddr = 0, .data = forge::pattern(16)}}};
  auto const with = [&](std::size_t at, std::uint64_t value, unsigned width) {
    auto file = core.build();
    forge::poke(file, at, value, width);
    return forge::message(forge::from(file));
  };
  EXPECT_THAT(with(4, 3, 1),       HasSubstr("ELF class 3 is neither"));
  EXPECT_THAT(with(5, 0, 1),       HasSubstr("ELF byte order 0 is neither"));
  EXPECT_THAT(with(16, 2, 2),      HasSubstr("type 2, not a core"));
  EXPECT_THAT(with(32, top, 8),    HasSubstr("go beyond the end of the file"));
  EXPECT_THAT(with(54, 55, 2),     HasSubstr("e_phentsize is 55"));
  EXPECT_THAT(with(54, 0, 2),      HasSubstr("e_phentsize is 0"));
  EXPECT_THAT(with(54, 0xffff, 2), HasSubstr("go beyond the end of the file"));
  EXPECT_THAT(with(56, 0, 2),      HasSubstr("e_phnum = 0"));
  EXPECT_THAT(with(56, 0xfffe, 2), HasSubstr("65534 program headers"));
  EXPECT_THAT(with(56, 0xffff, 2), HasSubstr("e_phnum = 0")) << "section 0 says 0";
  EXPECT_THAT(with(core.phdr_at(), 7, 4), HasSubstr("none of its 1 program headers holds memory"));

  auto file = core.build();
  forge::poke(file, 56, 0xffff, 2), forge::poke(file, 40, 0, 8);
  EXPECT_THAT(forge::message(forge::from(file)), HasSubstr("PN_XNUM, but section header 0"));
  forge::poke(file, 40, top - 20, 8);
  EXPECT_THAT(forge::message(forge::from(file)), HasSubstr("e_shoff = 0xffffffffffffffeb"));
  file = core.build();
  forge::poke(file, 56, 0xffff, 2), forge::poke(file, core.section_at() + 44, 0xffffffff, 4);
  EXPECT_THAT(forge::message(forge::from(file)), HasSubstr("4294967295 program headers"));
}

TEST(elf_core_refuses, the_core_of_a_process) {
  forge::elf const core{.loads = {{.paddr = 0, .data = forge::pattern(16), .vaddr = 0x400000},
                                  {.paddr = 0, .data = forge::pattern(16), .vaddr = 0x600000}}};
  EXPECT_THAT(forge::message(forge::from(core.build())), HasSubstr("the core of a process"));
}

TEST(elf_core, skips_segments_that_kcore_gives_no_physical_address) {
  forge::elf const core{
      .loads = {{.paddr = top, .data = forge::pattern(16)}, {.paddr = 0x1000, .data = forge::pattern(16)}}};
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_EQ(forge::text(image.extents()), "1000..100f ");
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("1 segments have no physical address"));
}

// Notes --------------------------------------------------------------------------------------------------------------

auto with_notes(forge::bytes notes, std::uint16_t machine = 62, bool wide = true, std::endian order = little) {
  return forge::must(forge::from(forge::elf{.wide = wide, .order = order, .machine = machine, .notes = std::move(notes),
                                            .loads = {{.paddr = 0, .data = forge::pattern(16)}}}.build()));
}

TEST(elf_notes, give_every_vcpu_its_own_registers_in_qemus_order) {
  auto notes = forge::prstatus(336, 240, 0x401000, 264, 0x7ffe0000, 8);
  forge::append(notes, forge::prstatus(336, 240, 0xffffffff81000000, 264, 0xffffc900, 8));
  forge::append(notes, forge::qemu_cpu{.cr3 = 0x1000}.build());
  forge::append(notes, forge::qemu_cpu{.version = 2, .claimed = 448, .size = 448, .cr3 = 0x2000}.build());
  auto const image = with_notes(notes);
  ASSERT_EQ(image.cpus().size(), 2u);
  EXPECT_EQ(image.cpus()[0].pc, 0x401000u);
  EXPECT_EQ(image.cpus()[0].sp, 0x7ffe0000u);
  EXPECT_EQ(image.cpus()[1].index, 1u);
  EXPECT_EQ(image.cpus()[1].pc, 0xffffffff81000000u);
  for (auto const &cpu : image.cpus()) {
    ASSERT_TRUE(cpu.x86) << "vCPU " << cpu.index;
    EXPECT_EQ(cpu.x86->cr0, 0x80050033u);
    EXPECT_EQ(cpu.x86->cr2, 0x1111u);
    EXPECT_EQ(cpu.x86->cr3, 0x1000u * (cpu.index + 1));
    EXPECT_EQ(cpu.x86->cr4, 0x750eb0u);
    EXPECT_EQ(cpu.x86->rip, 0x401bfcu);
    EXPECT_EQ(cpu.x86->rflags, 0x206u);
    EXPECT_EQ(cpu.x86->cs_selector, 0x33u);
  }
}

TEST(elf_notes, accept_a_cpu_note_of_432_bytes_and_refuse_what_is_shorter_or_unknown) {
  auto const ok = with_notes(forge::qemu_cpu{.claimed = 432, .size = 432}.build());
  ASSERT_TRUE(ok.cpus()[0].x86);
  EXPECT_EQ(ok.cpus()[0].x86->cr4, 0x750eb0u);
  EXPECT_EQ(ok.cpus()[0].pc, 0x401bfcu) << "without NT_PRSTATUS";
  for (auto const &bad : {forge::qemu_cpu{.claimed = 431}, forge::qemu_cpu{.size = 428}, forge::qemu_cpu{.size = 4},
                          forge::qemu_cpu{.size = 0}, forge::qemu_cpu{.version = 0}, forge::qemu_cpu{.version = 3}}) {
    auto const image = with_notes(bad.build());
    ASSERT_EQ(image.cpus().size(), 1u);
    EXPECT_FALSE(image.cpus()[0].x86);
    EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("CR3 must be given by hand"));
  }
}

TEST(elf_notes, judge_long_mode_from_what_the_dump_tells) {
  struct row {
    forge::qemu_cpu     cpu;
    std::uint16_t       machine;
    std::optional<bool> expected;
    std::string_view    evidence;
  };
  constexpr std::uint64_t pae = 0x20, pg = 0x8000'0001;
  for (auto const &r : {row{{.cs_flags = 0x00affb00, .cr0 = pg, .cr4 = pae}, 62, true, "CS.L"},
                        row{{.cs_flags = 0x00cffa00, .cr0 = pg, .cr4 = pae}, 62, true, "e_machine is x86-64"},
                        row{{.cs_flags = 0x00cffa00, .cr0 = pg, .cr4 = pae}, 3, false, "e_machine is i386"},
                        row{{.cs_flags = 0x00cffa00, .cr0 = pg, .cr4 = 0}, 62, false, "CR4.PAE"},
                        row{{.cs_flags = 0x00cffa00, .cr0 = 1, .cr4 = pae}, 62, false, "CR0.PG"}}) {
    auto const image = with_notes(r.cpu.build(), r.machine);
    ASSERT_TRUE(image.cpus()[0].x86);
    EXPECT_EQ(image.cpus()[0].x86->long_mode, r.expected) << r.evidence;
    EXPECT_THAT(std::string{image.cpus()[0].x86->long_mode_evidence}, HasSubstr(std::string{r.evidence}));
  }
  auto two = forge::qemu_cpu{}.build();
  forge::append(two, forge::qemu_cpu{.cs_flags = 0x00cffa00}.build());
  EXPECT_EQ(with_notes(two).cpus()[1].x86->long_mode, std::nullopt) << "e_machine speaks for vCPU 0 only";
}

TEST(elf_notes, find_pc_and_sp_for_every_architecture) {
  struct row {
    std::uint16_t machine;
    bool          wide;
    std::endian   order;
    std::size_t   size, pc, sp;
    unsigned      width;
  };
  for (auto const &r : {row{62, true, little, 336, 240, 264, 8}, row{3, true, little, 144, 120, 132, 4},
                        row{183, true, little, 392, 368, 360, 8}, row{183, true, big, 392, 368, 360, 8},
                        row{40, false, little, 148, 132, 124, 4}, row{243, true, little, 376, 112, 128, 8},
                        row{243, false, little, 204, 72, 80, 4}, row{22, true, big, 336, 120, 248, 8},
                        row{258, true, little, 480, 376, 136, 8}}) {
    auto const image = with_notes(forge::prstatus(r.size, r.pc, 0x12345678, r.sp, 0x9abcdef0, r.width, r.order),
                                  r.machine, r.wide, r.order);
    ASSERT_EQ(image.cpus().size(), 1u) << "e_machine " << r.machine;
    EXPECT_EQ(image.cpus()[0].pc, 0x12345678u) << "e_machine " << r.machine;
    EXPECT_EQ(image.cpus()[0].sp, 0x9abcdef0u) << "e_machine " << r.machine;
  }
}

TEST(elf_notes, of_an_unknown_size_count_the_vcpu_but_guess_nothing) {
  auto const image = with_notes(forge::prstatus(340, 240, 1, 264, 1, 8));
  ASSERT_EQ(image.cpus().size(), 1u);
  EXPECT_EQ(image.cpus()[0].pc, std::nullopt);
}

TEST(elf_notes, give_s390x_its_control_registers_and_prefix) {
  auto control = forge::bytes(128);
  forge::poke(control, 8, 0x286c1cf, 8, big), forge::poke(control, 13 * 8, 0x1290007, 8, big);
  auto prefix = forge::bytes(4);
  forge::poke(prefix, 0, 0x199c000, 4, big);
  forge::bytes notes;
  for (int cpu = 0; cpu < 2; ++cpu) {
    forge::append(notes, forge::prstatus(336, 120, 0x1000, 248, 0x2000, 8, big));
    forge::append(notes, forge::note("LINUX", 0x304, control, big));
    forge::append(notes, forge::note("LINUX", 0x305, prefix, big));
  }
  auto const image = with_notes(notes, 22, true, big);
  ASSERT_EQ(image.cpus().size(), 2u);
  for (auto const &cpu : image.cpus()) {
    ASSERT_TRUE(cpu.s390x && cpu.s390x->control);
    EXPECT_EQ((*cpu.s390x->control)[1], 0x286c1cfu);
    EXPECT_EQ((*cpu.s390x->control)[13], 0x1290007u);
    EXPECT_EQ(cpu.s390x->prefix, 0x199c000u);
  }
}

TEST(elf_notes, carry_vmcoreinfo_without_its_padding) {
  forge::bytes text;
  for (char const c : std::string{"OSRELEASE=6.1\nPAGESIZE=4096\n"}) forge::put(text, static_cast<unsigned char>(c), 1);
  text.resize(text.size() + 3);
  auto const image = with_notes(forge::note("VMCOREINFO", 0, text));
  EXPECT_EQ(image.vmcoreinfo(), "OSRELEASE=6.1\nPAGESIZE=4096\n");
}

TEST(elf_notes, cut_off_anywhere_are_reported_and_the_memory_is_kept) {
  auto whole = forge::prstatus(336, 240, 1, 264, 1, 8);
  forge::append(whole, forge::qemu_cpu{}.build());
  for (std::size_t size = 1; size < whole.size(); ++size) {
    auto const image = with_notes({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    ASSERT_EQ(image.total_bytes(), 16u);
    ASSERT_LE(image.cpus().size(), 1u);
    if (!image.cpus().empty()) { ASSERT_FALSE(image.cpus()[0].x86) << size; }
  }
  auto lying = forge::qemu_cpu{}.build();
  forge::poke(lying, 0, 0xffffffff, 4);
  EXPECT_THAT(forge::joined(with_notes(lying).warnings()), HasSubstr("a note (name of 4294967295 bytes"));
  lying = forge::qemu_cpu{}.build();
  forge::poke(lying, 4, 0xfffffffd, 4);
  EXPECT_THAT(forge::joined(with_notes(lying).warnings()), HasSubstr("description of 4294967293"));
}

TEST(elf_notes, that_overlap_are_read_once_so_that_headers_cannot_multiply_them) {
  forge::elf core{.notes = forge::prstatus(336, 240, 1, 264, 1, 8),
                  .loads = {{.paddr = 0, .data = forge::pattern(16)}}};
  core.extra.resize(50);
  auto const at = core.notes_at();
  core.extra.assign(50, {4, at, 0, 0, core.notes.size(), core.notes.size()});
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_LT(image.cpus().size(), 20u);
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("its notes overlap others"));
}

}  // namespace
