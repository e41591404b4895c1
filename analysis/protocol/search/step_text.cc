#include "analysis/protocol/search/step_text.h"

#include <string_view>

namespace wakewatch::protocol {
namespace {

// In the kernel's order of bits (include/linux/sched.h), as the checker numbers them.
constexpr std::string_view kStateBits[] = {"TASK_INTERRUPTIBLE", "TASK_UNINTERRUPTIBLE", "TASK_PARKED", "TASK_WAKEKILL",
                                           "TASK_NEW",           "TASK_NOLOAD",          "TASK_DEAD"};

std::string ArgumentText(const Program& program, EventKind::Arg arg, int32_t value) {
  switch (arg) {
    case EventKind::Arg::kTask: return TaskName(program, value);
    case EventKind::Arg::kState: return StateName(value);
    case EventKind::Arg::kObject:
      if (value >= 0 && static_cast<size_t>(value) < program.objects.size()) return program.objects[value];
      break;
    case EventKind::Arg::kValue: break;
  }
  return std::to_string(value);
}

}  // namespace

std::string StateName(int32_t state) {
  if (state == 0) return "TASK_RUNNING";
  if (state == 10) return "TASK_KILLABLE";
  if (state == 34) return "TASK_IDLE";
  std::string text;
  int32_t rest = state;
  for (size_t bit = 0; bit < std::size(kStateBits); ++bit) {
    if ((state & (1 << bit)) == 0) continue;
    rest &= ~(1 << bit);
    text += (text.empty() ? "" : "|") + std::string(kStateBits[bit]);
  }
  if (rest != 0) text += (text.empty() ? "" : "|") + std::to_string(rest);
  return text;
}

std::string TaskName(const Program& program, int32_t task) {
  if (task < 0 || static_cast<size_t>(task) >= program.tasks.size()) return "none";
  return program.tasks[task].name;
}

std::string ValueText(const Program& program, uint32_t address, uint8_t value) {
  const Word& word = program.words[address];
  if (word.kind == WordKind::kTask) return TaskName(program, int32_t{value} - 1);
  if (word.kind == WordKind::kTaskEntry) return TaskName(program, value & kEntryValueMask);
  return word.value_names == 1 ? StateName(value) : std::to_string(value);
}

std::string ListName(const Program& program, uint32_t address) {
  // Its first entry is called after it.
  if (address + 1 < program.words.size()) {
    const std::string& entry = program.words[address + 1].name;
    if (entry.ends_with("[0]")) return entry.substr(0, entry.size() - 3);
  }
  return program.words[address].name;
}

StepRecord::Event EventText(const Program& program, uint32_t kind, const std::vector<int32_t>& args) {
  const EventKind& event = program.events[kind];
  StepRecord::Event text{.name = event.name, .args = {}, .level = event.level};
  for (size_t n = 0; n < args.size(); ++n) text.args.push_back(ArgumentText(program, event.args[n], args[n]));
  return text;
}

std::string LineText(Place place) {
  return place.line == 0 ? std::string() : " (line " + std::to_string(place.line) + ")";
}

std::string StepName(const Program& program, const Point& point) {
  if (!program.strings[point.statement].empty()) return program.strings[point.statement];
  const std::string& function = program.strings[point.function];
  return function.empty() ? "a step" : function + "()";
}

}  // namespace wakewatch::protocol
