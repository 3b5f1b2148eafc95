// SPDX-License-Identifier: MIT
// The edge cases E1..E16 of the three libraries: what Pagewright answers, over formats that differ in everything that
// could matter: depth, granule, size and place of the input space, width of entries and of output addresses.
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/arm64_stage2.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

namespace parity {
namespace {

using arm64::granule, arm64::half;

/// A format to try a case on.
struct ground {
  char const *name;
  format      f;

  auto page() const -> u64 { return bit(f.levels[0].shift); }
  auto large() const -> u64 { return bit(f.levels[1].shift); }  // every format here has leaves of this size
  auto parts() const -> input_ranges { return translated_ranges(dynamic{&f}); }
  auto here() const -> u64 { return parts().part[0].first.value + 2 * large(); }
  auto data() const -> attributes { return {.allow = *least_rights(dynamic{&f}, rights::kernel_rw)}; }
};

auto grounds() -> std::vector<ground> {
  return {{"x86-64 4-level", x86::x86_64_4level},
          {"x86-64 5-level", x86::x86_64_5level},
          {"PAE", x86::pae},
          {"x86 32-bit", x86::x86_32},
          {"Arm64 4K", arm64::stage1_4k_48_lower},
          {"Arm64 4K 39-bit upper half", arm64::stage1_4k_39_upper},
          {"Arm64 16K LPA2 upper half", arm64::stage1_16k_52_lpa2_upper},
          {"Arm64 64K LPA", arm64::stage1_64k_52_lpa_lower},
          {"Arm64 EL2", arm64::stage1({.of = arm64::regime::el2})},
          {"Arm64 stage 2, concatenated", arm64::stage2_4k_40},
          {"Sv32", riscv::sv32},
          {"Sv39", riscv::sv39},
          {"Sv57", riscv::sv57}};
}

/// The machine a case runs on, and words for what came of an operation.
struct bench {
  explicit bench(ground const &on) : g{on}, m{g.f} {}

  /// What `act` answered; after an error whether it left everything as it was, and took no frame.
  template <class Act>
  auto outcome(Act &&act) -> std::string {
    auto const before = m.picture();
    auto const out    = m.frames.out();
    auto const events = m.log.size();
    auto const result = act();
    if (result) return "done";
    std::string said = text(result.error().why);
    if (m.picture() != before) said += ", BUT THE TABLES CHANGED";
    if (m.frames.out() != out) said += ", BUT FRAMES ARE GONE";
    for (auto i = events; i < m.log.size(); ++i)
      if (m.log[i].kind == event::invalidated) said += ", BUT IT INVALIDATED";
    return said;
  }
  auto map(range where, u64 to, leaf_limits limits = {.runs = false}) -> std::string {
    return outcome([&] { return m.space.map(where, {to}, g.data(), m.owed, limits); });
  }
  auto unmap(range where, half_covered half = half_covered::split) -> std::string {
    return outcome([&] { return m.space.unmap(where, m.owed, half); });
  }
  auto protect(range where) -> std::string {
    return outcome([&] { return m.space.protect(where, *least_rights(m.h, rights::kernel_ro), m.owed); });
  }
  auto pages(u64 at, u64 count) const -> range { return span_of(at, count * g.page()); }
  /// "there" if `at` leads to `to`, or why not.
  auto leads(u64 at, u64 to) const -> std::string {
    auto const t = m.space.query({at});
    if (!t) return text(t.error().why);
    return t->address.value == to ? "there" : "ELSEWHERE";
  }

