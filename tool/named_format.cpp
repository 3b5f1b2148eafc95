// SPDX-License-Identifier: MIT
#include "named_format.hpp"

#include "arguments.hpp"

namespace pagewright::tool {

auto names_file(std::string const &name) noexcept -> bool { return name.ends_with(".toml"); }

auto find_named(std::string const &name, bool one) -> std::expected<named_format, inspect::problem> {
  if (names_file(name)) {
    auto read = read_format(name);
    if (!read) return std::unexpected{read.error()};
    auto called = std::string{read->get().name};
    return named_format{std::move(called), {}, std::move(*read)};
  }
  auto const found = one ? catalogue::find_format(name) : catalogue::find(name);
  if (!found) return std::unexpected{found.error()};
  return named_format{std::string{found->one != nullptr ? found->one->name : found->of->name}, *found, std::nullopt};
}

}  // namespace pagewright::tool
