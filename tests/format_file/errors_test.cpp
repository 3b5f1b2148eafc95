// SPDX-License-Identifier: MIT
// What is wrong with a file is said with its line, its column and the rule.
#include <format_file/format_file.hpp>

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace {

using namespace pagewright;

/// A sound format of two levels; the lines are counted by the tests below.
constexpr std::string_view sound = R"(name = "toy"
spec = "none"
output_bits = 40
absent = { clear = [0] }
table_address = "39:12"
types = ["WB", "UC"]
software = ["11:9"]
fields = [
  { name = "V", bits = 0 },
  { name = "L", bits = 1 },
  { name = "W", bits = 2, on = "leaves" },
  { name = "T", bits = 3, on = "leaves" },
  { name = "soft", bits = "11:9", on = "leaves" },
  { name = "address", bits = "39:12" },
]
[[level]]
name = "upper"
shift = 21
index_bits = 9
table = { set = [0], clear = [1] }
table_base = [0]
leaves = ["large"]
[[level]]
name = "lower"
shift = 12
index_bits = 9
leaves = ["small"]
[[form]]
name = "small"
is = { set = [1] }
address = "39:12"
type = 3
base = ["1:0"]
grants = [{ gives = "w", withheld = { clear = [2] }, on = [2] }]
[[form]]
name = "large"
is = { set = [1] }
address = "39:12"
type = 3
base = ["1:0"]
grants = [{ gives = "w", withheld = { clear = [2] }, on = [2] }]
)";

struct change {
  std::string_view from, to, message;
};

/// `sound` with the first `from` replaced.
auto changed(change const &c) -> std::string {
  std::string text{sound};
  auto const  at = text.find(c.from);
  EXPECT_NE(at, std::string::npos) << "the sound text lacks: " << c.from;
  return text.replace(at, c.from.size(), c.to);
}

/// What read says of the changed text.
auto said(change const &c) -> std::string {
  auto const read = format_file::read(changed(c), "toy.toml");
  return read ? "nothing" : read.error().text();
}

TEST(format_file, takes_the_sound_text_that_the_other_tests_change) {
  auto const read = format_file::read(sound, "toy.toml");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_STREQ(read->get().name, "toy");
  EXPECT_EQ(read->get().depth, 2);
  EXPECT_STREQ(read->get().levels[0].name, "lower");
  EXPECT_EQ(read->get().input_bits(), 30u);
}

TEST(format_file, names_what_is_not_toml_with_its_place) {
  change const wrong[]{  // what follows are the parser's own words
    {"shift = 21", "shift =", "toy.toml:18:8: is not TOML: "},
    {"shift = 21", "shift = 21\nshift = 22", "toy.toml:19:9: is not TOML: "},
    {"[[level]]", "[[level]", "toy.toml:16:9: is not TOML: "},
  };
  for (auto const &w : wrong) {
    EXPECT_EQ(said(w).substr(0, w.message.size()), w.message);
    EXPECT_GT(said(w).size(), w.message.size() + 10);
  }
}

TEST(format_file, names_unknown_keys_and_the_nearest_known_one) {
  change const wrong[]{
    {"shift = 21", "shfit = 21", "toy.toml:18:1: a level has no 'shfit'; is 'shift' meant?"},
    {"output_bits = 40", "outputbits = 40", "toy.toml:3:1: the format has no 'outputbits'; is 'output_bits' meant?"},
    {"type = 3", "Type = 3", "toy.toml:32:1: a form has no 'Type'; is 'type' meant?"},
    {"gives = \"w\"", "give = \"w\"", "toy.toml:34:13: a row of grants has no 'give'; is 'gives' meant?"},
    {"[[form]]", "[[forms]]", "toy.toml:28:3: the format has no 'forms'; is 'form' meant?"},
    {"bits = 0 }", "bit = 0 }", "toy.toml:9:17: a row of fields has no 'bit'; is 'bits' meant?"},
    {"bits = 0 }", "bits = 0, colour = 1 }", "toy.toml:9:27: a row of fields has no 'colour', but: name, bits, on"},
    {"clear = [1] }", "cleared = [1] }", "toy.toml:20:22: table has no 'cleared': it is { set = .., clear = .. } or { mask = .., value = .. }"},
  };
  for (auto const &w : wrong) EXPECT_EQ(said(w), w.message);
}

TEST(format_file, names_what_is_missing) {
  change const wrong[]{
    {"output_bits = 40\n", "", "toy.toml:1:1: the format lacks 'output_bits'"},
    {"shift = 12\n", "", "toy.toml:23:1: a level lacks 'shift'"},
    {"name = \"V\", ", "", "toy.toml:9:3: a row of fields lacks 'name'"},
    {"table_address = \"39:12\"", "table_address = { to = 12 }", "toy.toml:5:17: table_address lacks 'bits'"},
    {"clear = [0] }", "mask = [0] }", "toy.toml:4:10: absent lacks 'value'"},
  };
  for (auto const &w : wrong) EXPECT_EQ(said(w), w.message);
}

