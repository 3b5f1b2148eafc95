// SPDX-License-Identifier: MIT
// Every answer of every fixture of the processors that the tool knows: the emulator's list of leaves against a sweep,
// one to one and in both directions; its translations, and the guest kernel's own, against walks.
#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <image/memory.hpp>
#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/s390x.hpp>
#include <inspect/dump.hpp>
#include <inspect/walks.hpp>

#include "answers.hpp"

namespace {

using namespace pagewright;
using answers::stretch;

/// Counts agreements and keeps the first ten differences.
struct comparison {
  u64                      agreed = 0, differed = 0;
  std::vector<std::string> differences;

  void same(bool yes, auto &&describe) {
    if (yes) return void(++agreed);
    if (++differed <= 10) differences.push_back(describe());
  }
  [[nodiscard]] auto report() const -> std::string {
    auto text = fmt::format("{} agree, {} differ\n", agreed, differed);
    for (auto const &d : differences) text += "  " + d + "\n";
    return text;
  }
};

auto text_of(stretch const &s) -> std::string { return fmt::format("{:x} {:x} {:x} {}", s.va, s.pa, s.size, s.flags); }

/// The letters of `names` whose bits are set in `entry`, '-' for the others.
template <std::size_t N>
auto letters(u64 entry, std::pair<unsigned, char> const (&names)[N]) -> std::string {
  std::string text;
  for (auto const &[position, letter] : names) text += (entry >> position & 1) != 0 ? letter : '-';
  return text;
}

constexpr std::pair<unsigned, char> x86_letters[]{{63, 'X'}, {8, 'G'}, {7, 'P'}, {6, 'D'}, {5, 'A'},
                                                  {4, 'C'},  {3, 'T'}, {2, 'U'}, {1, 'W'}};
constexpr std::pair<unsigned, char> riscv_letters[]{{1, 'r'}, {2, 'w'}, {3, 'x'}, {4, 'u'}, {5, 'g'}, {6, 'a'}, {7, 'd'}};

/// Every leaf as the emulator lists it.
struct leaf_list {
  bool                 x86;
  std::vector<stretch> leaves;
  u64                  missing = 0, reserved = 0;

