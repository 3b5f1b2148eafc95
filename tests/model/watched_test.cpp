// SPDX-License-Identifier: MIT
// Random operations under the eyes of an MMU that forgets nothing: what is owed is owed, in the right order.
#include "watched.hpp"

#include <array>
#include <sstream>

#include "model_test.hpp"

namespace trial {
namespace {

auto hex(u64 v) -> std::string {
  std::ostringstream s;
  s << "0x" << std::hex << v;
  return s.str();
}

auto same(translation const &t, std::optional<reference_leaf> const &l, u64 at) -> bool {
  return l && t.address.value == l->out + (at - l->first) && t.effective == l->of->allow && t.type == l->of->type &&
         t.global == l->of->global;
}

auto find(reference const &m, format const &f, u64 at) -> std::optional<std::pair<reference_leaf, extent>> {
  auto const l = m.is_inside(at) ? m.find(at) : std::nullopt;
  if (!l || (f.unaccessed_faults && !l->of->accessed)) return {};
  return std::pair{*l, *l->of};
}

template <class Sharing>
void run_watched(entrant const &e, u64 operations) {
  format const &f    = *e.description;
  u64 const     seed = seed_of(e.name) + Sharing::hardware_writes;
  auto const    where = place_for(f, 24);
  auto const    s     = std::make_unique<watched_subject<Sharing>>(f, where);
  reference     model{f, where.frames};
  chooser       choose{f, model, seed};
  std::vector<std::string> log;
  std::array<u64, 6> probes{};
  std::vector<input_address> prefetched;
  std::expected<void, error> result;

  auto const complain = [&](std::string const &what, operation const &o) {
    std::string report = std::string{e.name} + ", seed " + hex(seed) + ": " + what + "\n  " + o.text() + "\n  after\n";
    for (std::size_t i = log.size() > 16 ? log.size() - 16 : 0; i < log.size(); ++i) report += "    " + log[i] + "\n";
    ADD_FAILURE() << report << "  run again: PAGEWRIGHT_TEST_SEED=" << hex(seed_of(e.name));
  };
  auto const violated = [&](operation const &o) {
    if (s->mmu.violations() == 0) return false;
    auto const &v = s->mmu.first();
    complain(std::string{text(v.kind)} + ", input " + hex(v.input.value) + ", at " + hex(v.where.value) + ", was " + hex(v.was) +
             ", now " + hex(v.now), o);
    return true;
  };

  for (u64 n = 0; n < operations; ++n) {
    auto o = choose.next();
    if (o.what == operation::kind::query || o.what == operation::kind::needs || o.what == operation::kind::settle) continue;
    probes = {o.first, o.last, o.first - 1, o.last + 1, o.first + (o.last - o.first) / 2, choose.address()};
    prefetched.clear();
    for (u64 const p : probes) prefetched.push_back({p});
    std::array<std::optional<std::pair<reference_leaf, extent>>, 6> old;
    for (unsigned i = 0; i < 6; ++i)
      if ((old[i] = find(model, f, probes[i]))) old[i]->first.of = nullptr;

    s->mmu.prefetch({prefetched.data(), prefetched.size()});
    s->eyes.begin(probes);
    for (auto const p : prefetched) (void)s->mmu.access(p);
    auto const expected = apply(o, model);
    apply(o, *s, result);
    log.push_back(o.text() + (expected ? std::string{" (refused: "} + text(expected->why) + ")" : ""));
    if (auto const d = difference(o, result, expected); !d.empty()) return complain(d, o);

    // Between all stores: the old translation, the new one, or, only where break-before-make is in use or one of the two
    // is absent, none.
    for (unsigned i = 0; i < 6; ++i) {
      auto const &seen = s->eyes.seen()[i];
      auto const  now  = find(model, f, probes[i]);
      for (auto const &t : seen.translations) {
        auto was = old[i];
        if (was) was->first.of = &was->second;
        if (!(was && same(t, was->first, probes[i])) && !(now && same(t, now->first, probes[i])))
          return complain("in between, " + hex(probes[i]) + " led to " + hex(t.address.value) + ", neither the old nor the new", o);
      }
      for (auto const why : seen.faults) {
        bool const fine = why == fault_reason::absent ? !old[i] || !now || f.break_before_make
                          : why == fault_reason::not_accessed ? f.unaccessed_faults
                                                              : why == fault_reason::outside_input && !model.is_inside(probes[i]);
        if (!fine) return complain("in between, " + hex(probes[i]) + " faulted: " + text(why), o);
      }
      if (seen.marked_accessed && now) {
        auto const t = s->query(probes[i]);
        bool own_bit = true, has_accessed = false;
        for (auto const &form : f.forms) {
          if (form.name != nullptr && form.dirty != never) own_bit = std::has_single_bit(form.dirty.mask);
          has_accessed |= form.name != nullptr && form.accessed != never;
        }
        bool const writable = t && (t->own & rights::writers) != rights::none;
        if (t && t->address.value == seen.marked_output &&
            ((has_accessed && !t->accessed) || (seen.marked_dirty && !t->dirty && (own_bit || writable))))
          return complain("hardware's mark on " + hex(probes[i]) + " was lost", o);
      }
    }
    if (violated(o)) return;
    // Not always: an operation may find owed what an earlier one left, and break-before-make goes on across them.
    if (choose.below(2) == 0) {
      s->settle();
      model.settle();
      s->mmu.verify();
      if (violated(o)) return;
      s->mmu.invalidate_all();
      s->mmu.sync();
    }
    if (s->frames.out() != model.frames_in_use() + 1)
      return complain("expected " + std::to_string(model.frames_in_use() + 1) + " frames in use, came " + std::to_string(s->frames.out()), o);
  }
  s->settle();
  s->mmu.verify();
  violated({operation::kind::settle});
  EXPECT_EQ(s->frames.wrong(), 0u);
  EXPECT_EQ(s->store.strays(), 0u);
}

}  // namespace

// P17, P19, P20, contract 4 and 6.
TEST_P(every_format, leaves_nothing_stale_and_shows_a_walker_the_old_or_the_new) {
  run_watched<exclusive>(GetParam(), static_cast<u64>(8'000 * GetParam().share * test_size()));
}

// P21, contract 7. Accessed and dirty bits are not compared with the reference here, which knows nothing of hardware.
TEST_P(every_format, loses_no_mark_of_hardware_that_marks_before_every_store) {
  run_watched<marked_by_hardware>(GetParam(), static_cast<u64>(8'000 * GetParam().share * test_size()));
}

}  // namespace trial