  ground  g;
  machine m;
};

struct edge {
  char const *row, *what;
  auto      (*run)(bench &) -> std::string;
  char const *answer;
};

constexpr edge edges[]{
  {"E1", "start unaligned: map",
   [](bench &b) { return b.map({{b.g.here() + 1}, {b.g.here() + b.g.page() - 1}}, 0); }, "misaligned"},
  {"E1", "start unaligned: unmap",
   [](bench &b) { return b.unmap({{b.g.here() + b.g.page() / 2}, {b.g.here() + b.g.page() - 1}}); }, "misaligned"},
  {"E1", "start unaligned: protect",
   [](bench &b) { return b.protect({{b.g.here() + 8}, {b.g.here() + b.g.page() - 1}}); }, "misaligned"},

  {"E2", "end unaligned: map",
   [](bench &b) { return b.map({{b.g.here()}, {b.g.here() + b.g.page()}}, 0); }, "misaligned"},
  {"E2", "end unaligned: unmap",
   [](bench &b) { return b.unmap({{b.g.here()}, {b.g.here() + b.g.page() / 2}}); }, "misaligned"},
  {"E2", "an aligned end maps no page too many",
   [](bench &b) {
     auto const said = b.map(b.pages(b.g.here(), 1), 0);
     u64 const  next = b.g.here() + b.g.page();
     return said + ", " + b.leads(next - 1, b.g.page() - 1) + ", then " + b.leads(next, 0);
   },
   "done, there, then absent"},

  {"E3", "end before start",
   [](bench &b) {
     auto const backwards = range::between({b.g.here() + b.g.page()}, {b.g.here() - 1});
     return std::string{backwards ? "A RANGE" : "no range"};
   },
   "no range"},
  {"E3", "end before start, put together by hand: map",
   [](bench &b) { return b.map({{b.g.here() + b.g.page()}, {b.g.here() - 1}}, 0); }, "outside the input range"},
  {"E3", "end before start, put together by hand: unmap of pages that are mapped",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here(), 4), 0);
     auto const said = b.unmap({{b.g.here() + 2 * b.g.page()}, {b.g.here() + b.g.page() - 1}});
     return said + ", " + b.leads(b.g.here() + 2 * b.g.page(), 2 * b.g.page());
   },
   "outside the input range, there"},
  {"E4", "empty range",
   [](bench &b) { return std::string{range::of({b.g.here()}, 0) ? "A RANGE" : "no range"}; }, "no range"},

  {"E5", "last page of the address space",
   [](bench &b) {
     auto const whole = b.g.parts();
     u64 const  end   = whole.part[whole.count - 1].last.value, at = end & ~(b.g.page() - 1);
     std::string said = b.map({{at}, {end}}, 8 * b.g.page());
     said += ", " + b.leads(end, 9 * b.g.page() - 1);
     said += ", " + b.protect(whole.part[whole.count - 1]);
     said += ", " + b.unmap({{at}, {end}});
     return said + ", " + b.leads(end, 0);
   },
   "done, there, done, done, absent"},

  {"E6", "range across what is not translated",
   [](bench &b) {
     auto const whole = b.g.parts();
     u64 const  below_hole = whole.part[0].last.value, above = whole.count == 2 ? whole.part[1].first.value : 0;
     if (whole.count == 2) return b.map({{below_hole - b.g.page() + 1}, {above + b.g.page() - 1}}, 0);
     if (u64 const from = whole.part[0].first.value; from != 0) return b.map(b.pages(from - b.g.page(), 2), 0);
     return b.map(b.pages(below_hole - b.g.page() + 1, 2), 0);
   },
   "outside the input range"},
  {"E6", "a sweep of everything passes over it",
   [](bench &b) {
     auto const whole = b.g.parts();
     for (unsigned i = 0; i < whole.count; ++i) {
       (void)b.map(b.pages(whole.part[i].first.value, 1), 0);
       (void)b.map(b.pages(whole.part[i].last.value - b.g.page() + 1, 1), 0);
     }
     struct {
       unsigned leaves = 0;
       void leaf(pagewright::leaf const &) { ++leaves; }
     } v;
     sweep(b.m.h, b.m.top, everything, b.m.memory, v);
     return std::string{v.leaves == 2 * whole.count ? "each once" : "NOT EACH ONCE"};
   },
   "each once"},

  {"E7", "address that is not translated: query and map",
   [](bench &b) {
     auto const part = b.g.parts().part[0];
     u64 const  at   = part.first.value != 0 ? part.first.value - b.g.page() : part.last.value + 1;
     return b.leads(at, 0) + ", " + b.map(b.pages(at, 1), 0);
   },
   "outside the input range, outside the input range"},

  {"E8", "output unaligned", [](bench &b) { return b.map(b.pages(b.g.here(), 1), b.g.page() / 2); }, "misaligned"},
  {"E8", "output aligned to the page but not to the large leaf: no large leaf, right pages",
   [](bench &b) {
     auto const said = b.map(span_of(b.g.here(), b.g.large()), b.g.large() + b.g.page());
     auto const t = b.m.query(b.g.here());
     return said + (t && t->bytes() == b.g.page() ? ", page, " : ", NO PAGE, ") +
            b.leads(b.g.here() + b.g.large() - 1, 2 * b.g.large() + b.g.page() - 1);
   },
   "done, page, there"},
  {"E9", "output too wide", [](bench &b) { return b.map(b.pages(b.g.here(), 1), bit(b.g.f.output_bits)); },
   "output address too wide"},
  {"E9", "output whose end is too wide",
   [](bench &b) { return b.map(b.pages(b.g.here(), 2), bit(b.g.f.output_bits) - b.g.page()); },
   "output address too wide"},

  {"E10", "a leaf is there already",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here() + b.g.page(), 1), 4 * b.g.page());
     auto const bad = b.m.space.map(b.pages(b.g.here(), 3), {0}, b.g.data(), b.m.owed);
     bool const named = !bad && bad.error().at.value == b.g.here() + b.g.page() && bad.error().level == 0 &&
                        bad.error().entry == b.m.entry(b.g.here() + b.g.page());
     return b.map(b.pages(b.g.here(), 3), 0) + (named ? ", named" : ", NOT NAMED") + ", " +
            b.leads(b.g.here() + b.g.page(), 4 * b.g.page());
   },
   "occupied, named, there"},
  {"E10", "the same mapping is there already",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here(), 1), 0);
     return b.map(b.pages(b.g.here(), 1), 0);
   },
   "occupied"},

  {"E11", "a large leaf in the way of a page",
   [](bench &b) {
     (void)b.map(span_of(b.g.here(), b.g.large()), 8 * b.g.large());
     u64 const  at  = b.g.here() + 3 * b.g.page();
     auto const bad = b.m.space.map(b.pages(at, 1), {0}, b.g.data(), b.m.owed);
     bool const named = !bad && bad.error().level == 1 && bad.error().entry == b.m.entry(at);
     u64 const  to    = 8 * b.g.large() + 3 * b.g.page();
     return b.map(b.pages(at, 1), 0) + (named ? ", named, " : ", NOT NAMED, ") + b.leads(at, to);
   },
   "occupied, named, there"},

  {"E12", "a table with a page in the way of a large leaf",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here() + 5 * b.g.page(), 1), 0);
     return b.map(span_of(b.g.here(), b.g.large()), 8 * b.g.large());
   },
   "occupied"},
  {"E12", "an empty table in the way of a large leaf: replaced, and given back with the flush",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here(), 1), 0);
     auto const unmapped = b.m.space.unmap(b.pages(b.g.here(), 1), b.m.owed, half_covered::split, emptied::keep);
     if (!unmapped) return std::string{text(unmapped.error().why)};
     auto const out  = b.m.frames.out();
     auto const said = b.map(span_of(b.g.here(), b.g.large()), 8 * b.g.large());
     auto const held = b.m.frames.out() == out;
     b.m.space.settle(b.m.owed);
     bool const back = b.m.frames.out() == out - 1 && released_only_after_a_flush(b.m.log);
     auto const t    = b.m.query(b.g.here());
     return said + (t && t->bytes() == b.g.large() ? ", large" : ", NOT LARGE") +
            (held && back ? ", given back" : ", NOT GIVEN BACK");
   },
   "done, large, given back"},

  {"E13", "unmapping a hole",
   [](bench &b) {
     auto const before = b.m.bytes.copy();
     auto       said   = b.unmap(span_of(b.g.here(), 2 * b.g.large()));
     said += ", " + b.unmap(b.pages(b.g.here(), 1));
     return said + (b.m.bytes.copy() == before ? ", nothing written" : ", WRITTEN") +
            (b.m.owed.is_settled() ? ", nothing owed" : ", OWED") + (b.m.frames.peak() == 1 ? "" : ", FRAMES TAKEN");
   },
   "done, done, nothing written, nothing owed"},
  {"E13", "unmapping a range with holes",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here(), 1), 0);
     (void)b.map(b.pages(b.g.here() + 2 * b.g.page(), 1), 0);
     auto const said = b.unmap(b.pages(b.g.here(), 3));
     return said + ", " + b.leads(b.g.here(), 0) + ", " + b.leads(b.g.here() + 2 * b.g.page(), 0);
   },
   "done, absent, absent"},

  {"E14", "unmapping a part of a large leaf: split",
   [](bench &b) {
     u64 const to = 8 * b.g.large(), at = b.g.here() + b.g.page();
     (void)b.map(span_of(b.g.here(), b.g.large()), to);
     auto const said = b.unmap(b.pages(at, 1));
     return said + ", " + b.leads(b.g.here(), to) + ", " + b.leads(at, 0) + ", " +
            b.leads(at + b.g.page(), to + 2 * b.g.page()) + ", " +
            b.leads(b.g.here() + b.g.large() - 1, to + b.g.large() - 1);
   },
   "done, there, absent, there, there"},
  {"E14", "unmapping a part of a large leaf: refused if asked",
   [](bench &b) {
     (void)b.map(span_of(b.g.here(), b.g.large()), 8 * b.g.large());
     return b.unmap(b.pages(b.g.here() + b.g.page(), 1), half_covered::refuse);
   },
   "leaf only half covered"},
  {"E14", "unmapping a part of a large leaf: all of it if asked",
   [](bench &b) {
     (void)b.map(span_of(b.g.here(), b.g.large()), 8 * b.g.large());
     auto const said = b.unmap(b.pages(b.g.here() + b.g.page(), 1), half_covered::whole);
     return said + ", " + b.leads(b.g.here(), 0) + ", " + b.leads(b.g.here() + b.g.large() - 1, 0);
   },
   "done, absent, absent"},

  {"E15", "no frames: map, wherever it happens",
   [](bench &b) {
     std::string said;
     for (long n = 0; said != "done"; ++n) {
       b.m.frames.fail_after(n);
       said = b.map(b.pages(b.g.here() + b.g.large() - b.g.page(), 2), 0);
       b.m.frames.fail_after(-1);
       if (said != "done" && said != "no frames left") return said;
       if (n == 0 && said == "done") return std::string{"NEEDED NO FRAME"};
     }
     return "no frames left until there were enough, then " + said;
   },
   "no frames left until there were enough, then done"},
  {"E15", "no frames: splitting",
   [](bench &b) {
     (void)b.map(span_of(b.g.here(), b.g.large()), 8 * b.g.large());
     b.m.frames.fail_after(0);
     auto said = b.unmap(b.pages(b.g.here(), 1));
     said += ", " + b.protect(b.pages(b.g.here() + b.g.page(), 1));
     b.m.frames.fail_after(-1);
     return said + ", " + b.leads(b.g.here(), 8 * b.g.large());
   },
   "no frames left, no frames left, there"},

  {"E16", "a visitor's error on the last of three leaves",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here(), 3), 0);
     u64 const  last = b.g.here() + 2 * b.g.page(), address = scatter(b.g.f.forms[0].address, b.g.page() << 3);
     u64 const  flag = b.g.f.software & (~b.g.f.software + 1);
     auto const change = [&](leaf const &l) { return bit_change{.set = l.input.value == last ? address : flag}; };
     return b.outcome([&] { return b.m.space.modify(b.pages(b.g.here(), 3), change, b.m.owed); });
   },
   "bits that tell kind, size or address of the entry"},
  {"E16", "a visitor that stops a sweep",
   [](bench &b) {
     (void)b.map(b.pages(b.g.here(), 3), 0);
     struct {
       unsigned leaves = 0;
       auto leaf(pagewright::leaf const &) -> bool { return ++leaves != 2; }
     } v;
     bool const all = sweep(b.m.h, b.m.top, everything, b.m.memory, v);
     return (all ? "WENT ON" : "stopped") + std::string{" after "} + std::to_string(v.leaves);
   },
   "stopped after 2"},
};

}  // namespace

