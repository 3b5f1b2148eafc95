# SPDX-License-Identifier: MIT
# RISC-V. 32-bit programs need no library, so the 64-bit compiler makes them too.
foreach(bits 64 32)
  if(bits EQUAL 64)
    set(abi lp64)
  else()
    set(abi ilp32)
  endif()
  pagewright_payload(riscv${bits} riscv64-linux-gnu-g++ SOURCES riscv.S riscv.cpp LINK riscv.ld
    FLAGS -march=rv${bits}ima_zicsr -mabi=${abi} -mcmodel=medany)
endforeach()
pagewright_machine(riscv PAYLOADS riscv64 riscv32 SOURCES riscv_test.cpp riscv_guest_test.cpp)
