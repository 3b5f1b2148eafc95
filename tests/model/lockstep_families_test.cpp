// SPDX-License-Identifier: MIT
// Every format of the catalogue that has no list of its own here. They share one body of code with the lists; what they
// add is data, so that fewer operations each will do.
#include <set>
#include <string_view>

#include <catalogue/catalogue.hpp>

#include "model_test.hpp"

namespace trial {
namespace {

auto of_the_catalogue() -> std::vector<entrant> {
  std::set<std::string_view> const elsewhere{"x86", "arm64", "riscv"};
  std::vector<entrant> all;
  for (auto const *family : catalogue::families())
    if (family->built && !elsewhere.contains(family->name))
      for (auto const &one : family->variants) all.push_back({one.name.data(), one.description, nullptr, one.drawn ? 0.2 : 0.05});
  return all;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(families, every_format, testing::ValuesIn(of_the_catalogue()), entrant_name);

}  // namespace trial
