// SPDX-License-Identifier: MIT
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <inspect/json.hpp>

namespace {

namespace fs = std::filesystem;
using namespace pagewright;
using inspect::output_file;

class output : public ::testing::Test {
 protected:
  void SetUp() override {
    auto const *const info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder = fs::temp_directory_path() / (std::string{"pagewright_output_"} + info->name());
    fs::remove_all(folder);
    fs::create_directory(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  static auto content(fs::path const &file) -> std::string {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  auto files() const -> std::ptrdiff_t { return std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}); }

  fs::path folder;
};

TEST_F(output, keeps_the_old_file_until_all_is_written) {
  auto const path = folder / "a.txt";
  std::ofstream{path} << "old";
  {
    auto out = output_file::create(path.string());
    ASSERT_TRUE(out) << out.error().message;
    out->put(std::string(200'000, 'n'));
    EXPECT_EQ(content(path), "old");
    ASSERT_TRUE(out->finish());
  }
  EXPECT_EQ(content(path), std::string(200'000, 'n'));
  EXPECT_EQ(files(), 1) << "no temporary file stays";
}

TEST_F(output, leaves_nothing_behind_when_it_is_given_up) {
  auto const path = folder / "a.txt";
  std::ofstream{path} << "old";
  {
    auto out = output_file::create(path.string());
    ASSERT_TRUE(out);
    out->put("new");
  }
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(output, keeps_the_access_rights_and_the_link_of_the_old_file) {
  auto const path = folder / "a.txt", link = folder / "link";
  std::ofstream{path} << "old";
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(path, link);
  auto out = output_file::create(link.string());
  ASSERT_TRUE(out);
  out->put("new");
  ASSERT_TRUE(out->finish());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(content(path), "new");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(output, does_not_replace_a_link_that_leads_nowhere) {
  auto const link = folder / "link";
  fs::create_symlink(folder / "missing", link);
  auto const out = output_file::create(link.string());
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message.find("link to a file that does not exist"), std::string::npos) << out.error().message;
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(files(), 1);
}

TEST_F(output, says_where_it_cannot_write) {
  auto const out = output_file::create((folder / "missing" / "a.txt").string());
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message.find("missing/a.txt"), std::string::npos) << out.error().message;
}

TEST_F(output, reports_a_full_device) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full here: a write that fails was not tried";
  auto out = output_file::create("/dev/full");
  ASSERT_TRUE(out) << out.error().message;
  out->put("x");
  EXPECT_FALSE(out->finish());
}

TEST_F(output, writes_numbers) {
  auto const path = folder / "a.txt";
  auto       out  = output_file::create(path.string());
  ASSERT_TRUE(out);
  out->hex(0xffff'8880'0000'1234);
  out->put(' ');
  out->hex(0);
  out->put(' ');
  out->dec(0);
  out->put(' ');
  out->dec(~u64{0});
  ASSERT_TRUE(out->finish());
  EXPECT_EQ(content(path), "0xffff888000001234 0x0000000000000000 0 18446744073709551615");
}

TEST_F(output, escapes_what_json_cannot_hold) {
  auto const path = folder / "a.json";
  auto       out  = output_file::create(path.string());
  ASSERT_TRUE(out);
  inspect::json_writer json{*out};
  json.open('{');
  json.string("text", "a\"b\\c\n\x01 \xc3\xa9 \xff \xed\xa0\x80");
  json.key("list");
  json.open('[');
  json.number(1);
  json.null();
  json.boolean(true);
  json.close(']');
  json.number("n", 2);
  json.close('}');
  ASSERT_TRUE(out->finish());
  EXPECT_EQ(content(path), "{\"text\":\"a\\\"b\\\\c\\u000a\\u0001 \xc3\xa9 \\ufffd \\ufffd\\ufffd\\ufffd\",\"list\":[1,null,true],\"n\":2}");
}

}  // namespace
