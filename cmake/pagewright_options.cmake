# SPDX-License-Identifier: MIT
# How this project's own code is compiled. Consumers of the header-only library see none of it.
#   pagewright::warnings       every warning both compilers agree to be useful
#   pagewright::instrumented   sanitizers, coverage: everything that is run in this tree links it

add_library(pagewright_warnings INTERFACE)
add_library(pagewright::warnings ALIAS pagewright_warnings)
target_compile_options(pagewright_warnings INTERFACE
  # g++ takes an enumerator of an enum class for a shadow of what bears the same name outside; clang knows better.
  $<IF:$<CXX_COMPILER_ID:GNU>,-Wshadow=local,-Wshadow>
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
  $<$<BOOL:${PAGEWRIGHT_WERROR}>:-Werror>)

add_library(pagewright_instrumented INTERFACE)
add_library(pagewright::instrumented ALIAS pagewright_instrumented)
if(PAGEWRIGHT_SANITIZE)
  target_compile_options(pagewright_instrumented INTERFACE
    -fsanitize=${PAGEWRIGHT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_definitions(pagewright_instrumented INTERFACE PAGEWRIGHT_INLINE=)  # compiles in a fifth of the time
  target_link_options(pagewright_instrumented INTERFACE -fsanitize=${PAGEWRIGHT_SANITIZE})
endif()
if(PAGEWRIGHT_COVERAGE)
  target_compile_options(pagewright_instrumented INTERFACE --coverage -fprofile-abs-path)
  target_link_options(pagewright_instrumented INTERFACE --coverage)
endif()
if(PAGEWRIGHT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "PAGEWRIGHT_FUZZ needs clang (libFuzzer is part of it), not ${CMAKE_CXX_COMPILER}. "
                        "Configure with -DCMAKE_CXX_COMPILER=clang++-19, or use the preset `fuzz`.")
  endif()
  target_compile_options(pagewright_instrumented INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_EXTENSIONS OFF)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(PAGEWRIGHT_CCACHE ccache)
  if(PAGEWRIGHT_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    # Without these ccache caches nothing that uses a precompiled header. No more of them: an object made while a header
    # changed must not be kept.
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros "${PAGEWRIGHT_CCACHE}")
  endif()
endif()
