#include "collector/event_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kHeaderPage[] =
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:65520;\tsigned:0;\n";

std::string Format(const std::string& name, int id) {
  return "name: " + name + "\nID: " + std::to_string(id) +
         "\nformat:\n"
         "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
         "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
         "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
         "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
         "\tfield:unsigned int vec;\toffset:8;\tsize:4;\tsigned:0;\n\n"
         "print fmt: \"vec=%u\", REC->vec\n";
}

TEST(LoadEventFormats, TakesWhatItCanAndNamesTheRest) {
  TestFolder events;
  events.Write("header_page", kHeaderPage);
  events.Write("irq/softirq_raise/format", Format("softirq_raise", 77));
  events.Write("ftrace/print/format", Format("print", 5));
  events.Write("irq/broken/format", "no format at all");
  std::vector<std::string> warnings;
  const auto formats = LoadEventFormats(EventFilesBelow(events.path()),
                                        {"irq/softirq_raise", "irq/broken", "irq/missing"}, 65536, &warnings);
  ASSERT_TRUE(formats) << formats.error().Text();
  EXPECT_THAT(formats->usable, ElementsAre("irq/softirq_raise"));
  EXPECT_NE(formats->table.ById(77), nullptr);
  EXPECT_NE(formats->table.ById(5), nullptr) << "an event that a write to trace_marker makes";
  ASSERT_THAT(formats->delta.events, SizeIs(2));
  EXPECT_EQ(formats->delta.events[0].system, "irq");
  EXPECT_EQ(formats->delta.hash, formats->table.Hash());
  EXPECT_EQ(formats->delta.page_size, 65536u);
  EXPECT_EQ(formats->table.page().page_size, 65536u);
  EXPECT_EQ(formats->delta.header_page, kHeaderPage);
  ASSERT_THAT(warnings, SizeIs(2));
  EXPECT_THAT(warnings[0], HasSubstr("irq/broken"));
  EXPECT_THAT(warnings[1], HasSubstr("irq/missing"));
}

TEST(LoadEventFormats, WithoutHeaderPageNothingCanBeRead) {
  TestFolder events;
  std::vector<std::string> warnings;
  const auto formats = LoadEventFormats(EventFilesBelow(events.path()), {}, 4096, &warnings);
  ASSERT_FALSE(formats);
  EXPECT_EQ(formats.error().file, events.path() + "/header_page");
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(HasSameId, AnEventThatWasMadeAgainIsAnother) {
  TestFolder events;
  events.Write("header_page", kHeaderPage);
  events.Write("irq/softirq_raise/format", Format("softirq_raise", 77));
  std::vector<std::string> warnings;
  const auto formats = LoadEventFormats(EventFilesBelow(events.path()), {"irq/softirq_raise"}, 4096, &warnings);
  ASSERT_TRUE(formats);
  EXPECT_EQ(FormatIndex(formats->table, "irq/softirq_raise"), 0u);
  for (const char* unknown : {"irq/softirq", "softirq_raise", "irq/", "/", ""}) {
    EXPECT_EQ(FormatIndex(formats->table, unknown), std::nullopt) << unknown;
  }
  EXPECT_FALSE(HasSameId(EventFilesBelow(events.path()), formats->table, "irq/softirq_raise")) << "it is gone";
  events.Write("irq/softirq_raise/id", "77\n");
  EXPECT_TRUE(HasSameId(EventFilesBelow(events.path()), formats->table, "irq/softirq_raise"));
  events.Write("irq/softirq_raise/id", "78\n");
  EXPECT_FALSE(HasSameId(EventFilesBelow(events.path()), formats->table, "irq/softirq_raise"));
}

}  // namespace
}  // namespace wakewatch
