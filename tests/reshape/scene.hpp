// SPDX-License-Identifier: MIT
// An address space of any format, with an MMU that caches all it may and watches every store.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <catalogue/catalogue.hpp>

#include <pagewright/formats/arm64_stage2.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/models/frames.hpp>
#include <pagewright/models/memory.hpp>
#include <pagewright/models/mmu.hpp>
#include <pagewright/pagewright.hpp>

namespace trial {

using namespace pagewright;

inline constexpr format arm64_bbm1 = arm64::stage1({.bbm = 1}), arm64_bbm2 = arm64::stage1({.bbm = 2}),
                        arm64_hd   = arm64::stage1({.hardware_dirty = true}),
                        svade      = riscv::sv(3, {.hardware_accessed = false}),
                        x86_sev    = x86::paging_4level({.physical_bits = 48, .encryption_bit = 51});

struct entrant {
  char const   *name;
  format const *description;
};
inline constexpr entrant variants[]{
  {"x86_32", &x86::x86_32}, {"pae", &x86::pae}, {"x86_64_4level", &x86::x86_64_4level}, {"x86_64_sev", &x86_sev},
  {"x86_64_5level", &x86::x86_64_5level}, {"arm64_4k", &arm64::stage1_4k_48_lower}, {"arm64_4k_bbm1", &arm64_bbm1},
  {"arm64_4k_bbm2", &arm64_bbm2}, {"arm64_4k_hd", &arm64_hd}, {"arm64_16k_lpa2", &arm64::stage1_16k_52_lpa2_upper},
  {"arm64_64k", &arm64::stage1_64k_48_lower}, {"arm64_stage2", &arm64::stage2_4k_40}, {"sv32", &riscv::sv32},
  {"sv39", &riscv::sv39}, {"sv39_svade", &svade}, {"sv57", &riscv::sv57}};

/// These, and of the other families of the catalogue that software builds every member that differs in kind.
inline auto all_formats() -> std::vector<entrant> {
  std::vector<entrant> all(std::begin(variants), std::end(variants));
  std::set<std::string_view> const elsewhere{"x86", "arm64", "riscv"};
  for (auto const *family : catalogue::families())
    if (family->built && !elsewhere.contains(family->name))
      for (auto const &one : family->variants)
        if (one.drawn || family->variants.size() <= 2) all.push_back({one.name.data(), one.description});
  return all;
}

inline auto operator<<(std::ostream &out, entrant const &e) -> std::ostream & { return out << e.name; }

/// For GoogleTest, which allows letters, digits and underscores.
inline auto entrant_name(testing::TestParamInfo<entrant> const &one) -> std::string {
  std::string name{one.param.name};
  for (char &c : name)
    if (c == '-' || c == '.') c = '_';
  return name;
}

/// Physical memory of its own, aligned to a frame.
class store {
 public:
  store(u64 frames, unsigned frame_lg2) : bytes_{std::calloc((frames + 1) << frame_lg2, 1), &std::free} {
    auto const at = reinterpret_cast<std::uintptr_t>(bytes_.get());
    first_ = static_cast<u8 *>(bytes_.get()) + (((at + below(frame_lg2)) & ~below(frame_lg2)) - at);
  }
  auto memory() -> direct_map { return direct_map{first_}; }

 private:
  std::unique_ptr<void, void (*)(void *)> bytes_;  // zeroed when touched
  u8 *first_;
};

using mmu_type = models::simulated_mmu<dynamic, direct_map, 2048>;

/// Hardware that goes on marking: before a store it marks what the probes lead to, and after one that cut them off the
/// entry it still has cached. Passes everything on to the MMU.
class marker {
 public:
  marker(format const &f, direct_map memory, mmu_type &mmu) : f_{f}, memory_{memory}, mmu_{&mmu} {}

  std::vector<input_address> probes;
  std::vector<bool>          dirty = std::vector<bool>(64);  // by probe: was it marked so?

  void before(models::write const &w) {
    mmu_->before(w);
    slots_.assign(probes.size(), {});
    for (std::size_t i = 0; i < probes.size(); ++i)
      if (auto const t = walk(dynamic{&f_}, root{}, probes[i], memory_)) {
        slots_[i] = *t;
        mark(i);
      }
  }
  void after(models::write const &w) {
    mmu_->after(w);
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].lg2 != 0 && !walk(dynamic{&f_}, root{}, probes[i], memory_) && slots_[i].slot != w.at) mark(i);
    slots_.clear();
  }

 private:
  void mark(std::size_t i) {
    auto const &l = slots_[i];
    u64 const entry = memory_.load(l.slot, f_.word()).value_or(0);
    if (kind_of(dynamic{&f_}, unsigned{l.level}, entry) != entry_kind::leaf) return;
    with_form(dynamic{&f_}, unsigned{l.level}, entry, [&](auto shape) {
      if (shape->dirty == never || (l.effective & rights::writers) == rights::none) return;
      memory_.store(l.slot, f_.word(), with_all_marks(*shape.operator->(), entry));
      dirty[i] = true;
    });
  }
  static auto with_all_marks(form const &shape, u64 entry) -> u64 {
    if (shape.accessed != never) entry = (entry & ~shape.accessed.mask) | shape.accessed.value;
    return (entry & ~shape.dirty.mask) | shape.dirty.value;
  }

  format const            &f_;
  direct_map               memory_;
  mmu_type                *mmu_;
  std::vector<translation> slots_;
};

