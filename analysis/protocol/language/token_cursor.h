// Why: the parser's place in the text. The first error ends everything: the cursor then stands at the end of the text,
// so that whoever reads on finds nothing more, and no function needs a way out of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/protocol/language/lexer.h"

namespace wakewatch::protocol {

class TokenCursor {
 public:
  TokenCursor(std::vector<Token> tokens, const std::string& file) : tokens_(std::move(tokens)), file_(file) {}

  const Token& Peek(size_t ahead = 0) const;
  bool AtEnd() const { return Peek().kind == TokenKind::kEnd; }
  // A name or sign with this text.
  bool At(std::string_view text, size_t ahead = 0) const;
  bool AtName(size_t ahead = 0) const { return Peek(ahead).kind == TokenKind::kName; }
  Token Take();                        // the next token; at the end, the end
  bool TakeIf(std::string_view text);  // a name or sign with this text

  // Takes it, or fails: "expected ')' behind the condition, found '{'".
  bool Expect(std::string_view text, std::string_view where = {}, std::string remedy = {});
  // A name that is declared or used; `what` it is stands in the error: "a name for the task".
  std::string ExpectName(std::string_view what);
  // A number within first ... last.
  int64_t ExpectNumber(std::string_view what, int64_t first, int64_t last);
  // The ';' of a statement or declaration. The error points behind what it ends, not at what follows, which may stand
  // lines below.
  void ExpectSemicolon(std::string_view behind, std::string remedy = {});

  void Refuse(Place place, std::string cause, std::string remedy = {}, ErrorCode code = ErrorCode::kInvalidArgument);
  // "expected ..., found ..." at the next token.
  void RefuseNext(std::string_view expected, std::string remedy = {});
  const std::optional<Error>& error() const { return error_; }
  bool failed() const { return error_.has_value(); }

  // One level deeper for as long as it lives; fails beyond kNestingMax.
  class Level {
   public:
    explicit Level(TokenCursor* cursor);
    ~Level() { --cursor_->level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TokenCursor* cursor_;
  };

 private:
  std::vector<Token> tokens_;  // the last one is the end
  const std::string& file_;
  size_t at_ = 0, level_ = 0;
  std::optional<Error> error_;
};

// Whether `word` has a meaning of its own in statements, so that nothing else can have it as its name.
bool IsReserved(std::string_view word);
// The words that begin a statement.
std::vector<std::string_view> StatementWords();

}  // namespace wakewatch::protocol
