// SPDX-License-Identifier: MIT
#include "access.hpp"

#include <pagewright/nested.hpp>

#include "number.hpp"
#include "walks.hpp"

namespace pagewright::inspect {
namespace {

// --- what each architecture tells ---------------------------------------------------------------------------------

struct told_fault {
  std::string             name;
  std::vector<told_value> values;
  std::string_view        why;
  rights                  lacks = rights::none;  // the right that was asked for, where entries were asked for rights
};

[[nodiscard]] auto tell(x86::exception const &e, access_request const &what) -> told_fault {
  using enum x86::denial;
  auto const lacks = e.why == supervisor_page ? rights::user_read
                     : e.why == read_only     ? (what.user ? rights::user_write : rights::kernel_write)
                     : e.why == no_execute    ? rights::kernel_execute
                                              : rights::none;
  switch (e.vector) {
    case x86::exception_vector::page_fault:
      return {"#PF", {{"vector", 14}, {"error_code", e.code}, {"cr2", e.address.value}}, text(e.why), lacks};
    case x86::exception_vector::general_protection: return {"#GP", {{"vector", 13}, {"error_code", 0}}, text(e.why)};
    case x86::exception_vector::stack_fault:        return {"#SS", {{"vector", 12}, {"error_code", 0}}, text(e.why)};
    case x86::exception_vector::none:               break;
  }
  return {"not known", {}, text(e.why)};
}

[[nodiscard]] auto tell(arm64::abort const &a, access_request const &what) -> told_fault {
  using enum arm64::denial;
  bool const user  = what.user || what.unprivileged;
  auto const lacks = a.why == not_for_user ? rights::user_read
                     : a.why == read_only  ? (user ? rights::user_write : rights::kernel_write)
                     : a.why == no_execute ? (what.user ? rights::user_execute : rights::kernel_execute)
                                           : rights::none;
  told_fault t{fmt::format("{} abort: {} level {}", what.kind == access_kind::fetch ? "instruction" : "data", text(a.status), a.level),
               {{"esr", a.esr}, {"far", a.far.value}}, text(a.why), lacks};
  if (a.hpfar != 0) t.values.push_back({"hpfar", a.hpfar});
  return t;
}

[[nodiscard]] auto tell(arm32::abort const &a, access_request const &what) -> told_fault {
  using enum arm32::denial;
  bool const user  = what.user || what.unprivileged, fetch = what.kind == access_kind::fetch;
  auto const lacks = a.why == not_for_user ? rights::user_read
                     : a.why == read_only  ? (user ? rights::user_write : rights::kernel_write)
                     : a.why == no_execute ? (what.user ? rights::user_execute : rights::kernel_execute)
                                           : rights::none;
  return {fmt::format("{} abort: {} level {}", fetch ? "prefetch" : "data", text(a.status), a.level),
          {{fetch ? "ifsr" : "dfsr", a.fsr}, {fetch ? "ifar" : "dfar", a.far.value}}, text(a.why), lacks};
}

[[nodiscard]] auto cause_text(u64 cause) noexcept -> std::string_view {
  switch (cause) {
    case 1:  return "instruction access fault";
    case 5:  return "load access fault";
    case 7:  return "store access fault";
    case 12: return "instruction page fault";
    case 13: return "load page fault";
    case 15: return "store page fault";
    case 20: return "instruction guest-page fault";
    case 21: return "load guest-page fault";
    case 23: return "store guest-page fault";
  }
  return "?";
}

[[nodiscard]] auto tell(riscv::exception const &e, access_request const &) -> told_fault {
  using enum riscv::denial;
  auto const lacks = e.why == supervisor_page  ? rights::user
                     : e.why == not_readable   ? rights::readers
                     : e.why == not_writable   ? rights::writers
                     : e.why == not_executable ? rights::executes
                                               : rights::none;
  return {std::string{cause_text(u64(e.cause))}, {{"cause", u64(e.cause)}, {"tval", e.address.value}}, text(e.why), lacks};
}

[[nodiscard]] auto tell(riscv::guest_exception const &e, access_request const &) -> told_fault {
  return {std::string{cause_text(e.cause)},
          {{"cause", e.cause}, {"tval", e.address.value}, {"htval", e.htval}, {"htinst", e.htinst}}, text(e.why)};
}

[[nodiscard]] auto tell(ept::exit const &e, access_request const &) -> told_fault {
  std::vector<told_value> values{{"exit_reason", u64(e.reason)}, {"qualification", e.qualification}, {"guest_physical", e.guest_physical.value}};
  if (e.guest_linear) values.push_back({"guest_linear", e.guest_linear->value});
  switch (e.reason) {
    case ept::exit_reason::violation:        return {"EPT violation", std::move(values), text(e.why)};
    case ept::exit_reason::misconfiguration: return {"EPT misconfiguration", {{"exit_reason", u64(e.reason)}, {"guest_physical", e.guest_physical.value}}, text(e.why)};
    case ept::exit_reason::none:             break;
  }
  return {"not known", {}, text(e.why)};
}

[[nodiscard]] auto tell(npt::nested_page_fault const &f, access_request const &) -> told_fault {
  return {"#NPF", {{"exitinfo1", f.code}, {"exitinfo2", f.guest_physical.value}}, text(f.why)};
}

// --- words --------------------------------------------------------------------------------------------------------

[[nodiscard]] auto words_for(rights lacked) noexcept -> std::string_view {
  if (lacked == rights::user || lacked == rights::user_read) return "is the supervisor's alone";
  if ((lacked & rights::writers) != rights::none) return "is read-only";
  if ((lacked & rights::executes) != rights::none) return "forbids execution";
  return "may not be read";
}

/// Which entry took the right away, and whether the leaf would have granted it; empty if no entry did.
[[nodiscard]] auto culprit(format const &f, passage const &way, rights lacked) -> std::string {
  if (lacked == rights::none) return {};
  for (step const &s : way) {
    if (s.kind != entry_kind::table && s.kind != entry_kind::leaf) continue;
    if ((s.allowed & lacked) != rights::none) continue;
    auto words = fmt::format("the {} entry {:#0{}x} {}", f.levels[s.level].name, s.entry, 2 + 2 * f.entry_bytes, words_for(lacked));
    if (s.kind == entry_kind::table && (way.last().allowed & lacked) != rights::none) words += "; the leaf would allow it";
    return words;
  }
  return {};
}

/// What a walk that led nowhere ended at.
[[nodiscard]] auto where(format const &f, passage const &way) -> std::string {
  if (way.size() == 0) return {};
  auto const &s = way.last();
  return fmt::format(": {} entry {:#0{}x} at {:#x}", f.levels[s.level].name, s.entry, 2 + 2 * f.entry_bytes, s.slot.value);
}

template <class Fault>
void report(access_report &r, Fault const &fault, format const &f, passage const &way) {
  auto told = tell(fault, r.asked);
  r.fault   = std::move(told.name);
  r.told    = std::move(told.values);
  bool const reached_leaf = way.size() != 0 && way.last().kind == entry_kind::leaf;
  r.why = culprit(f, way, told.lacks);
  if (r.why.empty()) r.why = std::string{told.why} + (reached_leaf ? "" : where(f, way));
}

// --- stages -------------------------------------------------------------------------------------------------------

template <class Mmu>
void judge_alone(access_report &r, view const &v, Mmu const &mmu, image::image_memory const &memory, input_address at) {
  passage    way;
  auto const is = access(stage{dynamic{&v.description}, v.from, mmu}, at, r.asked, memory, way);
  if (is) r.reached = *is;
  else report(r, is.error(), v.description, way);
}

/// What is not in the image is not the processor's answer.
void leave_open(access_report &r, machine const &m, explained_walk const &w) {
  auto const missing = [](auto const &is) { return !is && is.error().why == fault_reason::unreadable; };
  bool const at_end = w.below && missing(*w.below);
  if (w.through != nullptr && !missing(w.outcome) && !at_end) return;
  r.known = false, r.fault.clear(), r.told.clear();
  r.why = at_end ? sentence_below(m, w) : sentence(m, w);
}

template <class Upper, class Lower>
void judge_nested(access_report &r, view const &v, Upper const &upper, lower_view const &below, Lower const &lower,
                  image::image_memory const &memory, input_address at) {
  passage    way;
  nested const stages{stage{dynamic{&v.description}, v.from, upper}, stage{dynamic{&below.description}, below.from, lower}};
  auto const is = access(stages, at, r.asked, memory, way);
  if (is) {
    r.reached = *is;
    return;
  }
  auto const &fault = is.error();
  if (fault.own() != nullptr) return report(r, *fault.own(), v.description, way);

  // The stage below once more, for the entries that it read.
  r.stage = 2;
  passage lower_way;
  (void)walk(stages.below.format, below.from, input_address{fault.asked.value}, memory, lower_way);
  report(r, *fault.below(), below.description, lower_way);
  auto const name = v.description.levels[fault.level].name;
  switch (fault.wants) {
    case purpose::data:       r.why = fmt::format("{}, for {:#x}: {}", below.label, fault.asked.value, r.why); break;
    case purpose::table_load: r.why = fmt::format("{}, for reading the {} entry at {:#x}: {}", below.label, name, fault.asked.value, r.why); break;
    case purpose::table_mark: r.why = fmt::format("{}, for marking the {} entry at {:#x}: {}", below.label, name, fault.asked.value, r.why); break;
  }
}

template <class Upper, class Lower>
constexpr bool go_together = (std::same_as<Upper, x86::mmu> && (std::same_as<Lower, ept::mmu> || std::same_as<Lower, npt::mmu>)) ||
                             (std::same_as<Upper, arm64::mmu> && std::same_as<Lower, arm64::stage2_mmu>) ||
                             (std::same_as<Upper, riscv::mmu> && std::same_as<Lower, riscv::guest_mmu>);

}  // namespace

auto judge(machine const &m, image::image_memory const &memory, explained_walk const &w, access_request const &what)
    -> access_report {
  auto const        at = w.asked;
  auto const *const v  = w.through;
  access_report r{.asked = what, .reached = {}, .fault = {}, .told = {}, .why = {}};
  if (v == nullptr) return leave_open(r, m, w), r;
  std::visit([&]<class Upper>(Upper const &upper) {
    if constexpr (!std::same_as<Upper, std::monostate>) {
      if (!m.below) return judge_alone(r, *v, upper, memory, at);
      std::visit([&]<class Lower>(Lower const &lower) {
        if constexpr (go_together<Upper, Lower>) judge_nested(r, *v, upper, *m.below, lower, memory, at);
      }, m.below->rules);
    }
  }, v->rules);
  if (!r.reached) leave_open(r, m, w);
  return r;
}

auto text_of(access_request const &what) -> std::string {
  return fmt::format("{} {}", what.user ? "user" : what.unprivileged ? "unprivileged" : "supervisor", text(what.kind));
}

}  // namespace pagewright::inspect