TEST(format_file, names_wrong_types) {
  change const wrong[]{
    {"shift = 21", "shift = \"21\"", "toy.toml:18:9: shift: an integer is expected, not a string"},
    {"shift = 21", "shift = 21.0", "toy.toml:18:9: shift: an integer is expected, not a fraction"},
    {"name = \"toy\"", "name = 1", "toy.toml:1:8: name: a string is expected, not an integer"},
    {"name = \"toy\"", "name = \"\"", "toy.toml:1:8: name is empty"},
    {"software = [\"11:9\"]", "software = 9", "toy.toml:7:12: software: a list of bits, as in [2, \"11:9\"], is expected, not an integer"},
    {"software = [\"11:9\"]", "software = true", "toy.toml:7:12: software: a list of bits is expected, not true or false"},
    {"absent = { clear = [0] }", "absent = [0]", "toy.toml:4:10: absent: a table such as { set = [0], clear = [7] } is expected, not a list"},
    {"bits = 0 }", "bits = [1, 0] }", "toy.toml:9:24: bits: a bit, as 9, or a span of bits, as \"11:9\", is expected, not a list"},
    {"leaves = [\"small\"]", "leaves = \"small\"", "toy.toml:27:10: leaves: a list of forms is expected, not a string"},
    {"leaves = [\"small\"]", "leaves = [true]", "toy.toml:27:11: leaves: the name or the number of a form is expected, not true or false"},
    {"types = [\"WB\", \"UC\"]", "types = \"WB\"", "toy.toml:6:9: types: a list is expected, not a string"},
    {"grants = [{", "grants = [1, {", "toy.toml:34:11: grants: a table { .. } is expected, not an integer"},
    {"types = [\"WB\", \"UC\"]", "types = [\"WB\", \"UC\"]\nlow_address_zero = 1", "toy.toml:7:20: low_address_zero: true or false is expected, not an integer"},
  };
  for (auto const &w : wrong) EXPECT_EQ(said(w), w.message);
}

TEST(format_file, names_values_out_of_range) {
  change const wrong[]{
    {"shift = 21", "shift = 0", "toy.toml:18:9: shift: 0 is outside 1 to 63"},
    {"shift = 21", "shift = -1", "toy.toml:18:9: shift: -1 is outside 1 to 63"},
    {"output_bits = 40", "output_bits = 65", "toy.toml:3:15: output_bits: 65 is outside 1 to 64"},
    {"bits = 0 }", "bits = 64 }", "toy.toml:9:24: bits: 64 is outside 0 to 63"},
    {"bits = \"11:9\"", "bits = \"9:11\"", "toy.toml:13:27: bits: '9:11' is no span of bits: write \"HIGH:LOW\", of 63 to 0"},
    {"software = [\"11:9\"]", "software = [\"11:9\", 9]", "toy.toml:7:21: software: a bit is listed twice"},
    {"software = [\"11:9\"]", "software = \"0xg\"", "toy.toml:7:12: software: '0xg' are no bits: write [2, \"11:9\"], \"11:9\" or \"0xe04\""},
    {"software = [\"11:9\"]", "software = \"0x10000000000000000\"",
     "toy.toml:7:12: software: '0x10000000000000000' are no bits: write [2, \"11:9\"], \"11:9\" or \"0xe04\""},
    {"absent = { clear = [0] }", "absent = { clear = [0], set = [1, 0] }", "toy.toml:4:10: absent: 0x1 must be both set and clear"},
    {"absent = { clear = [0] }", "absent = {}", "toy.toml:4:10: absent: no bits; write \"always\" for what every entry fulfils"},
    {"absent = { clear = [0] }", "absent = \"sometimes\"",
     "toy.toml:4:10: absent: 'sometimes' is neither \"never\" nor \"always\" nor a table of bits: { set = [0], clear = [7] }"},
    {"absent = { clear = [0] }", "absent = { mask = [0], set = [1] }", "toy.toml:4:10: absent: 'mask' and 'value' go together, without 'set' and 'clear'"},
    {"types = [\"WB\", \"UC\"]", "types = [\"WB\", \"wb\"]",
     "toy.toml:6:16: types: 'wb' is none of reserved, WB, WT, WP, WC, UC, UC-, NC, Tagged-WB, Normal-mixed, Device-nGnRnE, "
     "Device-nGnRE, Device-nGRE, Device-GRE, PMA, IO, as stage 1"},
    {"spec = \"none\"", "spec = \"none\"\nupper = \"sign\"", "toy.toml:3:9: upper: 'sign' is none of zero, ones, canonical"},
    {"gives = \"w\"", "gives = \"write\"",
     "toy.toml:34:21: gives: 'write' are no rights: write letters of rwx for kernel and user, or 'k:rw u:r', or 'none'"},
    {"leaves = [\"small\"]", "leaves = [\"smal\"]", "toy.toml:27:11: leaves: no [[form]] is called 'smal'; is 'small' meant?"},
    {"leaves = [\"small\"]", "leaves = [6]", "toy.toml:27:11: leaves: 6 is outside 0 to 1"},
    {"leaves = [\"small\"]", "leaves = [0, 0, 0, 0, 0]", "toy.toml:27:23: leaves: there is room for 4"},
    {"on = \"leaves\"", "on = \"leafs\"", "toy.toml:11:32: on: no [[form]] is called 'leafs'"},
    {"name = \"large\"", "name = \"small\"", "toy.toml:22:11: leaves: no [[form]] is called 'large'"},
    {"table_address = \"39:12\"", "table_address = { bits = \"39:12\", to = 40 }", "toy.toml:5:40: to: 28 bits from 40 on reach beyond bit 63"},
  };
  for (auto const &w : wrong) EXPECT_EQ(said(w), w.message);
}

