// SPDX-License-Identifier: MIT
// libkdumpfile's page-table walker (libaddrxlat) against ours: over memory images of real kernels, and over tables that
// this library built. The walk is theirs; unpacking an image, and so the bytes of a page, is ours.
//
//   what libaddrxlat 0.5.1 lacks                            what is done about it
//   ------------------------------------------------------  --------------------------------------------------------
//   RISC-V, 32-bit Arm                                      RISC-V is asked for by name, so a later version joins in
//   reserved bits are not looked at                         built tables and images hold none: ours must not either
//   access flag, rights, memory types                       not compared: plain_*_test.cpp do that
//   AArch64: which half an address belongs to               addresses outside the half of a root are not asked
//   AArch64: the contiguous hint                            the same result for a well-formed group: compared
//   AArch64 LPA loses address bit 47, LPA2 bit 49           built tables avoid that one bit, and only with 52 bits;
//                                                           plain_arm64_test.cpp and plain_image_test.cpp use it
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <libkdumpfile/addrxlat.h>

#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/pagewright.hpp>

#include "fixtures.hpp"
#include "random_space.hpp"
#include "survey.hpp"

namespace {

using namespace pagewright;
using namespace oracle;

/// The geometry of a hierarchy in libaddrxlat's terms: bits of the offset, then of the indices from the leaves upward.
struct geometry {
  char const           *pte_format;
  std::vector<unsigned> fields;
};

/// A page table as libaddrxlat walks it.
class their_walker {
 public:
  /// `page` gives the 4096 bytes at a page-aligned physical address, or nullptr.
  using page_source = std::function<std::byte const *(u64 page)>;

  their_walker(geometry const &g, output_address root, page_source pages) : pages_{std::move(pages)} {
    context_       = addrxlat_ctx_new();
    auto *cb       = addrxlat_ctx_add_cb(context_);
    cb->priv       = this;
    cb->get_page   = get_page;
    cb->read_caps  = [](addrxlat_cb_t const *) { return ADDRXLAT_CAPS(ADDRXLAT_MACHPHYSADDR); };
    method_.kind      = ADDRXLAT_PGT;
    method_.target_as = ADDRXLAT_MACHPHYSADDR;
    auto &table = method_.param.pgt;
    table.root  = {root.value, ADDRXLAT_MACHPHYSADDR};
    table.pf.pte_format = addrxlat_pte_format(g.pte_format);
    table.pf.nfields    = static_cast<unsigned short>(g.fields.size());
    for (std::size_t i = 0; i < g.fields.size(); ++i) table.pf.fieldsz[i] = static_cast<unsigned short>(g.fields[i]);
  }
  their_walker(their_walker const &)                     = delete;
  auto operator=(their_walker const &) -> their_walker & = delete;
  ~their_walker() { addrxlat_ctx_decref(context_); }

  struct answer {
    addrxlat_status status;
    u64             address;
    std::string     words;
  };
  auto translate(u64 va) -> answer {
    addrxlat_step_t step{};
    step.ctx  = context_;
    step.meth = &method_;
    step.base = {va, ADDRXLAT_KVADDR};
    auto const status = addrxlat_walk(&step);
    answer const a{status, step.base.addr, status == ADDRXLAT_OK ? "" : addrxlat_ctx_get_err(context_)};
    addrxlat_ctx_clear_err(context_);
    return a;
  }

  static auto knows(char const *pte_format) -> bool { return addrxlat_pte_format(pte_format) != ADDRXLAT_PTE_INVALID; }

 private:
  static auto get_page(addrxlat_cb_t const *cb, addrxlat_buffer_t *buffer) -> addrxlat_status {
    auto &self = *static_cast<their_walker *>(cb->priv);
    u64 const page = buffer->addr.addr & ~u64{4095};
    auto const *bytes = self.pages_(page);
    if (bytes == nullptr)
      return addrxlat_ctx_err(self.context_, ADDRXLAT_ERR_NODATA, "no memory at %s", hex(page).c_str());
    buffer->addr.addr  = page;
    buffer->ptr        = bytes;
    buffer->size       = 4096;
    buffer->byte_order = ADDRXLAT_LITTLE_ENDIAN;
    buffer->put_page   = [](addrxlat_buffer_t const *) {};
    return ADDRXLAT_OK;
  }

