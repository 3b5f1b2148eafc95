// SPDX-License-Identifier: MIT
// What access() says to the same probes: they are made again, in order, on a copy of the machine's memory.
#pragma once

#include <array>
#include <sstream>
#include <string>

#include "x86_oracles.hpp"
#include "x86_tables.hpp"

namespace machine::x86 {

struct expectation {
  bool       faulted;
  u64        cause, address, value;  // as in `answer`
  bool       known;                  // not what the manual says
  px::denial why;                    // as the manual has it
};

class replay {
 public:
  replay(guest_memory copy, paging const &p, oracle const &o) : memory_{copy}, paging_{p}, oracle_{o} {
    for (unsigned n = 0; n < 4; ++n) {
      formats_[n] = px::format_of(p.mode, {.physical_bits = o.physical_bits, .no_execute = (n & 1) != 0,
                                           .gigabyte_pages = p.gigabyte_pages, .page_size_extensions = (n & 2) != 0,
                                           .protection_keys = true, .marked_pdptes = o.is_qemu});
    }
  }

  /// What the probe comes to, and leaves its marks and what it writes in the copy.
  auto operator()(setting const &s, probe const &p) -> expectation {
    auto const             r = registers_of(s);
    pagewright::dynamic    h{format_of(r)};
    pagewright::root const top{{px::root_table(paging_.mode, r.cr3)}};
    access_request const   request{.kind = static_cast<access_kind>(p.kind), .user = (p.mode & (user | shadow_stack)) != 0,
                                   .implicit = (p.mode & implicit) != 0, .shadow_stack = (p.mode & shadow_stack) != 0,
                                   .stack = (p.mode & stack_segment) != 0};
    pagewright::mapped_memory memory{memory_};
    auto const mmu       = px::mmu_of(r);
    auto const by_manual = access(h, top, {p.address}, request, mmu, memory);
    auto const found     = access_and_mark(h, top, {p.address}, request, emulated_mmu{mmu, oracle_.is_qemu}, memory);
    if (oracle_.is_qemu) {
      mark_early(h, top, p.address, found.has_value(), memory);
      mark_early(h, top, stub_at, true, memory);  // by the program itself
    }

    auto const why = by_manual ? px::denial::none : by_manual.error().why;
    if (found) return {false, 0, 0, perform(p, found->address.value), !by_manual, why};
    auto const &e    = found.error();
    auto const  code = static_cast<u64>(e.vector) << 32 | e.code;
    bool const  same = !by_manual && by_manual.error().vector == e.vector && by_manual.error().code == e.code;
    return {true, code, e.vector == px::exception_vector::page_fault ? e.address.value : 0, 0, !same, why};
  }

  /// A case as a person wants it: the control registers, the probe and the entries on its way, as they are now.
  auto text(setting const &s, probe const &p) -> std::string {
    auto const r = registers_of(s);
    std::ostringstream o;
    char const *const kinds[] = {"read", "write", "fetch"};
    o << std::hex << paging_.name << " under " << oracle_.name << ": " << ((p.mode & user) != 0 ? "user " : "kernel ")
      << ((p.mode & implicit) != 0 ? "implicit " : "") << ((p.mode & modify) != 0 ? "modifying " : "")
      << ((p.mode & shadow_stack) != 0 ? "shadow-stack " : "") << ((p.mode & stack_segment) != 0 ? "stack " : "")
      << kinds[static_cast<u8>(p.kind)] << " at 0x" << p.address << "\n  CR0 " << r.cr0 << " CR3 " << r.cr3 << " CR4 " << r.cr4
      << " EFER " << r.efer << " EFLAGS " << r.eflags << " PKRU " << r.pkru << " PKRS " << r.pkrs;
    pagewright::mapped_memory memory{memory_};
    pagewright::passage       way;
    (void)walk(pagewright::dynamic{format_of(r)}, {{px::root_table(paging_.mode, r.cr3)}}, {p.address}, memory, way);
    for (auto const &step : way) o << "\n  level " << unsigned{step.level} << ": 0x" << step.entry << " at 0x" << step.slot.value;
    return o.str();
  }

 private:
  static auto registers_of(setting const &s) -> px::registers {
    auto const &r = s.registers;
    return {r[cr0], r[cr3], r[cr4], r[efer], r[eflags], static_cast<u32>(r[pkru]), static_cast<u32>(r[pkrs])};
  }

  auto format_of(px::registers const &r) const -> pagewright::format const * {
    return &formats_[(r.efer >> 11 & 1) | (r.cr4 >> 4 & 1) << 1];
  }

  /// What the access reads; a write is stored.
  auto perform(probe const &p, u64 at) -> u64 {
    u64 &word = memory_.at<u64>(at);
    if (p.kind == probe_kind::fetch) return word >> 8 & 0xffff'ffff;                       // code_offset: the tag
    if ((p.mode & implicit) != 0) return (word & 0xffff) | (word >> 32 & 0xf'0000);        // the descriptor's limit
    u64 const all = paging_.wide() ? ~u64{0} : 0xffff'ffff, was = word & all;              // of the machine's word
    if (p.kind == probe_kind::read) return was;
    bool const adds = (p.mode & modify) != 0;
    word = (word & ~all) | ((adds ? was + p.value : p.value) & all);
    return adds ? was : p.value;
  }

  /// QEMU marks each table entry before it looks at the next, the access allowed or not; the manual leaves that open (SDM 3A
  /// 5.8). So it marks entries of 1-Gbyte pages, their rights and bits 29:13 not yet examined. And it marks PDPTEs of PAE
  /// paging, which have no such mark (5.4.1).
  template <class H, class M>
  void mark_early(H h, pagewright::root top, u64 address, bool allowed, M &memory) {
    pagewright::passage way;
    (void)walk(h, top, {address}, memory, way);
    for (auto const &step : way) {
      auto const &level    = h->levels[step.level];
      u64 const   page     = bit(0) | bit(7), examined = page | level.table_zero;
      bool const  gigabyte = paging_.wide() && paging_.gigabyte_pages && step.level == 2 && (step.entry & examined) == page;
      bool const  table    = step.kind == pagewright::entry_kind::table;
      if (allowed ? table && level.loaded : table || gigabyte) memory.store(step.slot, h->word(), step.entry | bit(5));
    }
  }

  guest_memory memory_;
  paging       paging_;
  oracle       oracle_;
  std::array<pagewright::format, 4> formats_;
};

}  // namespace machine::x86
