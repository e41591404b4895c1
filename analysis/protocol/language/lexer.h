// Why: cuts a protocol's text into tokens, and is the only place that meets its bytes: whatever is not text (NUL, other
// control characters, broken UTF-8) ends here, with its line and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/protocol/language/ast.h"

namespace wakewatch::protocol {

inline constexpr size_t kNameBytesMax = 64;       // of a name
inline constexpr size_t kStringBytesMax = 1'000;  // of a title or a note, with its quotes
inline constexpr int64_t kNumberMax = 2'147'483'647;

enum class TokenKind : uint8_t {
  kName,    // also every keyword: which words are keywords depends on where they stand
  kNumber,  // decimal or 0x
  kString,
  kSign,  // an operator, a bracket, a separator
  kEnd,   // of the text; the last token, always there
};
struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // as it stands in the text, a string with its quotes
  int64_t number = 0;     // 0 ... kNumberMax
  Place place;            // of its first character
  Place end;              // behind its last character; columns count characters, not bytes
};

// The tokens of `text`, which must outlive them. `file` stands in errors: kInvalidArgument, and kTooLarge beyond
// kTextBytesMax or kTokensMax.
Result<std::vector<Token>> Lex(std::string_view text, const std::string& file);

// What a string token says: without its quotes and backslashes.
std::string StringOf(const Token& token);
// A token for an error's sentence: "'schedule'", "a string", "the end of the text".
std::string Describe(const Token& token);

}  // namespace wakewatch::protocol
