// SPDX-License-Identifier: MIT
// A guest and its host, with tables of their own in one memory: what tests of translation in stages begin with.
#pragma once

#include <pagewright/models/frames.hpp>
#include <pagewright/nested.hpp>
#include <pagewright/pagewright.hpp>

#include <gtest/gtest.h>

#include <array>
#include <span>

namespace trial {

using namespace pagewright;

/// A guest whose physical memory lies `moved` higher in the host's, mapped there page by page.
template <format const &Guest, format const &Host>
class two_stages : public testing::Test {
 protected:
  using G = fixed<Guest>;
  using H = fixed<Host>;
  static constexpr u64 moved = 0x80'000, page = 0x4000'2000, backed = 0x9000;

  two_stages() {
    make_empty(G{}, G::top(), {0}, guest_memory_);
    make_empty(H{}, H::top(), {0}, host_memory_);
    host(0, 0x1'0000, rights::user_rwx | rights::kernel_execute);
    guest(page, backed, 0x1000, rights::user_rw);
  }
  ~two_stages() override { guest_.settle(owed_), host_.settle(owed_); }

  void guest(u64 at, u64 to, u64 bytes, rights allow) {
    ASSERT_TRUE(guest_.map({{at}, {at + bytes - 1}}, {to}, {.allow = *least_rights(G{}, allow), .accessed = false, .dirty = false}, owed_));
  }
  void host(u64 at, u64 bytes, rights allow) {
    (void)host_.unmap({{at}, {at + bytes - 1}}, owed_);
    ASSERT_TRUE(host_.map({{at}, {at + bytes - 1}}, {at + moved}, {.allow = *least_rights(H{}, allow), .accessed = false, .dirty = false}, owed_));
    host_.settle(owed_);
  }
  /// Where the guest's entry for `page` at `level` lies, as the guest sees it.
  auto slot(unsigned level) -> u64 {
    u64 at = 0;
    (void)walk(G{}, root{}, {page}, guest_memory_, [&](step const &s) { if (s.level == level) at = s.slot.value; });
    return at;
  }
  auto guest_entry(unsigned level) -> u64 { return *guest_memory_.load({slot(level)}, Guest.word()); }
  auto host_leaf(u64 at) -> translation { return *walk(H{}, root{}, {at}, host_memory_); }

  alignas(0x4000) std::array<u8, 1u << 20> bytes_{};
  std::span<u8> seen_{std::span{bytes_}.subspan(moved)};
  byte_memory   host_memory_{bytes_, {0}}, guest_memory_{seen_, {0}};
  frame_pool<8, 12>  guest_frames_{{0x1000}};   // the guest's tables are its pages 0 to 8, its data page 9
  frame_pool<64, 12> host_frames_{{0x8000}};
  not_in_use cache_;
  address_space<G, byte_memory, frame_pool<8, 12>, not_in_use>  guest_{G{}, root{}, guest_memory_, guest_frames_, cache_};
  address_space<H, byte_memory, frame_pool<64, 12>, not_in_use> host_{H{}, root{}, host_memory_, host_frames_, cache_};
  ledger owed_;

  static constexpr access_request read{.user = true}, write{.kind = access_kind::write, .user = true}, fetch{.kind = access_kind::fetch, .user = true};
};

}  // namespace trial
