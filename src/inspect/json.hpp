// SPDX-License-Identifier: MIT
// JSON as it is written, without a document in memory.
#pragma once

#include "output_file.hpp"

namespace pagewright::inspect {

/// Writes values; the commas between members come by themselves.
class json_writer {
 public:
  explicit json_writer(output_file &out) noexcept : out_{out} {}

  void open(char bracket) {                       // '{' or '['
    separate();
    out_.put(bracket);
    first_ = true;
  }
  void close(char bracket) {
    out_.put(bracket);
    first_ = false;
  }
  /// `name` must need no escapes.
  void key(std::string_view name) {
    if (!first_) out_.put(',');
    out_.put('"');
    out_.put(name);
    out_.put("\":");
    first_ = true;                                // no comma before the value
  }
  void string(std::string_view text);
  /// A string that needs no escapes.
  void plain(std::string_view text) {
    separate();
    out_.put('"');
    out_.put(text);
    out_.put('"');
  }
  void hex(u64 value) {
    separate();
    out_.put('"');
    out_.hex(value);
    out_.put('"');
  }
  void number(u64 value) {
    separate();
    out_.dec(value);
  }
  void boolean(bool value) { literal(value ? "true" : "false"); }
  void null() { literal("null"); }

  void hex(std::string_view name, u64 value) { key(name), hex(value); }
  void number(std::string_view name, u64 value) { key(name), number(value); }
  void boolean(std::string_view name, bool value) { key(name), boolean(value); }
  void string(std::string_view name, std::string_view value) { key(name), string(value); }
  void plain(std::string_view name, std::string_view value) { key(name), plain(value); }
  void null(std::string_view name) { key(name), null(); }

  /// A line break between the items of a long list, so that line tools can be used; means nothing to JSON.
  void line_break() { out_.put('\n'); }
  /// What comes next begins a document of its own.
  void restart() noexcept { first_ = true; }

  /// Has a write failed? There is no use in writing more.
  [[nodiscard]] auto failed() const noexcept -> bool { return out_.failed(); }

 private:
  void literal(std::string_view text) {
    separate();
    out_.put(text);
  }
  void separate() {
    if (!first_) out_.put(',');
    first_ = false;
  }

  output_file &out_;
  bool         first_ = true;
};

}  // namespace pagewright::inspect
