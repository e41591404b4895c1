// Why: before anybody asks a recording whether a wakeup was lost, the protocol itself can say whether the recording
// could tell. Two runs look the same when they emit the same events in the same order, each by the same task; a losing
// run is told from a healthy one only where no healthy run looks like it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/protocol/checker.h"
#include "analysis/protocol/language/ast.h"
#include "analysis/protocol/program.h"
#include "analysis/protocol/sight/state_graph.h"

namespace wakewatch::protocol {

struct DiagnosisLimits {
  GraphLimits graph;
  uint64_t sets_max = 100'000;        // of states that one observation leads to
  uint64_t work_max = 1'000'000'000;  // edges that are looked at, of each level
};

enum class Tell : uint8_t {
  kYes,         // no healthy run looks like a losing one
  kNo,          // every losing run looks like a healthy one
  kSometimes,   // some losing runs do
  kNothing,     // there is no losing run
  kUnfinished,  // a limit came first
};
std::string_view Name(Tell tell);  // "yes", "no", "sometimes", "nothing to tell", "not finished"

// Runs that look the same.
struct SameSight {
  std::vector<std::string> observation;  // "waker: ttwu(worker, TASK_RUNNING)"
  std::vector<StepRecord> losing;
  std::vector<StepRecord> healthy;  // empty: no healthy run looks so
};

struct LevelDiagnosis {
  uint8_t level = 0;  // of evidence
  Tell tell = Tell::kUnfinished;
  uint64_t sets = 0;                 // observations that differ in what may come of them
  uint64_t losing = 0;               // of these, with a loss
  uint64_t ambiguous = 0;            // of these, with a healthy rest, too
  std::optional<SameSight> same;     // the shortest observation that may be either
  std::optional<SameSight> telling;  // and the shortest that can only be a loss
};

struct Diagnosability {
  std::string protocol, title;
  std::vector<std::string> explains;  // classes of lost wakeups
  Memory memory = Memory::kSc;
  std::vector<std::string> tasks;  // names, the index is StepRecord::task
  uint64_t states = 0;
  std::array<LevelDiagnosis, 2> levels;  // E0, E1
};

// Errors: as StateGraph::Build.
Result<Diagnosability> Diagnose(const Program& program, const DiagnosisLimits& limits);
// Of a text. Errors: those of Parse and Compile, too.
Result<Diagnosability> DiagnoseText(std::string_view text, const std::string& file, Memory memory,
                                    const DiagnosisLimits& limits);

// Of every shipped protocol that expects to lose, by name, under the weakest assumption of memory under which it does.
// Errors: as DiagnoseText.
Result<std::vector<Diagnosability>> DiagnoseShipped(const DiagnosisLimits& limits);

// What a text expects of itself; none where it does not say.
std::optional<Verdict> ExpectedVerdict(const ProtocolText& text, Memory memory);
// The weakest assumption under which a text expects to lose: sequential consistency where that is enough; none: never.
std::optional<Memory> MemoryThatLoses(const ProtocolText& text);

}  // namespace wakewatch::protocol
