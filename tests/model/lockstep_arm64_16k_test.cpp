// SPDX-License-Identifier: MIT
#include "model_test.hpp"

namespace trial {
INSTANTIATE_TEST_SUITE_P(arm64_16k, every_format,
                         testing::Values(entrant_of<arm64::stage1_16k_47_lower>("arm64-16k-47-lower"),
                                         entrant_of<arm64::stage1_16k_47_upper>("arm64-16k-47-upper"),
                                         entrant_of<arm64::stage1_16k_48_lower>("arm64-16k-48-lower"),
                                         entrant_of<arm64::stage1_16k_48_upper>("arm64-16k-48-upper"),
                                         entrant_of<arm64::stage1_16k_52_lpa2_lower>("arm64-16k-52-lpa2-lower"),
                                         entrant_of<arm64::stage1_16k_52_lpa2_upper>("arm64-16k-52-lpa2-upper"),
                                         entrant{"arm64-software-af", &variants::arm64_software_af}),
                         entrant_name);
}
