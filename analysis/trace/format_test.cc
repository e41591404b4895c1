#include "analysis/trace/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

constexpr char kCommon[] =
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n";

// One format: `fields` in the kernel's notation, ';' instead of ";\t" and '|' between lines for short rows.
std::string Text(const std::string& fields, const std::string& name = "probe", const std::string& id = "900",
                 const std::string& common = kCommon) {
  std::string text = "name: " + name + "\nID: " + id + "\nformat:\n" + common + "\n";
  for (size_t at = 0; at < fields.size();) {
    const size_t end = std::min(fields.find('|', at), fields.size());
    text += "\tfield:" + fields.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return text + "\nprint fmt: \"x\"\n";
}

std::filesystem::path Formats() { return std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "tests/data/formats"; }

std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

FormatTable Table(FormatTable::Machine machine = {}, const std::string& header_page = "") {
  auto table = FormatTable::Create(machine, header_page);
  EXPECT_TRUE(table) << (table ? "" : table.error().Text());
  return std::move(*table);
}

TEST(FormatTable, LearnsWhatEachKindOfFieldIs) {
  const struct {
    const char *story, *field;
    FieldKind kind;
    uint16_t size;
    bool relative, pointer;
  } rows[] = {
      {"a task's id", "pid_t pid;offset:8;size:4;signed:1;", FieldKind::kSigned, 4, false, false},
      {"a narrow prio", "short prio;offset:8;size:2;signed:1;", FieldKind::kSigned, 2, false, false},
      {"bool", "bool was_armed;offset:8;size:1;signed:0;", FieldKind::kUnsigned, 1, false, false},
      {"nanoseconds", "u64 runtime;offset:8;size:8;signed:0;", FieldKind::kUnsigned, 8, false, false},
      {"a pointer", "void * work;offset:8;size:8;signed:0;", FieldKind::kUnsigned, 8, false, true},
      {"a pointer that the format calls signed", "void * work;offset:8;size:8;signed:1;", FieldKind::kUnsigned, 8,
       false, true},
      {"a pointer to a structure", "struct sock * sk;offset:8;size:8;signed:0;", FieldKind::kUnsigned, 8, false, true},
      {"a structure that looks like an integer", "struct pair p;offset:8;size:8;signed:0;", FieldKind::kBytes, 8, false,
       false},
      {"a structure of an odd size", "guid_t id;offset:8;size:16;signed:0;", FieldKind::kBytes, 16, false, false},
      {"text", "char comm[16];offset:8;size:16;signed:0;", FieldKind::kText, 16, false, false},
      {"text in pieces of const", "const char name[8];offset:8;size:8;signed:0;", FieldKind::kText, 8, false, false},
      {"bytes that libtraceevent takes for text", "u8 fsid[16];offset:8;size:16;signed:0;", FieldKind::kBytes, 16,
       false, false},
      {"an address of a network card", "unsigned char addr[6];offset:8;size:6;signed:0;", FieldKind::kBytes, 6, false,
       false},
      {"a size that is an expression", "__u8 saddr[sizeof(struct sockaddr_in6)];offset:8;size:28;signed:0;",
       FieldKind::kBytes, 28, false, false},
      {"text to the end of the record", "char buf[];offset:8;size:0;signed:0;", FieldKind::kText, 0, false, false},
      {"located text", "__data_loc char[] name;offset:8;size:4;signed:1;", FieldKind::kLocText, 4, false, false},
      {"located text, relative", "__rel_loc char[] name;offset:8;size:4;signed:0;", FieldKind::kLocText, 4, true,
       false},
      {"located words", "__data_loc unsigned long[] name;offset:8;size:4;signed:0;", FieldKind::kLocBytes, 4, false,
       false},
      {"a located mask, without brackets", "__data_loc cpumask_t cpumask;offset:8;size:4;signed:0;",
       FieldKind::kLocBytes, 4, false, false},
      {"an attribute that clang leaves in",
       "const char __attribute__((btf_type_tag(\"user\"))) * file;offset:8;size:8;signed:0;", FieldKind::kUnsigned, 8,
       false, true},
      {"a kernel that does not say signed", "u32 n;offset:8;size:4;", FieldKind::kUnsigned, 4, false, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FormatTable table = Table();
    const auto status = table.Add("probes", Text(row.field));
    ASSERT_TRUE(status) << status.error().Text();
    ASSERT_EQ(table.events().size(), 1u);
    const EventFormat& event = table.events()[0];
    ASSERT_EQ(event.fields.size(), 1u);
    const FieldSpec& field = event.fields[0];
    EXPECT_EQ(field.kind, row.kind);
    EXPECT_EQ(field.offset, 8);
    EXPECT_EQ(field.size, row.size);
    EXPECT_EQ(field.relative, row.relative);
    EXPECT_EQ(field.pointer, row.pointer);
    EXPECT_EQ(event.fixed_size, 8 + row.size);
    EXPECT_EQ(event.has_loc, row.kind == FieldKind::kLocText || row.kind == FieldKind::kLocBytes);
    EXPECT_EQ(event.Find(field.name), &field);
    EXPECT_EQ(event.Find("other"), nullptr);
  }
}

TEST(FormatTable, RefusesFormatsThatLie) {
  const std::string good = Text("int a;offset:8;size:4;signed:1;");
  const auto without = [&](const std::string& part) {
    std::string text = good;
    return text.erase(text.find(part), part.size());
  };
  std::string common_twice = kCommon;
  common_twice.replace(common_twice.find("offset:4"), 8, "offset:2");
  std::string wide_type = kCommon;
  wide_type.replace(wide_type.find("size:2"), 6, "size:4");
  const struct {
    const char* story;
    std::string text;
    const char* cause;
  } rows[] = {
      {"nothing", "", "an event of probes"},
      {"no format at all", "no format at all\n", "ends before its print fmt"},
      {"cut in the middle", good.substr(0, good.size() / 2), "probes/probe"},
      {"cut in front of the print fmt", good.substr(0, good.find("print")), "ends before its print fmt"},
      {"no name", without("name: probe\n"), "does not say the event's name"},
      {"a name of several words", Text("", "two words"), "does not say the event's name"},
      {"no ID", without("ID: 900\n"), "has no ID"},
      {"an ID that no record can carry", Text("", "probe", "65536"), "has no ID"},
      {"a negative ID", Text("", "probe", "-1"), "has no ID"},
      {"beyond what a record can be", Text("int a;offset:65533;size:4;signed:1;"), "places a outside the record"},
      {"an offset that overflows", Text("int a;offset:4294967295;size:4;signed:1;"), "places a outside the record"},
      {"an offset that does not fit a number", Text("int a;offset:99999999999;size:4;signed:1;"), "describes no field"},
      {"a negative offset", Text("int a;offset:-4;size:4;signed:1;"), "describes no field"},
      {"a negative size", Text("int a;offset:8;size:-4;signed:1;"), "describes no field"},
      {"one field over another", Text("u64 a;offset:8;size:8;signed:0;|int b;offset:12;size:4;signed:1;"), "places b"},
      {"a field over the common ones", Text("int a;offset:4;size:4;signed:1;"), "places"},
      {"a field in front of the common ones",
       Text("short a;offset:0;size:2;signed:1;", "probe", "900",
            "\tfield:unsigned short common_type;\toffset:4;\tsize:2;\tsigned:0;\n"
            "\tfield:unsigned char common_flags;\toffset:6;\tsize:1;\tsigned:0;\n"
            "\tfield:unsigned char common_preempt_count;\toffset:7;\tsize:1;\tsigned:0;\n"
            "\tfield:int common_pid;\toffset:8;\tsize:4;\tsigned:1;\n"),
       "in front of the common fields"},
      {"no common fields", Text("int a;offset:8;size:4;signed:1;", "probe", "900", ""), "has no common_type"},
      {"common fields over one another", Text("", "probe", "900", common_twice), "places common_"},
      {"a wide common_type", Text("", "probe", "900", wide_type), "places common_flags"},
      {"a located field without room for its location", Text("__data_loc char[] a;offset:8;size:1;signed:0;"),
       "a __data_loc of 1 bytes"},
      {"an array that ends in its brackets", Text("char a[16;offset:8;size:16;signed:0;"), "describes no field"},
      {"an array of arrays", Text("char a[4][4];offset:8;size:16;signed:0;"), "describes no field"},
      {"a quote that swallows the rest", Text("char \"a;offset:8;size:16;signed:0;"), "describes no field"},
      {"a name that is a star", Text("char *;offset:8;size:8;signed:0;"), "describes no field"},
      {"only one word", Text("a;offset:8;size:4;signed:0;"), "describes no field"},
      {"an attribute without an end", Text("char __attribute__((a * b;offset:8;size:8;signed:0;"),
       "describes no field"},
      {"text that libtraceevent replaces", Text("int LOCAL_PR_FMT;offset:8;size:4;signed:0;"), "describes no field"},
      {"more text than any format has", Text("") + std::string(1 << 20, ' '), "larger than 1 MiB"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FormatTable table = Table();
    const uint64_t before = table.Hash();
    testing::internal::CaptureStderr();
    const auto status = table.Add("probes", row.text);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().cause, HasSubstr(row.cause));
    EXPECT_THAT(status.error().cause, HasSubstr("probes"));
    EXPECT_NE(status.error().remedy, "");
    EXPECT_EQ(table.anomalies().Of(Anomaly::kFormatNotUsable), 1u);
    EXPECT_TRUE(table.events().empty());
    EXPECT_EQ(table.Hash(), before);
    EXPECT_TRUE(table.Add("probes", good)) << "the table can still be used";
  }
}

TEST(FormatTable, RefusesMoreFieldsThanAnEventHas) {
  std::string fields;
  for (int i = 0; i < 2000; ++i) fields += "char a" + std::to_string(i) + "[];offset:8;size:0;signed:0;|";
  FormatTable table = Table();
  const auto status = table.Add("probes", Text(fields));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kTooLarge);
}

TEST(FormatTable, AnIdBelongsToOneEvent) {
  FormatTable table = Table();
  const std::string first = Text("int a;offset:8;size:4;signed:1;", "first");
  ASSERT_TRUE(table.Add("probes", first));
  EXPECT_TRUE(table.Add("probes", first)) << "the same once more is fine";
  EXPECT_EQ(table.events().size(), 1u);
  EXPECT_EQ(table.anomalies().Of(Anomaly::kFormatNotUsable), 0u);
  const struct {
    const char *story, *system;
    std::string text;
  } rows[] = {
      {"another event", "probes", Text("int a;offset:8;size:4;signed:1;", "second")},
      {"another layout", "probes", Text("int a;offset:12;size:4;signed:1;", "first")},
      {"another system", "other", first},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const uint64_t hash = table.Hash();
    const auto status = table.Add(row.system, row.text);
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().cause, HasSubstr("which probes/first has already"));
    EXPECT_EQ(table.events().size(), 1u);
    EXPECT_EQ(table.Hash(), hash);
  }
  EXPECT_EQ(table.anomalies().Of(Anomaly::kFormatNotUsable), 3u);
}

