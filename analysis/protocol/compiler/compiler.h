// Why: gives a protocol's text its meaning: names are resolved, functions put in where they are called, and statements
// cut into steps at the kernel's granularity.
#pragma once

#include <string>

#include "analysis/base/result.h"
#include "analysis/protocol/language/ast.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

// Bytes of state, instructions and points beyond which a protocol is refused (kTooLarge).
inline constexpr size_t kStateBytesMax = 2048, kCodeMax = 60'000, kPointsMax = 4000;

// The program of `text` together with the kernel's primitives (the prelude). `file` stands in errors. Errors:
// kInvalidArgument: an undeclared name, a wrong argument, an unbounded counter, a sleep where none is allowed, a sleep
// whose reason cannot be guessed …; kTooLarge.
Result<Program> Compile(const ProtocolText& text, const std::string& file, Memory memory);

// The kernel's primitives, in the protocols' own language: analysis/protocol/prelude.wake.
std::string_view PreludeText();

}  // namespace wakewatch::protocol
