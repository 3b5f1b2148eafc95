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

/// vCPUs of an s390x as the fixture has them: a user's, in the primary space, and an idle kernel, in its home space.
auto s390x_cpus() -> std::vector<image::cpu_state> {
  std::vector<image::cpu_state> cpus(2);
  cpus[0].status = 0x0705'0001'8000'0000;
  cpus[1].status = 0x0706'c001'8000'0000;
  for (auto &one : cpus) {
    auto &state          = one.s390x.emplace();
    state.prefix         = 0x199'c000;
    state.control.emplace().fill(0);
    (*state.control)[0]  = 0x1416'6a10;
    (*state.control)[1]  = 0x0286'c1cf;
    (*state.control)[7]  = 0x0286'c1cd;
    (*state.control)[13] = 0x0129'0007;
  }
  return cpus;
}

TEST(machine, of_s390x_translates_in_the_space_that_the_psw_selects) {
  auto const cpus = s390x_cpus();
  auto       dump = elf(image::elf_machine::s390);
  dump.cpus       = cpus;
  auto const user = must({}, dump);
  EXPECT_EQ(user.arch, "s390x");
  EXPECT_EQ(user.views[0].label, "CR1");
  EXPECT_EQ(user.views[0].from.table.value, 0x286'c000u);
  EXPECT_EQ(user.views[0].description.input_bits(), 64u);
  EXPECT_EQ(user.cpu, 0u);
  EXPECT_TRUE(says(user, "primary space: CR1"));
  EXPECT_TRUE(says(user, "EDAT off, execute protection on"));
  EXPECT_TRUE(says(user, "0x199c000"));
  request asked;
  asked.cpu        = 1;
  auto const idle  = must(asked, dump);
  EXPECT_EQ(idle.views[0].label, "CR13");
  EXPECT_EQ(idle.views[0].from.table.value, 0x129'0000u);
  EXPECT_EQ(idle.mode, "42-bit addresses, region-third table on top");
  asked.mode = "secondary";
  auto const secondary = must(asked, dump);
  EXPECT_EQ(secondary.views[0].label, "CR7");
  EXPECT_EQ(secondary.views[0].description.input_bits(), 63u) << "two quarters of the table";
  asked.mode = "upper";
  EXPECT_NE(problem_of(asked, dump).message.find("home"), std::string::npos);
}

TEST(machine, of_s390x_says_why_it_takes_the_primary_space) {
  auto cpus      = s390x_cpus();
  auto dump      = elf(image::elf_machine::s390);
  cpus[0].status = 0x0004'0001'8000'0000;  // translation off
  cpus[1].status = 0x0705'4001'8000'0000;  // access registers
  dump.cpus      = cpus;
  EXPECT_TRUE(says(must({}, dump), "translation off"));
  request asked;
  asked.cpu = 1;
  EXPECT_TRUE(says(must(asked, dump), "access registers"));
  EXPECT_EQ(must(asked, dump).views[0].label, "CR1");
}

TEST(machine, of_s390x_follows_an_element_that_is_given) {
  request asked;
  asked.given.asce = 0x1234'5006;  // region-third, three quarters
  auto const m     = must(asked);
  EXPECT_EQ(m.arch, "s390x");
  EXPECT_EQ(m.views[0].label, "ASCE");
  EXPECT_EQ(m.views[0].from.table.value, 0x1234'5000u);
  EXPECT_EQ(m.views[0].part.last.value, 0x2ff'ffff'ffffu) << "the description has all four";
  EXPECT_EQ(m.view_of(0x300'0000'0000), nullptr);
  EXPECT_TRUE(says(m, "CR0 is not known"));
  EXPECT_NE(m.views[0].description.levels[1].leaves[0], no_form) << "EDAT is assumed";
  asked.given.cr0 = 0;
  EXPECT_EQ(must(asked).views[0].description.levels[1].leaves[0], no_form);
  asked.given.asce = 0x20;
  auto const real  = problem_of(asked);
  EXPECT_EQ(real.whose, blame::request);
  EXPECT_NE(real.message.find("real space"), std::string::npos) << real.message;
}

TEST(machine, of_s390x_needs_the_width_beside_a_root) {
  request asked;
  asked.arch       = architecture::s390x;
  asked.given.root = 0x1234'5000;
  EXPECT_NE(problem_of(asked).message.find("--mode 31"), std::string::npos);
  struct { char const *mode; unsigned bits; } const widths[]{{"31", 31}, {"42", 42}, {"53", 53}, {"64", 64}};
  for (auto const &[mode, bits] : widths) {
    asked.mode = mode;
    EXPECT_EQ(must(asked).views[0].description.input_bits(), bits) << mode;
    EXPECT_EQ(must(asked).views[0].from.table.value, 0x1234'5000u) << "a quarter of its size is alignment enough";
  }
  asked.given.root = 0x1234'5007;
  EXPECT_NE(problem_of(asked).message.find("--asce"), std::string::npos);
  asked.given.root = 0x1234'5000;
  asked.given.asce = 0x1234'5007;
  EXPECT_EQ(problem_of(asked).whose, blame::request);
}

TEST(machine, of_s390x_shares_the_name_of_a_register_with_x86) {
  auto const cpus = s390x_cpus();
  auto       dump = elf(image::elf_machine::s390);
  dump.cpus       = cpus;
  request asked;
  asked.given.cr0 = 0x80'0000;
  EXPECT_EQ(must(asked, dump).arch, "s390x");
  EXPECT_TRUE(says(must(asked, dump), "EDAT on, execute protection off"));
  asked.given.cr3 = 0x1000;
  EXPECT_EQ(problem_of(asked, dump).whose, blame::request);
}

TEST(machine, of_32_bit_arm_follows_ttbcr) {
  // Of a running guest: short descriptors and TTBR0 alone.
  request asked;
  asked.given.ttbcr = 0;
  asked.given.ttbr0 = 0x41cc'006a;
  asked.given.ttbr1 = 0x4020'406a;
  asked.given.sctlr = 0x10c5'387d;
  auto const alone  = must(asked);
  EXPECT_EQ(alone.arch, "arm");
  ASSERT_EQ(alone.views.size(), 1u);
  EXPECT_STREQ(alone.views[0].description.name, "arm32-short");
  EXPECT_EQ(alone.views[0].from.table.value, 0x41cc'0000u);
  EXPECT_TRUE(says(alone, "TTBR0 translates all addresses"));
  EXPECT_TRUE(says(alone, "PRRR and NMRR are not known"));

  asked.given.ttbcr = 1;
  auto const both   = must(asked);
  ASSERT_EQ(both.views.size(), 2u);
  EXPECT_EQ(both.view_of(0x7fff'ffff), &both.views[0]);
  EXPECT_EQ(both.view_of(0x8000'0000), &both.views[1]);
  EXPECT_EQ(both.view_of(0x1'0000'0000), nullptr);
  EXPECT_EQ(both.views[0].description.input_bits(), 31u);
  EXPECT_EQ(both.views[1].part.first.value, 0x8000'0000u) << "its table has slots for all addresses";
  EXPECT_EQ(both.views[1].from.table.value, 0x4020'4000u);
}

TEST(machine, of_32_bit_arm_divides_addresses_as_long_descriptors_do) {
  // Of a running guest: TTBR1 has the last quarter.
  request asked;
  asked.given.ttbcr = 0xb502'3500;
  asked.given.ttbr0 = 0x17'0000'4250'9f00;
  asked.given.ttbr1 = 0x4020'7000;
  auto const m      = must(asked);
  ASSERT_EQ(m.views.size(), 2u);
  EXPECT_EQ(m.views[0].from.table.value, 0x4250'9f00u);
  EXPECT_EQ(m.views[0].from.asid, 0x17u);
  EXPECT_EQ(m.view_of(0xbfff'ffff), &m.views[0]);
  EXPECT_EQ(m.view_of(0xc000'0000), &m.views[1]);
  asked.given.ttbcr = 0xb503'3503;  // both have an eighth
  auto const gap    = must(asked);
  EXPECT_EQ(gap.view_of(0x1fff'ffff), &gap.views[0]);
  EXPECT_EQ(gap.view_of(0x2000'0000), nullptr);
  EXPECT_EQ(gap.view_of(0xdfff'ffff), nullptr);
  EXPECT_EQ(gap.view_of(0xe000'0000), &gap.views[1]);
  asked.given.ttbcr = 0xb502'3580;  // EPD0
  EXPECT_EQ(must(asked).views.size(), 1u);
  EXPECT_TRUE(says(must(asked), "TTBR0: TTBCR.PD or EPD disables"));
}

TEST(machine, of_32_bit_arm_takes_a_root_with_its_kind_of_descriptors) {
  request asked;
  asked.arch       = architecture::arm;
  asked.given.root = 0x41cc'0000;
  auto const m     = must(asked);
  EXPECT_STREQ(m.views[0].description.name, "arm32-short");
  EXPECT_TRUE(says(m, "TTBCR is not known"));
  asked.mode = "long";
  EXPECT_STREQ(must(asked).views[0].description.name, "arm32-lpae-stage1");
  asked.given.ttbcr = 0;
  EXPECT_NE(problem_of(asked).message.find("do not agree"), std::string::npos);
  asked.mode        = "short";
  asked.given.root  = 0x41cc'1000;
  EXPECT_NE(problem_of(asked).message.find("aligned"), std::string::npos);
  asked.given.root  = 0x41cc'0000;
  asked.given.ttbr0 = 0x1000;
  EXPECT_EQ(problem_of(asked).whose, blame::request);
}

TEST(machine, of_32_bit_arm_has_tables_in_the_byte_order_of_its_dump) {
  request asked;
  asked.given.ttbr0 = 0x41cc'006a;
  auto dump         = elf(image::elf_machine::arm, 32);
  EXPECT_EQ(must(asked, dump).views[0].description.order, byte_order::little);
  dump.elf->order = std::endian::big;
  EXPECT_EQ(must(asked, dump).views[0].description.order, byte_order::big);
  asked.given.sctlr = u64{1} << 28;
  EXPECT_EQ(must(asked, dump).views[0].description.order, byte_order::little) << "SCTLR.EE is known";
}

TEST(machine, of_32_bit_arm_shares_the_names_of_ttbrs_with_aarch64) {
  request asked;
  asked.given.ttbr0 = 0x41cc'006a;
  EXPECT_EQ(must(asked, elf(image::elf_machine::arm, 32)).arch, "arm");
  EXPECT_EQ(must(asked, elf(image::elf_machine::aarch64)).arch, "aarch64");
  asked.given.tcr = 0;
  EXPECT_EQ(problem_of(asked, elf(image::elf_machine::arm, 32)).whose, blame::request);
  asked.given.tcr.reset();
  asked.given.ttbcr = u64{1} << 32;
  EXPECT_NE(problem_of(asked).message.find("32 bits"), std::string::npos);
}

TEST(machine, says_which_registers_are_missing) {
  EXPECT_NE(problem_of({}).message.find("--arch"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::x86_64)).message.find("--cr3"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::aarch64)).message.find("--ttbr1"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::riscv)).message.find("--satp"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::arm, 32)).message.find("--ttbcr"), std::string::npos);
  EXPECT_NE(problem_of({}, elf(image::elf_machine::s390)).message.find("--asce"), std::string::npos);
  auto const other = problem_of({}, elf(image::elf_machine::ppc64));
  EXPECT_EQ(other.whose, blame::input);
  EXPECT_NE(other.message.find("PowerPC64"), std::string::npos) << other.message;
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
  EXPECT_EQ(must(x86_with(0x1000, pae), elf(image::elf_machine::ppc64)).arch, "x86_64") << "an unknown machine says nothing";
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