  void begin(inspect::view const &) const noexcept {}
  void mapped(inspect::mapped_row const &r) {
    auto const &l = r.first;
    leaves.push_back({l.input.value, l.output.value, r.bytes, x86 ? letters(l.entry, x86_letters) : letters(l.entry, riscv_letters)});
  }
  void blocked(inspect::blocked_row const &b) { ++(b.where.why == fault_reason::unreadable ? missing : reserved); }
};

/// Neighbours that continue one another as one, whatever the emulator made of them.
auto joined(std::vector<stretch> const &parts) -> std::vector<stretch> {
  std::vector<stretch> whole;
  for (auto const &p : parts) {
    if (!whole.empty()) {
      auto &last = whole.back();
      if (p.va == last.va + last.size && p.pa == last.pa + last.size && p.flags == last.flags) {
        last.size += p.size;
        continue;
      }
    }
    whole.push_back(p);
  }
  return whole;
}

void compare_leaves(comparison &all, std::vector<stretch> expected, std::vector<stretch> got) {
  auto const by_address = [](stretch const &a, stretch const &b) { return a.va < b.va; };
  std::ranges::sort(expected, by_address);
  std::ranges::sort(got, by_address);
  auto e = expected.begin();
  auto g = got.begin();
  while (e != expected.end() || g != got.end()) {
    if (g == got.end() || (e != expected.end() && e->va < g->va)) {
      all.same(false, [&] { return fmt::format("expected leaf {}: the sweep has none there", text_of(*e)); });
      ++e;
    } else if (e == expected.end() || g->va < e->va) {
      all.same(false, [&] { return fmt::format("leaf {} of the sweep: nothing was expected there", text_of(*g)); });
      ++g;
    } else {
      all.same(*e == *g, [&] { return fmt::format("expected leaf {}, the sweep has {}", text_of(*e), text_of(*g)); });
      ++e, ++g;
    }
  }
}

/// Where a walk leads in the terms of the answers, and whether the user may do anything there.
struct outcome {
  std::optional<u64> address;
  bool               user;
};
auto outcome_of(inspect::explained_walk const &w, std::string_view arch, std::map<std::string, u64> const &registers) -> outcome {
  if (!w.outcome) return {{}, false};
  auto const &t    = *w.outcome;
  bool const  user = (t.effective & rights::user) != rights::none;
  if (arch == "s390x") return {s390x::absolute_of(t.address.value, static_cast<u32>(registers.at("prefix"))), user};
  if (arch != "arm") return {t.address.value, user};
  // A load in a privileged mode, and DACR takes part in it.
  auto access = arm32::domain_access::client;
  for (auto const &s : w.trace())
    if (w.through->description.entry_bytes == 4 && s.seen.level == 1)
      access = arm32::access_to(arm32::domain_of(s.seen.entry), static_cast<u32>(registers.at("dacr")));
  bool const denied = access == arm32::domain_access::none || access == arm32::domain_access::reserved;
  bool const free   = access == arm32::domain_access::manager;
  return {!denied && (free || includes(t.effective, rights::kernel_read)) ? std::optional{t.address.value} : std::nullopt,
          !denied && (free || user)};
}

void compare_walks(comparison &all, inspect::machine const &m, image::image_memory const &memory, answers::answers const &a,
                   std::string_view arch, std::map<std::string, u64> const &registers) {
  auto const where = [](inspect::explained_walk const &w) {
    return w.outcome ? fmt::format("{:x}", w.outcome->address.value) : fmt::format("a fault ({})", text(w.outcome.error().why));
  };
  auto const wanted = [](std::optional<u64> pa) { return pa ? fmt::format("{:x}", *pa) : std::string{"no translation"}; };
  for (auto const &[va, pa] : a.monitor) {
    auto const w = inspect::explain(m, memory, {va});
    all.same(outcome_of(w, arch, registers).address == pa,
             [&] { return fmt::format("T {:x}: expected {}, got {}", va, wanted(pa), where(w)); });
  }
  for (auto const &[va, pa] : a.guest) {
    auto const w              = inspect::explain(m, memory, {va});
    auto const [leads, user] = outcome_of(w, arch, registers);
    all.same(pa ? leads == pa : !user,
             [&] { return fmt::format("G {:x}: expected {}, got {}", va, wanted(pa), where(w)); });
  }
}

TEST(fixtures, agree_with_the_emulator_and_the_guest_kernel_in_every_answer) {
  auto const fixtures = answers::find_fixtures();
  if (fixtures.empty())
    GTEST_SKIP() << "neither PAGEWRIGHT_SAMPLES nor PAGEWRIGHT_IMAGES names a folder of fixtures: NOTHING WAS COMPARED";
  std::set<std::string, std::less<>> const known{"x86_64", "i386", "aarch64", "arm", "riscv64", "s390x"};
  unsigned checked = 0;
  for (auto const &f : fixtures) {
    if (!known.contains(f.arch)) continue;
    auto const source = image::image::open(std::vector{f.memory.string()});
    ASSERT_TRUE(source) << source.error().message;
    image::image_memory const memory{*source};
    for (auto const &c : f.contexts) {
      auto const m = inspect::find_machine(answers::request_of(f, c), {source->cpus(), source->elf()});
      ASSERT_TRUE(m) << f.name << ", " << c.id << ": " << m.error().message;
      auto const a = answers::read_answers(c.answers_file);
      ASSERT_FALSE(a.monitor.empty()) << f.name << ", " << c.id << ": no translations to compare with";

      comparison all;
      leaf_list  list{f.arch != "riscv64", {}};
      inspect::dump_options every;
      every.merge          = inspect::merging::none;
      every.expand_repeats = true;
      inspect::dump(*m, memory, every, list);
      EXPECT_EQ(list.missing, 0u) << f.name << ", " << c.id << ": tables are missing from the image";
      EXPECT_EQ(list.reserved, 0u) << f.name << ", " << c.id << ": a running kernel's tables hold no reserved entries";
      if (f.arch == "riscv64") compare_leaves(all, joined(a.stretches), joined(list.leaves));
      else if (f.arch == "x86_64" || f.arch == "i386") compare_leaves(all, a.stretches, list.leaves);
      compare_walks(all, *m, memory, a, f.arch, c.registers);
      EXPECT_EQ(all.differed, 0u) << f.name << ", " << c.id << ": " << all.report();
      fmt::print("{:<45} {:<12} {:>6} agree, {} differ, {} leaves\n", f.name, c.id, all.agreed, all.differed, list.leaves.size());
      ++checked;
    }
  }
  EXPECT_GT(checked, 0u) << "fixtures were found, but none of a processor that is known";
}

}  // namespace