TEST(FormatTable, ADeletedProbeMayComeBackUnderAnotherId) {
  FormatTable table = Table();
  ASSERT_TRUE(table.Add("probes", Text("", "mine", "900")));
  ASSERT_TRUE(table.Add("probes", Text("", "mine", "65535")));
  EXPECT_EQ(table.Find("probes", "mine"), table.ById(900));
  EXPECT_EQ(table.IndexById(65535), 1);
  EXPECT_EQ(table.IndexById(901), -1);
  EXPECT_EQ(table.ById(901), nullptr);
  EXPECT_EQ(table.Find("probes", "other"), nullptr);
  EXPECT_EQ(table.ByType(EventType::kGeneric), nullptr);
}

TEST(FormatTable, MoreCommonFieldsThanFourBecomeFields) {
  const std::string common =
      std::string(kCommon) + "\tfield:unsigned char common_preempt_lazy_count;\toffset:8;\tsize:1;\tsigned:0;\n";
  FormatTable table = Table();
  ASSERT_TRUE(table.Add("probes", Text("int a;offset:12;size:4;signed:1;", "probe", "900", common)));
  ASSERT_EQ(table.events()[0].fields.size(), 2u);
  EXPECT_EQ(table.events()[0].fields[0].name, "common_preempt_lazy_count");
  EXPECT_EQ(table.events()[0].fixed_size, 16);
  EXPECT_EQ(table.common().size, 8);
  EXPECT_EQ(table.common().pid.offset, 4);
  const auto status =
      table.Add("probes", Text("", "late", "901",
                               "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
                               "\tfield:unsigned char common_flags;\toffset:3;\tsize:1;\tsigned:0;\n"
                               "\tfield:unsigned char common_preempt_count;\toffset:2;\tsize:1;\tsigned:0;\n"
                               "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"));
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().cause, HasSubstr("its common fields where the formats in front of it do not"));
}

