// SPDX-License-Identifier: MIT
// The walkers written from the manuals over memory images of real kernels, and over tables that the library built:
// every field of every answer. This is the only oracle for the writing side of RISC-V, and for what a mapping allows.
#include <cstdio>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/pagewright.hpp>

#include "fixtures.hpp"
#include "plain_words.hpp"
#include "random_space.hpp"
#include "survey.hpp"

namespace {

using namespace pagewright;
using namespace oracle;

using reader       = std::function<std::optional<u64>(u64)>;
using plain_walker = std::function<plain::answer(reader const &, u64 root, u64 va)>;

/// Little-endian entries of `width` bytes from pages.
template <class Pages>
auto reads(Pages pages, unsigned width) -> reader {
  return [=](u64 a) -> std::optional<u64> {
    auto const *page = pages(a & ~u64{4095});
    if (page == nullptr) return std::nullopt;
    u64 v = 0;
    for (unsigned i = width; i-- > 0;) v = v << 8 | std::to_integer<u64>(page[(a & 4095) + i]);
    return v;
  };
}

template <handle H, class M>
void compare(std::string const &name, H h, u64 root, M const &memory, plain_walker const &they, reader const &read,
             dice &d) {
  u64 found = 0, faults = 0, differences = 0;
  auto const seen = ask_everywhere(h, {{root}}, memory, 20'000, true, d, [&](u64 va) {
    auto const ours   = plain::in_plain_words(walk(h, {{root}}, {va}, memory));
    auto const theirs = they(read, root, va);
    ++(theirs.why == plain::reason::none ? found : faults);
    if (!plain::same(ours, theirs)) {
      ++differences;
      ADD_FAILURE() << name << ", address " << hex(va) << ", root " << hex(root)
                    << "\n  manual:  " << plain::show(theirs) << "\n  library: " << plain::show(ours);
    }
    return differences < 5;
  });
  std::printf("[  ORACLE  ] %-44s %s; %llu equal translations, %llu equal faults, %llu differences\n", name.c_str(),
              seen.text().c_str(), static_cast<unsigned long long>(found), static_cast<unsigned long long>(faults),
              static_cast<unsigned long long>(differences));
  EXPECT_GE(found + faults, 20'000u) << name;
  EXPECT_GT(faults, 1'000u) << name;
}

void compare_image(std::string const &name, image::image const &source, format const &f, u64 root,
                   plain_walker const &they) {
  dice d{root + 2};
  auto const pages = [&source](u64 page) { return source.at(page, 4096); };
  compare(name, dynamic{&f}, root, image::image_memory{source}, they, reads(pages, f.entry_bytes), d);
}

auto walker_of(unsigned levels, plain::x86_machine const &m) -> plain_walker {
  return [=](reader const &read, u64 root, u64 va) {
    return levels == 2 ? plain::x86_32(read, root, va, m) : levels == 3 ? plain::x86_pae(read, root, va, m)
                                                                        : plain::x86_64(read, root, va, levels, m);
  };
}
auto walker_of(plain::arm64_machine const &m) -> plain_walker {
  return [=](reader const &read, u64 root, u64 va) { return plain::arm64_stage1(read, root, va, m); };
}
auto walker_of(plain::riscv_machine const &m) -> plain_walker {
  return [=](reader const &read, u64 root, u64 va) { return plain::riscv(read, root, va, m); };
}

// --- images -----------------------------------------------------------------------------------------------------
// Every machine is made twice from the same registers: by the library, and here by hand.

void x86_context(image::image const &source, nlohmann::json const &registers, nlohmann::json const &json,
                 std::string const &name) {
  u64 const cr0 = value(registers, "cr0"), cr3 = value(registers, "cr3"), cr4 = value(registers, "cr4"),
            efer = value(registers, "efer");
  u64 const pat = json.contains("pat") ? value(json, "pat") : x86::pat_at_reset;
  auto const f  = x86::format_of(x86::mode_of(cr0, cr4, efer).value(), x86::options_of(cr4, efer, 52, pat));

  unsigned const levels = (cr4 >> 5 & 1) == 0 ? 2 : (efer >> 10 & 1) == 0 ? 3 : (cr4 >> 12 & 1) == 0 ? 4 : 5;
  plain::x86_machine const m{.nxe = (efer >> 11 & 1) != 0, .pse = (cr4 >> 4 & 1) != 0, .pat = pat,
                             .marked_pdptes = true};   // the images come from QEMU
  u64 const root = levels == 3 ? cr3 & 0xffffffe0 : levels == 2 ? cr3 & 0xfffff000 : cr3 & 0xffffffffff000;
  compare_image(name, source, f, root, walker_of(levels, m));
}

TEST(plain_walkers, agree_on_x86_64_images) { for_every_context("x86_64", x86_context); }
TEST(plain_walkers, agree_on_i386_images) { for_every_context("i386", x86_context); }

TEST(plain_walkers, agree_on_aarch64_images) {
  for_every_context("aarch64", [](auto const &source, auto const &registers, auto const &, auto const &name) {
    for (bool const upper : {false, true}) {
      u64 const tcr = value(registers, "tcr_el1"), mair = value(registers, "mair_el1");
      u64 const ttbr = value(registers, upper ? "ttbr1_el1" : "ttbr0_el1");
      auto const o = arm64::regime_of(tcr, upper ? arm64::half::upper : arm64::half::lower, mair);
      ASSERT_TRUE(o) << name;

      auto const flag = [tcr](unsigned n) { return (tcr >> n & 1) != 0; };
      auto const [granule, input_bits, wide] = arm64_regime_of(tcr, upper);
      unsigned const ips = unsigned(tcr >> 32 & 7);
      constexpr unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52, 52};
      plain::arm64_machine m{.granule    = granule,
                             .input_bits = input_bits,
                             .upper_half = upper,
                             .tbi        = flag(upper ? 38 : 37),
                             .hpd        = flag(upper ? 42 : 41),
                             .ha         = flag(39),
                             .hd         = flag(40),
                             .mair       = mair};
      m.wide        = wide;
      m.output_bits = m.wide || sizes[ips] < 48 ? sizes[ips] : 48;
      u64 const root = m.wide && ips == 6 ? (ttbr & 0xffffffffffc0) | (ttbr >> 2 & 15) << 48 : ttbr & 0xfffffffffffe;
      compare_image(name + (upper ? " TTBR1" : " TTBR0"), source, arm64::stage1(*o), root, walker_of(m));
    }
  });
}

TEST(plain_walkers, agree_on_riscv64_images) {
  for_every_context("riscv64", [](auto const &source, auto const &registers, auto const &, auto const &name) {
    u64 const satp = value(registers, "satp"), menvcfg = value(registers, "menvcfg");
    unsigned const levels = unsigned(satp >> 60) - 5;
    ASSERT_TRUE(levels >= 3 && levels <= 5) << name;
    bool const pbmte = (menvcfg >> 62 & 1) != 0, adue = (menvcfg >> 61 & 1) != 0;
    constexpr riscv::mode modes[] = {riscv::mode::sv39, riscv::mode::sv48, riscv::mode::sv57};
    compare_image(name, source, riscv::format_of(modes[levels - 3], {.memory_types = pbmte, .hardware_accessed = adue}),
                  (satp & below(44)) << 12,
                  walker_of(plain::riscv_machine{.levels = levels, .pbmt = pbmte, .svade = !adue}));
  });
}

// --- tables that this library built -------------------------------------------------------------------------------------

/// What was asked for is what the manual's walker finds, right after each mapping and for everything in the end.
void build_and_compare(std::string const &name, format const &f, unsigned granule, plain_walker const &they, u64 seed) {
  dice     d{seed};
  unsigned wrong = 0;
  auto s = build_randomly(f, granule, 0, d, [&](random_space const &now, range where, u64 to, attributes const &want) {
    auto const read = reads([&now](u64 page) { return now.page(page); }, f.entry_bytes);
    for (u64 const va : {where.first.value, where.first.value + where.bytes() / 2, where.last.value}) {
      auto const got = they(read, now.base, va);
      plain::answer want_words{.level = got.level, .address = to + (va - where.first.value), .lg2 = got.lg2,
                               .own = unsigned(want.allow), .effective = unsigned(want.allow), .type = text(want.type),
                               .global = want.global, .accessed = true, .dirty = got.dirty};
      if (plain::same(got, want_words) || ++wrong > 5) continue;
      ADD_FAILURE() << name << ", address " << hex(va) << "\n  mapped:           " << plain::show(want_words)
                    << "\n  the manual finds: " << plain::show(got);
    }
  });
  EXPECT_EQ(wrong, 0u) << name;
  ASSERT_FALSE(s.strayed) << name;
  ASSERT_GT(s.mapped, 100u) << name << ": the random mappings hardly ever succeed";
  ASSERT_GT(s.unmapped, 20u) << name;
  compare(name, dynamic{&f}, s.base, byte_memory{s.bytes, {s.base}}, they,
          reads([&s](u64 page) { return s.page(page); }, f.entry_bytes), d);
}

TEST(plain_walkers, find_what_was_mapped_on_x86) {
  constexpr x86::mode modes[] = {x86::mode::paging_32, x86::mode::pae, x86::mode::paging_4level,
                                 x86::mode::paging_5level};
  for (unsigned levels = 2; levels <= 5; ++levels)
    for (bool const modest : {false, true}) {
      auto const f = x86::format_of(
          modes[levels - 2], {.physical_bits = modest ? 40u : 52u, .no_execute = !modest, .gigabyte_pages = !modest});
      plain::x86_machine const m{.physical_bits = modest ? 40u : 52u, .nxe = !modest, .gb = !modest};
      build_and_compare(std::string{f.name} + (modest ? " built, modest" : " built"), f, 12, walker_of(levels, m),
                        levels);
    }
}

TEST(plain_walkers, find_what_was_mapped_on_aarch64) {
  for (auto const &shape : arm64_shapes)
    for (bool const upper : {false, true}) {
      auto const &[page, bits, wide] = shape;
      auto const f = arm64_format(shape, upper);
      plain::arm64_machine const m{.granule = unsigned(page), .input_bits = bits, .upper_half = upper, .wide = wide,
                                   .output_bits = wide ? 52u : 48u, .mair = arm64::default_mair};
      build_and_compare(arm64_name(shape, upper), f, unsigned(page), walker_of(m), bits);
    }
}

TEST(plain_walkers, find_what_was_mapped_on_riscv) {
  constexpr riscv::mode modes[] = {riscv::mode::sv32, riscv::mode::sv39, riscv::mode::sv48, riscv::mode::sv57};
  for (unsigned levels = 2; levels <= 5; ++levels)
    for (bool const modest : {false, true}) {
      auto const                 f = riscv::format_of(modes[levels - 2],
                                                      {.napot = !modest, .memory_types = !modest, .hardware_accessed = !modest});
      plain::riscv_machine const m{.levels = levels, .napot = !modest, .pbmt = !modest, .svade = modest};
      build_and_compare(std::string{f.name} + (modest ? " built, modest" : " built"), f, 12, walker_of(m), levels);
    }
}

}  // namespace
