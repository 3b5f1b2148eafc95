// SPDX-License-Identifier: MIT
// The MMU itself: may this access happen, and if not, with which fault of the architecture? The walk says where an
// address leads; what may be done there depends on the processor's control state and on rules that each architecture has
// for itself. Those are a policy, one for each architecture, in mmu/.
#pragma once

#include "walk.hpp"

namespace pagewright {

enum class access_kind : u8 {
  read,
  write,  // also of a read-modify-write, whether or not it stores: access_request::atomic
  fetch,  // of an instruction
};

constexpr auto text(access_kind k) noexcept -> char const * {
  switch (k) {
    case access_kind::read:  return "read";
    case access_kind::write: return "write";
    case access_kind::fetch: return "fetch";
  }
  return "?";
}

/// What a stage of translation wants of the stage below it (nested.hpp): each address it uses is one the latter translates.
enum class purpose : u8 {
  data,        // the output of the stage above: what the access is about
  table_load,  // reading one of its table entries
  table_mark,  // writing one, to mark it accessed or dirty
};

/// What a stage knows of the one above it.
struct stage_above {
  purpose            wants = purpose::data;
  input_address      input{};              // what the topmost stage was asked for, without tags that its input() takes off
  bool               in_register = false;  // the entry was read ahead, when the root was loaded (PAE PDPTE)
  translation const *page = nullptr;       // of data: what the topmost stage says of it, valid during the call

  friend constexpr auto operator==(stage_above const &, stage_above const &) -> bool = default;
};

/// One access as the processor asks for it.
struct access_request {
  access_kind kind = access_kind::read;
  bool atomic       = false;  // of a write: it reads, too. Most architectures make no difference
  bool user         = false;  // made in user mode
  bool unprivileged = false;  // made by the kernel with the user's rights: LDTR and STTR on Arm
  bool implicit     = false;  // made by the processor for itself in any mode: descriptor tables, TSS. Never a user access
  bool shadow_stack = false;  // by CALL, RET and the shadow-stack instructions (x86 CET)
  bool stack        = false;  // through the stack segment: x86 reports a non-canonical address otherwise
  std::optional<stage_above> above{};  // of a stage below another; nothing too if the one above is off

  friend constexpr auto operator==(access_request const &, access_request const &) -> bool = default;
};

/// Is the access one to a table of the stage above?
constexpr auto is_of_table(access_request const &what) noexcept -> bool {
  return what.above && what.above->wants != purpose::data;
}
/// What it does there: loads read, marks write, whatever the access is that they are for.
constexpr auto done_by(access_request const &what) noexcept -> access_kind {
  if (!is_of_table(what)) return what.kind;
  return what.above->wants == purpose::table_mark ? access_kind::write : access_kind::read;
}

/// The tables a walk went through, from the root down: what hardware marks as accessed, and what explanations show.
class passage {
 public:
  constexpr passage() noexcept {}
  passage(passage const &) = delete;  // most of it is not there to be copied
  auto operator=(passage const &) -> passage & = delete;

  PAGEWRIGHT_INLINE constexpr void operator()(step const &s) noexcept {
    if (count_ < max_depth) steps_[count_++] = s;
  }
  constexpr void clear() noexcept { count_ = 0; }
  constexpr auto begin() const noexcept -> step const * { return steps_; }
  constexpr auto end() const noexcept -> step const * { return steps_ + count_; }
  constexpr auto size() const noexcept -> unsigned { return count_; }
  /// The last entry read. Precondition: size() != 0.
  constexpr auto last() const noexcept -> step const & { return steps_[count_ - 1]; }
  /// What all table entries on the way leave, a leaf's own rights aside.
  constexpr auto above() const noexcept -> rights {
    auto left = rights::all;
    for (auto const &s : *this)
      if (s.kind == entry_kind::table) left &= s.allowed;
    return left;
  }