TEST(format_file, says_when_a_name_stands_for_two_forms) {
  change const wrong{"name = \"large\"", "name = \"small\"", ""};
  auto         text = changed(wrong);
  text.replace(text.find("[\"large\"]"), 9, "[1]");
  auto const read = format_file::read(text, "toy.toml");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), "toy.toml:27:11: leaves: several forms are called 'small'; name them by number, from 0");
}

TEST(format_file, says_which_rule_of_check_is_broken_and_in_which_line) {
  change const wrong[]{
    // of the format
    {"spec = \"none\"", "spec = \"none\"\nentry_bytes = 5", "toy.toml:3:15: format 'toy' breaks the rule that an entry is 4 or 8 bytes wide"},
    {"output_bits = 40", "output_bits = 41", "toy.toml:3:15: format 'toy' breaks the rule that some leaf can say every output address below 2^output_bits"},
    {"absent = { clear = [0] }", "absent = { set = [5] }",
     "toy.toml:4:10: format 'toy' breaks the rule that what an empty slot holds, zero if nothing else is said, is absent"},
    {"software = [\"11:9\"]", "software = [\"11:9\"]\nresizes_live = true",
     "toy.toml:7:12: format 'toy' breaks the rule that live, software and carried bits agree with one another"},
    {"table_address = \"39:12\"", "table_address = [\"39:14\"]",
     "toy.toml:5:17: table_address (level 'upper') breaks the rule that an address is said without gaps from its alignment upward (address bit 12)"},
    {"table_address = \"39:12\"", "table_address = [\"39:12\", \"39:12\"]",
     "toy.toml:5:17: table_address (level 'upper') breaks the rule that no entry bit and no address bit is said twice (address bit 12)"},
    {"software = [\"11:9\"]", "software = [\"11:9\"]\ntable_bounds = [{ when = { mask = [0], value = [1] }, limit = 1 }]",
     "toy.toml:8:16: table_bounds breaks the rule that a match can hold, and looks at bits inside the entry"},
    // of a level
    {"index_bits = 9\nleaves", "index_bits = 8\nleaves", "toy.toml:26:14: level 'lower' breaks the rule that index ranges tile the input address, at most 64 bits with the tag"},
    {"index_bits = 9\nleaves", "index_bits = 9\nvacant = [0]\nleaves",
     "toy.toml:27:10: absent (level 'lower') breaks the rule that what an empty slot holds, zero if nothing else is said, is absent"},
    {"leaves = [\"small\"]", "leaves = []", "toy.toml:23:1: level 'lower' breaks the rule that level 0 holds leaves and no tables"},
    {"leaves = [\"small\"]", "leaves = [\"small\"]\ntable = { set = [2] }", "toy.toml:28:9: level 'lower' breaks the rule that level 0 holds leaves and no tables"},
    {"table = { set = [0], clear = [1] }\n", "", "toy.toml:16:1: level 'upper' breaks the rule that every level above level 0 can hold tables"},
    {"leaves = [\"small\"]", "leaves = [4]", "toy.toml:27:11: leaves: 4 is outside 0 to 1"},
    {"table_base = [0]", "table_base = [0]\ntable_zero = [0]", "toy.toml:21:14: level 'upper' breaks the rule that a new entry has no bit that hardware rejects"},
    {"table_base = [0]", "table_base = [0, 12]", "toy.toml:21:14: level 'upper' breaks the rule that address bits mean nothing else"},
    {"table_base = [0]", "table_base = []", "toy.toml:20:9: level 'upper' breaks the rule that a new table entry is read back with its address and withholds nothing"},
    // of a form
    {"address = \"39:12\"\ntype = 3\nbase", "address = [\"39:13\"]\ntype = 3\nbase", "toy.toml:31:11: form 'small' breaks the rule that an address is said without gaps from its alignment upward (address bit 12)"},
    {"type = 3\n", "type = 12\n", "toy.toml:31:11: form 'small' breaks the rule that address bits mean nothing else"},
    {"type = 3\n", "type = 2\n", "toy.toml:32:8: form 'small' breaks the rule that memory type, software and carried bits mean nothing else"},
    {"type = 3\n", "type = \"63:58\"\n", "toy.toml:32:8: form 'small' breaks the rule that the table of memory types fits its index, and not all are reserved"},
    {"is = { set = [1] }", "is = { mask = [1], value = [2] }", "toy.toml:30:6: form 'small' breaks the rule that a match can hold, and looks at bits inside the entry"},
    {"base = [\"1:0\"]", "base = [\"1:0\"]\nzero = [1]", "toy.toml:33:8: form 'small' breaks the rule that a new entry has no bit that hardware rejects"},
    {"base = [\"1:0\"]", "base = [1]", "toy.toml:33:8: form 'small' breaks the rule that a new leaf is not absent: its base, or the bits of its rights, make it present"},
    {"base = [\"1:0\"]", "base = [\"1:0\"]\nrun_lg2 = 10", "toy.toml:27:10: level 'lower' breaks the rule that a level with leaves has one that fills one slot"},
    {"withheld = { clear = [2] }", "withheld = { set = [2] }",
     "toy.toml:34:10: form 'small' breaks the rule that a leaf is read back with the rights it was given, if there are any"},
    {"name = \"lower\"", "name = \"upper\"", "toy.toml:17:8: level 'upper' breaks the rule that no two levels have one name, and no two forms"},
    {"absent = { clear = [0] }", "absent = \"always\"", "toy.toml:4:10: format 'toy' breaks the rule that some entries are absent and some are not: what tells them looks at a bit"},
    // of a field
    {"{ name = \"T\", bits = 3, on = \"leaves\" },\n", "", "toy.toml:27:1: form 'small' (bit 3) breaks the rule that every bit that a rule uses has a name"},
    {"bits = \"39:12\" },", "bits = \"39:12\", on = \"leaves\" },", "toy.toml:8:10: a table entry (bit 12) breaks the rule that every bit that a rule uses has a name"},
    {"bits = 1 }", "bits = 2 }", "toy.toml:11:24: field 'W' (bit 2) breaks the rule that no bit has two names"},
  };
  for (auto const &w : wrong) EXPECT_EQ(said(w), w.message);
}

