#include "collector/file_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

TEST(ReadTextFile, ReadsToTheEndAndNoFurtherThanTheLimit) {
  TestFolder folder;
  const std::string text(100'000, 'x');
  folder.Write("big", text);
  folder.Write("empty", "");
  EXPECT_EQ(ReadTextFile(folder.path() + "/big").value_or(""), text);
  EXPECT_EQ(ReadTextFile(folder.path() + "/empty").value_or("?"), "");
  EXPECT_FALSE(ReadTextFile("/proc/self/stat")->empty()) << "a file that says it has no size";
  const auto too_large = ReadTextFile(folder.path() + "/big", 99'999);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code, ErrorCode::kTooLarge);
  const auto missing = ReadTextFile(folder.path() + "/missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().file, folder.path() + "/missing");
}

TEST(WriteTextFile, ReplacesButDoesNotCreate) {
  TestFolder folder;
  folder.Write("file", "a longer text than before");
  ASSERT_TRUE(WriteTextFile(folder.path() + "/file", "1"));
  EXPECT_EQ(folder.Read("file"), "1");
  EXPECT_FALSE(WriteTextFile(folder.path() + "/missing", "1"));
  EXPECT_FALSE(folder.Has("missing"));
}

TEST(ParseUnsigned, TakesTheWholeTextOrNothing) {
  const struct {
    const char* text;
    bool ok;
    uint64_t value;
  } rows[] = {
      {"0", true, 0},
      {" 42\n", true, 42},
      {"18446744073709551615", true, UINT64_MAX},
      {"18446744073709551616", false, 0},
      {"", false, 0},
      {"-1", false, 0},
      {"1 2", false, 0},
      {"0x10", false, 0},
      {"7 (x)", false, 0},
  };
  for (const auto& row : rows) {
    uint64_t value = 0;
    EXPECT_EQ(ParseUnsigned(row.text, &value), row.ok) << row.text;
    if (row.ok) {
      EXPECT_EQ(value, row.value) << row.text;
    }
  }
}

TEST(AppendTextFile, KeepsWhatIsThere) {
  TestFolder folder;
  EXPECT_FALSE(AppendTextFile(folder.path() + "/new", "x")) << "it makes no file";
  folder.Write("list", "first\n");
  EXPECT_TRUE(AppendTextFile(folder.path() + "/list", "second\n"));
  EXPECT_EQ(folder.Read("list"), "first\nsecond\n");
  EXPECT_TRUE(WriteTextFile(folder.path() + "/list", "third"));
  EXPECT_EQ(folder.Read("list"), "third");
}

}  // namespace
}  // namespace wakewatch
