// SPDX-License-Identifier: MIT
// The first stage of RISC-V on QEMU: Sv32, Sv39, Sv48 and Sv57, with and without Svnapot and Svpbmt. Loads, stores, AMOs
// and fetches in S and U mode, under every setting of SUM and MXR, from within the mode and by MPRV.
#include "riscv_cases.hpp"
#include "riscv_machine.hpp"

namespace {

using namespace pagewright;
using namespace trial;
namespace rv = pagewright::riscv;

/// A hart, as specified and as QEMU 7.2 emulates it (target/riscv/cpu_helper.c, get_physical_address).
struct hart {
  unsigned depth;
  bool     napot, memory_types;   // Svnapot, Svpbmt
  bool     types_enabled = true;  // menvcfg.PBMTE

  auto wide() const -> bool { return depth > 2; }

  auto specified() const -> format {
    rv::options const o{.napot = napot, .memory_types = memory_types && types_enabled};
    return wide() ? rv::sv(depth, o) : rv::sv32_with(o);
  }
  /// QEMU demands fewer zeroes: with Svnapot or Svpbmt it does not look at bits 60:54, nor at N of a leaf without
  /// Svnapot; it takes PBMT = 3, and knows no PBMTE.
  auto emulated() const -> format {
    if (!wide() || (!napot && !memory_types)) return specified();
    auto f = rv::sv(depth, {.napot = napot, .memory_types = memory_types});
    for (auto &l : f.levels) l.table_zero &= ~ones(54, 7);
    for (auto &one : f.forms) one.zero &= ~ones(54, 7);
    f.reserved_leaf[2] = never;
    if (!napot) f.forms[0].is = always;
    return f;
  }
  /// And it marks a leaf before it looks at N.
  auto emulated_marks() const -> format {
    auto f = emulated();
    if (napot) f.forms[0].is = always, f.levels[0].leaves[1] = f.levels[0].leaves[2];
    return f;
  }
  /// And where there is no memory for a table it raises a page fault, not an access fault.
  static auto emulated(outcome o) -> outcome {
    o.cause = o.cause == 1 ? 12 : o.cause == 5 ? 13 : o.cause == 7 ? 15 : o.cause;
    return o;
  }

