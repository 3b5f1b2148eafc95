// SPDX-License-Identifier: MIT
// What the three kernels share: a console, a way to try an access and survive it, and the layout of their memory.
#pragma once

#include <pagewright/pagewright.hpp>

namespace kernel {

using namespace pagewright;

// --- what each processor's kernel.cpp provides ---------------------------------------------------------------------

void put(char c);                           // to the serial console
[[noreturn]] void stop(unsigned code);      // ends QEMU with this exit status
extern u64 const ram;                       // where this machine's memory begins
extern u64 const window;                    // 1 GiB of input addresses that nothing else uses
extern attributes const plain;              // kernel data: readable, writable, the usual memory type

/// What the processor said of an access it refused.
struct trap {
  u64 cause, address;
};
void say_cause(trap t);                     // in the manual's words, without a line end

/// Each accesses memory by one instruction; if that faults, so it is told, and the kernel goes on after it.
auto read(u64 at) -> std::expected<u64, trap>;
auto write(u64 at, u64 value) -> std::expected<void, trap>;
auto call(u64 at) -> std::expected<void, trap>;
void put_return(u64 at);                    // writes an instruction that returns, to be called

// --- memory, from `ram` on: linker scripts keep to it --------------------------------------------------------------

inline constexpr u64 text_at = 0x10'0000, data_at = 0x14'0000, end_at = 0x18'0000;  // the image
inline constexpr u64 tables_at = 0x40'0000, tables = 64;                            // frames for tables
inline constexpr u64 frames_at = 0x80'0000, frames_bytes = 0x80'0000;               // memory to be mapped

using table_frames = frame_pool<tables>;

// --- console -------------------------------------------------------------------------------------------------------

/// Printed in hexadecimal; plain numbers are printed in decimal.
struct hex {
  u64 value;
};

inline void say(char const *s) {
  for (; *s != 0; ++s) put(*s);
}
inline void say(hex n) {
  say("0x");
  for (int shift = 60; shift >= 0; shift -= 4)
    if (n.value >> shift != 0 || shift == 0) put("0123456789abcdef"[n.value >> shift & 15]);
}
inline void say(input_address a) { say(hex{a.value}); }
inline void say(output_address a) { say(hex{a.value}); }
inline void say(rights r) { say(text(r).kernel); }
inline void say(u64 n) {
  if (n > 9) say(n / 10);
  put(static_cast<char>('0' + n % 10));
}

/// A line made of all the parts.
template <class... Part>
void print(Part const &...parts) {
  (say(parts), ...);
  put('\n');
}

/// Ends the machine unless `ok`.
inline void expect(bool ok, char const *what) {
  if (ok) return;
  print("WRONG: ", what);
  stop(1);
}

/// Ends the machine unless the operation succeeded, and says what was in the way.
inline void done(std::expected<void, error> const &result, char const *what) {
  if (result) return;
  print("WRONG: ", what, ": ", text(result.error().why), " at ", result.error().at);
  stop(1);
}

/// A range that is known to be one.
constexpr auto pages(u64 first, u64 bytes) -> range { return *range::of({first}, bytes); }

// --- surviving a fault ---------------------------------------------------------------------------------------------

/// An access that may fault first writes down where to go on.
struct attempt {
  u64  resume  = 0;
  bool refused = false;
  trap why{};
};
inline attempt trying;

/// For trap handlers: where to go on. A trap that nobody expected ends the machine.
inline auto resume_after(trap why, u64 at) -> u64 {
  if (trying.resume == 0) {
    say("WRONG: unexpected trap: ");
    say_cause(why);
    print(" at ", hex{why.address}, ", instruction at ", hex{at});
    stop(2);
  }
  trying.refused = true;
  trying.why     = why;
  return std::exchange(trying.resume, 0);
}

/// How the access that was just tried ended.
inline auto outcome() -> std::expected<void, trap> {
  trying.resume = 0;
  if (std::exchange(trying.refused, false)) return std::unexpected{trying.why};
  return {};
}

}  // namespace kernel
