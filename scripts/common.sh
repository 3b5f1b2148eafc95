# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the other scripts: works from the repository root and picks the compiler.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# Where scripts/setup puts a cmake of its own when the distribution's is too old.
export PATH="$PWD/build/tools/bin:$PATH"

fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# at_least VERSION MINIMUM
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The name of a g++ that is new enough (12), or nothing.
new_enough_gxx() {
  local name version
  for name in g++ g++-12 g++-13 g++-14 g++-15; do
    version=$("$name" -dumpversion 2>/dev/null) && at_least "$version" 12 && { printf '%s' "$name"; return; }
  done
}

# CXX stays what the caller set it to; otherwise it is the first g++ that is new enough.
choose_compiler() {
  [ -n "${CXX:-}" ] && return
  CXX=$(new_enough_gxx)
  [ -n "$CXX" ] || fail "no g++ 12 or newer; set CXX to a C++23 compiler (g++ 12, clang++ 19) and try again"
  export CXX
}
