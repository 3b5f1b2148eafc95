// SPDX-License-Identifier: MIT
#include "model_test.hpp"

namespace trial {
INSTANTIATE_TEST_SUITE_P(x86, every_format,
                         testing::Values(entrant_of<x86::x86_32>("x86-32"),
                                         entrant_of<x86::pae>("pae"),
                                         entrant_of<x86::x86_64_4level>("x86-64-4level"),
                                         entrant_of<x86::x86_64_5level>("x86-64-5level"),
                                         entrant_of<variants::big_endian_gapped>("big-endian-gapped"),
                                         entrant{"x86-32-without-pse", &variants::x86_32_without_pse},
                                         entrant{"x86-32-40-bits", &variants::x86_32_40_bits},
                                         entrant{"pae-36-without-nx", &variants::pae_36_without_nx},
                                         entrant{"x86-64-2m-only", &variants::x86_64_2m_only},
                                         entrant{"x86-64-keys", &variants::x86_64_keys}),
                         entrant_name);
}
