// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <pagewright/format.hpp>

/// A format constant of the library's headers, under its C++ name.
struct shipped {
  std::string                name;
  pagewright::format const  &format;
};

/// All there are. The list is generated from the headers.
auto shipped_formats() -> std::vector<shipped>;
