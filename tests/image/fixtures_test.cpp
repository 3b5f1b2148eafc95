// SPDX-License-Identifier: MIT
// Dumps of real Linux guests, made by QEMU, when the machine has them (PAGEWRIGHT_IMAGES).
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "forge.hpp"

namespace {

namespace fs = std::filesystem;

auto folder() -> std::string {
  auto const *const named = std::getenv("PAGEWRIGHT_IMAGES");
  return named != nullptr && fs::is_directory(named) ? named : "";
}

auto number(nlohmann::json const &hex) -> std::uint64_t { return std::stoull(hex.get<std::string>(), nullptr, 16); }

TEST(fixtures, tell_the_machine_and_the_registers_that_their_descriptions_name) {
  if (folder().empty())
    GTEST_SKIP()
        << "PAGEWRIGHT_IMAGES names no folder: NO REAL DUMP WAS READ. Set it to a folder of NAME.elf.zst and NAME.json";
  auto checked = 0, with_cr3 = 0, with_prefix = 0;
  for (auto const &entry : fs::directory_iterator{folder()}) {
    if (entry.path().extension() != ".json") continue;
    auto const base = entry.path().parent_path() / entry.path().stem();
    auto const path = base.string() + ".elf.zst";
    if (!fs::exists(path)) continue;
    SCOPED_TRACE(path);
    auto const json  = nlohmann::json::parse(std::ifstream{entry.path()});
    auto const image = forge::must(forge::open({path}));
    ++checked;

    ASSERT_TRUE(image.elf());
    EXPECT_EQ(image.elf()->machine, json["e_machine"].get<int>());
    EXPECT_EQ(image.elf()->class_bits, json["elf_class"].get<int>());
    EXPECT_EQ(image.elf()->order == std::endian::big, json["endianness"] == "big");
    EXPECT_TRUE(image.warnings().empty()) << forge::joined(image.warnings());
    EXPECT_EQ(image.total_bytes(), json["table_pages"].get<std::uint64_t>() * 4096) << "4 KiB pages of tables";
    EXPECT_EQ(image.sources()[0].packing, pagewright::image::compression::zstd);

    for (auto const &context : json["contexts"]) {
      auto const n = context["vcpu"].get<std::size_t>();
      ASSERT_LT(n, image.cpus().size());
      auto const &cpu       = image.cpus()[n];
      auto const &registers = context["registers"];
      EXPECT_TRUE(cpu.pc && cpu.sp) << "vCPU " << n;
      if (registers.contains("cr3")) {
        ASSERT_TRUE(cpu.x86) << "vCPU " << n;
        ++with_cr3;
        EXPECT_EQ(cpu.x86->cr0, number(registers["cr0"]));
        if (!context["root_derived_from_sibling"].get<bool>()) { EXPECT_EQ(cpu.x86->cr3, number(registers["cr3"])); }
        EXPECT_EQ(cpu.x86->cr4, number(registers["cr4"]));
        EXPECT_EQ(cpu.x86->long_mode, (number(registers["efer"]) & 0x400) != 0)
            << "EFER.LMA; " << cpu.x86->long_mode_evidence;
        EXPECT_EQ(cpu.x86->rip, cpu.pc);
        EXPECT_EQ((cpu.x86->cs_selector & 3) == 3, context["privilege_when_stopped"] == "user");
        EXPECT_NE(image.at(cpu.x86->cr3 & ~std::uint64_t{0xfff}, 32), nullptr) << "the root table";
      }
      if (registers.contains("c13")) {
        ASSERT_TRUE(cpu.s390x && cpu.s390x->control && cpu.s390x->prefix);
        ++with_prefix;
        for (unsigned const c : {0u, 1u, 7u, 13u})
          EXPECT_EQ((*cpu.s390x->control)[c], number(registers[fmt::format("c{}", c)])) << "control register " << c;
        EXPECT_EQ(*cpu.s390x->prefix, number(registers["prefix"]));
        EXPECT_EQ(cpu.status, number(registers["psw_mask"]));
      }
      if (registers.contains("pstate")) { EXPECT_EQ(cpu.status, number(registers["pstate"])); }
      if (registers.contains("cpsr")) { EXPECT_EQ(cpu.status, number(registers["cpsr"])); }
    }
  }
  EXPECT_GE(checked, 1) << "no NAME.json beside a NAME.elf.zst in " << folder();
  RecordProperty("fixtures", checked);
  RecordProperty("contexts_with_cr3", with_cr3);
  RecordProperty("contexts_with_prefix", with_prefix);
}

TEST(fixtures, hold_the_same_tables_as_the_whole_dump_of_the_same_machine) {
  if (folder().empty())
    GTEST_SKIP()
        << "PAGEWRIGHT_IMAGES names no folder: NO REAL DUMP WAS READ. Set it to a folder of NAME.elf.zst and NAME.json";
  auto compared = 0;
  for (auto const &entry : fs::directory_iterator{folder()}) {
    auto const path = entry.path().string();
    auto const mark = path.rfind("-full.elf.zst");
    if (mark == std::string::npos) continue;
    SCOPED_TRACE(path);
    auto const whole = forge::must(forge::open({path}));
    auto const part  = forge::must(forge::open({path.substr(0, mark) + ".elf.zst"}));
    EXPECT_EQ(whole.vmcoreinfo(), part.vmcoreinfo());
    EXPECT_EQ(whole.cpus().size(), part.cpus().size());
    EXPECT_TRUE(whole.warnings().empty()) << forge::joined(whole.warnings());
    for (auto const &e : part.extents()) {
      auto const        size = static_cast<std::size_t>(e.last - e.first + 1);
      auto const *const p    = part.at(e.first, size);
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(forge::holds(whole, e.first, {p, size}));
    }
    ++compared;
  }
  if (compared == 0) GTEST_SKIP() << "no NAME-full.elf.zst in " << folder() << ": nothing was compared";
}

}  // namespace
