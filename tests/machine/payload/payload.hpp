// SPDX-License-Identifier: MIT
// What every probe program does: find the control block, load settings, try each probe, write the answer. An architecture's
// program says how: `load` a setting, `attempt` a probe, and `end` the machine.
#pragma once

#include "protocol.hpp"

namespace machine {

void load(setting const &s);
auto attempt(probe const &p) -> answer;
[[noreturn]] void end(unsigned status);

/// Memory by its physical address; without translation, or mapped as it is.
template <class T>
auto physical(u64 address) -> T * { return reinterpret_cast<T *>(static_cast<__UINTPTR_TYPE__>(address)); }

/// Ends with 0 when all probes are answered, with 2 when there is no control block at `where`.
[[noreturn]] inline void answer_all(u64 where) {
  auto *const c = physical<control volatile>(where);
  if (c->magic != magic) end(2);
  auto const *const settings = physical<setting const>(c->settings);
  auto const *const probes   = physical<probe const>(c->probes);
  auto *const       answers  = physical<answer>(c->answers);
  u32  loaded = ~u32{0};
  u64 const count = c->count;
  for (u64 i = 0; i < count; ++i) {
    if (probes[i].setting != loaded) load(settings[loaded = probes[i].setting]);
    answers[i] = attempt(probes[i]);
    c->answered = i + 1;
  }
  end(0);
}

}  // namespace machine
