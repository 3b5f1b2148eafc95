// SPDX-License-Identifier: MIT
#include "model_test.hpp"

namespace trial {
INSTANTIATE_TEST_SUITE_P(arm64_64k, every_format,
                         testing::Values(entrant_of<arm64::stage1_64k_48_lower>("arm64-64k-48-lower"),
                                         entrant_of<arm64::stage1_64k_48_upper>("arm64-64k-48-upper"),
                                         entrant_of<arm64::stage1_64k_52_lpa_lower>("arm64-64k-52-lpa-lower"),
                                         entrant_of<arm64::stage1_64k_52_lpa_upper>("arm64-64k-52-lpa-upper"),
                                         entrant{"arm64-no-contiguous", &variants::arm64_no_contiguous}),
                         entrant_name);
}
