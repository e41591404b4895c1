#include "analysis/report/protocol_trace.h"

#include <algorithm>
#include <string_view>

#include "analysis/checks/lost_wakeup/lost_class.h"
#include "analysis/checks/lost_wakeup/probe_text.h"
#include "analysis/report/report_filter.h"

namespace wakewatch {
namespace {

using protocol::EventKind;
using protocol::ObservedArg;
using protocol::ObservedEvent;
using protocol::StateGraph;

// What a program's event is called in a recording. Others are steps that are not seen: sched_wakeup and the probe's
// return say nothing that sched_waking does not, and may come late from another CPU.
struct Recorded {
  std::string_view name;
  EventType type;
};
constexpr Recorded kRecorded[] = {
    {"sched_waking", EventType::kSchedWaking},
    {"sched_switch_out", EventType::kSchedSwitch},
    {"sched_kthread_stop", EventType::kSchedKthreadStop},
    {"ttwu", EventType::kProbeTtwu},
    {"wake_up", EventType::kProbeWakeUp},
    {"complete", EventType::kProbeComplete},
    {"complete_all", EventType::kProbeCompleteAll},
    {"wait_for_completion", EventType::kProbeCompletionWait},
    {"prepare_to_wait", EventType::kProbePrepareToWait},
    {"prepare_to_wait_exclusive", EventType::kProbePrepareExclusive},
    {"add_wait_queue", EventType::kProbeAddWaitQueue},
    {"add_wait_queue_exclusive", EventType::kProbeAddExclusive},
};

bool HasObject(EventType type) { return type >= EventType::kProbeWakeUp && type <= EventType::kProbeAddExclusive; }

bool InInterrupt(const protocol::Task& task) { return task.kind == "interrupt" || task.kind == "timer"; }

// A thread's wakers beyond the first count only where they wake it at least a tenth as often.
constexpr uint64_t kLeastShare = 10;

ObservedArg Count(uint64_t n) {
  return n == 0 ? ObservedArg::Among({0}) : ObservedArg{ObservedArg::Kind::kNotZero, {}};
}

// Whether anybody stands in the list; nothing is known where the probe does not say.
ObservedArg Waiters(const Event::Probe& probe, bool empty) {
  if (probe.head == 0) return {};
  return empty ? ObservedArg::Among({0}) : ObservedArg{ObservedArg::Kind::kNotZero, {}};
}

ObservedArg OneOf(uint32_t roles) {
  std::vector<int32_t> numbers;
  for (int32_t role = 0; role < 32; ++role) {
    if ((roles >> role & 1) != 0) numbers.push_back(role);
  }
  return ObservedArg::Among(std::move(numbers));
}

}  // namespace

void TraceSurvey::Push(const Event& event) {
  model_.Apply(event);
  ++seen_[static_cast<size_t>(event.type)];
  const bool in_task = ContextOf(event) == WakeContext::kTask && event.pid != 0;
  if (event.type == EventType::kSchedWaking || event.type == EventType::kProbeTtwu) {
    const int32_t woken = event.type == EventType::kSchedWaking ? event.wake.pid : event.probe.pid;
    if (!in_task || woken != event.pid) ++wakers_[woken][in_task ? event.pid : kInterrupt];
  } else if (event.type == EventType::kSchedKthreadStop) {
    if (in_task) stoppers_[event.task.pid].insert(event.pid);
  } else if (HasObject(event.type) && in_task) {
    const Probed key{event.type, event.pid, event.probe.object};
    if (probed_.size() < kProbedMax || probed_.contains(key)) ++probed_[key];
  }
}

std::string TraceSurvey::CommOf(int32_t pid) const {
  const Task* const task = model_.tasks().Holder(pid);
  return task == nullptr ? std::string() : std::string(task->comm());
}

bool TraceSurvey::IsKernelThread(int32_t pid) const {
  const Task* const task = model_.tasks().Holder(pid);
  return task != nullptr && wakewatch::IsKernelThread(task->kind);
}

ProtocolRoles::ProtocolRoles(const protocol::Program& program, const StateGraph& graph, uint8_t level)
    : program_(program), graph_(graph), level_(level) {
  for (uint32_t kind = 0; kind < program.events.size(); ++kind) {
    for (const Recorded& recorded : kRecorded) {
      if (program.events[kind].name == recorded.name) kinds_.push_back({kind, recorded.type});
    }
  }
  FindVictim();
  std::set<int32_t> states;
  for (const StateGraph::Label& label : graph.labels()) {
    if (label.task == victim_ && TypeOf(label.event.kind) == EventType::kSchedSwitch && label.event.args.size() > 1) {
      states.insert(label.event.args[1]);
    }
  }
  one_sleep_state_ = states.size() <= 1;
  for (const StateGraph::Label& label : graph.labels()) {
    ways_.insert({label.event.kind, label.task, AboutOf(label.event)});
  }
}

bool ProtocolRoles::Does(const ObservedEvent& seen) const {
  return std::any_of(ways_.begin(), ways_.end(), [&](const Way& way) {
    return way.kind == seen.kind && (seen.tasks >> way.task & 1) != 0 &&
           (way.about < 0 || seen.args.empty() || seen.args[0].Fits(way.about));
  });
}

int32_t ProtocolRoles::AboutOf(const protocol::EmittedEvent& event) const {
  const EventKind& kind = program_.events[event.kind];
  if (kind.args.empty() || event.args.empty()) return -1;
  return kind.args[0] == EventKind::Arg::kTask || kind.args[0] == EventKind::Arg::kObject ? event.args[0] : -1;
}

void ProtocolRoles::FindVictim() {
  std::vector<uint64_t> losses(program_.tasks.size());
  for (const StateGraph::Node& node : graph_.nodes()) {
    for (size_t task = 0; task < losses.size(); ++task) losses[task] += node.loss && (node.in_vain >> task & 1) != 0;
  }
  const auto most = std::max_element(losses.begin(), losses.end());
  if (most != losses.end() && *most > 0) {
    victim_ = static_cast<size_t>(most - losses.begin());
    return;
  }
  const auto kthread = std::find_if(program_.tasks.begin(), program_.tasks.end(), [](const protocol::Task& task) {
    return task.kind == "kthread" || task.kind == "kworker" || task.kind == "ksoftirqd";
  });
  victim_ = kthread == program_.tasks.end() ? 0 : static_cast<size_t>(kthread - program_.tasks.begin());
}

uint32_t ProtocolRoles::Recurring() const {
  uint32_t recurring = 0;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    const std::string& kind = program_.tasks[task].kind;
    if (task == victim_ || (kind != "task" && kind != "interrupt")) continue;
    if (!Emits(task, EventType::kSchedKthreadStop)) recurring |= 1u << task;
  }
  // What needs a wake in any case may not be told from what only waits for the next round of somebody.
  for (const protocol::Point& point : program_.points) {
    if (point.kind == protocol::PointKind::kSleep && point.condition < 0) return 0;
  }
  return recurring;
}

