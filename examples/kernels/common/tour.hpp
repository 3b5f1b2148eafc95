// SPDX-License-Identifier: MIT
// What the three kernels do once translation is on. Nothing here knows the processor or the format.
#pragma once

#include "kernel.hpp"

namespace kernel {

/// Maps the kernel itself, address for address, so that translation can be switched on under its feet.
template <class Space>
void map_kernel(Space &space, attributes const &memory) {
  ledger     owed;
  auto const identity = [&](char const *what, u64 at, u64 bytes, rights allow) {
    auto how  = memory;
    how.allow = allow;
    done(space.map(pages(ram + at, bytes), {ram + at}, how, owed), what);
    print("  ", hex{ram + at}, " ", bytes / 1024, "K ", allow, " ", what);
  };
  print("tables of ", u64{space.format().depth}, " levels, root at ", space.top().table, ":");
  identity("code", text_at, data_at - text_at, rights::kernel_rx);
  identity("data and stack", data_at, end_at - data_at, rights::kernel_rw);
  identity("frames for tables", tables_at, tables * 4096, rights::kernel_rw);
  identity("memory", frames_at, frames_bytes, rights::kernel_rw);
  space.settle(owed);
}

/// An access that must be refused, and how the processor and the tables explain it.
template <class Space, class Result>
void refused(char const *what, Space &space, u64 at, Result const &result) {
  expect(!result, what);
  say(what);
  say(": ");
  say_cause(result.error());
  print(" at ", hex{result.error().address});
  expect(result.error().address == at, "the fault is where the access was");
  if (auto const t = space.query({at})) print("  the tables: ", t->effective, " to ", t->address);
  else print("  the tables: ", text(t.error().why), " at level ", space.format().levels[t.error().level].name);
}

/// Map, use, protect, split, unmap. `space` is live: its translation cache is the processor's own.
template <class Space>
void tour(Space &space, table_frames &frames) {
  u64 const  memory = ram + frames_at, page = 4096, large = 0x20'0000, before = frames.in_use();
  auto const where  = pages(window, 3 * page);
  ledger     owed;

  print("-- map");
  done(space.map(where, {memory}, plain, owed), "mapping three pages");
  space.settle(owed);
  expect(write(window + page + 8, 0x600d).has_value() && *reinterpret_cast<u64 volatile *>(memory + page + 8) == 0x600d,
         "what is written through the mapping arrives in memory");
  print("wrote ", hex{window + page + 8}, ", found it at ", hex{memory + page + 8});

  print("-- protect");
  done(space.protect(where, rights::kernel_ro, owed), "protecting");
  space.settle(owed);
  expect(read(window + page + 8) == 0x600d, "a read-only page can be read");
  refused("write to a read-only page", space, window + page + 8, write(window + page + 8, 1));
  put_return(memory);
  refused("call into a page without execute", space, window, call(window));
  done(space.protect(pages(window, page), rights::kernel_rx, owed), "making a page executable");
  space.settle(owed);
  expect(call(window).has_value(), "an executable page can be called");
  print("made it executable: the call returns");

  print("-- split");
  done(space.map(pages(window + large, large), {memory + large}, plain, owed), "mapping a large page");
  expect(space.query({window + large})->lg2 == 21, "two megabytes are one leaf");
  expect(write(window + large, 1).has_value() && write(window + large + page, 2).has_value(), "both can be written");
  done(space.protect(pages(window + large + page, page), rights::kernel_ro, owed), "protecting a part");
  space.settle(owed);
  print("2M page split: leaves of 2^", u64{space.query({window + large})->lg2}, " bytes");
  expect(write(window + large, 3).has_value() && read(window + large + page) == 2, "the neighbours are as they were");
  refused("write to the protected part", space, window + large + page + 16, write(window + large + page + 16, 4));

  print("-- unmap");
  expect(read(window + page + 8) == 0x600d, "the page is in the translation cache");
  done(space.unmap(where, owed), "unmapping");
  done(space.unmap(pages(window + large, large), owed), "unmapping");
  print("owed: ", u64{owed.extents().size()}, " extents, ", u64{owed.tables().size()}, " tables not to be touched yet");
  // Not compared with what is expected: a processor may forget at any time.
  print("note: before payment the old translation ", read(window + page + 8) ? "still answers" : "is gone");
  expect(frames.in_use() > before, "no table is released before payment");
  space.settle(owed);
  refused("read after payment", space, window + page + 8, read(window + page + 8));
  refused("write after payment", space, window + large, write(window + large, 5));
  expect(frames.in_use() == before, "every table came back");
  print("tables in use: ", u64{frames.in_use()}, ", as before the tour");
}

/// Shows that `invalidate(address)` does: a leaf is erased behind the ledger's back, and it alone must make the
/// processor see that. `global`: the page belongs to every address space, which some invalidations spare.
template <class Space, class Memory, class Invalidate>
void shows(char const *instruction, Space &space, Memory &memory, Invalidate &&invalidate, bool global = false) {
  ledger     owed;
  auto const word = space.format().word();
  auto       how  = plain;
  how.global      = global;
  done(space.map(pages(window, 4096), {ram + frames_at}, how, owed), instruction);
  space.settle(owed);
  expect(read(window).has_value(), "the page can be read");
  auto const leaf = *space.query({window});
  memory.store(leaf.slot, word, 0);
  bool const stale = read(window).has_value();
  invalidate(virtual_address{window});
  expect(!read(window), instruction);
  print("  ", instruction, global ? ": the global page is gone" : ": the page is gone");
  print("note: before that the old translation ", stale ? "still answered" : "was gone");
  memory.store(leaf.slot, word, leaf.entry);
  done(space.unmap(pages(window, 4096), owed), instruction);
  space.settle(owed);
}

}  // namespace kernel
