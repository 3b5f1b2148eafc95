// SPDX-License-Identifier: MIT
#include "model_test.hpp"

namespace trial {
INSTANTIATE_TEST_SUITE_P(arm64_large, every_format,
                         testing::Values(entrant_of<arm64::stage1_16k_47_lower>("arm64-16k-47-lower"),
                                         entrant_of<arm64::stage1_16k_47_upper>("arm64-16k-47-upper"),
                                         entrant_of<arm64::stage1_16k_48_lower>("arm64-16k-48-lower"),
                                         entrant_of<arm64::stage1_16k_48_upper>("arm64-16k-48-upper"),
                                         entrant_of<arm64::stage1_16k_52_lpa2_lower>("arm64-16k-52-lpa2-lower"),
                                         entrant_of<arm64::stage1_16k_52_lpa2_upper>("arm64-16k-52-lpa2-upper"),
                                         entrant_of<arm64::stage1_64k_48_lower>("arm64-64k-48-lower"),
                                         entrant_of<arm64::stage1_64k_48_upper>("arm64-64k-48-upper"),
                                         entrant_of<arm64::stage1_64k_52_lpa_lower>("arm64-64k-52-lpa-lower"),
                                         entrant_of<arm64::stage1_64k_52_lpa_upper>("arm64-64k-52-lpa-upper"),
                                         entrant_of<variants::arm64_software_af>("arm64-software-af"),
                                         entrant_of<variants::arm64_no_contiguous>("arm64-no-contiguous")),
                         entrant_name);
}
