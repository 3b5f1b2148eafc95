# SPDX-License-Identifier: MIT
macro(pagewright_refuse method name)
  message(FATAL_ERROR "The header-only library must need no package, but its configuration asks for ${name} (${method})")
endmacro()
cmake_language(SET_DEPENDENCY_PROVIDER pagewright_refuse SUPPORTED_METHODS FIND_PACKAGE FETCHCONTENT_MAKEAVAILABLE_SERIAL)
