// Any bytes as a protocol's text. What is refused names its place; what is read can be written down and read again, is
// compiled for both memory models, and is searched a little.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/search/search.h"

namespace {

using wakewatch::Error;
using wakewatch::ErrorCode;
using wakewatch::protocol::CheckOptions;
using wakewatch::protocol::CheckResult;
using wakewatch::protocol::Compile;
using wakewatch::protocol::Expr;
using wakewatch::protocol::kNestingMax;
using wakewatch::protocol::Memory;
using wakewatch::protocol::Parse;
using wakewatch::protocol::ProtocolText;
using wakewatch::protocol::Search;
using wakewatch::protocol::Stmt;
using wakewatch::protocol::TextOf;
using wakewatch::protocol::Verdict;

void CheckError(const Error& error) {
  const bool expected = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kTooLarge;
  if (!expected || error.cause.empty() || error.file != "fuzz.wake") std::abort();
  for (const char c : error.Text()) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
}

size_t DepthOf(const Expr& expr) {
  size_t depth = 0;
  for (const Expr& arg : expr.args) depth = std::max(depth, DepthOf(arg));
  return depth + 1;
}

// The text of an expression means the same expression, and no walk over it is deep.
void CheckExpression(const Expr& expr) {
  if (DepthOf(expr) > kNestingMax) std::abort();
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

void CheckResultOf(const CheckResult& result) {
  if ((result.verdict == Verdict::kUnfinished) != !result.unfinished.empty()) std::abort();
  if ((result.verdict == Verdict::kLoses) != !result.loss.empty()) std::abort();
}

// A reduction changes no verdict.
void CheckProgram(const ProtocolText& text, Memory memory) {
  constexpr uint64_t kStatesMax = 1'000;
  const auto program = Compile(text, "fuzz.wake", memory);
  if (!program) return CheckError(program.error());
  CheckOptions options{.memory = memory, .states_max = kStatesMax, .memory_bytes_max = uint64_t{64} << 20};
  const auto reduced = Search(*program, options, {});
  options.partial_order = options.symmetry = false;
  const auto whole = Search(*program, options, {});
  if (reduced) CheckResultOf(*reduced);
  if (!whole) return;
  CheckResultOf(*whole);
  if (whole->verdict == Verdict::kUnfinished) return;
  if (!reduced || reduced->verdict != whole->verdict || reduced->property != whole->property) std::abort();
  if (reduced->counterexample.size() != whole->counterexample.size()) std::abort();
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
  CheckProgram(*text, Memory::kSc);
  CheckProgram(*text, Memory::kTso);
  return 0;
}
