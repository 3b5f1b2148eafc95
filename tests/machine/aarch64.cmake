# SPDX-License-Identifier: MIT
pagewright_payload(aarch64 aarch64-linux-gnu-g++ SOURCES aarch64_start.S aarch64.cpp LINK aarch64.ld
                   FLAGS -march=armv8.2-a -mgeneral-regs-only -mstrict-align)
pagewright_machine(aarch64 PAYLOADS aarch64 SOURCES aarch64_test.cpp aarch64_stage2_test.cpp)
