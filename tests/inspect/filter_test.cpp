// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <inspect/filter.hpp>
#include <inspect/number.hpp>

namespace {

using namespace pagewright;
using namespace pagewright::inspect;

TEST(number, reads_hexadecimal_with_and_without_prefix) {
  EXPECT_EQ(parse_hex("0xffff888000000000"), 0xffff'8880'0000'0000u);
  EXPECT_EQ(parse_hex("FFFF_8880`00000000"), 0xffff'8880'0000'0000u);
  EXPECT_EQ(parse_hex("0"), 0u);
  for (auto const *bad : {"", "0x", "_", "12g", "-1", "10000000000000000", " 1"})
    EXPECT_FALSE(parse_hex(bad)) << "'" << bad << "'";
}

TEST(number, reads_sizes_with_suffixes) {
  EXPECT_EQ(parse_size("4096"), 4096u);
  EXPECT_EQ(parse_size("4K"), 4096u);
  EXPECT_EQ(parse_size("0x10k"), 0x4000u);
  EXPECT_EQ(parse_size("2M"), 0x20'0000u);
  EXPECT_EQ(parse_size("1G"), 0x4000'0000u);
  EXPECT_EQ(parse_size("1T"), u64{1} << 40);
  for (auto const *bad : {"", "K", "1KB", "16384P", "1.5G"}) EXPECT_FALSE(parse_size(bad)) << "'" << bad << "'";
}

TEST(number, writes_sizes_as_whole_units) {
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(size_text(4096), "4K");
  EXPECT_EQ(size_text(0x20'0000), "2M");
  EXPECT_EQ(size_text(0x20'1000), "2052K");
  EXPECT_EQ(size_text(u64{1} << 50), "1P");
  EXPECT_EQ(size_text(u64{1} << 63), "8192P");
}

TEST(number, reads_ranges_that_include_their_last_address) {
  auto const both = parse_range("0x1000-1fff");
  ASSERT_TRUE(both);
  EXPECT_EQ(*both, (range{{0x1000}, {0x1fff}}));
  EXPECT_EQ(*parse_range("ffff888000000000+1G"), (range{{0xffff'8880'0000'0000}, {0xffff'8880'3fff'ffff}}));
  EXPECT_EQ(*parse_range("fffffffffffff000+4K"), (range{{0xffff'ffff'ffff'f000}, {~u64{0}}})) << "up to the last address";
  EXPECT_EQ(*parse_range("1234"), (range{{0x1234}, {0x1234}}));
}

TEST(number, refuses_ranges_that_are_none_and_says_why) {
  for (auto const *bad : {"", "x", "1-", "2-1", "1+0", "fffffffffffff000+8K", "1+q"}) {
    auto const r = parse_range(bad);
    ASSERT_FALSE(r) << "'" << bad << "'";
    EXPECT_NE(r.error().message.find("'"), std::string::npos) << r.error().message;
    EXPECT_EQ(r.error().whose, blame::request);
  }
}

auto accepts(char const *rule, rights r, char scope = 0) -> bool {
  auto const parsed = parse_rights(rule, scope);
  EXPECT_TRUE(parsed) << rule;
  return parsed && parsed->accepts(r);
}

TEST(rights_rule, asks_one_side_for_all_that_is_wanted) {
  EXPECT_TRUE(accepts("wx", rights::kernel_rwx));
  EXPECT_FALSE(accepts("wx", rights::kernel_rw | rights::user_execute)) << "neither side may both";
  EXPECT_TRUE(accepts("r", rights::kernel_ro));
}

TEST(rights_rule, forbids_to_both_sides) {
  EXPECT_FALSE(accepts("!w", rights::kernel_rw));
  EXPECT_TRUE(accepts("!w", rights::user_rx));
  EXPECT_TRUE(accepts("x,!w", rights::kernel_rx));
  EXPECT_FALSE(accepts("x!w", rights::kernel_rwx));
}

TEST(rights_rule, can_mean_one_side) {
  EXPECT_TRUE(accepts("w", rights::kernel_rw, 'k'));
  EXPECT_FALSE(accepts("w", rights::kernel_rw, 'u'));
  EXPECT_TRUE(accepts("k:w u:r!w", rights::kernel_rw | rights::user_read));
  EXPECT_FALSE(accepts("k:w u:r!w", rights::user_rw));
}

TEST(rights_rule, refuses_what_names_no_right) {
  for (auto const *bad : {"", "q", "!", "w!", "!!w", "u:", ",", "!,w"}) {
    auto const parsed = parse_rights(bad, 0);
    ASSERT_FALSE(parsed) << "'" << bad << "'";
    EXPECT_NE(parsed.error().message.find("--rights"), std::string::npos);
  }
}

TEST(rights_rule, refuses_what_nothing_can_match) {
  for (auto const *bad : {"w!w", "k:r!r", "wx!w"}) {
    auto const parsed = parse_rights(bad, 0);
    ASSERT_FALSE(parsed) << "'" << bad << "'";
    EXPECT_NE(parsed.error().message.find("nothing can match"), std::string::npos) << parsed.error().message;
  }
  EXPECT_TRUE(parse_rights("k:w u:!w", 0));
}

}  // namespace
