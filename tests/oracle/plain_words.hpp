// SPDX-License-Identifier: MIT
// The library's answers in the words of the plain walkers.
#pragma once

#include <cstring>
#include <sstream>
#include <string>

#include <pagewright/walk.hpp>

#include "plain_walkers.hpp"

namespace plain {

inline auto show(answer const &a) -> std::string {
  std::ostringstream s;
  if (a.why != reason::none) s << text(a.why) << " at level " << a.level;
  else
    s << std::hex << "0x" << a.address << " by a leaf of 2^" << std::dec << a.lg2 << " bytes at level " << a.level
      << std::hex << ", own rights 0x" << a.own << ", effective 0x" << a.effective << ", " << a.type
      << (a.global ? " global" : "") << (a.accessed ? " accessed" : "") << (a.dirty ? " dirty" : "");
  return s.str();
}

inline auto in_plain_words(std::expected<pagewright::translation, pagewright::fault> const &got) -> answer {
  using enum pagewright::fault_reason;
  if (got)
    return {.level = got->level, .address = got->address.value, .lg2 = got->lg2, .own = unsigned(got->own),
            .effective = unsigned(got->effective), .type = pagewright::text(got->type), .global = got->global,
            .accessed = got->accessed, .dirty = got->dirty};
  switch (got.error().why) {
    case outside_input: return ends(reason::outside, got.error().level);
    case absent:
    case sparse:        return ends(reason::absent, got.error().level);
    case reserved:      return ends(reason::reserved, got.error().level);
    case not_accessed:  return ends(reason::not_accessed, got.error().level);
    case too_wide:      return ends(reason::too_wide, got.error().level);
    case unreadable:    return ends(reason::unreadable, got.error().level);
  }
  return {};
}

inline auto same(answer const &a, answer const &b) -> bool {
  return a.why == b.why && a.level == b.level && a.address == b.address && a.lg2 == b.lg2 && a.own == b.own &&
         a.effective == b.effective && std::strcmp(a.type, b.type) == 0 && a.global == b.global &&
         a.accessed == b.accessed && a.dirty == b.dirty;
}

}  // namespace plain
