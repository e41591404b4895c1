#include "analysis/protocol/language/lexer.h"

#include <array>
#include <optional>
#include <utility>

#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

// Longer ones first: the first that fits is taken. Signs that C has and this language does not are tokens too, so that
// the parser can say what to write instead.
constexpr std::array<std::string_view, 45> kSigns = {
    "<<=", ">>=", "...", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=",
    "%=",  "|=",  "&=",  "^=", "++", "--", "->", "(",  ")",  "{",  "}",  "[",  "]",  ";",  ",",
    ":",   ".",   "=",   "<",  ">",  "+",  "-",  "*",  "/",  "%",  "!",  "~",  "&",  "|",  "^"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }
int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string HexByte(unsigned char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

// Bytes of the UTF-8 character at the start of `text`; 0 where there is none: a stray or missing continuation, a longer
// form than needed, half of a surrogate pair, beyond U+10FFFF.
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

// Not for the eyes: C0 but for the white space, DEL, and C1, which some terminals obey.
bool IsControl(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return (first < 0x20 && first != '\t' && first != '\n' && first != '\r') || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& file) : text_(text), file_(file) {}
  Result<std::vector<Token>> Run();

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  void Advance();  // by one character
  void AdvanceBytes(size_t bytes) {
    for (const size_t stop = at_ + bytes; at_ < stop && !error_;) Advance();
  }
  void Refuse(Place place, std::string cause, std::string remedy = {}, ErrorCode code = ErrorCode::kInvalidArgument);
  void SkipBlanks();
  void SkipBlockComment();
  void Next();
  void Name();
  void Number();
  void String();
  void Sign();

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
  Place place_{1, 1};
  std::optional<Error> error_;  // the first one; nothing is read behind it
  std::vector<Token> tokens_;
};

void Lexer::Refuse(Place place, std::string cause, std::string remedy, ErrorCode code) {
  if (error_) return;
  error_ = ErrorAt(file_, place, std::move(cause), std::move(remedy));
  error_->code = code;
  at_ = text_.size();
}

void Lexer::Advance() {
  const size_t bytes = CharacterBytes(text_.substr(at_));
  const auto byte = static_cast<unsigned char>(text_[at_]);
  if (bytes == 0) return Refuse(place_, "the byte " + HexByte(byte) + " is not UTF-8", "save the file as UTF-8");
  if (byte == 0) return Refuse(place_, "a NUL byte", "a protocol is a text file");
  if (IsControl(text_.substr(at_, bytes))) return Refuse(place_, "a control character", "a protocol is a text file");
  at_ += bytes;
  if (byte == '\n') {
    ++place_.line;
    place_.column = 1;
  } else {
    ++place_.column;
  }
}

void Lexer::SkipBlockComment() {
  const Place begin = place_;
  AdvanceBytes(2);
  while (!AtEnd() && !(Peek() == '*' && Peek(1) == '/')) Advance();
  if (AtEnd()) return Refuse(begin, "a comment that nothing ends", "write */ behind it");
  AdvanceBytes(2);
}

void Lexer::SkipBlanks() {
  while (!AtEnd()) {
    const char c = Peek();
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      Advance();
    } else if (c == '/' && Peek(1) == '/') {
      while (!AtEnd() && Peek() != '\n') Advance();
    } else if (c == '/' && Peek(1) == '*') {
      SkipBlockComment();
    } else {
      return;
    }
  }
}

void Lexer::Name() {
  size_t length = 1;
  while (IsNamePart(Peek(length))) ++length;
  tokens_.push_back({TokenKind::kName, text_.substr(at_, length), 0, place_, {}});
  if (length > kNameBytesMax) {
    return Refuse(place_, "a name of " + std::to_string(length) + " characters",
                  "a name has at most " + std::to_string(kNameBytesMax));
  }
  AdvanceBytes(length);
}

