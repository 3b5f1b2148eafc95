# SPDX-License-Identifier: MIT
# The common part of the bare-machine toolchains. Each of them names a processor and the prefix of its cross tools.
#   PAGEWRIGHT_FREESTANDING_COMPILER   g++ (the default), or the name of a clang++
set(PAGEWRIGHT_FREESTANDING_COMPILER "g++" CACHE STRING "g++, or the name of a clang++")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PAGEWRIGHT_FREESTANDING_COMPILER)

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
if(PAGEWRIGHT_FREESTANDING_COMPILER STREQUAL "g++")
  set(CMAKE_CXX_COMPILER ${triple}-g++)
else()
  set(CMAKE_CXX_COMPILER ${PAGEWRIGHT_FREESTANDING_COMPILER})
  set(CMAKE_CXX_COMPILER_TARGET ${triple})
endif()
