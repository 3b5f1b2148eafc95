// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

TEST(libaddrxlat, is_not_there_so_nothing_was_compared_with_it) {
  GTEST_SKIP()
      << "built without libaddrxlat; on Debian and Ubuntu: apt-get install libkdumpfile-dev, then configure again";
}
