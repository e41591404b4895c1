#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analysis/trace/format.h"

namespace wakewatch {
namespace {

constexpr size_t kCommonBytes = 8;

// A table of one event with the fields of `fields`, given as the kernel writes them after "field:", '|' between them.
FormatTable Table(const std::string& fields, const std::string& system = "probes", const std::string& name = "probe") {
  std::string text = "name: " + name +
                     "\nID: 900\nformat:\n"
                     "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
                     "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
                     "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
                     "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\tfield:";
  for (const char c : fields) text += c == '|' ? std::string("\n\tfield:") : std::string(1, c);
  FormatTable table;
  const auto status = table.Add(system, text + "\n\nprint fmt: \"x\"\n");
  EXPECT_TRUE(status) << (status ? "" : status.error().Text());
  return table;
}

TEST(FieldText, ReadsAsAPersonWould) {
  const struct {
    const char *story, *field;
    std::string payload;  // behind the eight common bytes
    const char* text;
  } rows[] = {
      {"a negative number", "int n;offset:8;size:4;signed:1;", "\xfd\xff\xff\xff", "-3"},
      {"an unsigned number", "u32 n;offset:8;size:4;signed:0;", "\xfd\xff\xff\xff", "4294967293"},
      {"a signed byte", "s8 n;offset:8;size:1;signed:1;", "\x80", "-128"},
      {"two bytes", "u16 n;offset:8;size:2;signed:0;", "\x01\x02", "513"},
      {"eight bytes", "s64 n;offset:8;size:8;signed:1;", "\xff\xff\xff\xff\xff\xff\xff\xff", "-1"},
      {"an address", "void * f;offset:8;size:8;signed:0;", {"\0\0\0\x81\xff\xff\xff\xff", 8}, "0xffffffff81000000"},
      {"text", "char c[8];offset:8;size:8;signed:0;", {"ab\0cdefg", 8}, "ab"},
      {"text that fills its field", "char c[4];offset:8;size:4;signed:0;", "abcdef", "abcd"},
      {"text to the end", "char c[];offset:8;size:0;signed:0;", {"hello\n\0\0", 8}, "hello\n"},
      {"bytes", "u8 c[3];offset:8;size:3;signed:0;", {"\x01\x00\xff", 3}, "0100ff"},
      {"located text", "__data_loc char[] c;offset:8;size:4;signed:0;", {"\x0c\0\x03\0hi\0", 7}, "hi"},
      {"located text, relative", "__rel_loc char[] c;offset:8;size:4;signed:0;", {"\x00\0\x03\0hi\0", 7}, "hi"},
      {"located bytes", "__data_loc u8[] c;offset:8;size:4;signed:0;", {"\x0c\0\x02\0hi", 6}, "6869"},
      {"located text without text", "__data_loc char[] c;offset:8;size:4;signed:0;", {"\0\0\0\0", 4}, ""},
      {"located behind the record", "__data_loc char[] c;offset:8;size:4;signed:0;", {"\x0c\0\x04\0hi\0", 7}, ""},
      {"located far behind the record", "__rel_loc char[] c;offset:8;size:4;signed:0;", {"\xff\xff\xff\xff", 4}, ""},
      {"a record that is too short", "u64 n;offset:8;size:8;signed:0;", "\x01", ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const FormatTable table = Table(row.field);
    ASSERT_EQ(table.events().size(), 1u);
    // Of the exact size, so that a sanitizer sees a read behind it.
    std::vector<uint8_t> bytes(kCommonBytes);
    bytes.insert(bytes.end(), row.payload.begin(), row.payload.end());
    EXPECT_EQ(FieldText(table.events()[0].fields[0], bytes, std::endian::little), row.text);
  }
}

TEST(ReadInteger, FollowsTheByteOrderAndTheSign) {
  const uint8_t bytes[] = {0xff, 0xfe, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01};
  const struct {
    uint16_t size;
    FieldKind kind;
    std::endian order;
    uint64_t value;
  } rows[] = {
      {1, FieldKind::kSigned, std::endian::little, UINT64_MAX},
      {1, FieldKind::kUnsigned, std::endian::big, 0xff},
      {2, FieldKind::kSigned, std::endian::big, static_cast<uint64_t>(-2)},
      {2, FieldKind::kUnsigned, std::endian::little, 0xfeff},
      {4, FieldKind::kSigned, std::endian::big, static_cast<uint64_t>(int64_t{-131072})},
      {4, FieldKind::kSigned, std::endian::little, 0xfeff},
      {8, FieldKind::kUnsigned, std::endian::big, 0xfffe000000000001},
      {8, FieldKind::kSigned, std::endian::little, 0x010000000000feff},
      {3, FieldKind::kBytes, std::endian::little, 0},
  };
  for (const auto& row : rows) {
    const FieldSpec field{"n", "x", 0, row.size, row.kind};
    EXPECT_EQ(ReadInteger(bytes, field, row.order), row.value) << row.size << " bytes";
  }
}

TEST(EventText, NamesEveryField) {
  const FormatTable table = Table(
      "char prev_comm[8];offset:8;size:8;signed:0;|long prev_state;offset:16;size:8;signed:1;|"
      "int next_prio;offset:24;size:4;signed:1;",
      "sched", "sched_switch");
  std::vector<uint8_t> record(28);
  record[8] = 'k';
  record[17] = 1;
  record[24] = 120;
  Event event{};
  event.record = record.data();
  event.record_size = 28;
  event.type = EventType::kSchedSwitch;
  EXPECT_EQ(EventText(event, table), "prev_comm=k prev_state=R+ next_prio=120");
  event.record_size = 20;
  EXPECT_EQ(EventText(event, table), "prev_comm=k prev_state= next_prio=") << "nothing is read behind the record";
  event.format = 1;
  EXPECT_EQ(EventText(event, table), "");
  event.type = EventType::kGap;
  event.format = 0;
  EXPECT_EQ(EventText(event, table), "");
}

}  // namespace
}  // namespace wakewatch
