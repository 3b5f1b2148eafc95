# SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(triple x86_64-linux-gnu)
include("${CMAKE_CURRENT_LIST_DIR}/freestanding.cmake")