  page_source      pages_;
  addrxlat_ctx_t  *context_ = nullptr;
  addrxlat_meth_t  method_{};
};

struct tally {
  u64 same_address = 0, same_fault = 0, not_compared = 0, differences = 0;
};

/// Asks both for `va`.
template <handle H, class M>
void ask(std::string const &name, H h, root from, M &memory, their_walker &they, u64 va, tally &t) {
  auto const ours   = walk(h, from, {va}, memory);
  auto const theirs = they.translate(va);
  if (ours && theirs.status == ADDRXLAT_OK && ours->address.value == theirs.address) return void(++t.same_address);
  if (!ours) {
    bool failed_alike = false;
    switch (ours.error().why) {
      case fault_reason::absent:        failed_alike = theirs.status == ADDRXLAT_ERR_NOTPRESENT; break;
      case fault_reason::unreadable:    failed_alike = theirs.status == ADDRXLAT_ERR_NODATA; break;
      case fault_reason::outside_input: failed_alike = theirs.status == ADDRXLAT_ERR_INVALID; break;
      case fault_reason::sparse:  // no format here has such entries
      case fault_reason::not_accessed:  return void(++t.not_compared);
      case fault_reason::reserved:
      case fault_reason::too_wide:      break;
    }
    if (failed_alike) return void(++t.same_fault);
  }
  if (++t.differences > 5) return;
  ADD_FAILURE() << name << ", address " << hex(va) << ", root " << hex(from.table.value) << '\n'
                << "  libaddrxlat: " << (theirs.status == ADDRXLAT_OK ? hex(theirs.address) : theirs.words) << '\n'
                << "  pagewright:  "
                << (ours ? hex(ours->address.value) + " by a leaf of 2^" + std::to_string(ours->lg2) + ", entry " +
                               hex(ours->entry)
                         : std::string{text(ours.error().why)} + " at level " + std::to_string(ours.error().level) +
                               ", slot " + hex(ours.error().slot.value) + ", entry " + hex(ours.error().entry));
}

/// Asks both for every leaf and `samples` more addresses, and prints what came of it.
/// `whole`: also addresses the format does not translate; libaddrxlat knows them on x86 and RISC-V.
template <handle H, class M>
auto compare(std::string const &name, H h, root from, M const &memory, their_walker &they, u64 samples, bool whole,
             dice &d) -> tally {
  tally t;
  auto const seen = ask_everywhere(h, from, memory, samples, whole, d, [&](u64 va) {
    ask(name, h, from, memory, they, va, t);
    return t.differences < 5;
  });
  std::printf("[  ORACLE  ] %-44s %s; %llu equal addresses, %llu equal faults, %llu not compared, %llu differences\n",
              name.c_str(), seen.text().c_str(), static_cast<unsigned long long>(t.same_address),
              static_cast<unsigned long long>(t.same_fault), static_cast<unsigned long long>(t.not_compared),
              static_cast<unsigned long long>(t.differences));
  EXPECT_EQ(t.differences, 0u) << name;
  EXPECT_GE(t.same_address + t.same_fault + t.not_compared, samples + seen.leaves) << name;
  return t;
}

// --- images of real kernels -------------------------------------------------------------------------------------------

constexpr u64 samples_per_image = 20'000;

/// Compares over one root of one image.
void compare_image(std::string const &name, image::image const &source, format const &f, output_address root,
                   geometry const &g, bool whole) {
  dice d{root.value + 1};
  their_walker they{g, root, [&](u64 page) { return source.at(page, 4096); }};
  compare(name, dynamic{&f}, {root}, image::image_memory{source}, they, samples_per_image, whole, d);
}

auto const x86_geometry = [](x86::mode m) -> geometry {
  switch (m) {
    case x86::mode::none:
    case x86::mode::paging_32:     return {"ia32", {12, 10, 10}};
    case x86::mode::pae:           return {"ia32_pae", {12, 9, 9, 2}};
    case x86::mode::paging_4level: return {"x86_64", {12, 9, 9, 9, 9}};
    case x86::mode::paging_5level: return {"x86_64", {12, 9, 9, 9, 9, 9}};
  }
  return {};
};

void compare_x86(image::image const &source, nlohmann::json const &registers, nlohmann::json const &,
                 std::string const &name) {
  auto const efer = value(registers, "efer");
  auto const mode = x86::mode_of(value(registers, "cr0"), value(registers, "cr4"), efer);
  ASSERT_TRUE(mode && *mode != x86::mode::none) << name;
  auto const f = x86::format_of(*mode, x86::options_of(value(registers, "cr4"), efer));
  compare_image(name, source, f, x86::root_table(*mode, value(registers, "cr3")), x86_geometry(*mode), true);
}

TEST(libaddrxlat, agrees_on_x86_64_images) { for_every_context("x86_64", compare_x86); }
TEST(libaddrxlat, agrees_on_i386_images) { for_every_context("i386", compare_x86); }

/// D8.2: an index of (granule - 3) bits a level, what is left at the top.
auto arm64_geometry(unsigned granule, unsigned input_bits, bool wide) -> geometry {
  geometry g{!wide ? "aarch64" : granule == 16 ? "aarch64_lpa" : "aarch64_lpa2", {granule}};
  for (unsigned left = input_bits - granule; left != 0;) {
    unsigned const bits = left < granule - 3 ? left : granule - 3;
    g.fields.push_back(bits);
    left -= bits;
  }
  return g;
}

TEST(libaddrxlat, agrees_on_aarch64_images) {
  for_every_context("aarch64", [](image::image const &source, nlohmann::json const &registers, nlohmann::json const &,
                                  std::string const &name) {
    for (bool const upper : {false, true}) {
      u64 const tcr  = value(registers, "tcr_el1"), ttbr = value(registers, upper ? "ttbr1_el1" : "ttbr0_el1");
      auto const o =
          arm64::regime_of(tcr, upper ? arm64::half::upper : arm64::half::lower, value(registers, "mair_el1"));
      ASSERT_TRUE(o) << name;
      auto const [granule, size, wide] = arm64_regime_of(tcr, upper);
      compare_image(name + (upper ? " TTBR1" : " TTBR0"), source, arm64::stage1(*o), arm64::root_table(*o, ttbr),
                    arm64_geometry(granule, size, wide), false);
    }
  });
}

TEST(libaddrxlat, agrees_on_riscv64_images) {
  if (!their_walker::knows("riscv64")) GTEST_SKIP() << "this libaddrxlat has no RISC-V page tables";
  for_every_context("riscv64", [](image::image const &source, nlohmann::json const &registers, nlohmann::json const &,
                                  std::string const &name) {
    u64 const satp = value(registers, "satp"), mode = satp >> 60;
    ASSERT_TRUE(mode >= 8 && mode <= 10) << name;
    geometry g{"riscv64", {12, 9, 9, 9}};
    for (u64 m = 8; m < mode; ++m) g.fields.push_back(9);
    constexpr riscv::mode modes[] = {riscv::mode::sv39, riscv::mode::sv48, riscv::mode::sv57};
    compare_image(name, source, riscv::format_of(modes[mode - 8]), {(satp & below(44)) << 12}, g, true);
  });
}

// --- tables that this library built -------------------------------------------------------------------------------------

/// Both walkers over random tables. No output address has any of the bits `avoided`.
void build_and_compare(std::string const &name, format const &f, geometry const &g, unsigned granule, bool whole,
                       u64 seed, u64 avoided = 0) {
  dice d{seed};
  auto s = build_randomly(f, granule, avoided, d, [](auto &&...) {});
  ASSERT_FALSE(s.strayed) << name;
  ASSERT_GT(s.mapped, 100u) << name << ": the random mappings hardly ever succeed";
  ASSERT_GT(s.unmapped, 20u) << name;
  their_walker they{g, {s.base}, [&](u64 page) { return s.page(page); }};
  auto const t = compare(name, dynamic{&f}, {{s.base}}, byte_memory{s.bytes, {s.base}}, they, 20'000, whole, d);
  EXPECT_GT(t.same_address, 5'000u) << name;
  EXPECT_GT(t.same_fault, 2'000u) << name;
}

TEST(libaddrxlat, reads_x86_tables_as_they_were_meant) {
  for (auto const m : {x86::mode::paging_32, x86::mode::pae, x86::mode::paging_4level, x86::mode::paging_5level})
    for (u64 seed = 1; seed <= 3; ++seed) {
      auto const f = x86::format_of(m);
      build_and_compare(std::string{f.name} + " built, seed " + std::to_string(seed), f, x86_geometry(m), 12, true,
                        seed);
    }
}

TEST(libaddrxlat, reads_aarch64_tables_as_they_were_meant) {
  for (auto const &shape : arm64_shapes)
    for (bool const upper : {false, true}) {
      auto const &[page, bits, wide] = shape;
      u64 const dropped = !wide ? 0 : page == arm64::granule::k64 ? bit(47) : bit(49);  // see the table at the top
      build_and_compare(arm64_name(shape, upper), arm64_format(shape, upper), arm64_geometry(unsigned(page), bits, wide),
                        unsigned(page), false, bits, dropped);
    }
}

TEST(libaddrxlat, reads_riscv_tables_as_they_were_meant) {
  if (!their_walker::knows("riscv64")) GTEST_SKIP() << "this libaddrxlat has no RISC-V page tables";
  geometry g{"riscv64", {12, 9, 9}};
  for (auto const m : {riscv::mode::sv39, riscv::mode::sv48, riscv::mode::sv57}) {
    g.fields.push_back(9);
    auto const f = riscv::format_of(m, {.napot = false});
    build_and_compare(std::string{f.name} + " built", f, g, 12, true, g.fields.size());
  }
}

}  // namespace