  auto cpu() const -> std::string {
    auto const on = [](bool it) { return it ? "on" : "off"; };
    return wide() ? std::string{"rv64,svnapot="} + on(napot) + ",svpbmt=" + on(memory_types) : "rv32";
  }
  auto name() const -> std::string {
    return std::string{depth == 2 ? "riscv32 Sv32" : depth == 3 ? "riscv64 Sv39" : depth == 4 ? "riscv64 Sv48" : "riscv64 Sv57"} +
           (napot ? ", Svnapot" : "") + (memory_types ? ", Svpbmt" : "") + (types_enabled ? "" : " switched off");
  }
};

/// Puts the questions in an order in which settings change rarely, and asks them.
void ask(machine::ram &ram, std::vector<question> &questions, hart const &h, u64 inside) {
  std::map<std::tuple<u64, bool, bool>, u32> numbers;
  std::vector<machine::setting> settings;
  u64 const mode = h.wide() ? u64{h.depth + 5} << 60 : u64{1} << 31;
  for (auto &q : questions) {
    auto const next        = static_cast<u32>(settings.size());
    auto const [at, fresh] = numbers.try_emplace({q.root, q.mmu.user_memory, q.mmu.execute_as_read}, next);
    q.probe.setting = at->second;
    if (!fresh) continue;
    machine::setting s{};
    s.registers[machine::riscv::satp]            = mode | q.root >> 12;
    s.registers[machine::riscv::mstatus]         = (q.mmu.user_memory ? bit(18) : 0) | (q.mmu.execute_as_read ? bit(19) : 0);
    s.registers[machine::riscv::menvcfg]         = bit(61) | (h.types_enabled ? bit(62) : 0);  // ADUE, PBMTE
    s.registers[machine::riscv::inside]          = inside;
    s.registers[machine::riscv::inside_for_user] = inside + 4096;
    settings.push_back(s);
  }
  std::ranges::sort(questions, {}, [](question const &q) { return std::pair{q.probe.setting, q.number}; });
  std::vector<machine::probe> probes;
  for (auto const &q : questions) probes.push_back(q.probe);
  machine::ask(ram, machine::riscv::control_at, settings, probes);
}

auto describe(hart const &h, format const &f, question const &q, mirror &mine) -> std::string {
  std::ostringstream s;
  s << h.name() << ": " << std::hex << text(q.request.kind) << ((q.probe.mode & machine::riscv::swap) != 0 ? " by AMO" : "")
    << (q.request.user ? " by the user" : "") << ((q.probe.mode & machine::riscv::within) != 0 ? " itself" : "") << " at 0x"
    << q.probe.address << (q.mmu.user_memory ? ", SUM" : "") << (q.mmu.execute_as_read ? ", MXR" : "");
  passage    way;
  auto       memory = mine.memory();
  auto const t      = access(dynamic{&f}, {{q.root}}, {q.probe.address}, q.request, q.mmu, memory, way);
  for (step const &one : way) s << "\n  level " << int{one.level} << ": 0x" << one.entry;
  s << "\n  access: " << (t ? "allowed" : text(t.error().why));
  return s.str();
}

void holds_against_qemu(hart const &h) {
  if (auto const *const what = missing()) GTEST_SKIP() << what;
  auto const   began = std::chrono::steady_clock::now();
  machine::ram ram{machine::riscv::memory_at, memory_bytes};
  format const specified = h.specified(), emulated = h.emulated(), marks = h.emulated_marks();
  forest       tables{ram, specified, tables_at};
  std::vector<question> questions;
  lay_targets(ram);
  for (u64 i = 0, paths = machine::how_many(3000, 60); i < paths; ++i) {
    auto const at = tables.plant(path_of(i, h.depth, h.wide()), targets_at + (drawn(i) % target_pages << 12));
    for (u64 k = 0; k < 6; ++k) questions.push_back(question_of(6 * i + k, at, h.wide()));
  }
  ASSERT_LT(tables.end(), targets_at);
  ask(ram, questions, h, tables.inside());
  mirror     mine{ram, specified.entry_bytes};
  auto const answers = answers_of(ram, h.wide(), h.cpu(), questions.size());
  if (answers.empty()) return;

  u64 allowed = 0, known = 0, wrong = 0;
  std::map<rv::denial, u64> denied;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    auto const &[probe, request, mmu, from, number] = questions[i];
    auto const by = [&](format const &f) { return stage{dynamic{&f}, root{{from}}, mmu}; };
    auto const should = mine.ask(by(specified), probe, request), will = hart::emulated(mine.ask(by(emulated), probe, request)),
               is = outcome_of(probe, answers[i]);
    bool const only_marks = !will.allowed && mine.ask(by(marks), probe, request).allowed;
    if (is != will && ++wrong <= 5)
      ADD_FAILURE() << describe(h, specified, questions[i], mine) << "\n  expected: " << will << "\n  came:     " << is;
    known += will != should || only_marks;

    auto       memory = mine.memory();
    auto const t      = access(by(specified), {probe.address}, request, memory);
    allowed += t.has_value();
    if (!t) ++denied[t.error().why];
    if (will == should) mine.make(by(specified), probe, request);
    else mine.make(by(emulated), probe, request);
    if (only_marks) mine.make(by(marks), probe, request, false);
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(mine.difference(ram), "");

  machine::tell(h.name(), "QEMU TCG", questions.size(), questions.size() - wrong - known, known,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  if (questions.size() < 5000) return;
  EXPECT_GT(allowed * 8, questions.size()) << "hardly anything is allowed: the cases are not what they should be";
  for (auto const why : {rv::denial::not_valid, rv::denial::reserved_entry, rv::denial::unreadable, rv::denial::supervisor_page,
                         rv::denial::user_page, rv::denial::not_readable, rv::denial::not_writable, rv::denial::not_executable})
    EXPECT_GE(denied[why] * 1000, questions.size()) << "hardly ever: " << text(why);
  EXPECT_EQ(denied[rv::denial::not_canonical] * 1000 >= questions.size(), h.wide());
}

TEST(riscv_machine, agrees_with_access_under_sv32) { holds_against_qemu({2, false, false}); }

// Without Svnapot and Svpbmt the emulator does look at all reserved bits.
TEST(riscv_machine, agrees_with_access_under_sv39) { holds_against_qemu({3, false, false}); }
TEST(riscv_machine, agrees_with_access_under_sv48) { holds_against_qemu({4, false, false}); }
TEST(riscv_machine, agrees_with_access_under_sv57) { holds_against_qemu({5, false, false}); }

TEST(riscv_machine, agrees_with_access_under_sv39_with_both_extensions) { holds_against_qemu({3, true, true}); }
TEST(riscv_machine, agrees_with_access_under_sv48_with_both_extensions) { holds_against_qemu({4, true, true}); }
TEST(riscv_machine, agrees_with_access_under_sv57_with_both_extensions) { holds_against_qemu({5, true, true}); }

TEST(riscv_machine, agrees_with_access_with_svnapot_alone) { holds_against_qemu({3, true, false}); }
TEST(riscv_machine, agrees_with_access_with_svpbmt_alone) { holds_against_qemu({4, false, true}); }
TEST(riscv_machine, agrees_with_access_with_svpbmt_switched_off) { holds_against_qemu({5, true, true, false}); }

}  // namespace