// The prelude's numbers of the states that a switch's letter may stand for. A protocol that sleeps in one state only
// speaks of any: whether its author waits in S or in D is his choice.
ObservedArg ProtocolRoles::StateOfLetter(char letter) const {
  if (one_sleep_state_) return {};
  switch (letter) {
    case 'S': return ObservedArg::Among({1});
    case 'D': return ObservedArg::Among({2, 10});  // killable, too
    case 'P': return ObservedArg::Among({4});
    default: return {};
  }
}

// A task's __state. Of the bits only those that never moved are known.
ObservedArg ProtocolRoles::StateOfBits(uint32_t state) const {
  if (state == 0) return ObservedArg::Among({0});
  if (state > 2) return {};
  return one_sleep_state_ ? ObservedArg{ObservedArg::Kind::kNotZero, {}}
                          : ObservedArg::Among({static_cast<int32_t>(state)});
}

const ProtocolRoles::Kind* ProtocolRoles::KindOf(EventType type) const {
  const auto at = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) { return kind.type == type; });
  return at == kinds_.end() ? nullptr : &*at;
}

EventType ProtocolRoles::TypeOf(uint32_t kind) const {
  const auto at = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& known) { return known.kind == kind; });
  return at == kinds_.end() ? EventType::kGeneric : at->type;
}

bool ProtocolRoles::Emits(size_t task, EventType type) const {
  return std::any_of(graph_.labels().begin(), graph_.labels().end(), [&](const StateGraph::Label& label) {
    return label.task == task && TypeOf(label.event.kind) == type;
  });
}

