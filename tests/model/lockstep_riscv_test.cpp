// SPDX-License-Identifier: MIT
#include "model_test.hpp"

namespace trial {
INSTANTIATE_TEST_SUITE_P(riscv, every_format,
                         testing::Values(entrant_of<riscv::sv32>("sv32"),
                                         entrant_of<riscv::sv39>("sv39"),
                                         entrant_of<riscv::sv48>("sv48"),
                                         entrant_of<riscv::sv57>("sv57"),
                                         entrant_of<variants::sv39_svade>("sv39-svade"),
                                         entrant_of<variants::all_64_bits>("64-bit"),
                                         entrant{"sv48-plain", &variants::sv48_plain},
                                         entrant{"sv32-svade", &variants::sv32_svade}),
                         entrant_name);
}
