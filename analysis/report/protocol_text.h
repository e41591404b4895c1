// Why: a verdict is worth what its reader can check. A kernel developer gets the verdict in one line, who waits for
// what in one sentence, the run that leads there step by step, and what "safe" would rest on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/protocol/checker.h"

namespace wakewatch {

// What `check` prints of one protocol: several lines, the last ends in a newline.
std::string ProtocolText(const protocol::CheckResult& result);
// Its first line, without a newline: "kthread_check_before_set loses a wakeup (sc, 113 states)".
std::string ProtocolVerdictLine(const protocol::CheckResult& result);
// The event signature of the losing run at an evidence level, 0 or 1, in order: "waker: ttwu(worker, TASK_RUNNING)".
std::vector<std::string> SignatureOf(const protocol::CheckResult& result, uint8_t level);

// One protocol of a list, under one memory model.
struct ProtocolListRow {
  std::string name, title;
  std::vector<std::string> explains;  // classes of lost wakeups
  protocol::Memory memory = protocol::Memory::kSc;
  std::optional<protocol::Verdict> expected;  // what the text says of itself; none: nothing
  std::optional<protocol::Verdict> verdict;   // none: not checked, or `error` says why there is none
  uint64_t states = 0;
  double seconds = 0;
  std::string error;

  // A verdict was reached, or asked for in vain, and it is not what the text expects.
  bool Unexpected() const { return expected && (!error.empty() || (verdict && *verdict != *expected)); }
};
std::string ProtocolListText(std::span<const ProtocolListRow> rows);

}  // namespace wakewatch
