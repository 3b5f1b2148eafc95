// SPDX-License-Identifier: MIT
#include "fixture.hpp"

namespace trial {

auto picture_of(format const &f, root top, byte_memory &memory) -> std::vector<u64> {
  struct visitor {
    format const    &f;
    byte_memory     &memory;
    std::vector<u64> words{};

    void add(output_address table, unsigned level) {
      words.push_back(table.value);
      for (u64 i = 0; i < bit(f.levels[level].index_bits); ++i)
        words.push_back(memory.load(slot_address(dynamic{&f}, level, table, i), f.word()).value_or(~u64{0}));
    }
    auto enter(table_visit const &t) -> visit { return add(t.table, t.level), visit::descend; }
  } v{f, memory};
  v.add(top.table, f.depth - 1u);
  sweep(dynamic{&f}, top, everything, memory, v);
  return v.words;
}

auto tables_of(format const &f, root top, byte_memory &memory) -> unsigned {
  struct {
    unsigned n = 0;
    auto enter(table_visit const &) -> visit { return ++n, visit::descend; }
  } v;
  sweep(dynamic{&f}, top, everything, memory, v);
  return v.n;
}

}  // namespace trial