 private:
  step     steps_[max_depth];  // those from count_ on are never read: not worth the time to clear them
  unsigned count_ = 0;
};

/// The entry of `s` as hardware marks it for an access of this kind: a table entry as accessed, where the format has a
/// mark for that; a leaf as accessed, and as dirty if it is written.
template <handle H>
constexpr auto marked(H h, step const &s, access_kind kind) noexcept -> u64 {
  u64 now = s.entry;
  auto const set = [&now](match m) { now = m == never ? now : (now & ~m.mask) | m.value; };
  if (s.kind == entry_kind::table) {
    if (h->levels[s.level].narrows) set(h->table_accessed);
  } else {
    with_form(h, unsigned{s.level}, s.entry, [&](auto f) {
      set(f->accessed);
      if (kind == access_kind::write) set(f->dirty);
    });
  }
  return now;
}

/// What an architecture's rules must say:
///   fault_type                                   its fault, with all that software would be told
///   input(h, at, request)                        the address that is translated, without tags that are not looked at; or
///                                                the fault, if no table is consulted for it
///   fault_of(h, walk's fault, way, at, request)  what an address that does not translate is reported as
///   refuse(h, translation, way, at, request)     the fault, if the permission check refuses; nothing if it does not
///   marked(h, step, request)                     the entry of an allowed access, table entry or leaf, as hardware marks it
///   reads_way(h, request)                        optional: do fault_of and refuse look at `way`, the passage of the walk?
///                                                If not, or without this, it may be empty
template <class Mmu, class H>
concept mmu_rules = requires(Mmu const &m, H h, input_address at, access_request const &r, fault const &f,
                             translation const &t, passage const &p, step const &s) {
  typename Mmu::fault_type;
  { m.input(h, at, r) } -> std::same_as<std::expected<input_address, typename Mmu::fault_type>>;
  { m.fault_of(h, f, p, at, r) } -> std::same_as<typename Mmu::fault_type>;
  { m.refuse(h, t, p, at, r) } -> std::same_as<std::optional<typename Mmu::fault_type>>;
  { m.marked(h, s, r) } -> std::same_as<u64>;
};

/// What `mmu` answers to one access through the tables at `from`: the translation, or the architecture's fault. `way` gets
/// the entries that were read. Changes nothing. Complexity: at most one load per level.
template <handle H, class Mmu, readable_memory M>
  requires mmu_rules<Mmu, H>
constexpr auto access(H h, root from, input_address at, access_request const &what, Mmu const &mmu, M &&memory, passage &way)
    -> std::expected<translation, typename Mmu::fault_type> {
  way.clear();
  auto const input = mmu.input(h, at, what);
  if (!input) return std::unexpected{input.error()};
  auto const found = walk(h, from, *input, memory, way);
  if (!found) return std::unexpected{mmu.fault_of(h, found.error(), way, at, what)};
  if (auto const refused = mmu.refuse(h, *found, way, at, what)) return std::unexpected{*refused};
  return *found;
}

/// The same, for whom the way does not matter; nor is it kept, where the rules do not look at it.
template <handle H, class Mmu, readable_memory M>
  requires mmu_rules<Mmu, H>
PAGEWRIGHT_INLINE constexpr auto access(H h, root from, input_address at, access_request const &what, Mmu const &mmu, M &&memory)
    -> std::expected<translation, typename Mmu::fault_type> {
  passage way;
  if constexpr (requires { mmu.reads_way(h, what); })
    if (mmu.reads_way(h, what)) return access(h, from, at, what, mmu, memory, way);
  auto const input = mmu.input(h, at, what);
  if (!input) return std::unexpected{input.error()};
  auto const found = walk(h, from, *input, memory);
  if (!found) return std::unexpected{mmu.fault_of(h, found.error(), way, at, what)};
  if (auto const refused = mmu.refuse(h, *found, way, at, what)) return std::unexpected{*refused};
  return *found;
}

/// Marks as hardware does what an allowed access came through: `way` and the leaf of `found`, which then says so too.
/// `reach(step, changes)` says where in `memory` an entry lies, or nothing if it cannot be reached any more. Each mark is
/// set by compare-exchange; false if an entry is not what it was any more, and the access must begin again.
template <handle H, class Mmu, writable_memory M, class Reach>
constexpr auto mark(H h, Mmu const &mmu, passage const &way, access_request const &what, translation &found, M &memory, Reach reach)
    -> bool {
  for (step const &s : way) {
    u64 const now   = mmu.marked(h, s, what);
    u64 expected    = s.entry;
    auto const slot = reach(s, now != s.entry);
    if (!slot || memory.load(*slot, h->word()) != expected) return false;  // where it lies may have changed, too
    if (now != s.entry && !memory.compare_exchange(*slot, h->word(), expected, now)) return false;
    if (s.kind != entry_kind::leaf) continue;
    found.entry = now;
    with_form(h, unsigned{s.level}, now, [&](auto f) { found.accessed = f->accessed(now), found.dirty = f->dirty(now); });
  }
  return true;
}

/// As access, and marks: once the access is allowed, every table entry on the way and the leaf as accessed, the leaf as
/// dirty if it is written; nothing on a fault. (Hardware may mark tables before it finds the fault.)
/// If an entry has changed meanwhile the access begins again.
/// Complexity: as above, and one exchange per entry not yet marked; again for each change by others.
template <handle H, class Mmu, writable_memory M>
  requires mmu_rules<Mmu, H>
constexpr auto access_and_mark(H h, root from, input_address at, access_request const &what, Mmu const &mmu, M &&memory)
    -> std::expected<translation, typename Mmu::fault_type> {
  for (;;) {
    passage way;
    auto found = access(h, from, at, what, mmu, memory, way);
    if (!found) return found;
    auto const here = [](step const &s, bool) { return std::optional{s.slot}; };
    if (mark(h, mmu, way, what, *found, memory, here)) return found;
  }
}

}  // namespace pagewright
