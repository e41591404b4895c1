// Any bytes as a protocol's text. What is refused names its place; what is read can be written down and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "analysis/protocol/parser.h"

namespace {

using wakewatch::Error;
using wakewatch::ErrorCode;
using wakewatch::protocol::Expr;
using wakewatch::protocol::Parse;
using wakewatch::protocol::Stmt;
using wakewatch::protocol::TextOf;

void CheckError(const Error& error) {
  const bool expected = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kTooLarge;
  if (!expected || error.cause.empty() || error.file != "fuzz.wake") std::abort();
  for (const char c : error.Text()) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
}

// The text of an expression means the same expression.
void CheckExpression(const Expr& expr) {
  const std::string text = TextOf(expr);
  const auto again = Parse("const c = " + text + ";", "fuzz.wake");
  if (!again) {
    if (again.error().code != ErrorCode::kTooLarge) std::abort();
  } else if (TextOf(again->constants.at(0).value) != text) {
    std::abort();
  }
}

void CheckStatement(const Stmt& stmt) {
  if (stmt.place.line == 0 || TextOf(stmt).empty()) std::abort();
  if (stmt.expr) CheckExpression(*stmt.expr);
  for (const Stmt& part : stmt.body) CheckStatement(part);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string copy(reinterpret_cast<const char*>(data), size);
  const auto text = Parse(copy, "fuzz.wake");
  if (!text) {
    CheckError(text.error());
    return 0;
  }
  for (const auto& task : text->tasks) CheckStatement(task.body);
  for (const auto& declared : text->inlines) CheckStatement(declared.body);
  return 0;
}
