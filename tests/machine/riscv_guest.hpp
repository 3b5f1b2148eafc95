// SPDX-License-Identifier: MIT
// A guest's hart over its host's: what it asks, under which settings, and by which rules it is answered.
#pragma once

#include "riscv_cases.hpp"
#include "riscv_guest_rules.hpp"
#include "riscv_hart.hpp"

namespace trial {

using pagewright::access_kind, pagewright::bit, pagewright::dynamic, pagewright::format, pagewright::nested, pagewright::root,
    pagewright::stage;

/// One access by a guest. `mmu` has what vsstatus says.
struct guest_question : question {
  bool hosts_mxr;  // mstatus.MXR
};

inline auto manner_of(guest_question const &q) -> manner {
  if (q.request.kind == access_kind::fetch || (q.probe.mode & machine::riscv::within) != 0) return manner::within;
  return (q.probe.mode & machine::riscv::hlv) != 0 ? manner::hlv : manner::mprv;
}

/// The `n`-th access, to `at`.
inline auto guest_question_of(u64 n, forest::place at, bool wide) -> guest_question {
  guest_question q{question_of(n, at, wide), drawn(n) % 4 < 2};
  q.probe.mode |= machine::riscv::guest;
  if (manner_of(q) == manner::mprv && (q.probe.mode & machine::riscv::swap) == 0 && drawn(n) % 2 == 0)
    q.probe.mode |= machine::riscv::hlv;
  return q;
}

/// A guest's hart over its host.
struct pair_of_harts {
  hart   guest, host;
  format upper = guest.specified(), lower = pagewright::riscv::guest_stage(host.specified(), "host");
  format emulated_upper = guest.emulated(), emulated_lower = pagewright::riscv::guest_stage(host.emulated(), "host");
  format blind_upper = guest.blind(), blind_lower = pagewright::riscv::guest_stage(host.blind(), "host");
  u64    moved     = guest.wide() ? 0x1'0000'0000 : 0x4000'0000;  // how much higher the guest's memory is than the host's
  u64    host_root = 0;

  /// HS-level MXR holds for both stages.
  auto specified(guest_question const &q) const {
    auto mmu = q.mmu;
    mmu.execute_as_read |= q.hosts_mxr;
    pagewright::riscv::guest_mmu const rules{.execute_as_read = q.hosts_mxr, .entry_bytes = upper.entry_bytes};
    return nested{stage{dynamic{&upper}, root{{q.root}}, mmu}, stage{dynamic{&lower}, root{{host_root}}, rules}};
  }
  /// QEMU's rules: from outside the guest HS-level MXR counts for the guest's, and SUM as set ("the HS-level sstatus.SUM is
  /// ignored", Hypervisor Virtual-Machine Load and Store Instructions, but vsstatus.SUM is not); from inside HS-level MXR does
  /// not count. In the second stage the guest's MXR counts.
  auto emulated(guest_question const &q, format const &above, format const &below) const {
    auto mmu = q.mmu;
    if (manner_of(q) != manner::within) mmu = {.user_memory = true, .execute_as_read = q.hosts_mxr};
    pagewright::riscv::guest_mmu const rules{.execute_as_read = q.mmu.execute_as_read, .entry_bytes = upper.entry_bytes};
    return nested{stage{dynamic{&above}, root{{q.root}}, mmu},
                  stage{dynamic{&below}, root{{host_root}}, emulated_guest_mmu{rules, manner_of(q)}}};
  }
  auto emulated(guest_question const &q) const { return emulated(q, emulated_upper, emulated_lower); }
  auto blind(guest_question const &q) const { return emulated(q, blind_upper, blind_lower); }
  auto name() const -> std::string { return guest.name() + " over " + host.name().substr(8, 4) + "x4"; }
};

/// The way through the host's tables of the `n`-th case. There is but one root.
inline auto host_path_of(u64 n, hart const &h) -> path {
  auto   p = path_of(n, h.depth, h.wide());
  digits d{drawn(n + (u64{1} << 32))};
  if (p.leaf_level == h.depth - 1 && d.next(16) != 0) p.leaf_level = 0, p.odd_level = 0, p.odd = 0, p.detour = 0;
  if (d.next(8) != 0 && (p.leaf & 0xe) != 0) p.leaf |= pagewright::riscv::u;
  return p;
}

inline auto setting_of(pair_of_harts const &h, guest_question const &q) -> machine::setting {
  machine::setting s{};
  s.registers[machine::riscv::satp]            = h.guest.satp(q.root);  // QEMU asks it whether vsatp translates
  s.registers[machine::riscv::mstatus]         = (q.root >> 12 & 1) << 18 | (q.hosts_mxr ? bit(19) : 0);  // SUM is of no concern
  s.registers[machine::riscv::menvcfg]         = bit(61) | bit(62);  // ADUE, PBMTE
  s.registers[machine::riscv::inside]          = inside_supervisor;
  s.registers[machine::riscv::inside_for_user] = inside_user;
  s.registers[machine::riscv::vsatp]           = h.guest.satp(q.root);
  s.registers[machine::riscv::vsstatus]        = (q.mmu.user_memory ? bit(18) : 0) | (q.mmu.execute_as_read ? bit(19) : 0);
  s.registers[machine::riscv::henvcfg]         = bit(61) | bit(62);
  s.registers[machine::riscv::hgatp]           = h.host.satp(h.host_root);
  return s;
}

}  // namespace trial
