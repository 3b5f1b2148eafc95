// SPDX-License-Identifier: MIT
// Two stages of RISC-V on QEMU: a guest's Sv39 to Sv57 over Sv39x4 to Sv57x4. Loads, stores, AMOs and fetches in VS and VU
// mode, from within the mode, by MPRV with MPV, and by HLV and HSV, under every setting of the guest's SUM and MXR and of
// the host's MXR.
#include "riscv_guest.hpp"

namespace {

using namespace pagewright;
using namespace trial;
namespace rv = pagewright::riscv;

constexpr u64 host_tables_at = 0x8180'0000;

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
    for (u64 k = 0; k < 6; ++k) questions.push_back(guest_question_of(6 * i + k, at, h.guest.wide()));
  }
  if (guest.end() > host_tables_at || host.end() > targets_at) throw std::length_error{"too many tables"};
  return questions;
}

/// Whose fault it is, and what for.
template <class Fault>
auto reason(Fault const &f) -> std::string {
  if (f.own() != nullptr) return text(f.own()->why);
  return f.wants == purpose::data         ? "the host, for a page"
         : f.wants == purpose::table_load ? "the host, for a table"
                                          : "the host, for a mark";
}

auto describe(guest_question const &q) -> std::string {
  constexpr char const *manners[]{" itself", " by MPRV", " by HLV or HSV"};
  std::ostringstream s;
  s << std::hex << text(q.request.kind) << ((q.probe.mode & machine::riscv::swap) != 0 ? " by AMO" : "")
    << (q.request.user ? " by the user" : "") << manners[static_cast<int>(manner_of(q))] << " at 0x" << q.probe.address
    << (q.mmu.user_memory ? ", SUM" : "") << (q.mmu.execute_as_read ? ", MXR" : "") << (q.hosts_mxr ? ", the host's MXR" : "");
  return s.str();
}
auto describe(pair_of_harts const &h, guest_question const &q, mirror &mine) -> std::string {
  std::ostringstream s;
  s << h.name() << ": " << describe(q) << std::hex;
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

/// The same for the host's stage alone, vsatp being Bare.
void try_host_alone(pair_of_harts h, u64 first, u64 paths, tally &seen) {
  machine::ram ram{machine::riscv::memory_at, memory_bytes};
  forest       host{ram, h.lower, tables_at,
                    {{inside_supervisor, machine::riscv::inside_at, 4096, rights::all},
                     {inside_user, machine::riscv::inside_at, 4096, rights::all}}};
  std::vector<guest_question> questions;
  lay_targets(ram);
  h.host_root = host.root();
  for (u64 i = first; i < first + paths; ++i) {
    auto const at = host.plant(host_path_of(i, h.host), targets_at + (drawn(i) % target_pages << 12));
    for (u64 k = 0; k < 6; ++k) questions.push_back(guest_question_of(6 * i + k, at, h.host.wide()));
  }
  ASSERT_LT(host.end(), targets_at);
  ask(ram, questions, [](auto const &q) { return std::tuple{q.mmu.execute_as_read, q.hosts_mxr}; }, [&](auto const &q) {
    auto s = setting_of(h, q);
    s.registers[machine::riscv::vsatp] = 0;
    return s;
  });
  mirror     mine{ram, h.lower.entry_bytes};
  auto const answers = answers_of(ram, h.host.wide(), h.host.cpu() + ",h=on", questions.size());

  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto const &q      = questions[i];
    auto const  says   = h.specified(q).below;
    auto const  does   = h.emulated(q).below;
    auto const  should = mine.ask(says, q.probe, q.request), will = mine.ask(does, q.probe, q.request);
    auto const  is     = outcome_of(q.probe, answers[i]);
    auto        memory = mine.memory();
    auto const  t      = access(says, {q.probe.address}, q.request, memory);
    std::string const why = t ? "allowed" : text(t.error().why);
    if (is != will && ++seen.wrong <= 5)
      ADD_FAILURE() << h.name() << ", alone: " << describe(q) << "\n  access: " << why << std::hex << "\n  expected: " << will
                    << "\n  came:     " << is;
    ++seen.probes;
    seen.known   += will != should;
    seen.allowed += should.allowed;
    if (!t) ++seen.denied[why];

    if (will.allowed && will == should) mine.make(says, q.probe, q.request);
    else mine.make(will.allowed ? does : h.blind(q).below, q.probe, q.request, will.allowed);
  }
  EXPECT_EQ(mine.difference(ram), "");
}

void holds_against_qemu(pair_of_harts const &h) {
  // The causes are those of faults that QEMU reports as specified.
  in_rounds(h.name(), [&](u64 first, u64 paths, tally &seen) { try_some(h, first, paths, seen); },
            {"the host, for a page", "the host, for a table", "the host, for a mark", "cause 12", "cause 13", "cause 15",
             "cause 20", "cause 21", "cause 23"});
}
void host_alone_holds_against_qemu(hart const &h) {
  pair_of_harts const both{h, h};
  using enum rv::denial;
  in_rounds("riscv64 Bare" + both.name().substr(both.name().find(" over")),
            [&](u64 first, u64 paths, tally &seen) { try_host_alone(both, first, paths, seen); },
            {text(not_valid), text(reserved_entry), text(unreadable), text(supervisor_page), text(not_readable),
             text(not_writable), text(not_executable), text(not_canonical)});
}

TEST(riscv_machine, agrees_with_access_under_sv39_over_sv39x4) { holds_against_qemu({{3, false, false}, {3, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv48_over_sv48x4) { holds_against_qemu({{4, false, false}, {4, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv57_over_sv57x4) { holds_against_qemu({{5, false, false}, {5, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv57_over_sv39x4) { holds_against_qemu({{5, false, false}, {3, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv32_over_sv32x4) { holds_against_qemu({{2, false, false}, {2, false, false}}); }
TEST(riscv_machine, agrees_with_access_under_sv39x4_alone) { host_alone_holds_against_qemu({3, false, false}); }
TEST(riscv_machine, agrees_with_access_in_two_stages_with_both_extensions) {
  holds_against_qemu({{3, true, true}, {4, true, true}});
}

}  // namespace