TEST(FormatTable, TakesEveryFormatOfARealKernel) {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    FormatTable table = Table({order, 8}, ReadWhole(Formats() / "header_page"));
    size_t added = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Formats() / "events")) {
      if (entry.path().filename() != "format") continue;
      const std::string system = entry.path().parent_path().parent_path().filename();
      const auto status = table.Add(system, ReadWhole(entry.path()));
      EXPECT_TRUE(status) << entry.path() << ": " << status.error().Text();
      ++added;
    }
    EXPECT_GT(added, 10u);
    EXPECT_EQ(table.events().size(), added);
    const EventFormat* sched_switch = table.ByType(EventType::kSchedSwitch);
    ASSERT_NE(sched_switch, nullptr);
    EXPECT_EQ(sched_switch, table.Find("sched", "sched_switch"));
    EXPECT_EQ(sched_switch->fixed_size, 64);
    EXPECT_EQ(sched_switch->text, ReadWhole(Formats() / "events/sched/sched_switch/format"));
    EXPECT_EQ(table.prev_states().Text(256), "R+");
    EXPECT_EQ(table.page().page_size, 4096u);
  }
}

TEST(FormatTable, TheHashTellsTablesThatDecodeDifferentlyApart) {
  const std::string a = Text("int a;offset:8;size:4;signed:1;", "first", "900");
  const std::string b = Text("int a;offset:8;size:4;signed:1;", "second", "17");
  const auto hash = [](FormatTable::Machine machine, const std::vector<std::string>& texts, uint32_t page_size = 4096,
                       const std::string& system = "probes") {
    FormatTable table = Table(machine);
    table.set_page_size(page_size);
    for (const std::string& text : texts) EXPECT_TRUE(table.Add(system, text));
    return table.Hash();
  };
  const FormatTable::Machine here{std::endian::little, 8};
  const uint64_t both = hash(here, {a, b});
  EXPECT_EQ(both, hash(here, {b, a})) << "in whatever order they were added";
  EXPECT_NE(both, hash(here, {a}));
  EXPECT_NE(both, hash(here, {}));
  EXPECT_NE(both, hash(here, {a, b}, 65536));
  EXPECT_NE(both, hash(here, {a, b}, 4096, "other"));
  EXPECT_NE(both, hash({std::endian::big, 8}, {a, b}));
  EXPECT_NE(both, hash({std::endian::little, 4}, {a, b}));
  EXPECT_NE(both, hash(here, {a, Text("int a;offset:8;size:4;signed:0;", "second", "17")}));
}