bool ProtocolRoles::AnyTask(const std::function<bool(size_t)>& wanted) const {
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    if (wanted(task)) return true;
  }
  return false;
}

// Of `waker`, all of waker[0], waker[1] …
Result<uint32_t> ProtocolRoles::RolesNamed(const std::string& role) const {
  uint32_t roles = 0;
  std::string names;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    const std::string& name = program_.tasks[task].name;
    if (name == role || name.substr(0, name.find('[')) == role) roles |= 1u << task;
    names += (names.empty() ? "" : ", ") + name;
  }
  if (roles != 0) return roles;
  return Fail(Error{.code = ErrorCode::kInvalidArgument,
                    .cause = "protocol " + program_.name + " has no task " + role,
                    .remedy = "it has " + names});
}

Result<ProtocolRoles::VictimChoice> ProtocolRoles::Victims(const TraceSurvey& survey,
                                                           std::span<const RoleChoice> choices,
                                                           const std::vector<std::string>& explains,
                                                           std::span<const Finding> findings) const {
  VictimChoice choice_made;
  std::vector<int32_t>& pids = choice_made.pids;
  const auto add = [&](int32_t pid) {
    if (pids.size() < kVictimsMax && std::find(pids.begin(), pids.end(), pid) == pids.end()) pids.push_back(pid);
  };
  bool chosen = false;
  for (const RoleChoice& choice : choices) {
    const auto roles = RolesNamed(choice.role);
    if (!roles) return Fail(roles.error());
    if ((*roles >> victim_ & 1) == 0) continue;
    chosen = true;
    survey.model().tasks().ForEach([&](const Task& task) {
      if (TaskMatches(choice.task, task.pid, task.comm())) add(task.pid);
    });
  }
  if (!chosen) {
    for (const Finding& finding : findings) {
      if (finding.check != "lost-wakeup") continue;
      if (std::find(explains.begin(), explains.end(), finding.cls) != explains.end()) add(finding.pid);
    }
  }
  const auto stopped = [&](size_t task) { return Emits(task, EventType::kSchedKthreadStop); };
  if (!chosen && pids.empty() && AnyTask(stopped)) {
    for (const auto& [pid, stoppers] : survey.stoppers()) add(pid);
    // Of other ways to stop a thread this is no sign.
    choice_made.guessed = std::find(explains.begin(), explains.end(), Name(LostClass::kKthreadStop)) == explains.end();
  }
  if (!chosen && pids.empty()) {
    uint64_t most = 0;
    int32_t woken_most = -1;
    for (const auto& [woken, wakers] : survey.wakers()) {
      if (!survey.IsKernelThread(woken)) continue;
      for (const auto& [waker, times] : wakers) {
        if (times > most && waker != TraceSurvey::kInterrupt) {
          most = times;
          woken_most = woken;
        }
      }
    }
    if (woken_most >= 0) add(woken_most);
    choice_made.guessed = true;
  }
  if (!pids.empty()) return choice_made;
  return Fail(Error{.code = ErrorCode::kNotFound,
                    .cause = "no thread of the recording may be " + program_.tasks[victim_].name,
                    .remedy = "name it: " + program_.tasks[victim_].name + "=PID"});
}

std::vector<RoleMapping> ProtocolRoles::MapAround(int32_t victim_pid, const TraceSurvey& survey,
                                                  std::span<const RoleChoice> choices) const {
  RoleMapping mapping;
  mapping.victim_pid = victim_pid;
  uint32_t given = 1u << victim_;
  for (const RoleChoice& choice : choices) {
    const auto roles = RolesNamed(choice.role);
    if (!roles || (*roles >> victim_ & 1) != 0) continue;
    given |= *roles;
    survey.model().tasks().ForEach([&](const Task& task) {
      if (TaskMatches(choice.task, task.pid, task.comm())) mapping.roles[task.pid] |= *roles;
    });
  }
  mapping.roles[victim_pid] = 1u << victim_;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    if (InInterrupt(program_.tasks[task])) mapping.interrupts |= 1u << task;
  }
  const auto stoppers = survey.stoppers().find(victim_pid);
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    if ((given >> task & 1) != 0 || stoppers == survey.stoppers().end()) continue;
    if (!Emits(task, EventType::kSchedKthreadStop)) continue;
    for (const int32_t pid : stoppers->second) mapping.roles[pid] |= 1u << task;
  }
  if (given == 1u << victim_) MapWakers(survey, &mapping);
  return MapObjects(survey, std::move(mapping));
}