void Lexer::Number() {
  const bool hex = Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X');
  size_t length = hex ? 2 : 0;
  int64_t value = 0;
  for (; IsDigit(Peek(length)) || (hex && HexDigit(Peek(length)) >= 0); ++length) {
    value = value * (hex ? 16 : 10) + HexDigit(Peek(length));
    if (value > kNumberMax) return Refuse(place_, "a number beyond " + std::to_string(kNumberMax));
  }
  if (hex && length == 2) return Refuse(place_, "0x has no digits behind it");
  if (IsNamePart(Peek(length))) {
    return Refuse(place_, "a number goes on as a name", "numbers are decimal or begin with 0x, and have no suffix");
  }
  if (!hex && length > 1 && Peek() == '0') {
    return Refuse(place_, "a number begins with 0", "there are no octal numbers: write it without the 0 in front");
  }
  tokens_.push_back({TokenKind::kNumber, text_.substr(at_, length), value, place_, {}});
  AdvanceBytes(length);
}

void Lexer::String() {
  const Place begin = place_;
  const size_t from = at_;
  Advance();
  while (!AtEnd() && Peek() != '"') {
    if (Peek() == '\n' || Peek() == '\r') break;
    if (Peek() == '\\' && Peek(1) != '"' && Peek(1) != '\\') {
      return Refuse(place_, "a backslash in a string", "only \\\" and \\\\ are known");
    }
    if (Peek() == '\\') Advance();
    Advance();
    if (at_ - from > kStringBytesMax) {
      return Refuse(begin, "a string of more than " + std::to_string(kStringBytesMax) + " bytes",
                    "is a closing quote missing?");
    }
  }
  if (AtEnd() || Peek() != '"')
    return Refuse(begin, "a string that does not end in its line", "write a quote behind it");
  Advance();
  tokens_.push_back({TokenKind::kString, text_.substr(from, at_ - from), 0, begin, {}});
}

void Lexer::Sign() {
  for (const std::string_view sign : kSigns) {
    if (!text_.substr(at_).starts_with(sign)) continue;
    tokens_.push_back({TokenKind::kSign, text_.substr(at_, sign.size()), 0, place_, {}});
    return AdvanceBytes(sign.size());
  }
  const std::string_view rest = text_.substr(at_);
  const std::string character(rest.substr(0, CharacterBytes(rest)));
  const Place place = place_;
  Advance();  // refuses what is no text at all
  std::string remedy;
  if (character == "#") remedy = "there is no preprocessor: write 'const NAME = 1;'";
  if (character == "?") remedy = "there is no ?: operator: write if and else";
  if (character == "\xe2\x80\x9c" || character == "\xe2\x80\x9d") remedy = "write a plain \"";
  Refuse(place, "'" + character + "' stands where it means nothing", std::move(remedy));
}

void Lexer::Next() {
  const char c = Peek();
  if (IsNameStart(c)) {
    Name();
  } else if (IsDigit(c)) {
    Number();
  } else if (c == '"') {
    String();
  } else {
    Sign();
  }
}

Result<std::vector<Token>> Lexer::Run() {
  if (text_.size() > kTextBytesMax) {
    Refuse({1, 1}, "the text is longer than " + std::to_string(kTextBytesMax / 1024) + " KiB", {},
           ErrorCode::kTooLarge);
  }
  if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark, which some editors write
  for (SkipBlanks(); !AtEnd(); SkipBlanks()) {
    Next();
    if (error_) break;
    tokens_.back().end = place_;
    if (tokens_.size() >= kTokensMax) {
      Refuse(place_, "more than " + std::to_string(kTokensMax) + " words and signs", {}, ErrorCode::kTooLarge);
    }
  }
  if (error_) return Fail(std::move(*error_));
  tokens_.push_back({TokenKind::kEnd, {}, 0, place_, place_});
  return std::move(tokens_);
}

}  // namespace

Result<std::vector<Token>> Lex(std::string_view text, const std::string& file) { return Lexer(text, file).Run(); }

std::string StringOf(const Token& token) {
  std::string value;
  for (size_t i = 1; i + 1 < token.text.size(); ++i) {
    if (token.text[i] == '\\') ++i;
    value += token.text[i];
  }
  return value;
}

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kName:
    case TokenKind::kNumber:
    case TokenKind::kSign: return "'" + std::string(token.text) + "'";
    case TokenKind::kString: return "a string";
    case TokenKind::kEnd: break;
  }
  return "the end of the text";
}

}  // namespace wakewatch::protocol
