#include "analysis/report/protocol_match.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "analysis/protocol/sight/observer.h"
#include "analysis/trace/merge.h"

namespace wakewatch {
namespace {

using protocol::Observer;
using protocol::StateGraph;

constexpr uint64_t kLookEvery = 1u << 16;
constexpr size_t kBlockEvents = 4096;
constexpr uint64_t kSleepsTelling = 8;  // fewer do not tell whether a thread follows a protocol
constexpr uint32_t kTaskParked = 0x40;  // include/linux/sched.h

// Calls visit(event) in merged order.
template <typename Visit>
Status ForEachEvent(const TraceInput& input, const std::function<bool()>& stop, Visit&& visit) {
  auto readers = input.OpenCpus();
  if (!readers) return Fail(readers.error());
  std::vector<ReaderBlockSource> in_line;
  in_line.reserve(readers->size());
  for (const auto& reader : *readers) in_line.emplace_back(reader.get(), kBlockEvents);
  std::vector<BlockSource*> sources;
  for (ReaderBlockSource& source : in_line) sources.push_back(&source);
  uint64_t events = 0;
  bool stopped = false;
  Merger merger(sources);
  const Status status = merger.Run([&](const Event& event) {
    stopped = ++events % kLookEvery == 0 && stop && stop();
    if (!stopped) visit(event);
    return !stopped;
  });
  if (!status) return status;
  if (!stopped) return {};
  return Fail(ErrorCode::kDeadline, "the events were not read to the end in time");
}

// Follows one thread from sleep to sleep.
class Follower {
 public:
  Follower(const ProtocolRoles& roles, const StateGraph& graph, RoleMapping mapping, std::vector<bool> shown)
      : roles_(roles), mapping_(std::move(mapping)), observer_(graph, std::move(shown), roles.victim()) {}

  const RoleMapping& mapping() const { return mapping_; }

  void OnStep(const Step& step, const SchedModel& model, std::vector<MatchedSleep>* sleeps) {
    const Event& event = *step.event;
    switch (event.type) {
      case EventType::kSchedSwitch: return OnSwitch(step, model, sleeps);
      case EventType::kSchedWaking:
        if (event.wake.pid == mapping_.victim_pid) return OnWaking(event, model, sleeps);
        return Observe(event, 0);
      case EventType::kProbeTtwu:
        if (event.probe.pid == mapping_.victim_pid) return OnAttempt(event);
        return Observe(event, 0);
      case EventType::kGap:
        if (event.gap.end_ns == UINT64_MAX && open_) Disturb("events were lost");
        return;
      default: return Observe(event, 0);
    }
  }

  void Finish(const SchedModel& model, std::vector<MatchedSleep>* sleeps) {
    if (!open_ || sleep_.sleep_ns == 0 || woken_) return;
    sleep_.open = true;
    Close(model.now_ns(), nullptr, model, sleeps);
  }

 private:
  void OnSwitch(const Step& step, const SchedModel& model, std::vector<MatchedSleep>* sleeps) {
    const Event& event = *step.event;
    if (event.sw.prev_pid == mapping_.victim_pid && step.prev != nullptr && open_ && sleep_.sleep_ns == 0) {
      const bool left = step.prev->state == TaskState::kSleeping || step.prev->state == TaskState::kWaking;
      if (left && step.prev->sleep_letter != 'X' && step.prev->sleep_letter != 'Z') {
        Observe(event, step.prev->sleep_letter);
        sleep_.sleep_ns = event.ts_ns;
        // It was woken while it was on its way to sleep: that sleep is over.
        if (step.prev->state == TaskState::kWaking) CloseWoken(event.ts_ns, model, sleeps);
      }
    }
    if (event.sw.next_pid == mapping_.victim_pid && (!open_ || sleep_.sleep_ns != 0)) Begin(step);
  }

  void Begin(const Step& step) {
    sleep_ = {};
    sleep_.pid = mapping_.victim_pid;
    sleep_.comm = step.next == nullptr ? std::string() : std::string(step.next->comm());
    sleep_.start_ns = step.event->ts_ns;
    open_ = true;
    woken_ = lost_ = false;
    before_.reset();
    if (follows_) {
      observer_.GoOn();
    } else {
      observer_.Start();
    }
    follows_ = false;
  }