// Who wakes it, or tries to, is its waker, less those who do so rarely.
void ProtocolRoles::MapWakers(const TraceSurvey& survey, RoleMapping* mapping) const {
  uint32_t roles = 0;
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    if (task == victim_ || Emits(task, EventType::kSchedKthreadStop)) continue;
    if (Emits(task, EventType::kSchedWaking)) roles |= 1u << task;
  }
  const auto wakers = survey.wakers().find(mapping->victim_pid);
  if (roles == 0 || wakers == survey.wakers().end()) return;
  uint64_t most = 0;
  for (const auto& [pid, times] : wakers->second) most = std::max(most, times);
  for (const auto& [pid, times] : wakers->second) {
    if (times * kLeastShare < most || mapping->roles.contains(pid)) continue;
    if (pid == TraceSurvey::kInterrupt) {
      mapping->interrupts |= roles;
    } else {
      mapping->roles[pid] |= roles;
    }
  }
}

// The addresses at which the mapped threads do most of what the protocol's tasks do with `object`, the busiest first;
// an object of another kind that they touch now and then is none of them.
std::vector<uint64_t> ProtocolRoles::AddressesOf(int32_t object, const TraceSurvey& survey,
                                                 const RoleMapping& mapping) const {
  std::set<std::pair<EventType, uint32_t>> done;  // by the protocol's tasks
  for (const StateGraph::Label& label : graph_.labels()) {
    const EventType type = TypeOf(label.event.kind);
    if (HasObject(type) && !label.event.args.empty() && label.event.args[0] == object) done.insert({type, label.task});
  }
  // How often each was done at an address. What is done least often there counts: others may use it, too.
  std::map<uint64_t, std::map<std::pair<EventType, uint32_t>, uint64_t>> scores;
  for (const auto& [probed, times] : survey.probed()) {
    const uint32_t roles = mapping.RolesOf(probed.pid);
    if (roles == 0 || probed.object == 0 || mapping.objects.contains(probed.object)) continue;
    for (const auto& way : done) {
      if (way.first == probed.type && (roles >> way.second & 1) != 0) scores[probed.object][way] += times;
    }
  }
  size_t most_ways = 0;
  for (const auto& [address, ways] : scores) most_ways = std::max(most_ways, ways.size());
  std::vector<std::pair<uint64_t, uint64_t>> by_times;
  for (const auto& [address, ways] : scores) {
    if (ways.size() < most_ways) continue;
    uint64_t least = UINT64_MAX;
    for (const auto& [way, times] : ways) least = std::min(least, times);
    by_times.emplace_back(least, address);
  }
  std::stable_sort(by_times.begin(), by_times.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<uint64_t> addresses;
  for (const auto& [times, address] : by_times) {
    if (times * 2 >= by_times[0].first) addresses.push_back(address);
  }
  return addresses;
}

// One mapping for each of the addresses that the first object with several may be.
std::vector<RoleMapping> ProtocolRoles::MapObjects(const TraceSurvey& survey, RoleMapping mapping) const {
  std::vector<RoleMapping> instances = {std::move(mapping)};
  for (int32_t object = 0; object < static_cast<int32_t>(program_.objects.size()); ++object) {
    const std::vector<uint64_t> addresses = AddressesOf(object, survey, instances[0]);
    const RoleMapping first = instances[0];
    for (size_t i = 0; i < addresses.size() && i < kInstancesMax; ++i) {
      if (i == 0) {
        for (RoleMapping& instance : instances) instance.objects.emplace(addresses[0], object);
      } else if (instances.size() == i) {
        instances.push_back(first);
        instances.back().objects.emplace(addresses[i], object);
      }
    }
  }
  return instances;
}

std::vector<bool> ProtocolRoles::Shown(const RoleMapping& mapping, const TraceSurvey& survey) const {
  uint32_t tasks = mapping.interrupts;
  for (const auto& [pid, roles] : mapping.roles) tasks |= roles;
  std::vector<bool> objects(program_.objects.size());
  for (const auto& [address, object] : mapping.objects) objects[static_cast<size_t>(object)] = true;
  std::vector<bool> shown;
  for (const StateGraph::Label& label : graph_.labels()) {
    const EventType type = TypeOf(label.event.kind);
    bool is = type != EventType::kGeneric && label.level <= level_ && (tasks >> label.task & 1) != 0;
    // A probe that recorded nothing may not have been there; the tracepoints of the scheduler come together.
    is = is && (survey.Saw(type) || label.level == 0);
    is = is && (type != EventType::kSchedSwitch || label.task == victim_);
    const EventKind& kind = program_.events[label.event.kind];
    for (size_t i = 0; is && i < kind.args.size() && i < label.event.args.size(); ++i) {
      const auto value = static_cast<size_t>(label.event.args[i]);
      if (kind.args[i] == EventKind::Arg::kTask) is = value < 32 && (tasks >> value & 1) != 0;
      if (kind.args[i] == EventKind::Arg::kObject) is = value < objects.size() && objects[value];
    }
    shown.push_back(is);
  }
  return shown;
}

std::vector<std::string> ProtocolRoles::EventNames(const TraceSurvey& survey, bool recorded) const {
  std::set<std::string> names;
  for (const StateGraph::Label& label : graph_.labels()) {
    const EventType type = TypeOf(label.event.kind);
    if (label.level > level_ || type == EventType::kGeneric) continue;
    if ((survey.Saw(type) || label.level == 0) == recorded) names.insert(program_.events[label.event.kind].name);
  }
  return {names.begin(), names.end()};
}

std::optional<ObservedEvent> ProtocolRoles::Project(const Event& event, const RoleMapping& mapping,
                                                    char sleep_letter) const {
  auto seen = Named(event, mapping, sleep_letter);
  if (seen && !Does(*seen)) seen.reset();
  return seen;
}

std::optional<ObservedEvent> ProtocolRoles::Named(const Event& event, const RoleMapping& mapping,
                                                  char sleep_letter) const {
  const Kind* const kind = KindOf(event.type);
  if (kind == nullptr || program_.events[kind->kind].level > level_) return std::nullopt;
  ObservedEvent seen;
  seen.kind = kind->kind;
  seen.tasks = ContextOf(event) == WakeContext::kTask ? mapping.RolesOf(event.pid) : mapping.interrupts;
  if (event.type == EventType::kSchedSwitch) {
    seen.tasks = mapping.RolesOf(event.sw.prev_pid);
    seen.args = {OneOf(seen.tasks), StateOfLetter(sleep_letter)};
  }
  if (seen.tasks == 0) return std::nullopt;
  if (HasObject(event.type)) {
    const auto object = mapping.objects.find(event.probe.object);
    if (object == mapping.objects.end()) return std::nullopt;
    seen.args = {ObservedArg::Among({object->second})};
  }
  const auto about = [&](int32_t pid) {
    const uint32_t roles = mapping.RolesOf(pid);
    if (roles != 0) seen.args.insert(seen.args.begin(), OneOf(roles));
    return roles != 0;
  };
  switch (event.type) {
    case EventType::kSchedWaking: return about(event.wake.pid) ? std::optional(seen) : std::nullopt;
    case EventType::kSchedKthreadStop: return about(event.task.pid) ? std::optional(seen) : std::nullopt;
    case EventType::kProbeTtwu:
      seen.args = {StateOfBits(event.probe.state)};
      return about(event.probe.pid) ? std::optional(seen) : std::nullopt;
    case EventType::kProbeWakeUp:
      seen.args.emplace_back();  // the states to wake
      seen.args.push_back(Waiters(event.probe, IsEmptyQueue(event.probe)));
      return seen;
    case EventType::kProbeComplete:
    case EventType::kProbeCompleteAll:
      seen.args.push_back(Count(event.probe.value));
      seen.args.push_back(Waiters(event.probe, IsEmptyCompletion(event.probe)));
      return seen;
    case EventType::kProbeCompletionWait:
      seen.args.push_back(OneOf(seen.tasks));
      seen.args.push_back(Count(event.probe.value));
      return seen;
    default: return seen;
  }
}

}  // namespace wakewatch
