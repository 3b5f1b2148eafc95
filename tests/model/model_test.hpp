// SPDX-License-Identifier: MIT
// The trials every format goes through. A family of formats is one translation unit: it instantiates these.
#pragma once

#include "engine.hpp"

namespace trial {

class every_format : public testing::TestWithParam<entrant> {};

inline auto entrant_name(testing::TestParamInfo<entrant> const &info) -> std::string {
  std::string name = info.param.name;
  for (char &c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

}  // namespace trial
