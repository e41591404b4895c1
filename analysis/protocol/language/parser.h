// Why: the first thing a text meets. It may come from anybody: errors name line, column and cause, and nothing here
// recurses deeper or grows larger than the limits below allow.
#pragma once

#include <string>
#include <string_view>

#include "analysis/base/result.h"
#include "analysis/protocol/language/ast.h"

namespace wakewatch::protocol {

inline constexpr size_t kTextBytesMax = 256 * 1024;
inline constexpr size_t kTokensMax = 50'000;
inline constexpr size_t kNestingMax = 60;  // of statements and of expressions
inline constexpr size_t kErrorsMax = 1;    // the first error is the one that counts

// The tree of a text. `file` stands in errors. Errors: kInvalidArgument ("kthread.wake:3:7: expected ';' behind
// schedule() (…)"), kTooLarge beyond a limit.
Result<ProtocolText> Parse(std::string_view text, const std::string& file);

// An Error about a place in a text: its cause begins with "line 3, column 7: ".
Error ErrorAt(const std::string& file, Place place, std::string cause, std::string remedy = {});

// An expression as the text might have had it: "cond || kthread_should_stop()".
std::string TextOf(const Expr& expr);
// The statement's first line: "wake_up_process(worker)", "if (!cond)", "cond = 1".
std::string TextOf(const Stmt& stmt);

}  // namespace wakewatch::protocol
