// SPDX-License-Identifier: MIT
#include "json.hpp"

namespace pagewright::inspect {
namespace {

/// The length of the UTF-8 sequence that begins `text` (RFC 3629), 0 if it is not one.
[[nodiscard]] auto sequence(std::string_view text) noexcept -> std::size_t {
  auto const byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto const tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  auto const a = byte(0), b = byte(1);
  if (a < 0x80) return 1;
  if (a >= 0xc2 && a <= 0xdf) return tail(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    bool const fits = (a != 0xe0 || b >= 0xa0) && (a != 0xed || b < 0xa0);
    return fits && tail(1) && tail(2) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    bool const fits = (a != 0xf0 || b >= 0x90) && (a != 0xf4 || b < 0x90);
    return fits && tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void json_writer::string(std::string_view text) {
  separate();
  out_.put('"');
  while (!text.empty()) {
    auto const n = sequence(text);
    auto const c = static_cast<unsigned char>(text[0]);
    if (n == 0) out_.put("\\ufffd");              // file names need not be text
    else if (c == '"' || c == '\\') out_.put('\\'), out_.put(text[0]);
    else if (c < 0x20 || c == 0x7f) out_.put(fmt::format("\\u{:04x}", c));
    else out_.put(text.substr(0, n));
    text.remove_prefix(n == 0 ? 1 : n);
  }
  out_.put('"');
}

}  // namespace pagewright::inspect
