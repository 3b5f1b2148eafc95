// SPDX-License-Identifier: MIT
#include "model_test.hpp"

namespace trial {
INSTANTIATE_TEST_SUITE_P(arm64_4k, every_format,
                         testing::Values(entrant_of<arm64::stage1_4k_39_lower>("arm64-4k-39-lower"),
                                         entrant_of<arm64::stage1_4k_39_upper>("arm64-4k-39-upper"),
                                         entrant_of<arm64::stage1_4k_48_lower>("arm64-4k-48-lower"),
                                         entrant_of<arm64::stage1_4k_48_upper>("arm64-4k-48-upper"),
                                         entrant_of<arm64::stage1_4k_52_lpa2_lower>("arm64-4k-52-lpa2-lower"),
                                         entrant_of<arm64::stage1_4k_52_lpa2_upper>("arm64-4k-52-lpa2-upper"),
                                         entrant_of<variants::arm64_hardware_dirty>("arm64-hardware-dirty"),
                                         entrant{"arm64-bbm2", &variants::arm64_bbm2},
                                         entrant{"arm64-small", &variants::arm64_small},
                                         entrant{"arm64-tbi", &variants::arm64_tbi}),
                         entrant_name);
}
