# SPDX-License-Identifier: MIT
# x86 under QEMU and Bochs: one probe program in two widths, and the boot sector that loads them from a disk.
foreach(width 64 32)
  if(width EQUAL 64)
    set(compiler x86_64-linux-gnu-g++)
    set(flags -mno-red-zone)
  else()
    set(compiler i686-linux-gnu-g++)
    set(flags "")
  endif()
  pagewright_payload(x86_${width} ${compiler} SOURCES x86.S x86.cpp x86_disk.cpp LINK x86.ld FLAGS -mgeneral-regs-only ${flags})
  if(TARGET payload_x86_${width})
    add_custom_command(OUTPUT "${payload_x86_${width}}" APPEND DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/x86_machine.hpp")
  endif()
endforeach()
pagewright_payload(x86_boot i686-linux-gnu-g++ SOURCES x86_boot.S LINK x86_boot.ld)

pagewright_machine(x86 PAYLOADS x86_64 x86_32 x86_boot SOURCES x86_test.cpp)
