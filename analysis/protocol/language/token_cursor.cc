#include "analysis/protocol/language/token_cursor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

constexpr std::array<std::string_view, 22> kStatementWords = {
    "if",     "while",   "do",      "for",   "loop",  "repeat", "choose", "break", "continue", "return", "goto",
    "atomic", "guarded", "release", "await", "sleep", "assert", "trace",  "note",  "with",     "byte",   "bit"};
// Those that stand inside of statements or declarations.
constexpr std::array<std::string_view, 5> kInnerWords = {"else", "or", "until", "rest", "max"};

}  // namespace

bool IsReserved(std::string_view word) {
  return std::find(kStatementWords.begin(), kStatementWords.end(), word) != kStatementWords.end() ||
         std::find(kInnerWords.begin(), kInnerWords.end(), word) != kInnerWords.end();
}

std::vector<std::string_view> StatementWords() { return {kStatementWords.begin(), kStatementWords.end()}; }

const Token& TokenCursor::Peek(size_t ahead) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }

bool TokenCursor::At(std::string_view text, size_t ahead) const {
  const Token& token = Peek(ahead);
  return (token.kind == TokenKind::kName || token.kind == TokenKind::kSign) && token.text == text;
}

Token TokenCursor::Take() {
  const Token token = Peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenCursor::TakeIf(std::string_view text) {
  if (!At(text)) return false;
  Take();
  return true;
}

void TokenCursor::Refuse(Place place, std::string cause, std::string remedy, ErrorCode code) {
  if (error_) return;
  error_ = ErrorAt(file_, place, std::move(cause), std::move(remedy));
  error_->code = code;
  at_ = tokens_.size() - 1;
}

void TokenCursor::RefuseNext(std::string_view expected, std::string remedy) {
  Refuse(Peek().place, "expected " + std::string(expected) + ", found " + Describe(Peek()), std::move(remedy));
}

bool TokenCursor::Expect(std::string_view text, std::string_view where, std::string remedy) {
  if (TakeIf(text)) return true;
  std::string expected = "'" + std::string(text) + "'";
  if (!where.empty()) expected += " " + std::string(where);
  RefuseNext(expected, std::move(remedy));
  return false;
}

std::string TokenCursor::ExpectName(std::string_view what) {
  if (!AtName()) {
    RefuseNext(what);
    return {};
  }
  if (IsReserved(Peek().text)) {
    RefuseNext(what, "'" + std::string(Peek().text) + "' is a word of the language");
    return {};
  }
  return std::string(Take().text);
}

int64_t TokenCursor::ExpectNumber(std::string_view what, int64_t first, int64_t last) {
  const std::string range = std::to_string(first) + " to " + std::to_string(last);
  if (Peek().kind != TokenKind::kNumber) {
    RefuseNext(std::string(what) + ", a number of " + range);
    return first;
  }
  if (Peek().number < first || Peek().number > last) {
    Refuse(Peek().place, std::string(what) + " is " + std::string(Peek().text) + ", and may be " + range);
    return first;
  }
  return Take().number;
}

void TokenCursor::ExpectSemicolon(std::string_view behind, std::string remedy) {
  if (TakeIf(";")) return;
  const Place place = at_ > 0 ? tokens_[at_ - 1].end : Peek().place;
  if (remedy.empty()) remedy = "a statement ends with ';'";
  Refuse(place, "expected ';' behind " + std::string(behind) + ", found " + Describe(Peek()), std::move(remedy));
}

TokenCursor::Level::Level(TokenCursor* cursor) : cursor_(cursor) {
  if (++cursor_->level_ <= kNestingMax) return;
  cursor_->Refuse(cursor_->Peek().place, "more than " + std::to_string(kNestingMax) + " levels in one another",
                  "make an inline of the inner part", ErrorCode::kTooLarge);
}

}  // namespace wakewatch::protocol
