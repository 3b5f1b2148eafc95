# SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_PROCESSOR i686)
set(triple i686-linux-gnu)
include("${CMAKE_CURRENT_LIST_DIR}/freestanding.cmake")