  // Of one that tries to wake it. Unparking says nothing: kthread_stop() tries that, too, whether it is parked or not.
  void OnAttempt(const Event& event) {
    if (!open_ || !roles_.LooksAtProbes() || event.probe.mode == kTaskParked) return;
    if (const auto seen = roles_.Project(event, mapping_, 0)) {
      Take(event, *seen);
    } else if (sleep_.sleep_ns == 0) {
      Disturb("woken from outside of the protocol while it ran");
    }
  }

  void OnWaking(const Event& event, const SchedModel& model, std::vector<MatchedSleep>* sleeps) {
    if (!open_) return;
    if (sleep_.sleep_ns != 0) {
      Close(event.ts_ns, &event, model, sleeps);
    } else if (const auto seen = roles_.Project(event, mapping_, 0)) {
      Take(event, *seen);
    } else {
      Disturb("woken from outside of the protocol while it ran");
    }
  }

  void Observe(const Event& event, char sleep_letter) {
    if (!open_) return;
    if (const auto seen = roles_.Project(event, mapping_, sleep_letter)) Take(event, *seen);
  }

  // Once no run is left in which it does not sleep in vain, what comes later does not change that: it may be a rescue
  // that the protocol knows nothing of. So may whatever an interrupt does, whose role is never certain.
  void Take(const Event& event, const protocol::ObservedEvent& seen) {
    if (sleep_.sleep_ns != 0) {
      lost_ = lost_ || (observer_.MayHaveLost() && !observer_.MayBeClean());
      if (ContextOf(event) != WakeContext::kTask && !before_)
        before_ = {observer_.MayHaveLost(), observer_.MayBeHealthy()};
    }
    observer_.Observe(seen);
  }

  void Disturb(const char* why) {
    if (sleep_.why.empty()) sleep_.why = why;
  }

  void CloseWoken(uint64_t now_ns, const SchedModel& model, std::vector<MatchedSleep>* sleeps) {
    woken_ = true;
    Close(now_ns, nullptr, model, sleeps);
  }

  // `waking`: what ended the sleep; null: nothing, or something before it.
  void Close(uint64_t now_ns, const Event* waking, const SchedModel& model, std::vector<MatchedSleep>* sleeps) {
    open_ = false;
    sleep_.end_ns = now_ns;
    const Task* const task = model.TaskOf(mapping_.victim_pid);
    const bool dark = task == nullptr ? model.Dark(sleep_.start_ns) : model.Dark(sleep_.start_ns, *task);
    // Who woke it may have been seen on any CPU.
    if (dark || model.Dark(sleep_.start_ns)) Disturb("events were lost");
    if (sleep_.why.empty()) sleep_.verdict = Judge(waking);
    sleeps->push_back(sleep_);
  }

  // And goes on behind the wake, where that belongs to the protocol: a run that does not wake it then is none of this
  // sleep's, however it looked before.
  SleepVerdict Judge(const Event* waking) {
    bool lost = observer_.MayHaveLost();
    bool healthy = woken_ ? observer_.MayBeClean() : observer_.MayBeHealthy();
    follows_ = woken_ && observer_.possible();
    if (const auto seen = waking == nullptr ? std::nullopt : roles_.Project(*waking, mapping_, 0)) {
      Take(*waking, *seen);
      follows_ = observer_.possible();
      if (follows_) {
        lost = observer_.MayHaveLost();
        healthy = observer_.MayBeClean();
      }
    }
    if (before_ && (!follows_ || before_->lost)) {
      lost = before_->lost;
      healthy = before_->healthy;
      follows_ = false;
    }
    if (lost_) return SleepVerdict::kLosing;
    if (lost) return healthy ? SleepVerdict::kBoth : SleepVerdict::kLosing;
    return healthy ? SleepVerdict::kHealthy : SleepVerdict::kNeither;
  }

