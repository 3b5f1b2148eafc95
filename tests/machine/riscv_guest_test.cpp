// SPDX-License-Identifier: MIT
// Two stages of RISC-V on QEMU: a guest's Sv39 to Sv57 over Sv39x4 to Sv57x4. Loads, stores, AMOs and fetches in VS and VU
// mode, from within the mode, by MPRV with MPV, and by HLV and HSV, under every setting of the guest's SUM and MXR and of
// the host's MXR.
#include "riscv_cases.hpp"
#include "riscv_guest_rules.hpp"
#include "riscv_hart.hpp"

namespace {

using namespace pagewright;
using namespace trial;
namespace rv = pagewright::riscv;

constexpr u64 host_tables_at = 0x8180'0000;

/// One access by a guest. `mmu` has what vsstatus says.
struct guest_question : question {
  bool hosts_mxr;  // mstatus.MXR
};

auto manner_of(guest_question const &q) -> manner {
  if (q.request.kind == access_kind::fetch || (q.probe.mode & machine::riscv::within) != 0) return manner::within;
  return (q.probe.mode & machine::riscv::hlv) != 0 ? manner::hlv : manner::mprv;
}

/// A guest's hart over its host.
struct pair_of_harts {
  hart   guest, host;
  format upper = guest.specified(), lower = rv::guest_stage(host.specified(), "host");
  format emulated_upper = guest.emulated(), emulated_lower = rv::guest_stage(host.emulated(), "host");
  format blind_upper = guest.blind(), blind_lower = rv::guest_stage(host.blind(), "host");
  u64    moved     = guest.wide() ? 0x1'0000'0000 : 0x4000'0000;  // how much higher the guest's memory is than the host's
  u64    host_root = 0;

