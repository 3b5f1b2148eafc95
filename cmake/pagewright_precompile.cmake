# SPDX-License-Identifier: MIT
# pagewright_precompile(<target> <headers of others>...)
#
# Compiles the headers once for all sources of a target, which still include what they use: -D
# CMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without. The library's own headers are not for here: what is precompiled
# counts as the system's, and would be compiled without warnings.
function(pagewright_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # ccache restores files with new times
  endif()
endfunction()