template <class Sharing>
class scene {
 public:
  using watched_memory = models::watched_memory<direct_map, marker>;
  using watched_frames = models::watched_frames<frame_pool<1023, 16>, mmu_type>;

  explicit scene(format const &f)
      : h{&f}, cells{1024 + 64, 16}, memory{with_root(f, cells.memory())}, mmu{h, root{}, memory}, eyes{f, memory, mmu}, watched{memory, eyes},
        frames{pool, mmu},
        space{h, root{}, watched, frames, mmu, Sharing{}} {}
  ~scene() { space.settle(owed); }

  static auto with_root(format const &f, direct_map memory) -> direct_map {
    make_empty(dynamic{&f}, f.depth - 1u, {0}, memory);
    return memory;
  }

  /// Everything mapped, in order, in words.
  auto picture(bool sizes, bool marks) -> std::string {
    std::string out;
    auto const  same = [&](merged_extent const &e, leaf const &l) {
      return e.first.effective == l.effective && e.first.type == l.type && e.first.global == l.global &&
             e.first.shared == l.shared && (!sizes || e.first.lg2 == l.lg2) &&
             (!marks || (e.first.accessed == l.accessed && e.first.dirty == l.dirty)) &&
             l.output.value == e.output.value + e.input.bytes();
    };
    auto const write = [&](merged_extent const &e) {
      char line[160];
      std::snprintf(line, sizeof line, "%llx-%llx -> %llx %s/%s %s%s%s", (unsigned long long)e.input.first.value,
                    (unsigned long long)e.input.last.value, (unsigned long long)e.output.value,
                    text(e.first.effective).kernel, text(e.first.effective).user, text(e.first.type),
                    e.first.global ? " G" : "", e.first.shared ? " S" : "");
      out += line;
      if (sizes) out += " 2^" + std::to_string(e.first.lg2);
      if (marks) out += std::string(e.first.accessed ? " A" : "") + (e.first.dirty ? " D" : "");
      out += "\n";
    };
    merger m{same, write};
    sweep(h, root{}, everything, memory, m);
    m.flush();
    return out;
  }

  /// What the MMU found, in words; empty if nothing.
  auto complaint() -> std::string {
    mmu.verify();
    if (mmu.violations() == 0) return {};
    auto const &v = mmu.first();
    char line[160];
    std::snprintf(line, sizeof line, "%s at %llx, slot %llx: %llx -> %llx", text(v.kind), (unsigned long long)v.input.value,
                  (unsigned long long)v.where.value, (unsigned long long)v.was, (unsigned long long)v.now);
    return line;
  }

  dynamic                h;
  store                  cells;
  direct_map             memory;
  mmu_type               mmu;
  marker                 eyes;
  frame_pool<1023, 16>   pool{output_address{bit(table_lg2(h, h.top()) < 16 ? 16 : table_lg2(h, h.top()))}};  // behind the root
  watched_memory         watched;
  watched_frames         frames;
  ledger                 owed;
  address_space<dynamic, watched_memory, watched_frames, mmu_type, Sharing> space;
};

/// The sizes that leaves of the format can have, from the granule up to what splits into no more tables than there are.
inline auto sizes_of(format const &f) -> std::vector<u8> {
  std::vector<u8> all;
  for (unsigned lg2 = f.levels[0].shift; lg2 < 27; ++lg2)
    if (has_leaf_of(f, lg2)) all.push_back(static_cast<u8>(lg2));
  return all;
}

/// The first input address the format translates, moved up to where large leaves fit.
inline auto low_address(format const &f) -> u64 {
  dynamic const h{&f};
  u64 const first = translated_ranges(h).part[0].first.value;
  return first + (f.input_bits() > 33 ? bit(32) : 0);
}

inline auto test_size() -> double {
  char const *const text = std::getenv("PAGEWRIGHT_TEST_SIZE");
  return text == nullptr ? 1 : std::atof(text);
}

}  // namespace trial
