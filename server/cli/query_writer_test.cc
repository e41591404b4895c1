#include "server/cli/query_writer.h"

#include <unistd.h>

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace wakewatch {
namespace {

using testing::HasSubstr;

// What a writer makes of these rows. Small enough for a pipe.
std::string Written(OutputFormat format, const std::vector<std::string>& columns,
                    const std::vector<std::vector<SqlValue>>& rows, bool truncated = false) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  Output output(ends[1]);
  const auto writer = QueryWriter::Make(format, &output);
  EXPECT_TRUE(writer->Begin(columns));
  for (const auto& row : rows) EXPECT_TRUE(writer->Row(row));
  EXPECT_TRUE(writer->End(truncated));
  ::close(ends[1]);
  std::string text(60'000, '\0');
  const ssize_t size = ::read(ends[0], text.data(), text.size());
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  ::close(ends[0]);
  return text;
}

const std::vector<std::vector<SqlValue>> kRows = {{int64_t{-7}, std::string("a,\"b"), std::monostate()},
                                                  {int64_t{12}, std::string("\x1b[2J\xff"), 2.5}};

TEST(QueryWriter, JsonHasThePromisedShape) {
  const auto answer = nlohmann::json::parse(Written(OutputFormat::kJson, {"n", "comm", "x"}, kRows, true));
  EXPECT_EQ(answer["columns"], (nlohmann::json{"n", "comm", "x"}));
  EXPECT_EQ(answer["rows"][0], (nlohmann::json{-7, "a,\"b", nullptr}));
  EXPECT_EQ(answer["rows"][1], (nlohmann::json{12, "\x1b[2J\xef\xbf\xbd", 2.5}));
  EXPECT_EQ(answer["truncated"], true);
}

TEST(QueryWriter, NoRowsAreStillAnAnswer) {
  const auto answer = nlohmann::json::parse(Written(OutputFormat::kJson, {"n"}, {}));
  EXPECT_EQ(answer["rows"], nlohmann::json::array());
  EXPECT_EQ(answer["truncated"], false);
  EXPECT_EQ(Written(OutputFormat::kText, {"n"}, {}), "n\n");
  EXPECT_EQ(Written(OutputFormat::kCsv, {"n"}, {}), "n\n");
  EXPECT_EQ(Written(OutputFormat::kNdjson, {"n"}, {}), "");
}

TEST(QueryWriter, LinesOfObjects) {
  EXPECT_THAT(Written(OutputFormat::kNdjson, {"n", "comm", "x"}, kRows),
              testing::StartsWith("{\"n\":-7,\"comm\":\"a,\\\"b\",\"x\":null}\n"));
}

TEST(QueryWriter, CsvQuotesAndEscapes) {
  EXPECT_EQ(Written(OutputFormat::kCsv, {"n", "comm", "x"}, kRows),
            "n,comm,x\n-7,\"a,\"\"b\",\n12,\\x1b[2J\\xff,2.5\n");
}

TEST(QueryWriter, TextLinesUpAndIsSafe) {
  EXPECT_EQ(Written(OutputFormat::kText, {"n", "comm", "x"}, kRows),
            " n  comm           x\n"
            "-7  a,\"b\n"
            "12  \\x1b[2J\\xff  2.5\n");
}

TEST(QueryWriter, LongAnswersComeInBlocksWithTheirTitles) {
  const std::vector<std::vector<SqlValue>> rows(1001, {int64_t{1}});
  const std::string text = Written(OutputFormat::kText, {"n"}, rows);
  EXPECT_EQ(std::count(text.begin(), text.end(), 'n'), 2);
  EXPECT_EQ(std::count(text.begin(), text.end(), '1'), 1001);
}

TEST(Output, AReaderThatLeftIsNoError) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  Output output(ends[1]);
  EXPECT_TRUE(output.Write("x"));
  EXPECT_TRUE(output.Flush());
  EXPECT_TRUE(output.reader_left());
  ::close(ends[1]);
}

TEST(Output, AnErrorSticks) {
  Output output(-1);
  EXPECT_TRUE(output.Write("x"));
  EXPECT_FALSE(output.Flush());
  const auto again = output.Flush();
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().Text(), HasSubstr("standard output"));
}

}  // namespace
}  // namespace wakewatch
