// SPDX-License-Identifier: MIT
// The first stage of RISC-V on QEMU: Sv32, Sv39, Sv48 and Sv57, with and without Svnapot and Svpbmt. Loads, stores, AMOs
// and fetches in S and U mode, under every setting of SUM and MXR, from within the mode and by MPRV.
#include "riscv_cases.hpp"
#include "riscv_hart.hpp"
#include "riscv_machine.hpp"

namespace {

using namespace pagewright;
using namespace trial;
namespace rv = pagewright::riscv;

auto setting_of(hart const &h, question const &q) -> machine::setting {
  machine::setting s{};
  s.registers[machine::riscv::satp]            = h.satp(q.root);
  s.registers[machine::riscv::mstatus]         = (q.mmu.user_memory ? bit(18) : 0) | (q.mmu.execute_as_read ? bit(19) : 0);
  s.registers[machine::riscv::menvcfg]         = bit(61) | (h.types_enabled ? bit(62) : 0);  // ADUE, PBMTE
  s.registers[machine::riscv::inside]          = inside_supervisor;
  s.registers[machine::riscv::inside_for_user] = inside_user;
  return s;
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

/// Tries `paths` ways through the tables from the `first`-th on.
void try_some(hart const &h, u64 first, u64 paths, tally &seen) {
  machine::ram ram{machine::riscv::memory_at, memory_bytes};
  format const specified = h.specified(), emulated = h.emulated(), blind = h.blind();
  forest       tables{ram, specified, tables_at, inside_regions()};
  std::vector<question> questions;
  lay_targets(ram);
  for (u64 i = first; i < first + paths; ++i) {
    auto const at = tables.plant(path_of(i, h.depth, h.wide()), targets_at + (drawn(i) % target_pages << 12));
    for (u64 k = 0; k < 6; ++k) questions.push_back(question_of(6 * i + k, at, h.wide()));
  }
  ASSERT_LT(tables.end(), targets_at);
  ask(ram, questions, [](question const &q) { return std::tuple{q.root, q.mmu.user_memory, q.mmu.execute_as_read}; },
      [&](question const &q) { return setting_of(h, q); });
  mirror     mine{ram, specified.entry_bytes};
  auto const answers = answers_of(ram, h.wide(), h.cpu(), questions.size());

  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto const &[probe, request, mmu, from, number] = questions[i];
    auto const by     = [&](format const &f) { return stage{dynamic{&f}, root{{from}}, mmu}; };
    auto const should = mine.ask(by(specified), probe, request), is = outcome_of(probe, answers[i]);
    auto const will   = hart::emulated(mine.ask(by(emulated), probe, request));
    bool const marks  = !will.allowed && mine.ask(by(blind), probe, request).allowed;
    if (is != will && ++seen.wrong <= 5)
      ADD_FAILURE() << describe(h, specified, questions[i], mine) << "\n  expected: " << will << "\n  came:     " << is;
    ++seen.probes;
    seen.known   += will != should || marks;
    seen.allowed += should.allowed;
    auto       memory = mine.memory();
    auto const t      = access(by(specified), {probe.address}, request, memory);
    if (!t) ++seen.denied[text(t.error().why)];

    if (marks) mine.make(by(blind), probe, request, false);
    else mine.make(by(will == should ? specified : emulated), probe, request);
  }
  EXPECT_EQ(mine.difference(ram), "");
}

void holds_against_qemu(hart const &h) {
  using enum rv::denial;
  auto const canonical = text(h.wide() ? not_canonical : not_valid);  // Sv32 translates all addresses
  in_rounds(h.name(), [&](u64 first, u64 paths, tally &seen) { try_some(h, first, paths, seen); },
            {text(not_valid), text(reserved_entry), text(unreadable), canonical, text(supervisor_page), text(user_page),
             text(not_readable), text(not_writable), text(not_executable)});
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
