# SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_PROCESSOR arm)
set(triple arm-linux-gnueabihf)
include("${CMAKE_CURRENT_LIST_DIR}/freestanding.cmake")
