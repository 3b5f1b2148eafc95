// SPDX-License-Identifier: MIT
// Golden entries: values worked out from the manuals' tables, held against a description in both directions.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>

#include <pagewright/check.hpp>

namespace pagewright::golden {

/// Everything a leaf is expected to say.
struct leaf {
  unsigned         level;
  std::string_view form;
  u64              output;
  unsigned         lg2;
  attributes       says;
};

/// AssertionResult formats every piece on its own, so std::hex would not last.
inline auto hex(u64 value) -> std::string {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

inline auto shown(attributes const &a) -> std::string {
  std::ostringstream out;
  auto const [kernel, user] = text(a.allow);
  out << "kernel " << kernel << " user " << user << ' ' << text(a.type) << (a.global ? " global" : "")
      << (a.accessed ? " accessed" : "") << (a.dirty ? " dirty" : "") << " software " << std::hex << a.software;
  return out.str();
}

/// Is `entry` the leaf that `want` says? Shows what was decoded if it is not.
inline auto decodes(format const &f, u64 entry, leaf const &want) -> testing::AssertionResult {
  dynamic const h{&f};
  auto const failure = [&] {
    return testing::AssertionFailure() << f.name << " level " << want.level << " entry " << hex(entry) << ": ";
  };

  if (auto const kind = kind_of(h, want.level, entry); kind != entry_kind::leaf)
    return failure() << "expected a leaf, but it is " << text(kind);
  form const *shape = nullptr;
  with_form(h, want.level, entry, [&](form const &is) { shape = &is; });
  if (shape->name != want.form) return failure() << "expected the form " << want.form << ", but it is " << shape->name;
  if (auto const lg2 = leaf_lg2(h, want.level, *shape, entry); lg2 != want.lg2)
    return failure() << "expected 2^" << want.lg2 << " bytes, but it maps 2^" << lg2;
  if (auto const to = leaf_base(h, want.level, *shape, entry).value; to != want.output)
    return failure() << "expected output " << hex(want.output) << ", but it is " << hex(to);
  if (auto const got = attributes_of(h, *shape, entry); got != want.says)
    return failure() << "expected " << shown(want.says) << ", but it says " << shown(got);
  return testing::AssertionSuccess();
}

/// Is the leaf that `want` says encoded as `entry`? `slot`: the address of the slot, where a leaf fills several.
inline auto encodes(format const &f, leaf const &want, u64 entry, u64 slot) -> testing::AssertionResult {
  dynamic const h{&f};
  form const *shape = nullptr;
  for (u8 const n : f.levels[want.level].leaves)
    if (n != no_form && f.forms[n].name == want.form) shape = &f.forms[n];
  if (shape == nullptr)
    return testing::AssertionFailure() << f.name << ": no form " << want.form << " at level " << want.level;

  auto const made = encode_attributes(h, *shape, want.says);
  if (made.flaw != inexpressible::no)
    return testing::AssertionFailure() << f.name << " cannot say " << shown(want.says) << " (" << int(made.flaw) << ')';
  u64 const whole = made.entry | encode_address(h, want.level, *shape, {slot});
  if (whole != entry)
    return testing::AssertionFailure() << f.name << ": expected " << hex(entry) << ", but encoded " << hex(whole);
  return testing::AssertionSuccess();
}

/// Both ways. Entries that hold bits no one asked for are checked with `decodes` alone.
inline auto both_ways(format const &f, u64 entry, leaf const &want) -> testing::AssertionResult {
  if (auto const d = decodes(f, entry, want); !d) return d;
  return encodes(f, want, entry, want.output);
}

/// The bits that turn `entry`, a valid entry of `level`, into a reserved one when they are set: all of them, found by
/// trying each.
inline auto rejected_bits(format const &f, unsigned level, u64 entry) -> u64 {
  dynamic const h{&f};
  u64 mask = 0;
  for (unsigned n = 0; n < 8u * f.entry_bytes; ++n)
    if ((entry & bit(n)) == 0 && kind_of(h, level, entry | bit(n)) == entry_kind::reserved) mask |= bit(n);
  return mask;
}

/// Is `entry` a table entry to `next` that leaves `allowed` to what lies below?
inline auto is_table(format const &f, unsigned level, u64 entry, u64 next, rights allowed) -> testing::AssertionResult {
  dynamic const h{&f};
  auto const failure = [&] {
    return testing::AssertionFailure() << f.name << " level " << level << " entry " << hex(entry) << ": ";
  };
  if (auto const kind = kind_of(h, level, entry); kind != entry_kind::table)
    return failure() << "expected a table entry, but it is " << text(kind);
  if (auto const to = table_of(h, level, entry).value; to != next)
    return failure() << "expected a table at " << hex(next) << ", but it is at " << hex(to);
  if (auto const got = table_rights(h, level, entry); got != allowed)
    return failure() << "expected it to leave " << shown({.allow = allowed}) << ", but it leaves "
                     << shown({.allow = got});
  return testing::AssertionSuccess();
}

inline auto kind_at(format const &f, unsigned level, u64 entry) -> std::string_view {
  return text(kind_of(dynamic{&f}, level, entry));
}

/// Does every bit of every entry have exactly one name?
inline auto names_every_bit(format const &f) -> testing::AssertionResult {
  for (unsigned scope = 0; scope <= max_forms; ++scope) {
    bool const tables = scope == max_forms;
    if (tables ? f.depth == 1 : smallest_leaf(f, scope) == 64) continue;
    u64 named = 0;
    for (auto const &one : f.fields)
      if (one.name != nullptr && (one.on & (tables ? on_tables : on_form(scope))) != 0) {
        if ((named & one.mask()) != 0) return testing::AssertionFailure() << f.name << ": " << one.name << " overlaps";
        named |= one.mask();
      }
    if (named != below(8u * f.entry_bytes))
      return testing::AssertionFailure() << f.name << (tables ? " tables" : f.forms[scope].name) << ": unnamed bits "
                                         << hex(below(8u * f.entry_bytes) & ~named);
  }
  return testing::AssertionSuccess();
}

/// Does check() find nothing, and is every bit named?
inline auto is_faultless(format const &f) -> testing::AssertionResult {
  if (auto const e = check(f))
    return testing::AssertionFailure() << f.name << ": expected that " << text(e.what) << ", but not so at " << e.level
                                       << ", " << e.where;
  return names_every_bit(f);
}

}  // namespace pagewright::golden