  const ProtocolRoles& roles_;
  const RoleMapping mapping_;
  Observer observer_;
  MatchedSleep sleep_;
  bool open_ = false;  // a run, or the sleep behind it, is under way
  // What may have been in front of an interrupt's first act in this sleep.
  struct Before {
    bool lost = false, healthy = false;
  };
  std::optional<Before> before_;
  bool woken_ = false;    // it was woken before it was asleep
  bool lost_ = false;     // it sleeps in vain, whatever comes
  bool follows_ = false;  // the observer knows what the next round begins with
};

std::string ThreadText(const TraceSurvey& survey, int32_t pid) {
  return fmt::format("{} (pid {})", survey.CommOf(pid), pid);
}

MatchedThread Described(const std::vector<RoleMapping>& instances, const protocol::Program& program,
                        const TraceSurvey& survey) {
  MatchedThread thread;
  const RoleMapping& mapping = instances[0];
  thread.pid = mapping.victim_pid;
  thread.comm = survey.CommOf(mapping.victim_pid);
  for (size_t task = 0; task < program.tasks.size(); ++task) {
    std::string threads;
    for (const auto& [pid, roles] : mapping.roles) {
      if ((roles >> task & 1) != 0) threads += (threads.empty() ? "" : ", ") + ThreadText(survey, pid);
    }
    if ((mapping.interrupts >> task & 1) != 0) threads += threads.empty() ? "interrupts" : ", interrupts";
    thread.roles.emplace_back(program.tasks[task].name, threads.empty() ? "nobody" : threads);
  }
  for (const RoleMapping& instance : instances) {
    for (const auto& [address, object] : instance.objects) {
      const std::pair<std::string, uint64_t> named = {program.objects[static_cast<size_t>(object)], address};
      if (std::find(thread.objects.begin(), thread.objects.end(), named) == thread.objects.end()) {
        thread.objects.push_back(named);
      }
    }
  }
  return thread;
}

// What two instances of a protocol say of one sleep. It belongs to one of them at most.
SleepVerdict Joined(SleepVerdict a, SleepVerdict b) {
  if (a == SleepVerdict::kUnknown || b == SleepVerdict::kUnknown) return SleepVerdict::kUnknown;
  if (a == SleepVerdict::kNeither) return b;
  if (b == SleepVerdict::kNeither || a == b) return a;
  return SleepVerdict::kBoth;
}

// The instances saw the same sleeps, in the same order.
std::vector<MatchedSleep> JoinedSleeps(const std::vector<std::vector<MatchedSleep>>& instances) {
  std::vector<MatchedSleep> sleeps = instances[0];
  for (size_t instance = 1; instance < instances.size(); ++instance) {
    for (size_t i = 0; i < sleeps.size(); ++i) {
      const MatchedSleep& other = instances[instance][i];
      sleeps[i].verdict = Joined(sleeps[i].verdict, other.verdict);
      if (sleeps[i].why.empty()) sleeps[i].why = other.why;
    }
  }
  return sleeps;
}

// A thread of which the protocol explains next to nothing does something else, and what it seems to lose says nothing.
void CountSleeps(bool guessed, std::vector<MatchedSleep>* sleeps, MatchedThread* thread) {
  uint64_t judged = 0, odd = 0;
  for (const MatchedSleep& sleep : *sleeps) {
    judged += sleep.verdict != SleepVerdict::kUnknown;
    odd += sleep.verdict == SleepVerdict::kNeither || sleep.verdict == SleepVerdict::kLosing;
  }
  thread->follows = judged < kSleepsTelling || odd * 4 <= judged * 3;
  for (MatchedSleep& sleep : *sleeps) {
    if (sleep.verdict == SleepVerdict::kLosing && (guessed || !thread->follows)) {
      sleep.verdict = SleepVerdict::kUnknown;
      sleep.why = guessed ? "that it follows this protocol is a guess"
                          : fmt::format("{} of its {} sleeps look like no healthy run of the protocol", odd, judged);
    }
    ++thread->sleeps[static_cast<size_t>(sleep.verdict)];
  }
}

void NameFindings(std::span<const Finding> findings, std::vector<MatchedSleep>* sleeps) {
  std::map<std::pair<int32_t, uint64_t>, std::string> ids;
  for (const Finding& finding : findings) {
    if (finding.check == "lost-wakeup") ids[{finding.pid, finding.start_ns}] = finding.id;
  }
  for (MatchedSleep& sleep : *sleeps) {
    const auto at = ids.find({sleep.pid, sleep.sleep_ns});
    if (at != ids.end()) sleep.finding_id = at->second;
  }
}

// One thread, with a follower for each instance of the protocol that it may take part in.
struct Followed {
  std::vector<std::unique_ptr<Follower>> instances;
  std::vector<std::vector<MatchedSleep>> sleeps;
};

Status Follow(const TraceInput& input, const std::function<bool()>& stop, std::vector<Followed>* followed) {
  SchedModel model(input);
  const auto read = ForEachEvent(input, stop, [&](const Event& event) {
    const Step& step = model.Apply(event);
    for (Followed& thread : *followed) {
      for (size_t i = 0; i < thread.instances.size(); ++i) thread.instances[i]->OnStep(step, model, &thread.sleeps[i]);
    }
  });
  if (!read) return read;
  for (Followed& thread : *followed) {
    for (size_t i = 0; i < thread.instances.size(); ++i) thread.instances[i]->Finish(model, &thread.sleeps[i]);
  }
  return {};
}

}  // namespace

std::string_view Name(SleepVerdict verdict) {
  switch (verdict) {
    case SleepVerdict::kLosing: return "losing";
    case SleepVerdict::kHealthy: return "healthy";
    case SleepVerdict::kBoth: return "both";
    case SleepVerdict::kNeither: return "neither";
    case SleepVerdict::kUnknown: return "unknown";
  }
  return "unknown";
}

std::array<uint64_t, kSleepVerdicts> ProtocolMatch::Counts() const {
  std::array<uint64_t, kSleepVerdicts> counts{};
  for (const MatchedSleep& sleep : sleeps) ++counts[static_cast<size_t>(sleep.verdict)];
  return counts;
}

Result<ProtocolMatch> MatchProtocol(const TraceInput& input, const protocol::Program& program,
                                    const ProtocolMatchOptions& options) {
  const auto graph = StateGraph::Build(program, options.graph);
  if (!graph) return Fail(graph.error());
  if (!graph->complete()) {
    return Fail(ErrorCode::kTooLarge,
                fmt::format("protocol {} has more than {} states: too many to compare all its runs", program.name,
                            options.graph.states_max));
  }
  const ProtocolRoles once(program, *graph, options.level);
  // Who wakes comes again. Where that makes too many states, once has to do.
  protocol::GraphLimits recurring = options.graph;
  recurring.begin_anew = once.Recurring();
  recurring.all_anew = once.VictimReturns() ? 1u << once.victim() : 0;
  const auto again = (recurring.begin_anew | recurring.all_anew) == 0 ? graph : StateGraph::Build(program, recurring);
  const StateGraph& runs = again && again->complete() ? *again : *graph;
  const ProtocolRoles roles(program, runs, options.level);
  TraceSurvey survey(input);
  if (auto read = ForEachEvent(input, options.stop, [&](const Event& event) { survey.Push(event); }); !read) {
    return Fail(read.error());
  }
  const auto victims = roles.Victims(survey, options.roles, options.explains, options.findings);
  if (!victims) return Fail(victims.error());

  ProtocolMatch match;
  match.protocol = program.name;
  match.path = input.metadata().path;
  match.memory = program.memory;
  match.level = options.level;
  match.guessed = victims->guessed;
  match.victim = program.tasks[roles.victim()].name;
  match.recorded = roles.EventNames(survey, true);
  match.unrecorded = roles.EventNames(survey, false);
  std::vector<Followed> followed;
  for (const int32_t pid : victims->pids) {
    std::vector<RoleMapping> instances = roles.MapAround(pid, survey, options.roles);
    match.threads.push_back(Described(instances, program, survey));
    Followed& thread = followed.emplace_back();
    thread.sleeps.resize(instances.size());
    for (RoleMapping& mapping : instances) {
      std::vector<bool> shown = roles.Shown(mapping, survey);
      thread.instances.push_back(std::make_unique<Follower>(roles, runs, std::move(mapping), std::move(shown)));
    }
  }
  if (auto read = Follow(input, options.stop, &followed); !read) return Fail(read.error());
  for (size_t i = 0; i < followed.size(); ++i) {
    std::vector<MatchedSleep> sleeps = JoinedSleeps(followed[i].sleeps);
    CountSleeps(match.guessed, &sleeps, &match.threads[i]);
    match.sleeps.insert(match.sleeps.end(), sleeps.begin(), sleeps.end());
  }
  std::stable_sort(match.sleeps.begin(), match.sleeps.end(),
                   [](const MatchedSleep& a, const MatchedSleep& b) { return a.end_ns < b.end_ns; });
  NameFindings(options.findings, &match.sleeps);
  return match;
}

}  // namespace wakewatch
