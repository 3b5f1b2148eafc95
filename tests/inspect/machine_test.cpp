// SPDX-License-Identifier: MIT
#include <algorithm>

#include <gtest/gtest.h>

#include <fmt/ranges.h>
#include <inspect/machine.hpp>

namespace {

using namespace pagewright;
using namespace pagewright::inspect;

constexpr u64 cr0 = 0x8005'0033, pae = 0x20, la57 = 0x1000, lma = 0xd01;

auto elf(std::uint16_t machine, std::uint8_t bits = 64) -> captured {
  captured c;
  c.elf = image::elf_identity{machine, bits, std::endian::little};
  return c;
}

auto x86_with(std::optional<u64> cr3, std::optional<u64> cr4, std::optional<u64> efer = {}) -> request {
  request asked;
  asked.given.cr0  = cr0;
  asked.given.cr3  = cr3;
  asked.given.cr4  = cr4;
  asked.given.efer = efer;
  return asked;
}

auto must(request const &asked, captured const &dump = {}) -> machine {
  auto m = find_machine(asked, dump);
  EXPECT_TRUE(m) << m.error().message;
  if (m) return *m;
  machine none;
  none.views.emplace_back();
  return none;
}

auto problem_of(request const &asked, captured const &dump = {}) -> problem {
  auto const m = find_machine(asked, dump);
  EXPECT_FALSE(m) << "expected a problem, got " << m->mode;
  return m ? problem{blame::input, ""} : m.error();
}

auto says(machine const &m, std::string_view words) -> ::testing::AssertionResult {
  auto const found = std::ranges::any_of(m.evidence, [&](auto const &line) { return line.find(words) != line.npos; });
  return found ? ::testing::AssertionSuccess()
               : ::testing::AssertionFailure() << "no evidence says '" << words << "':\n" << fmt::format("{}", fmt::join(m.evidence, "\n"));
}

TEST(machine, of_x86_follows_the_control_registers) {
  EXPECT_STREQ(must(x86_with(0x1000, 0)).views[0].description.name, "x86-32");
  EXPECT_STREQ(must(x86_with(0x1000, pae, 0x800)).views[0].description.name, "x86-pae");
  EXPECT_STREQ(must(x86_with(0x1000, pae, lma)).views[0].description.name, "x86-64-4level");
  EXPECT_STREQ(must(x86_with(0x1000, pae | la57, lma)).views[0].description.name, "x86-64-5level");
  EXPECT_EQ(must(x86_with(0x1000, pae, lma)).arch, "x86_64");
  EXPECT_EQ(must(x86_with(0x1000, pae, 0x800)).arch, "i386");
}

TEST(machine, of_x86_without_efer_believes_the_elf_header_and_says_so) {
  auto const wide = must(x86_with(0x1000, pae), elf(image::elf_machine::x86_64));
  EXPECT_STREQ(wide.views[0].description.name, "x86-64-4level");
  EXPECT_TRUE(says(wide, "long mode is on"));
  EXPECT_TRUE(says(wide, "EFER.NXE is assumed"));
  auto const narrow = must(x86_with(0x1000, pae), elf(image::elf_machine::i386));
  EXPECT_STREQ(narrow.views[0].description.name, "x86-pae");
}

TEST(machine, of_x86_without_anything_else_assumes_long_mode_and_says_so) {
  EXPECT_TRUE(says(must(x86_with(0x1000, pae)), "long mode is assumed"));
  EXPECT_TRUE(says(must(x86_with(0x1'0000'1000, pae)), "CR3 is wider than 32 bits"));
  EXPECT_TRUE(says(must(x86_with(0x1000, pae | la57)), "CR4 has LA57"));
}

TEST(machine, of_x86_takes_the_root_out_of_cr3) {
  EXPECT_EQ(must(x86_with(0x5'5b80'1fff, pae, lma)).views[0].from.table.value, 0x5'5b80'1000u);
  EXPECT_EQ(must(x86_with(0x221'5d1f, pae, 0x800)).views[0].from.table.value, 0x221'5d00u) << "a PDPT is aligned to 32 bytes";
  EXPECT_EQ(must(x86_with(0x1005, pae | bit(17), lma)).views[0].from.asid, 5u) << "CR4.PCIDE";
  EXPECT_EQ(must(x86_with(0x1005, pae, lma)).views[0].from.asid, 0u);
}

TEST(machine, of_x86_respects_nxe_and_the_width_of_addresses) {
  auto const with = must(x86_with(0x1000, pae, lma)), without = must(x86_with(0x1000, pae, lma & ~u64{0x800}));
  EXPECT_NE(with.views[0].description.forms[0].zero & bit(63), bit(63));
  EXPECT_EQ(without.views[0].description.forms[0].zero & bit(63), bit(63)) << "XD is reserved without EFER.NXE";
  auto asked          = x86_with(0x1000, pae, lma);
  asked.physical_bits = 40;
  EXPECT_EQ(must(asked).views[0].description.output_bits, 40u);
  asked.physical_bits = 60;
  EXPECT_NE(problem_of(asked).message.find("--phys-bits"), std::string::npos);
}

TEST(machine, of_x86_lets_an_emulators_mark_in_a_pdpte_through) {
  EXPECT_EQ(must(x86_with(0x1000, pae, 0x800)).views[0].description.levels[2].table_zero & bit(5), 0u);
}

TEST(machine, of_x86_refuses_to_translate_without_paging) {
  auto asked      = x86_with(0x1000, 0);
  asked.given.cr0 = 0x33;
  auto const p    = problem_of(asked);
  EXPECT_EQ(p.whose, blame::request) << "the register was given";
  EXPECT_NE(p.message.find("CR0.PG"), std::string::npos) << p.message;
}

TEST(machine, of_x86_takes_registers_from_the_dump_and_lets_the_command_line_override_them) {
  std::vector<image::cpu_state> cpus(2);
  cpus[0].x86 = image::x86_state{.cr0 = cr0, .cr3 = 0x5000, .cr4 = pae, .long_mode = true, .long_mode_evidence = "CS.L is set"};
  cpus[1].x86 = cpus[0].x86;
  cpus[1].x86->cr3 = 0x6000;
  auto dump = elf(image::elf_machine::x86_64);
  dump.cpus = cpus;

  EXPECT_EQ(must({}, dump).views[0].from.table.value, 0x5000u);
  EXPECT_EQ(must({}, dump).cpu, 0u);
  request asked;
  asked.cpu = 1;
  EXPECT_EQ(must(asked, dump).views[0].from.table.value, 0x6000u);
  asked.given.cr3 = 0x7000;
  EXPECT_EQ(must(asked, dump).views[0].from.table.value, 0x7000u);
  asked.cpu = 2;
  EXPECT_NE(problem_of(asked, dump).message.find("has 2 vCPUs"), std::string::npos);
}

TEST(machine, of_x86_does_not_judge_registers_that_are_given_by_those_of_the_dump) {
  std::vector<image::cpu_state> cpus(1);                     // a vCPU that was not started yet
  cpus[0].x86 = image::x86_state{.cr0 = 0x6000'0010, .long_mode = false, .long_mode_evidence = "CR0.PG is clear"};
  auto dump = elf(image::elf_machine::x86_64);
  dump.cpus = cpus;
  EXPECT_EQ(problem_of({}, dump).whose, blame::input);
  auto asked      = x86_with(0x1000, pae);
  asked.given.cr0 = cr0;
  EXPECT_EQ(must(asked, dump).mode, "4-level paging");
  asked.given.cr0 = 0x11;
  EXPECT_EQ(problem_of(asked, dump).whose, blame::request);
}

TEST(machine, follows_the_architecture_that_is_named) {
  request asked;
  asked.given.root = 0x9000;
  struct { architecture arch; char const *name; } const expected[]{
    {architecture::x86, "x86-32"}, {architecture::x86_pae, "x86-pae"}, {architecture::x86_64, "x86-64-4level"},
    {architecture::x86_64_la57, "x86-64-5level"}};
  for (auto const &[arch, name] : expected) {
    asked.arch   = arch;
    auto const m = must(asked, elf(image::elf_machine::aarch64));
    EXPECT_STREQ(m.views[0].description.name, name);
    EXPECT_EQ(m.views[0].from.table.value, 0x9000u);
  }
}

TEST(machine, of_aarch64_has_a_view_for_each_half_whose_root_is_given) {
  request asked;
  asked.given.tcr   = 0x0950'01f6'b54c'350c;                 // 4K granules, 52 bits, DS, from a running guest
  asked.given.ttbr1 = 0x3e'0000'41a9'1001;
  auto const upper  = must(asked);
  ASSERT_EQ(upper.views.size(), 1u);
  EXPECT_EQ(upper.views[0].label, "TTBR1_EL1");
  EXPECT_EQ(upper.views[0].from.table.value, 0x41a9'1000u);
  EXPECT_EQ(upper.views[0].from.asid, 0x3eu);
  EXPECT_EQ(upper.views[0].description.input_bits(), 52u);

  asked.given.ttbr0 = 0x42d4'bb01;
  auto const both   = must(asked);
  ASSERT_EQ(both.views.size(), 2u);
  EXPECT_EQ(both.views[0].label, "TTBR0_EL1") << "ascending addresses";
  EXPECT_EQ(both.views[0].from.table.value, 0x42d4'bb00u) << "a root of 16 entries is not aligned to a granule";
}

TEST(machine, of_aarch64_leaves_a_half_out_whose_walks_are_disabled) {
  request asked;
  asked.given.tcr   = 0x0950'01f6'b54c'350c | bit(7);
  asked.given.ttbr0 = 0x1000;
  asked.given.ttbr1 = 0x2000;
  auto const m      = must(asked);
  ASSERT_EQ(m.views.size(), 1u);
  EXPECT_EQ(m.views[0].label, "TTBR1_EL1");
  EXPECT_TRUE(says(m, "EPD"));
  asked.given.ttbr1.reset();
  EXPECT_EQ(problem_of(asked).whose, blame::request);
}

TEST(machine, of_aarch64_faults_on_the_access_flag_only_where_hardware_does_not_set_it) {
  request asked;
  asked.given.ttbr0 = 0x1000;
  asked.given.tcr   = u64{16} | u64{5} << 32;
  EXPECT_TRUE(must(asked).views[0].description.unaccessed_faults);
  *asked.given.tcr |= bit(39);
  EXPECT_FALSE(must(asked).views[0].description.unaccessed_faults);
}

TEST(machine, of_aarch64_assumes_a_usual_tcr_and_says_so) {
  request asked;
  asked.given.root = 0x4000'0000;
  asked.arch       = architecture::aarch64;
  auto const lower = must(asked);
  ASSERT_EQ(lower.views.size(), 1u);
  EXPECT_EQ(lower.views[0].description.upper, extent::zero);
  EXPECT_EQ(lower.views[0].description.input_bits(), 48u);
  EXPECT_TRUE(says(lower, "TCR_EL1 is not known"));
  asked.mode = "upper";
  EXPECT_EQ(must(asked).views[0].description.upper, extent::ones);
}

TEST(machine, of_aarch64_has_tables_in_the_byte_order_of_its_dump) {
  request asked;
  asked.given.ttbr0 = 0x1000;
  auto dump         = elf(image::elf_machine::aarch64);
  EXPECT_EQ(must(asked, dump).views[0].description.order, byte_order::little);
  dump.elf->order = std::endian::big;
  auto const m    = must(asked, dump);
  EXPECT_EQ(m.views[0].description.order, byte_order::big);
  EXPECT_TRUE(says(m, "big-endian"));
}

TEST(machine, of_riscv_follows_satp) {
  request asked;
  asked.given.satp = 0x9001'd000'0008'3119;
  auto const m     = must(asked);
  EXPECT_EQ(m.mode, "Sv48");
  EXPECT_EQ(m.views[0].from.table.value, 0x8311'9000u);
  EXPECT_EQ(m.views[0].from.asid, 0x1du);
  EXPECT_EQ(m.arch, "riscv64");

  asked.given.satp = 0x8000'0000'0008'3119;
  EXPECT_EQ(must(asked).mode, "Sv39");
  asked.given.satp = 0x8008'3119;
  EXPECT_EQ(must(asked, elf(image::elf_machine::riscv, 32)).mode, "Sv32");
  asked.given.satp = 0x3000'0000'0008'3119;
  EXPECT_NE(problem_of(asked).message.find("MODE 3 is reserved"), std::string::npos);
  asked.given.satp = 0;
  EXPECT_NE(problem_of(asked).message.find("Bare"), std::string::npos);
}

TEST(machine, of_riscv_needs_a_mode_beside_a_root) {
  request asked;
  asked.arch       = architecture::riscv64;
  asked.given.root = 0x8000'0000;
  EXPECT_NE(problem_of(asked).message.find("--mode sv39"), std::string::npos);
  asked.mode = "sv57";
  EXPECT_EQ(must(asked).mode, "Sv57");
  asked.mode = "sv32";
  EXPECT_EQ(problem_of(asked).whose, blame::request);
  asked.arch = architecture::riscv32;
  EXPECT_EQ(must(asked).mode, "Sv32");
}

TEST(machine, says_which_registers_are_missing) {
  EXPECT_NE(problem_of({}).message.find("--arch"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::x86_64)).message.find("--cr3"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::aarch64)).message.find("--ttbr1"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::riscv)).message.find("--satp"), std::string::npos);
  auto const other = problem_of({}, elf(image::elf_machine::s390));
  EXPECT_EQ(other.whose, blame::input);
  EXPECT_NE(other.message.find("s390x"), std::string::npos) << other.message;
}

TEST(machine, refuses_registers_of_two_processors) {
  request asked;
  asked.given.cr3  = 0x1000;
  asked.given.satp = 0x8000'0000'0008'3119;
  EXPECT_EQ(problem_of(asked).whose, blame::request);
  request named;
  named.arch      = architecture::aarch64;
  named.given.cr3 = 0x1000;
  EXPECT_EQ(problem_of(named).whose, blame::request);
}

TEST(machine, refuses_registers_of_another_processor_than_the_images_unless_it_is_named) {
  auto asked = x86_with(0x1000, pae);
  auto const p = problem_of(asked, elf(image::elf_machine::aarch64));
  EXPECT_EQ(p.whose, blame::request);
  EXPECT_NE(p.message.find("AArch64"), std::string::npos) << p.message;
  asked.arch = architecture::x86_64;
  EXPECT_EQ(must(asked, elf(image::elf_machine::aarch64)).arch, "x86_64");
  EXPECT_EQ(must(x86_with(0x1000, pae), elf(image::elf_machine::s390)).arch, "x86_64") << "an unknown machine says nothing";
}

TEST(machine, refuses_a_root_that_is_no_address_of_a_table) {
  request asked;
  asked.given.root = 0x1020;
  asked.arch       = architecture::x86_64;
  EXPECT_NE(problem_of(asked).message.find("--cr3"), std::string::npos);
  asked.arch = architecture::x86_pae;
  EXPECT_EQ(must(asked).views[0].from.table.value, 0x1020u) << "a PDPT is aligned to 32 bytes";
  asked.arch       = architecture::aarch64;
  asked.given.tcr  = 0x0950'01f6'b54c'350c;
  asked.given.root = 0x1080;
  EXPECT_EQ(must(asked).views[0].from.table.value, 0x1080u) << "16 entries";
  asked.given.root = 0x1041;
  EXPECT_EQ(problem_of(asked).whose, blame::request);
}

TEST(machine, refuses_options_that_would_have_no_effect) {
  request asked;
  asked.given.satp = 0x8000'0000'0008'3119;
  asked.mode       = "sv48";
  EXPECT_NE(problem_of(asked).message.find("--root"), std::string::npos);
  asked.mode.clear();
  asked.physical_bits = 40;
  EXPECT_NE(problem_of(asked).message.find("--phys-bits"), std::string::npos);
}

}  // namespace
