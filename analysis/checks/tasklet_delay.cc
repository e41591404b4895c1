#include "analysis/checks/tasklet_delay.h"

#include <utility>

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSoftirqRaise, EventType::kSoftirqEntry, EventType::kSoftirqExit,
                                 EventType::kTaskletEntry, EventType::kTaskletExit,  EventType::kGap};
constexpr uint32_t kHiVector = 0, kTaskletVector = 6;

}  // namespace

const CheckInfo TaskletDelay::kInfo = {
    "tasklet-delay", "a tasklet was scheduled and entered late, behind its softirq or other tasklets", kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<TaskletDelay>(input); }};

void TaskletDelay::OnStep(const Step& step) {
  const Event& event = *step.event;
  if (event.cpu >= cpus_.size()) cpus_.resize(event.cpu + 1u);
  std::array<List, kLists>& lists = cpus_[event.cpu];
  switch (event.type) {
    case EventType::kGap: lists = {}; return;
    case EventType::kTaskletEntry: return OnEntry(step, Running(event.cpu));
    case EventType::kTaskletExit: return OnExit(event, Running(event.cpu));
    default: break;
  }
  if (event.softirq.vec != kHiVector && event.softirq.vec != kTaskletVector) return;
  List* const list = &lists[event.softirq.vec == kHiVector ? 0 : 1];
  if (event.type == EventType::kSoftirqRaise) return OnRaise(event, list);
  if (event.type == EventType::kSoftirqExit) return OnRunEnd(event, list);
  list->running = true;
  list->taken = std::exchange(list->waiting, {});
  list->entered.clear();
}

TaskletDelay::List* TaskletDelay::Running(uint32_t cpu) {
  for (List& list : cpus_[cpu]) {
    if (list.running) return &list;
  }
  return nullptr;
}

void TaskletDelay::OnRaise(const Event& event, List* list) {
  if (list->waiting.size() >= kRaisesMax) {
    list->waiting.clear();
    list->whole = false;
  }
  list->waiting.push_back({event.ts_ns, ContextOf(event), event.pid});
}

void TaskletDelay::OnEntry(const Step& step, List* list) {
  if (list == nullptr) return;
  if (list->entered.size() >= kRaisesMax) {
    list->running = false;
    return;
  }
  const Event& event = *step.event;
  Entry& entry = list->entered.emplace_back();
  entry.ns = event.ts_ns;
  entry.tasklet = event.tasklet.tasklet;
  entry.function = event.tasklet.function;
  entry.pid = event.pid;
  entry.comm = step.cpu->current != nullptr ? std::string(step.cpu->current->comm()) : "swapper";
}

void TaskletDelay::OnExit(const Event& event, List* list) {
  if (list == nullptr || list->entered.empty()) return;
  Entry& entry = list->entered.back();
  entry.exit_ns = event.ts_ns;
  if (input_.options.Inside(entry.ns)) functions_.Of(entry.function).run_ns.Add(event.ts_ns - entry.ns);
}

void TaskletDelay::OnRunEnd(const Event& event, List* list) {
  const bool believed = list->running && std::exchange(list->whole, true) && list->taken.size() == list->entered.size();
  list->running = false;
  if (!believed) return;
  for (size_t i = 0; i < list->entered.size(); ++i) {
    const Raise& raise = list->taken[i];
    const Entry& entry = list->entered[i];
    if (!input_.options.Inside(raise.ns)) continue;
    const uint64_t waited_ns = entry.ns - raise.ns;
    functions_.Of(entry.function).raise_to_entry_ns.Add(waited_ns);
    if (waited_ns >= input_.options.latency_threshold_ns) Report(event.cpu, raise, *list, i);
  }
}

void TaskletDelay::Report(uint32_t cpu, const Raise& raise, const List& list, size_t at) {
  const Entry& entry = list.entered[at];
  const std::string name = input_.symbols.Name(entry.function);
  // The tasklet in front that held the CPU longest while this one waited.
  const Entry* holder = nullptr;
  uint64_t held_ns = 0;
  for (size_t i = 0; i < at; ++i) {
    const Entry& other = list.entered[i];
    const uint64_t from = other.ns < raise.ns ? raise.ns : other.ns;
    if (other.exit_ns > from && other.exit_ns - from > held_ns) {
      holder = &other;
      held_ns = other.exit_ns - from;
    }
  }
  Finding finding;
  finding.check = kInfo.name;
  finding.cls = "softirq";
  finding.confidence = Confidence::kProven;
  finding.pid = entry.pid;
  finding.comm = entry.comm;
  finding.cpu = static_cast<int32_t>(cpu);
  finding.start_ns = raise.ns;
  finding.end_ns = entry.ns;
  finding.waited_ns = entry.ns - raise.ns;
  SetWaker(raise.context, raise.pid, input_.model, &finding);
  finding.evidence.push_back({cpu, raise.ns, "softirq_raise"});
  finding.explanation =
      "tasklet " + name + " waited " + MillisText(finding.waited_ns) + " on CPU " + std::to_string(cpu);
  if (holder != nullptr) {
    const std::string other = input_.symbols.Name(holder->function);
    finding.evidence.push_back({cpu, holder->ns, "tasklet_entry function=" + other});
    finding.evidence.push_back({cpu, holder->exit_ns, "tasklet_exit function=" + other});
    finding.explanation += ", " + MillisText(held_ns) + " of it behind tasklet " + other;
  }
  finding.evidence.push_back({cpu, entry.ns, "tasklet_entry function=" + name});
  input_.findings.Add(std::move(finding), entry.tasklet);
}

void TaskletDelay::Summarise(uint64_t, Summaries* summaries) const {
  functions_.ForEach([&](uint64_t function, const Function& measured) {
    TaskletSummary& summary = summaries->tasklets.emplace_back();
    summary.function = FunctionTable<Function>::Name(function, input_.symbols);
    summary.raise_to_entry_ns = measured.raise_to_entry_ns;
    summary.run_ns = measured.run_ns;
  });
}

}  // namespace wakewatch