TEST(format_file, says_that_a_file_cannot_be_read) {
  auto const none = format_file::read_file("there/is/no/such.toml");
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().unreadable);
  EXPECT_EQ(none.error().text(), "there/is/no/such.toml: cannot be read: No such file or directory");
  auto const folder = format_file::read_file(".");
  ASSERT_FALSE(folder);
  EXPECT_TRUE(folder.error().unreadable);
  EXPECT_EQ(folder.error().text(), ".: cannot be read: Is a directory");
}

TEST(format_file, reads_numbers_of_forms_spans_and_masks_in_every_notation) {
  auto const same = [](change const &c) {
    auto const a = format_file::read(sound, "a.toml"), b = format_file::read(changed(c), "b.toml");
    ASSERT_TRUE(b) << b.error().text();
    EXPECT_EQ(format_file::write(*a), format_file::write(*b)) << c.to;
  };
  same({"leaves = [\"small\"]", "leaves = [0]", ""});
  same({"software = [\"11:9\"]", "software = [9, 10, 11]", ""});
  same({"software = [\"11:9\"]", "software = \"11:9\"", ""});
  same({"software = [\"11:9\"]", "software = \"0xe00\"", ""});
  same({"software = [\"11:9\"]", "software = \"0x0000_0000_0000_0E00\"", ""});
  same({"absent = { clear = [0] }", "absent = { mask = \"0x1\", value = \"0x0\" }", ""});
  same({"gives = \"w\"", "gives = \"k:w,u:w\"", ""});
  same({"on = \"leaves\" },", "on = [\"leaves\"] },", ""});
  same({"table_address = \"39:12\"", "table_address = [{ bits = \"39:12\", to = 12 }]", ""});
}

}  // namespace
