#include "analysis/protocol/search/interpreter.h"

#include "analysis/protocol/search/step_run.h"
#include "analysis/protocol/search/step_text.h"

namespace wakewatch::protocol {
namespace {

uint32_t PointAt(const Interpreter::TaskView& view, const uint8_t* state) {
  return uint32_t{state[view.point]} | uint32_t{state[view.point + 1]} << 8;
}

// A failing step stays in the state for who looks at it; all others that do not move leave no trace.
bool Undone(Outcome outcome) {
  return outcome == Outcome::kBlocked || outcome == Outcome::kEnded || outcome == Outcome::kEndless;
}

std::string FaultText(const Program& program, const Fault& fault) {
  const std::string value = std::to_string(fault.value);
  switch (fault.kind) {
    case Fault::Kind::kAbove: {
      const Word& word = program.words[fault.address];
      return word.name + " goes beyond " + std::to_string(word.max) + " (to " + value + ")";
    }
    case Fault::Kind::kBelow: return program.words[fault.address].name + " goes below 0 (to " + value + ")";
    case Fault::Kind::kListFull:
      return ListName(program, fault.address) + " has room for " + std::to_string(program.words[fault.address].max) +
             ", and one more is put on it";
    case Fault::Kind::kNoEntry: return ListName(program, fault.address) + " has no entry " + value;
    case Fault::Kind::kNotAnEntry: return ListName(program, fault.address) + " cannot hold " + value;
    case Fault::Kind::kNoTask: return "a field of no task is used";
    case Fault::Kind::kNoAddress: return "a field of nothing is used";
    case Fault::Kind::kDivision: return "a division by 0";
    case Fault::Kind::kNesting: return "an expression is nested too deeply";
    case Fault::Kind::kNone: break;
  }
  return {};
}

}  // namespace

Interpreter::Interpreter(const Program& program) : program_(program) {
  for (const Word& word : program.words) word_max_.push_back(word.max);
  for (size_t task = 0; task < program.tasks.size(); ++task) {
    const uint32_t region = program.tasks[task].region;
    TaskView view{.region = region, .point = region + program.point_offset};
    if (program.memory == Memory::kTso && task < program.buffer_offsets.size() && program.buffer_offsets[task] != 0) {
      view.buffer = region + program.buffer_offsets[task];
      view.buffer_depth = program.buffer_depths[task];
    }
    views_.push_back(view);
  }
}

State Interpreter::Initial() const {
  State state(program_.state_bytes);
  for (size_t n = 0; n < state.size(); ++n) state[n] = program_.words[n].initial;
  for (size_t task = 0; task < views_.size(); ++task) {
    state[views_[task].point] = static_cast<uint8_t>(program_.tasks[task].start);
    state[views_[task].point + 1] = static_cast<uint8_t>(program_.tasks[task].start >> 8);
  }
  return state;
}

uint32_t Interpreter::PointOf(const State& state, size_t task) const { return PointAt(views_[task], state.data()); }

Outcome Interpreter::Step(size_t task, unsigned alternative, uint8_t* state, Changes* changes, unsigned* alternatives,
                          bool* buffer_full) const {
  changes->Clear();
  *alternatives = 1;
  const Point& point = program_.points[PointAt(views_[task], state)];
  if (point.kind == PointKind::kEnd) return Outcome::kEnded;
  StepRun<false> run(program_, *this, task, state, changes, {});
  const Outcome outcome = run.Go(point.entry, alternative);
  *alternatives = run.alternatives;
  if (run.buffer_full && buffer_full != nullptr) *buffer_full = true;
  if (Undone(outcome)) changes->Undo(state);
  return outcome;
}

Outcome Interpreter::Step(size_t task, unsigned alternative, State* state, std::vector<EmittedEvent>* events,
                          StepRecord* record, bool* buffer_full) const {
  Changes changes;
  unsigned alternatives = 1;
  if (events == nullptr && record == nullptr) {
    return Step(task, alternative, state->data(), &changes, &alternatives, buffer_full);
  }
  const uint32_t number = PointAt(views_[task], state->data());
  const Point& point = program_.points[number];
  if (record != nullptr) {
    *record = StepRecord{.task = task, .point = number, .place = point.place};
    record->kernel_function = program_.strings[point.function];
    record->statement = program_.strings[point.statement];
  }
  if (point.kind == PointKind::kEnd) return Outcome::kEnded;
  StepRun<true> run(program_, *this, task, state->data(), &changes, {events, record});
  const Outcome outcome = run.Go(point.entry, alternative);
  if (run.buffer_full && buffer_full != nullptr) *buffer_full = true;
  if (Undone(outcome)) changes.Undo(state->data());
  return outcome;
}

unsigned Interpreter::Alternatives(size_t task, const State& state) const {
  State copy = state;
  Changes changes;
  unsigned alternatives = 1;
  Step(task, 0, copy.data(), &changes, &alternatives, nullptr);
  return alternatives;
}

bool Interpreter::Flush(size_t task, uint8_t* state, Changes* changes) const {
  changes->Clear();
  const TaskView& view = views_[task];
  if (view.buffer_depth == 0 || state[view.buffer] == 0) return false;
  const auto write = [&](uint32_t address, uint8_t value) {
    if (state[address] == value) return;
    changes->Add(address, state[address]);
    state[address] = value;
  };
  const uint32_t bytes = 3u * state[view.buffer], first = view.buffer + 1;
  write(state[first] | uint32_t{state[first + 1]} << 8, state[first + 2]);
  for (uint32_t n = 0; n < bytes; ++n) write(first + n, n + 3 < bytes ? state[first + n + 3] : 0);
  write(view.buffer, static_cast<uint8_t>(state[view.buffer] - 1));
  return true;
}

bool Interpreter::Flush(size_t task, State* state, StepRecord* record) const {
  const TaskView& view = views_[task];
  if (record != nullptr && view.buffer_depth != 0 && (*state)[view.buffer] != 0) {
    const uint32_t address = (*state)[view.buffer + 1] | uint32_t{(*state)[view.buffer + 2]} << 8;
    *record = StepRecord{.task = task, .flush = true, .point = PointOf(*state, task)};
    record->kernel_function = "store buffer";
    record->accesses.push_back(program_.words[address].name + " = " +
                               ValueText(program_, address, (*state)[view.buffer + 3]) + " reaches memory");
  }
  Changes changes;
  return Flush(task, state->data(), &changes);
}

bool Interpreter::MayStayForEver(const State& state, size_t task) const {
  const uint32_t number = PointOf(state, task);
  const Point& point = program_.points[number];
  const Task& who = program_.tasks[task];
  return point.kind == PointKind::kEnd || point.rest || (who.dormant && number == who.start);
}

bool Interpreter::ConditionHolds(const State& state, size_t task) const {
  const int32_t condition = program_.points[PointOf(state, task)].condition;
  if (condition < 0) return true;
  State copy = state;
  Changes changes;
  StepRun<false> run(program_, *this, task, copy.data(), &changes, {});
  return run.Go(static_cast<uint32_t>(condition), 0) == Outcome::kMoved && run.result != 0;
}

bool Interpreter::SleepsInVain(const State& state, size_t task) const {
  if (MayStayForEver(state, task) || program_.points[PointOf(state, task)].kind != PointKind::kSleep) return false;
  State copy = state;
  if (Step(task, 0, &copy, nullptr, nullptr, nullptr) != Outcome::kBlocked) return false;  // it has been woken
  return ConditionHolds(state, task);
}

std::optional<Interpreter::Loss> Interpreter::LossAt(const State& state) const {
  std::optional<Loss> loss;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    if (MayStayForEver(state, task)) continue;
    const Point& point = program_.points[PointOf(state, task)];
    const std::string where = StepName(program_, point) + LineText(point.place) + " for ever";
    if (point.kind != PointKind::kSleep) {
      if (loss) continue;
      loss = Loss{Property::kDeadlock, task,
                  program_.tasks[task].name + " waits in " + where + ": nothing is left that could let it go on"};
    } else if (ConditionHolds(state, task)) {
      const std::string& condition = program_.strings[point.condition_text];
      const bool named = point.condition >= 0 && !condition.empty();
      return Loss{Property::kLostWakeup, task,
                  program_.tasks[task].name + " sleeps in " + where +
                      (named ? ", although " + condition + " holds and nothing is left to wake it"
                             : ", and nothing is left to wake it")};
    }
  }
  return loss;
}

std::string Interpreter::ErrorText(size_t task, unsigned alternative, const State& state) const {
  State copy = state;
  Changes changes;
  const Point& point = program_.points[PointOf(state, task)];
  StepRun<false> run(program_, *this, task, copy.data(), &changes, {});
  const Outcome outcome = run.Go(point.entry, alternative);
  if (outcome == Outcome::kEndless) {
    return "the loop at line " + std::to_string(point.place.line) + " never looks at anything that others change";
  }
  return outcome == Outcome::kOutOfBounds ? FaultText(program_, run.fault) : std::string();
}

}  // namespace wakewatch::protocol
