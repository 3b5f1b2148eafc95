# SPDX-License-Identifier: MIT
# pagewright_add_test(NAME n SOURCES ... [LIBRARIES ...] [LABELS ...] [TIMEOUT seconds] [ONE_ENTRY])
#
# Builds the executable test_<n> on GoogleTest and registers it with ctest, one entry per TEST, named "<n>.<suite>.<name>".
# Instrumented builds, and executables that ask for ONE_ENTRY, get one entry per executable: a sanitized process takes
# longer to start than most tests take to run.
# Every test sees, as string macros and in its environment,
#   PAGEWRIGHT_SOURCE_DIR   the repository
#   PAGEWRIGHT_SAMPLES      the images that ship with it
#   PAGEWRIGHT_IMAGES       the larger set of images, or "" on a machine without them
# and reads PAGEWRIGHT_TEST_SIZE (a factor, 1.0 when unset) from the environment to size what is slow.

#
# pagewright_add_fuzzer(NAME n SOURCES ... [LIBRARIES ...] [CORPUS directory])
#
# Builds fuzz_<n> from a source that defines LLVMFuzzerTestOneInput. Under the preset `fuzz` it is a libFuzzer program and
# its test is a short run; in every other build its test replays the corpus and mutations of it, so it runs everywhere.

include(GoogleTest)

set(images "${PROJECT_SOURCE_DIR}/../shared/images")
cmake_path(NORMAL_PATH images)
if(NOT EXISTS "${images}")
  set(images "")
endif()
set(PAGEWRIGHT_IMAGES "${images}" CACHE PATH "The larger set of memory images; tests that need it are skipped without")
set(PAGEWRIGHT_SAMPLES "${PROJECT_SOURCE_DIR}/samples")

# What nearly every test includes is compiled once, with the flags all tests have.
add_library(pagewright_test_headers OBJECT "${PROJECT_SOURCE_DIR}/cmake/no_code.cpp")
target_link_libraries(pagewright_test_headers PRIVATE pagewright::pagewright pagewright::warnings pagewright::instrumented
                                                      GTest::gtest)
pagewright_precompile(pagewright_test_headers
  <gtest/gtest.h> <gmock/gmock.h> <algorithm> <array> <cstring> <deque> <expected> <filesystem> <fstream> <functional> <map>
  <memory> <optional> <random> <set> <span> <sstream> <string> <string_view> <unordered_map> <vector>)

function(pagewright_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "ONE_ENTRY" "NAME;TIMEOUT" "SOURCES;LIBRARIES;LABELS")
  if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "pagewright_add_test needs NAME and SOURCES, and does not know: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(PAGEWRIGHT_SANITIZE OR PAGEWRIGHT_COVERAGE OR PAGEWRIGHT_FUZZ)
    set(arg_ONE_ENTRY ON)
    math(EXPR arg_TIMEOUT "5 * ${arg_TIMEOUT}")
  endif()

  set(target test_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE pagewright::pagewright pagewright::warnings pagewright::instrumented
                                          ${arg_LIBRARIES} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE PAGEWRIGHT_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                               PAGEWRIGHT_SAMPLES="${PAGEWRIGHT_SAMPLES}"
                                               PAGEWRIGHT_IMAGES="${PAGEWRIGHT_IMAGES}")
  target_precompile_headers(${target} REUSE_FROM pagewright_test_headers)
  # From a precompiled header g++ does not remember that GoogleTest's macros are the system's: their `info` shadows ours.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-shadow=compatible-local>)
  set(labels "${arg_NAME}" ${arg_LABELS})
  set(environment "PAGEWRIGHT_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "PAGEWRIGHT_SAMPLES=${PAGEWRIGHT_SAMPLES}"
                  "PAGEWRIGHT_IMAGES=${PAGEWRIGHT_IMAGES}")
  if(arg_ONE_ENTRY)
    add_test(NAME ${arg_NAME} COMMAND ${target} --gtest_brief=1)
    set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT ${arg_TIMEOUT} COST ${arg_TIMEOUT} LABELS "${labels}"
                                                 ENVIRONMENT "${environment}")  # the longest first
    return()
  endif()
  gtest_discover_tests(${target} TEST_PREFIX "${arg_NAME}." TEST_LIST tests DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60)
  # Properties that are lists do not survive gtest_discover_tests: ctest reads them from a file of their own.
  set(file "${CMAKE_CURRENT_BINARY_DIR}/${target}_properties.cmake")
  file(CONFIGURE OUTPUT "${file}" @ONLY CONTENT [==[
if(tests)
  set_tests_properties(${tests} PROPERTIES TIMEOUT @arg_TIMEOUT@ LABELS [=[@labels@]=] ENVIRONMENT [=[@environment@]=])
endif()
unset(tests)
]==])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${file}")
endfunction()

function(pagewright_add_fuzzer)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;CORPUS" "SOURCES;LIBRARIES")
  if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "pagewright_add_fuzzer needs NAME and SOURCES, and does not know: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target fuzz_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE pagewright::pagewright pagewright::warnings pagewright::instrumented
                                          ${arg_LIBRARIES})
  if(PAGEWRIGHT_FUZZ)
    # libFuzzer writes what it finds into the first directory: not into the tree.
    set(found "${CMAKE_CURRENT_BINARY_DIR}/corpus_${arg_NAME}")
    file(MAKE_DIRECTORY "${found}")
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz.${arg_NAME} COMMAND ${target} -runs=20000 -max_total_time=60 "${found}" ${arg_CORPUS})
  else()
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/cmake/fuzz_replay.cpp")
    add_test(NAME fuzz.${arg_NAME} COMMAND ${target} ${arg_CORPUS})
  endif()
  set_tests_properties(fuzz.${arg_NAME} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()