TEST(HeaderPage, SaysWhereAPagesPartsAre) {
  const std::string word32 =
      "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
      "\tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;\n"
      "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
      "\tfield: char data;\toffset:12;\tsize:4084;\tsigned:1;\n";
  const std::string large =
      "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
      "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
      "\tfield: char data;\toffset:16;\tsize:262128;\tsigned:0;\n";
  const struct {
    const char* story;
    uint8_t long_size;
    std::string text;
    uint16_t commit_offset;
    uint8_t commit_size;
    uint16_t data_offset;
    uint32_t page_size;
  } rows[] = {
      {"not said, 64 bits", 8, "", 8, 8, 16, 4096},
      {"not said, 32 bits", 4, "", 8, 4, 12, 4096},
      {"a 64-bit kernel", 8, ReadWhole(Formats() / "header_page"), 8, 8, 16, 4096},
      {"a 32-bit kernel", 4, word32, 8, 4, 12, 4096},
      {"large sub-buffers, before there was an overwrite field", 8, large, 8, 8, 16, 262144},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const FormatTable table = Table({std::endian::little, row.long_size}, row.text);
    EXPECT_EQ(table.page().timestamp_offset, 0);
    EXPECT_EQ(table.page().commit_offset, row.commit_offset);
    EXPECT_EQ(table.page().commit_size, row.commit_size);
    EXPECT_EQ(table.page().data_offset, row.data_offset);
    EXPECT_EQ(table.page().page_size, row.page_size);
    EXPECT_EQ(table.header_page_text(), row.text);
  }
}

TEST(HeaderPage, RefusesPagesThatNoKernelHas) {
  const std::string good = ReadWhole(Formats() / "header_page");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const struct {
    const char* story;
    uint8_t long_size;
    std::string text;
  } rows[] = {
      {"not a description", 8, "nonsense"},
      {"no time", 8, with("timestamp", "tamestimp")},
      {"a narrow time", 8, with("timestamp;\toffset:0;\tsize:8", "timestamp;\toffset:0;\tsize:4")},
      {"a commit of three bytes", 8, with("commit;\toffset:8;\tsize:8", "commit;\toffset:8;\tsize:3")},
      {"the commit over the time", 8, with("commit;\toffset:8", "commit;\toffset:4")},
      {"the commit inside the data", 8, with("commit;\toffset:8", "commit;\toffset:12")},
      {"the data over the time", 8, with("data;\toffset:16", "data;\toffset:4")},
      {"data that begins far inside", 8, with("data;\toffset:16", "data;\toffset:4000")},
      {"no data", 8, with("size:4080", "size:0")},
      {"a page larger than any", 8, with("size:4080", "size:4294967295")},
      {"a long of three bytes", 3, ""},
  };
  for (const auto& row : rows) {
    const auto table = FormatTable::Create({std::endian::little, row.long_size}, row.text);
    EXPECT_FALSE(table) << row.story;
    if (table) continue;
    EXPECT_EQ(table.error().code, ErrorCode::kCorrupt) << row.story;
  }
}

}  // namespace
}  // namespace wakewatch
