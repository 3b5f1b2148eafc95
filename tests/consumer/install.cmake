# SPDX-License-Identifier: MIT
# cmake -D SOURCE=... -D BINARY=... -D PREFIX=... -D OPTIONS=... -P install.cmake
# Installs the header-only library as a packager would, and proves that doing so asks for no package.
file(REMOVE_RECURSE "${BINARY}" "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${BINARY}" ${OPTIONS}
                        -DPAGEWRIGHT_BUILD_TOOL=OFF -DPAGEWRIGHT_BUILD_TESTS=OFF -DPAGEWRIGHT_BUILD_BENCH=OFF
                        "-DCMAKE_PROJECT_TOP_LEVEL_INCLUDES=${CMAKE_CURRENT_LIST_DIR}/no_dependency.cmake"
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BINARY}" --prefix "${PREFIX}" COMMAND_ERROR_IS_FATAL ANY)

# Every header of the source tree is there, and nothing else was installed as one.
file(GLOB_RECURSE sources   RELATIVE "${SOURCE}/include" "${SOURCE}/include/*.hpp")
file(GLOB_RECURSE installed RELATIVE "${PREFIX}/include" "${PREFIX}/include/*")
if(NOT sources STREQUAL installed)
  message(FATAL_ERROR "Headers in the source tree:\n  ${sources}\nHeaders installed:\n  ${installed}")
endif()
