#include "analysis/protocol/language/lexer.h"

#include <gtest/gtest.h>

#include <string>

#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {
namespace {

// "name@1:1 number@1:6": kinds and places.
std::string Shown(const std::vector<Token>& tokens) {
  std::string shown;
  for (const Token& token : tokens) {
    if (!shown.empty()) shown += ' ';
    shown += token.kind == TokenKind::kEnd ? "END" : std::string(token.text);
    shown += "@" + std::to_string(token.place.line) + ":" + std::to_string(token.place.column);
  }
  return shown;
}

TEST(Lexer, CutsTextIntoTokens) {
  struct Row {
    std::string text, tokens;
  };
  const Row rows[] = {
      {"", "END@1:1"},
      {"a_1 = 0x1F;", "a_1@1:1 =@1:5 0x1F@1:7 ;@1:11 END@1:12"},
      {"\xef\xbb\xbfx", "x@1:1 END@1:2"},                               // behind a byte order mark
      {"a\r\n\tb", "a@1:1 b@2:2 END@2:3"},                              // lines as another system ends them
      {"a // b\nc /* d\n */ e", "a@1:1 c@2:1 e@3:5 END@3:6"},           // comments
      {"/***/x/* / */y", "x@1:6 y@1:14 END@1:15"},                      // a comment of stars
      {"// \xc3\xa4\xe2\x86\x92\xf0\x9f\x98\x80\nx", "x@2:1 END@2:2"},  // any language in a comment
      {"/* \xc3\xa4 */x", "x@1:8 END@1:9"},                             // a column is a character
      {"a<<=b>>c<=d<e", "a@1:1 <<=@1:2 b@1:5 >>@1:6 c@1:8 <=@1:9 d@1:11 <@1:12 e@1:13 END@1:14"},
      {"a+++b", "a@1:1 ++@1:2 +@1:4 b@1:5 END@1:6"},
      {"a-->b", "a@1:1 --@1:2 >@1:4 b@1:5 END@1:6"},
      {"\"a \\\" b\" c", "\"a \\\" b\"@1:1 c@1:10 END@1:11"},
      {"2147483647 0 0x7fffffff", "2147483647@1:1 0@1:12 0x7fffffff@1:14 END@1:24"},
  };
  for (const Row& row : rows) {
    const auto tokens = Lex(row.text, "t.wake");
    ASSERT_TRUE(tokens) << row.text << ": " << tokens.error().Text();
    EXPECT_EQ(Shown(*tokens), row.tokens) << row.text;
  }
}

TEST(Lexer, NumbersAndStringsHaveTheirValue) {
  const auto tokens = Lex("0x1F 31 \"say \\\"hi\\\" \\\\ now\" \"\"", "t.wake");
  ASSERT_TRUE(tokens);
  EXPECT_EQ((*tokens)[0].number, 31);
  EXPECT_EQ((*tokens)[1].number, 31);
  EXPECT_EQ(StringOf((*tokens)[2]), "say \"hi\" \\ now");
  EXPECT_EQ(StringOf((*tokens)[3]), "");
}

TEST(Lexer, RefusesWhatIsNoText) {
  struct Row {
    std::string text, error;
  };
  const Row rows[] = {
      {std::string("a\n b\0c", 6), "line 2, column 3: a NUL byte (a protocol is a text file)"},
      {"// a \x01", "line 1, column 6: a control character (a protocol is a text file)"},
      {"\"\x1b[31m\"", "line 1, column 2: a control character (a protocol is a text file)"},
      {"/* \xc2\x9b */", "line 1, column 4: a control character (a protocol is a text file)"},
      {"a \xff", "line 1, column 3: the byte 0xff is not UTF-8 (save the file as UTF-8)"},
      {"// \xe4 ", "line 1, column 4: the byte 0xe4 is not UTF-8 (save the file as UTF-8)"},
      {"// \xc0\xaf", "line 1, column 4: the byte 0xc0 is not UTF-8 (save the file as UTF-8)"},
      {"// \xed\xa0\x80", "line 1, column 4: the byte 0xed is not UTF-8 (save the file as UTF-8)"},
      {"// \xf4\x90\x80\x80", "line 1, column 4: the byte 0xf4 is not UTF-8 (save the file as UTF-8)"},
      {"// \xf0\x9f\x98", "line 1, column 4: the byte 0xf0 is not UTF-8 (save the file as UTF-8)"},
      {"\xc3\xa4 = 1", "line 1, column 1: '\xc3\xa4' stands where it means nothing"},
      {"a /* b\n c", "line 1, column 3: a comment that nothing ends (write */ behind it)"},
      {"a /*", "line 1, column 3: a comment that nothing ends (write */ behind it)"},
      {"/*/", "line 1, column 1: a comment that nothing ends (write */ behind it)"},
      {"note \"a\n\"", "line 1, column 6: a string that does not end in its line (write a quote behind it)"},
      {"\"a", "line 1, column 1: a string that does not end in its line (write a quote behind it)"},
      {"\"", "line 1, column 1: a string that does not end in its line (write a quote behind it)"},
      {"\"a\\", "line 1, column 3: a backslash in a string (only \\\" and \\\\ are known)"},
      {"\"a\\n\"", "line 1, column 3: a backslash in a string (only \\\" and \\\\ are known)"},
      {"2147483648", "line 1, column 1: a number beyond 2147483647"},
      {"0x80000000", "line 1, column 1: a number beyond 2147483647"},
      {std::string(200'000, '9'), "line 1, column 1: a number beyond 2147483647"},
      {"0x", "line 1, column 1: 0x has no digits behind it"},
      {"3u", "line 1, column 1: a number goes on as a name (numbers are decimal or begin with 0x, and have no suffix)"},
      {"010", "line 1, column 1: a number begins with 0 (there are no octal numbers: write it without the 0 in front)"},
      {"#define A",
       "line 1, column 1: '#' stands where it means nothing (there is no preprocessor: write 'const NAME = 1;')"},
      {"a ? b", "line 1, column 3: '?' stands where it means nothing (there is no ?: operator: write if and else)"},
      {"\xe2\x80\x9ctitle", "line 1, column 1: '\xe2\x80\x9c' stands where it means nothing (write a plain \")"},
      {std::string(65, 'a'), "line 1, column 1: a name of 65 characters (a name has at most 64)"},
      {"\"" + std::string(1'001, 'a') + "\"",
       "line 1, column 1: a string of more than 1000 bytes (is a closing quote missing?)"},
  };
  for (const Row& row : rows) {
    const auto tokens = Lex(row.text, "t.wake");
    ASSERT_FALSE(tokens) << row.error;
    EXPECT_EQ(tokens.error().Text(), "t.wake: " + row.error);
    EXPECT_EQ(tokens.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Lexer, HasLimits) {
  const auto at_most = Lex(std::string(kTextBytesMax, ' '), "t.wake");
  EXPECT_TRUE(at_most);
  const auto longer = Lex(std::string(kTextBytesMax + 1, '\n'), "t.wake");
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(longer.error().Text(), "t.wake: line 1, column 1: the text is longer than 256 KiB");

  EXPECT_TRUE(Lex(std::string(kTokensMax - 1, ';'), "t.wake"));
  const auto many = Lex(std::string(kTokensMax, ';'), "t.wake");
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(many.error().Text(), "t.wake: line 1, column 50001: more than 50000 words and signs");
}

}  // namespace
}  // namespace wakewatch::protocol
