#include "analysis/report/printable.h"

#include <gtest/gtest.h>

#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

TEST(Printable, TextThatATerminalWouldActOnIsEscaped) {
  struct Row {
    const char* story;
    std::string_view in, out;
  };
  const Row rows[] = {
      {"plain", "kworker/0:1H", "kworker/0:1H"},
      {"umlaut and CJK stay", "gr\xc3\xbc\xc3\x9f \xe4\xbd\xa0", "gr\xc3\xbc\xc3\x9f \xe4\xbd\xa0"},
      {"escape sequence", "\x1b[31mred", "\\x1b[31mred"},
      {"newline would forge a line", "a\nb", "a\\x0ab"},
      {"NUL inside", std::string_view("a\0b", 3), "a\\x00b"},
      {"DEL", "\x7f", "\\x7f"},
      {"8-bit CSI, as a byte",
       "\x9b"
       "2J",
       "\\x9b2J"},
      {"8-bit CSI, as UTF-8",
       "\xc2\x9b"
       "2J",
       "\\xc2\\x9b2J"},
      {"a backslash is doubled, so that nothing can pose as an escape", "\\x1b", "\\\\x1b"},
      {"cut in the middle of a character", "ab\xe4\xbd", "ab\\xe4\\xbd"},
      {"overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
      {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"past the last code point", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"right-to-left override",
       "\xe2\x80\xae"
       "gpj",
       "\\xe2\\x80\\xaegpj"},
      {"zero-width space",
       "a\xe2\x80\x8b"
       "b",
       "a\\xe2\\x80\\x8bb"},
      {"emoji stays", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
  };
  for (const Row& row : rows) EXPECT_EQ(PrintableText(row.in), row.out) << row.story;
}

TEST(Printable, EveryByteComesOutAsPrintableAscii) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string out = PrintableText(std::string(1, static_cast<char>(byte)));
    for (const char c : out) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << byte;
  }
}

TEST(Printable, CsvFields) {
  EXPECT_EQ(CsvField("plain"), "plain");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(CsvField(" lead"), "\" lead\"");
  EXPECT_EQ(CsvField("two\nlines"), "two\\x0alines");
  EXPECT_EQ(CsvField(""), "");
}

TEST(Printable, DurationsHaveThreeDigitsAndAUnit) {
  struct Row {
    uint64_t ns;
    const char* text;
  };
  const Row rows[] = {{0, "0 ns"},
                      {999, "999 ns"},
                      {1000, "1.00 us"},
                      {12'345, "12.3 us"},
                      {999'499, "999 us"},
                      {999'600, "1.00 ms"},
                      {12'345'678, "12.3 ms"},
                      {100'000'000, "100 ms"},
                      {1'234'567'890, "1.23 s"},
                      {120'000'000'000, "120 s"},
                      {UINT64_MAX, "18,446,744,074 s"}};
  for (const Row& row : rows) EXPECT_EQ(DurationText(row.ns), row.text);
}

TEST(Printable, Counts) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1000), "1,000");
  EXPECT_EQ(CountText(1'234'567), "1,234,567");
  EXPECT_EQ(TraceTimeText(41'512'345'678), "41.512345");
  EXPECT_EQ(TraceTimeText(5'000), "0.000005");
}

TEST(TextTable, ColumnsLineUpWhateverIsInThem) {
  TextTable table({{"name"}, {"n", TextTable::Align::kRight}, {"note"}});
  table.AddRow({"a\x1b[2J", "1", "x"});
  table.AddRow({"gr\xc3\xbcn", "12345"});
  EXPECT_EQ(table.Text(1),
            " name          n  note\n"
            " a\\x1b[2J      1  x\n"
            " gr\xc3\xbcn      12345\n");
}

}  // namespace
}  // namespace wakewatch
