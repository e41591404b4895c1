#include "analysis/protocol/search/replay.h"

#include <numeric>

namespace wakewatch::protocol {
namespace {

constexpr size_t kShortRunSteps = 40;

}  // namespace

Replay ReplayMoves(const Interpreter& interpreter, const Symmetry* symmetry, const std::vector<Move>& moves) {
  Replay replay;
  State canonical = interpreter.Initial(), concrete = canonical;
  // Of each number in the canonical state: which task it is in the concrete one.
  uint8_t task_of[kTasksMax], moved[kTasksMax], renamed[kTasksMax];
  std::iota(task_of, task_of + kTasksMax, uint8_t{0});
  std::iota(renamed, renamed + kTasksMax, uint8_t{0});
  Symmetry::Scratch scratch;
  const auto canonicalize = [&] {
    if (symmetry == nullptr || !symmetry->Canonicalize(canonical.data(), &scratch, renamed)) return;
    std::copy(task_of, task_of + kTasksMax, moved);
    for (size_t task = 0; task < kTasksMax; ++task) task_of[renamed[task]] = moved[task];
  };
  canonicalize();
  for (const Move& move : moves) {
    const size_t task = task_of[move.task()];
    StepRecord record;
    replay.before = concrete;
    if (move.flush()) {
      interpreter.Flush(move.task(), &canonical, nullptr);
      interpreter.Flush(task, &concrete, &record);
      replay.last = Move::Flush(task);
    } else {
      interpreter.Step(move.task(), move.alternative(), &canonical, nullptr, nullptr, nullptr);
      interpreter.Step(task, move.alternative(), &concrete, nullptr, &record, nullptr);
      replay.last = Move::Step(task, move.alternative());
    }
    canonicalize();
    replay.steps.push_back(std::move(record));
  }
  replay.end = std::move(concrete);
  return replay;
}

std::string ShortRun(const Program& program, const std::vector<StepRecord>& steps) {
  std::string text;
  size_t last_task = program.tasks.size();
  uint32_t last_line = 0;
  const size_t from = steps.size() > kShortRunSteps ? steps.size() - kShortRunSteps : 0;
  if (from > 0) text = "... ";
  for (size_t n = from; n < steps.size(); ++n) {
    const StepRecord& step = steps[n];
    if (step.flush || (step.task == last_task && step.place.line == last_line)) continue;
    const std::string line = std::to_string(step.place.line);
    if (step.task == last_task)
      text += ", " + line;
    else
      text += (n == from ? "" : "; ") + program.tasks[step.task].name + " " + line;
    last_task = step.task;
    last_line = step.place.line;
  }
  return text;
}

}  // namespace wakewatch::protocol