TEST(edge_cases, E1_to_E16_are_answered_alike_by_every_format) {
  for (auto const &g : grounds())
    for (auto const &e : edges) {
      bench b{g};
      EXPECT_EQ(e.run(b), e.answer) << e.row << " " << e.what << ", " << g.name;
      EXPECT_EQ(b.m.frames.wrong_releases(), 0u) << e.row << " " << e.what << ", " << g.name;
      EXPECT_EQ(b.m.bytes.strays(), 0u) << e.row << " " << e.what << ", " << g.name << ": stray access";
    }
}

TEST(edge_cases, every_row_of_the_matrix_is_tried) {
  for (unsigned n = 1; n <= 16; ++n) {
    auto const row = "E" + std::to_string(n);
    bool tried = false;
    for (auto const &e : edges) tried |= e.row == row;
    EXPECT_TRUE(tried) << row;
  }
}

TEST(edge_cases, E6_pages_step_over_the_hole) {
  auto const f = x86::x86_64_4level;
  auto const over = pages<12>(dynamic{&f}, {{0x7fff'ffff'e000}, {0xffff'8000'0000'1fff}});
  ASSERT_TRUE(over);
  std::vector<u64> seen;
  for (auto const p : *over) seen.push_back(p.first().value);
  EXPECT_EQ(seen, (std::vector<u64>{0x7fff'ffff'e000, 0x7fff'ffff'f000, 0xffff'8000'0000'0000, 0xffff'8000'0000'1000}));
}

}  // namespace parity
