# SPDX-License-Identifier: MIT
pagewright_payload(arm arm-linux-gnueabihf-g++ LINK arm.ld SOURCES arm.S arm.cpp
  FLAGS -march=armv7-a+fp -marm -mfloat-abi=hard -mgeneral-regs-only)
pagewright_machine(arm PAYLOADS arm SOURCES arm_machine.cpp arm_short_test.cpp arm_long_test.cpp)