  /// HS-level MXR holds for both stages.
  auto specified(guest_question const &q) const {
    auto mmu = q.mmu;
    mmu.execute_as_read |= q.hosts_mxr;
    rv::guest_mmu const rules{.execute_as_read = q.hosts_mxr, .entry_bytes = upper.entry_bytes};
    return nested{stage{dynamic{&upper}, root{{q.root}}, mmu}, stage{dynamic{&lower}, root{{host_root}}, rules}};
  }
  /// QEMU's rules: from outside the guest HS-level MXR counts for the guest's, and SUM as set ("the HS-level sstatus.SUM is
  /// ignored", Hypervisor Virtual-Machine Load and Store Instructions, but vsstatus.SUM is not); from inside HS-level MXR does
  /// not count. In the second stage the guest's MXR counts.
  auto emulated(guest_question const &q, format const &above, format const &below) const {
    auto mmu = q.mmu;
    if (manner_of(q) != manner::within) mmu = {.user_memory = true, .execute_as_read = q.hosts_mxr};
    rv::guest_mmu const rules{.execute_as_read = q.mmu.execute_as_read, .entry_bytes = upper.entry_bytes};
    return nested{stage{dynamic{&above}, root{{q.root}}, mmu},
                  stage{dynamic{&below}, root{{host_root}}, emulated_guest_mmu{rules, manner_of(q)}}};
  }
  auto emulated(guest_question const &q) const { return emulated(q, emulated_upper, emulated_lower); }
  auto blind(guest_question const &q) const { return emulated(q, blind_upper, blind_lower); }
  auto name() const -> std::string { return guest.name() + " over " + host.name().substr(8, 4) + "x4"; }
};

/// The way through the host's tables of the `n`-th case. There is but one root.
auto host_path_of(u64 n, hart const &h) -> path {
  auto   p = path_of(n, h.depth, h.wide());
  digits d{drawn(n + (u64{1} << 32))};
  if (p.leaf_level == h.depth - 1 && d.next(16) != 0) p.leaf_level = 0, p.odd_level = 0, p.odd = 0, p.detour = 0;
  if (d.next(8) != 0 && (p.leaf & 0xe) != 0) p.leaf |= rv::u;
  return p;
}

/// Lays out both stages' tables, and the questions about them. By turns it is the guest's entries that are of all kinds,
/// the host's for the page, those of both, and the host's for one of the guest's tables.
auto questions_of(pair_of_harts &h, machine::ram &ram, u64 first, u64 paths) -> std::vector<guest_question> {
  lay_targets(ram);
  forest guest{ram, h.upper, tables_at, inside_regions(h.moved), h.moved};
  forest host{ram, h.lower, host_tables_at,
              {{machine::riscv::memory_at + h.moved, machine::riscv::memory_at, memory_bytes, rights::all},
               {nowhere, nowhere, 0x20'0000, rights::all}}};
  h.host_root  = host.root();
  guest.detour = [&](unsigned n, u64 table) {
    if (n == 1) return nowhere;
    auto p = host_path_of(n + (u64{1} << 33), h.host);
    if (n % 2 == 0) p.leaf = (p.leaf & ~u64{0xe}) | rv::r;
    if ((p.leaf & 0xe) == 0) p.leaf |= rv::x;
    p.low = 0, p.detour = std::max(p.detour, 2u);  // in branches of their own, so that no page of data is near
    return host.plant(p, table).address;
  };

  std::vector<guest_question> questions;
  for (u64 i = first; i < first + paths; ++i) {
    u64 const target = targets_at + (drawn(i) % target_pages << 12), kind = i % 4;
    u64       to     = target + h.moved;
    auto      p      = path_of(i, h.guest.depth, h.guest.wide());
    if (kind == 1 || i % 8 == 3) p = {.leaf_level = p.leaf_level, .leaf = rv::v | 0xe | (p.leaf & (rv::u | rv::a | rv::d))};
    if (kind == 2 && !h.guest.wide()) p.low &= 0xff;  // 0x400 is the next slot of Sv32x4's root
    if (kind == 1 || kind == 2) to = host.plant(host_path_of(i, h.host), target).address;
    if (kind == 3 && p.leaf_level + 1 < h.guest.depth) {
      p.odd_level = p.leaf_level + 1;
      if (i % 8 != 3) p.odd_level += static_cast<unsigned>(drawn(i) >> 32) % (h.guest.depth - p.odd_level);
      p.odd = rv::v, p.detour = 2 + static_cast<unsigned>(i / 16 % 0x1'0000);
    }
    if (h.guest.wide() && h.host.depth < 5 && i % 64 == 1) to ^= u64{1} << 52;  // more than Sv39x4 and Sv48x4 translate
    auto const at = guest.plant(p, to);
    for (u64 k = 0; k < 6; ++k) {
      guest_question q{question_of(6 * i + k, at, h.guest.wide()), (drawn(i) >> k & 1) != 0};
      q.probe.mode |= machine::riscv::guest;
      if (manner_of(q) == manner::mprv && (q.probe.mode & machine::riscv::swap) == 0 && drawn(q.number) % 2 == 0)
        q.probe.mode |= machine::riscv::hlv;
      questions.push_back(q);
    }
  }
  if (guest.end() > host_tables_at || host.end() > targets_at) throw std::length_error{"too many tables"};
  return questions;
}

auto setting_of(pair_of_harts const &h, guest_question const &q) -> machine::setting {
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

/// Whose fault it is, and what for.
template <class Fault>
auto reason(Fault const &f) -> std::string {
  if (f.own() != nullptr) return text(f.own()->why);
  return f.wants == purpose::data         ? "the host, for a page"
         : f.wants == purpose::table_load ? "the host, for a table"
                                          : "the host, for a mark";
}

auto describe(pair_of_harts const &h, guest_question const &q, mirror &mine) -> std::string {
  constexpr char const *manners[]{" itself", " by MPRV", " by HLV or HSV"};
  std::ostringstream s;
  s << h.name() << ": " << std::hex << text(q.request.kind) << ((q.probe.mode & machine::riscv::swap) != 0 ? " by AMO" : "")
    << (q.request.user ? " by the user" : "") << manners[static_cast<int>(manner_of(q))] << " at 0x" << q.probe.address
    << (q.mmu.user_memory ? ", SUM" : "") << (q.mmu.execute_as_read ? ", MXR" : "") << (q.hosts_mxr ? ", the host's MXR" : "");
  passage    way;
  auto       memory = mine.memory();
  auto const both   = h.specified(q);
  auto const t      = access(both, {q.probe.address}, q.request, memory, way);
  for (step const &one : way) {
    s << "\n  level " << int{one.level} << ": 0x" << one.entry << ", at";
    (void)walk(both.below.format, both.below.from, {one.slot.value}, memory, [&](step const &two) { s << " 0x" << two.entry; });
  }
  s << "\n  access: " << (t ? "allowed" : reason(t.error()));
  if (!t && t.error().below() != nullptr) s << " at 0x" << t.error().asked.value << ": " << text(t.error().below()->why);
  return s.str();
}

/// Does the specification make a page of the host's dirty by the mark that an allowed access makes in the guest's leaf?
auto marks_the_host(pair_of_harts const &h, guest_question const &q, mirror &mine) -> bool {
  auto const both   = h.specified(q);
  auto       memory = mine.memory();
  passage    way;
  if (!access(both, {q.probe.address}, q.request, memory, way)) return false;
  auto const &leaf = way.last();
  if (both.above.mmu.marked(both.above.format, leaf, q.request) == leaf.entry) return false;
  return !access(both.below, {leaf.slot.value}, {.user = true}, memory)->dirty;
}

/// Tries `paths` ways through the tables from the `first`-th on.
void try_some(pair_of_harts h, u64 first, u64 paths, tally &seen) {
  machine::ram ram{machine::riscv::memory_at, memory_bytes};
  auto         questions = questions_of(h, ram, first, paths);
  ask(ram, questions, [](auto const &q) { return std::tuple{q.root, q.mmu.user_memory, q.mmu.execute_as_read, q.hosts_mxr}; },
      [&](auto const &q) { return setting_of(h, q); });
  mirror     mine{ram, h.upper.entry_bytes};
  auto const answers = answers_of(ram, h.guest.wide(), h.guest.cpu() + ",h=on", questions.size());

  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto const &q      = questions[i];
    auto const  should = mine.ask(h.specified(q), q.probe, q.request), is = outcome_of(q.probe, answers[i]);
    auto const  will   = hart::emulated(mine.ask(h.emulated(q), q.probe, q.request));
    if (is != will && ++seen.wrong <= 5)
      ADD_FAILURE() << describe(h, q, mine) << "\n  expected: " << will << "\n  came:     " << is;
    bool const known = will != should || (will.allowed && marks_the_host(h, q, mine));
    ++seen.probes;
    seen.known   += known;
    seen.allowed += should.allowed;
    auto       memory = mine.memory();
    auto const t      = access(h.specified(q), {q.probe.address}, q.request, memory);
    if (!t) ++seen.denied[reason(t.error())];
    if (!t && !known) ++seen.denied["cause " + std::to_string(should.cause)];

    if (will.allowed && known) mine.make(h.emulated(q), q.probe, q.request);
    else if (will.allowed) mine.make(h.specified(q), q.probe, q.request);
    else mark_up_to_the_fault(h.emulated(q), h.blind(q), {q.probe.address}, q.request, memory);
  }
  EXPECT_EQ(mine.difference(ram), "");
}

void holds_against_qemu(pair_of_harts const &h) {
  if (auto const *const what = missing()) GTEST_SKIP() << what;
  auto const began = std::chrono::steady_clock::now();
  tally      seen;
  for (u64 first = 0, paths = machine::how_many(3000, 60); first < paths && !testing::Test::HasFailure(); first += 3000)
    try_some(h, first, std::min<u64>(paths - first, 3000), seen);
  EXPECT_EQ(seen.wrong, 0u);
  machine::tell(h.name(), "QEMU TCG", seen.probes, seen.probes - seen.wrong - seen.known, seen.known,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  // The causes are those of faults that QEMU reports as specified.
  seen.is_fair({"the host, for a page", "the host, for a table", "the host, for a mark", "cause 12", "cause 13", "cause 15",
                "cause 20", "cause 21", "cause 23"});
}

TEST(riscv_machine, agrees_with_access_under_sv39_over_sv39x4) { holds_against_qemu({{3, false, false}, {3, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv48_over_sv48x4) { holds_against_qemu({{4, false, false}, {4, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv57_over_sv57x4) { holds_against_qemu({{5, false, false}, {5, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv57_over_sv39x4) { holds_against_qemu({{5, false, false}, {3, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv32_over_sv32x4) { holds_against_qemu({{2, false, false}, {2, false, false}}); }
TEST(riscv_machine, agrees_with_access_in_two_stages_with_both_extensions) {
  holds_against_qemu({{3, true, true}, {4, true, true}});
}

}  // namespace
