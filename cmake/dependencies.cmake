# SPDX-License-Identifier: MIT
# What the tool, the tests and the benchmarks stand on. Each is taken from the system when it is there, and otherwise
# fetched at a pinned commit, that of the tag beside it. The header-only library needs none of it.
include(FetchContent)
find_package(PkgConfig QUIET)

# Repository and commit; one that a tag names can be fetched alone.
set(pin_CLI11         CLIUtils/CLI11      291c58789c031208f08f4f261a858b5b7083e8e2)  # v2.3.2
set(pin_fmt           fmtlib/fmt          a33701196adfad74917046096bf5a2aa0ab0bb50)  # 9.1.0
set(pin_nlohmann_json nlohmann/json       bc889afb4c5bf1c0d8ee29ef35eaaf4c8bef8a5d)  # v3.11.2
set(pin_tomlplusplus  marzer/tomlplusplus 30172438cee64926dc41fdd9c11fb3ba5b2ba9de)  # v3.4.0
set(pin_zstd          facebook/zstd       945f27758c0fd67b636103a38dbf050266c6b90a)  # v1.5.4
set(pin_zlib          madler/zlib         04f42ceca40f73e2978b50e93806c2a18c1281fc)  # v1.2.13
set(pin_googletest    google/googletest   58d77fa8070e8cec2dc1ed015d66b454c8d78850)  # release-1.12.1
set(pin_benchmark     google/benchmark    d572f4777349d43653b21d6c2fc63020ab326db2)  # v1.7.1

# pagewright_fetch(<name> [FetchContent option...]): the pinned source of a package the system does not have.
macro(pagewright_fetch name)
  list(GET pin_${name} 0 repository)
  list(GET pin_${name} 1 commit)
  message(STATUS "${name} is not installed: fetching ${repository} at ${commit}")
  FetchContent_Declare(${name} GIT_REPOSITORY "https://github.com/${repository}.git" GIT_TAG ${commit}
                       GIT_SHALLOW ON SYSTEM ${ARGN})
  FetchContent_MakeAvailable(${name})
endmacro()

# pagewright_pkg_config(<target> <module>): an imported target for a package that has only a .pc file.
function(pagewright_pkg_config target module)
  if(TARGET ${target} OR NOT PKG_CONFIG_FOUND)
    return()
  endif()
  pkg_check_modules(${module} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(TARGET PkgConfig::${module})
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(${target} INTERFACE PkgConfig::${module})
  endif()
endfunction()

# Nothing fetched is installed, tested or shared.
set(BUILD_SHARED_LIBS OFF)
set(FMT_INSTALL OFF)
set(JSON_Install OFF)
set(SKIP_INSTALL_ALL ON)
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)

if(PAGEWRIGHT_BUILD_TOOL OR PAGEWRIGHT_BUILD_TESTS)
  find_package(Threads REQUIRED)

  find_package(CLI11 QUIET)
  if(NOT TARGET CLI11::CLI11)
    pagewright_fetch(CLI11)
  endif()

  find_package(fmt 9 QUIET)
  if(NOT TARGET fmt::fmt)
    pagewright_fetch(fmt)
  endif()

  find_package(nlohmann_json 3.9 QUIET)
  if(NOT TARGET nlohmann_json::nlohmann_json)
    pagewright_fetch(nlohmann_json)
  endif()

  find_package(tomlplusplus 3 QUIET)
  pagewright_pkg_config(tomlplusplus::tomlplusplus tomlplusplus)
  if(NOT TARGET tomlplusplus::tomlplusplus)
    pagewright_fetch(tomlplusplus)
  endif()

  # Some distributions ship zstd's CMake package, some only libzstd.pc, and the target's name differs between versions.
  pagewright_pkg_config(zstd::libzstd libzstd)
  if(NOT TARGET zstd::libzstd)
    find_package(zstd QUIET)
    foreach(candidate zstd::libzstd_shared zstd::libzstd_static)
      if(TARGET ${candidate} AND NOT TARGET zstd::libzstd)
        add_library(zstd::libzstd INTERFACE IMPORTED GLOBAL)
        target_link_libraries(zstd::libzstd INTERFACE ${candidate})
      endif()
    endforeach()
  endif()
  if(NOT TARGET zstd::libzstd)
    set(ZSTD_BUILD_PROGRAMS OFF)
    set(ZSTD_BUILD_SHARED OFF)
    set(ZSTD_BUILD_TESTS OFF)
    enable_language(C)
    pagewright_fetch(zstd SOURCE_SUBDIR build/cmake)
    add_library(zstd::libzstd INTERFACE IMPORTED GLOBAL)
    target_link_libraries(zstd::libzstd INTERFACE libzstd_static)
    target_include_directories(zstd::libzstd INTERFACE "${zstd_SOURCE_DIR}/lib")
  endif()

  find_package(ZLIB QUIET)
  if(NOT TARGET ZLIB::ZLIB)
    enable_language(C)
    pagewright_fetch(zlib)
    add_library(ZLIB::ZLIB INTERFACE IMPORTED GLOBAL)
    target_link_libraries(ZLIB::ZLIB INTERFACE zlibstatic)
    target_include_directories(ZLIB::ZLIB INTERFACE "${zlib_SOURCE_DIR}" "${zlib_BINARY_DIR}")
  endif()
endif()

if(PAGEWRIGHT_BUILD_TESTS)
  find_package(GTest 1.11 QUIET)
  if(NOT TARGET GTest::gmock)
    set(INSTALL_GTEST OFF)
    pagewright_fetch(googletest)
  endif()

  # The oracle for memory images. Optional: it exists only as a system package; tests against it are left out without.
  pagewright_pkg_config(kdumpfile::addrxlat libaddrxlat)
  pagewright_pkg_config(kdumpfile::kdumpfile libkdumpfile)
endif()

if(PAGEWRIGHT_BUILD_BENCH)
  find_package(benchmark QUIET)
  if(NOT TARGET benchmark::benchmark)
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    pagewright_fetch(benchmark)
  endif()
endif()
