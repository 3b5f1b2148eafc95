// SPDX-License-Identifier: MIT
// Which control registers and which accesses are tried on the tables of x86_tables.hpp.
#pragma once

#include <optional>
#include <vector>

#include "x86_oracles.hpp"
#include "x86_tables.hpp"

namespace machine::x86 {

inline constexpr u64 probes_per_setting = 128;

class cases {
 public:
  cases(paging const &p, oracle const &o, tried_tables const &t, guest_memory memory, u64 seed)
      : paging_{p}, oracle_{o}, tables_{t}, memory_{memory}, seed_{seed} {}

  /// `count` of them, but those that would lead where there is no memory; grouped by setting.
  void choose(u64 count) {
    for (u64 n = 0; n < count; ++n) {
      if (n % probes_per_setting == 0) settings.push_back(setting_of(settings.size()));
      auto a = probe_of(n);
      if (a) a->setting = static_cast<u32>(settings.size() - 1), probes.push_back(*a);
    }
  }

  std::vector<setting> settings;
  std::vector<probe>   probes;

 private:
  /// The combinations of the bits that decide come in turn: 91 is prime to how many there are.
  auto setting_of(u64 n) -> setting {
    u64 const  combination = n * 91 + seed_;
    auto const on = [&](unsigned of, u64 what) { return (combination >> of & 1) != 0 ? what : 0; };
    drawn   d{seed_, n, 1};
    root_ = d.next(tables_.roots());
    setting s{};
    auto   &r = s.registers;
    r[cr0]    = 0x8000'0011 | on(0, bit(16));
    r[cr3]    = tables_.root(root_);
    r[cr4]    = on(1, cr4_smep) | on(2, cr4_smap) | on(3, cr4_pke) | on(4, cr4_pks) | on(0, cr4_cet);  // CET wants WP
    r[cr4]   &= oracle_.cr4;
    r[cr4]   |= on(7, bit(4)) | (paging_.levels > 2 ? bit(5) : 0) | (paging_.levels == 5 ? bit(12) : 0);
    r[efer]   = on(5, bit(11)) | (paging_.wide() ? bit(8) | bit(10) : 0);
    r[eflags] = on(6, bit(18));
    r[pkru]   = d.next(u64{1} << 32) & oracle_.free_pkru;
    r[pkrs]   = d.next(u64{1} << 32) & ~u64{3};  // key 0 is that of the program's own data
    return s;
  }

  /// An access through one of the leaves. Each leaf comes once before any comes again: the stride is a prime.
  auto probe_of(u64 n) const -> std::optional<probe> {
    auto const &r      = settings.back().registers;
    auto const  level  = static_cast<unsigned>(n % (paging_.wide() ? 3 : 2));
    auto const &places = tables_.places(root_, level);
    auto const &where  = places[n * 104'729 % places.size()];
    u64 const   entry  = paging_.entry_bytes == 8 ? memory_.at<u64>(where.slot) : memory_.at<u32>(where.slot);
    // Without CR4.PSE the entry of a 4-Mbyte page leads to a table, which is there for some addresses only.
    if (paging_.levels == 2 && level == 1 && (r[cr4] & bit(4)) == 0 && (entry & ones(13, 8)) != 0) return std::nullopt;

    drawn d{seed_, n, 2};
    probe a{};
    a.kind = static_cast<probe_kind>(d.next(3));
    a.mode = static_cast<u8>(d.flag() ? user : 0);
    bool const write = a.kind == probe_kind::write, cet = (r[cr4] & cr4_cet) != 0;
    if (a.kind != probe_kind::fetch) a.mode = static_cast<u8>(a.mode | how(write, cet, d));
    a.value = d.next(u64{1} << 32) << (paging_.wide() ? 20 : 0);

    bool const by_processor = (a.mode & implicit) != 0;
    u64 const half = d.next(2) * 2 * MiB, page = (1 + d.next(511)) << 12, data = data_offset + 8 * d.next(448);
    a.address = where.address + (a.kind == probe_kind::fetch ? code_offset : by_processor ? descriptor_offset : data);
    if (level == 1) a.address += page + (paging_.entry_bytes == 4 ? half : 0);
    if (level == 2) a.address += page + half + ((entry & high_at) != 0 ? 0 : targets_at);
    unsigned const sign = paging_.shift(paging_.levels) - 1;
    bool const canonical = !paging_.wide() || by_processor || d.next(16) != 0;
    if (!canonical) a.address ^= bit(static_cast<unsigned>(sign + d.next(64 - sign)));
    return a;
  }

  /// What instruction reads or writes.
  static auto how(bool write, bool cet, drawn &d) -> u8 {
    switch (d.next(4)) {
      case 0: return write ? modify : implicit;
      case 1: return stack_segment;
      case 2: return write && cet ? shadow_stack : u8{0};
      default: return 0;
    }
  }

  paging              paging_;
  oracle              oracle_;
  tried_tables const &tables_;
  guest_memory        memory_;
  u64                 seed_;
  u64                 root_ = 0;  // of the latest setting
};

}  // namespace machine::x86
