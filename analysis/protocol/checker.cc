#include "analysis/protocol/checker.h"

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/search/search.h"

namespace wakewatch::protocol {

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSafe: return "safe";
    case Verdict::kLoses: return "loses";
    case Verdict::kUnfinished: return "unfinished";
  }
  return "?";
}

std::string_view Name(Memory memory) { return memory == Memory::kTso ? "tso" : "sc"; }

std::string_view Name(Property property) {
  switch (property) {
    case Property::kNone: return "";
    case Property::kLostWakeup: return "lost-wakeup";
    case Property::kDeadlock: return "deadlock";
    case Property::kAssertion: return "assertion";
  }
  return "?";
}

std::string StepRecord::Event::Text() const {
  std::string text = name + "(";
  for (size_t n = 0; n < args.size(); ++n) text += (n == 0 ? "" : ", ") + args[n];
  return text + ")";
}

std::vector<std::string> StepRecord::Texts(uint8_t level) const {
  std::vector<std::string> texts;
  for (const Event& event : events) {
    if (event.level <= level) texts.push_back(event.Text());
  }
  return texts;
}

Result<CheckResult> CheckProtocol(std::string_view text, const std::string& name, const CheckOptions& options,
                                  const CheckHost& host) {
  const auto parsed = Parse(text, name);
  if (!parsed) return Fail(parsed.error());
  const auto program = Compile(*parsed, name, options.memory);
  if (!program) return Fail(program.error());
  auto result = Search(*program, options, host);
  if (!result && result.error().file.empty()) {
    Error error = result.error();
    error.file = name;
    return Fail(std::move(error));
  }
  return result;
}

}  // namespace wakewatch::protocol
