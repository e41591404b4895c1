// Why: does a trace obey the scheduler's rules? One pass over the events with a set of possible states a task and the
// open brackets of each CPU. An event that leaves no possible state breaks a rule; what that means is decided with
// care, since a false alarm costs more than a miss. A break is void where a gap, or the edge of what all CPUs cover,
// may be why; an artefact where a kernel is known to print it, or where two CPUs' clocks may have changed the order;
// missing where a CPU ran another task than the one that was switched in; and a violation only if nothing of that holds
// once every CPU has shown an event behind it. A rule holds from the first event of each type that it needs.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/archive.h"
#include "analysis/model/cpu_automaton.h"
#include "analysis/model/rules.h"
#include "analysis/model/sched_model.h"
#include "analysis/model/task_automaton.h"

namespace wakewatch {

// The event that contradicts, and the one that it contradicts.
struct RuleBreak {
  Rule rule = Rule::kRunState;
  RuleVerdict verdict = RuleVerdict::kViolation;
  uint32_t cpu = 0;
  uint64_t ts_ns = 0;
  int32_t pid = 0;  // the task that the rule is about
  std::string comm;
  std::string event;       // "sched_wakeup pid=210 target_cpu=1"
  std::string text;        // "sched_wakeup of a task that sleeps and was not woken"
  uint64_t before_ns = 0;  // 0: no event stands against it
  uint32_t before_cpu = 0;
  std::string before_event;  // "sched_switch prev_pid=210"
  static void Fields(auto& self, auto& archive) {
    archive(self.rule, self.verdict, self.cpu, self.ts_ns, self.pid, self.comm, self.event, self.text, self.before_ns,
            self.before_cpu, self.before_event);
  }
};

class Conformance {
 public:
  // How often each rule could have been broken.
  using Checked = std::array<uint64_t, kRuleCount>;
  // `on_break` is told of every break once its verdict stands, in an order that follows from the events alone. What is
  // outside [since_ns, until_ns] is not counted as checked.
  Conformance(const SchedModel& model, uint64_t since_ns, uint64_t until_ns,
              std::function<void(const RuleBreak&)> on_break);

  // After the model has applied the event. Needs every event of EventTypes(), in order.
  void OnStep(const Step& step);
  // The trace is over: what no later event confirmed is void.
  void Finish();
  // Calls visit(RuleBreak) for what is still to be confirmed, as Finish would tell it now.
  void ForEachOpen(const std::function<void(const RuleBreak&)>& visit) const;
  Checked checked() const;
  void Forget(const Task& task);

  void Save(ArchiveWriter& archive) const { Fields(*this, archive); }
  void Load(ArchiveReader& archive);

  static std::span<const EventType> EventTypes();

 private:
  using Input = task_automaton::Input;
  using Belief = task_automaton::Belief;
  static constexpr size_t kHeldMax = 1024;  // breaks that wait for their verdict; more are void

  // What is believed of a task, and its last event.
  struct View {
    uint64_t last_ns = 0;  // 0: it had none
    uint64_t work = 0;     // the item that it executes
    Belief belief = task_automaton::kAnything;
    uint16_t last_cpu = 0;
    uint32_t epoch = 0;  // of the gaps, when `work_known` was set
    EventType last_type = EventType::kGeneric;
    int32_t queued_cpu = -1;  // whose run queue it is on; -1: not known
    bool self = false;        // its last event was recorded while it ran
    bool work_known = false, work_distrusted = false, working = false;
    bool whole_life = false;  // its fork was seen, when exits were recorded already
    bool exited = false;
    static void Fields(auto& self, auto& archive) {
      archive(self.last_ns, self.work, self.belief, self.last_cpu, self.epoch, self.last_type, self.queued_cpu,
              self.self, self.work_known, self.work_distrusted, self.working, self.whole_life, self.exited);
    }
  };
  struct Cpu {
    bool begun = false;          // it had an event
    bool named = false;          // a task was placed on it
    bool current_known = false;  // not so in front of its first event, and behind a gap
    int32_t current_pid = 0;     // who runs there
    uint64_t agreed_ns = 0;      // up to here it was whole: its last event of the task that was believed to run, itself
    CpuAutomaton brackets;
    static void Fields(auto& self, auto& archive) {
      archive(self.begun, self.named, self.current_known, self.current_pid, self.agreed_ns, self.brackets);
    }
  };
  // A break whose verdict is not known yet.
  struct Held {
    RuleBreak broken;
    uint32_t task = 0;      // Task::index + 1; 0: a CPU's
    uint64_t until_ns = 0;  // every CPU has to be seen later than this
    static void Fields(auto& self, auto& archive) { archive(self.broken, self.task, self.until_ns); }
  };
  struct Counts {
    std::array<uint64_t, task_automaton::kInputs> inputs{};  // to tasks of which something was known
    Checked others{};                                        // rules that the inputs do not tell
    static void Fields(auto& self, auto& archive) { archive(self.inputs, self.others); }
  };
  static void Fields(auto& self, auto& archive) {
    archive(self.seen_, self.since_ns_, self.fresh_ns_, self.dark_end_ns_, self.missing_end_ns_, self.epoch_,
            self.preemptible_softirqs_, self.switches_, self.missing_, self.contradictions_, self.whole_wakes_,
            self.counts_, self.views_, self.cpus_, self.cpus_begun_, self.held_, self.awaited_cpu_);
  }

  // Events.
  Cpu& CpuOf(uint32_t cpu) {
    if (cpu >= cpus_.size()) [[unlikely]]
      cpus_.resize(cpu + size_t{1});
    return cpus_[cpu];
  }
  View& Of(const Task& task) {
    if (task.index >= views_.size()) [[unlikely]]
      views_.resize(task.index + size_t{1});
    return views_[task.index];
  }
  bool Seen(EventType type) const { return (seen_ >> static_cast<unsigned>(type) & 1) != 0; }
  bool Both(EventType a, EventType b) const { return Seen(a) && Seen(b); }
  uint64_t Since(EventType type) const { return since_ns_[static_cast<size_t>(type)]; }
  void FirstOf(EventType type, uint64_t now_ns);
  void FirstEventOf(Cpu* cpu, const Event& event, int32_t actor);
  void OnGap(const Event& event);
  void Act(Cpu* cpu, const Step& step, int32_t actor);
  void OnSwitch(Cpu* cpu, const Step& step);
  void OnOut(const Task& task, const Step& step);
  void OnIn(const Task& task, const Step& step);
  void OnWake(const Task& task, Input input, const Step& step);
  void OnFirstWakeup(const Task& task, const Step& step);
  void OnMigrate(const Task& task, const Step& step);
  void OnFork(const Task& task, const Step& step);
  void OnExit(const Task& task, const Step& step);
  void OnExec(Cpu* cpu, const Step& step);
  void OnBracket(Cpu* cpu, const Event& event);
  void OnWork(Cpu* cpu, const Step& step, bool start, bool both);

  // Makes `view` what `input` leaves of it. False: it was forbidden, or the task is in quarantine.
  bool Move(const Task& task, View* view, Input input, const Step& step);
  // In front of an event of a task whose last one is older than something that it depends on.
  [[gnu::noinline]] void Refresh(const Task& task, View* view, Input input, const Step& step);
  // The event says that the task is on the run queue of `cpu`.
  void Place(const Task& task, View* view, int64_t cpu, bool checked, const Step& step);
  void Note(View* view, const Event& event) const {
    view->last_ns = event.ts_ns;
    view->last_cpu = event.cpu;
    view->last_type = event.type;
  }
  void Name(int64_t cpu) {
    if (cpu < 0 || cpu > UINT16_MAX) return;
    CpuOf(static_cast<uint32_t>(cpu)).named = true;
  }

  // Verdicts.
  uint64_t SkewNs() const { return model_.skew_ns() > kOrderNs ? model_.skew_ns() : kOrderNs; }
  // What is believed behind a forbidden `input`.
  Belief Contradicted(const Task& task, const View& view, Input input, const Step& step);
  RuleVerdict UsualVerdict(const View& view, const Event& event) const;
  RuleVerdict VerdictOn(const Task& task, const View& view, Input input, const Step& step) const;
  RuleBreak Describe(Rule rule, const Task& task, const View& view, std::string_view what, const Step& step) const;
  void Break(RuleBreak broken, const Task* task);
  [[gnu::noinline]] void Misplaced(const Task& task, const View& view, int64_t cpu, const Step& step);
  [[gnu::noinline]] void Control(const Task& task, const View& view, const Step& step);
  void BreakOnTask(Rule rule, const Task& task, const View& view, std::string_view what, const Step& step);
  // `before_ns`: when what is contradicted began.
  void BreakOnCpu(Rule rule, Bracket bracket, uint64_t before_ns, const Event& event, std::string_view what);
  void SwitchInside(Cpu* cpu, const Event& event);
  void Missing(Cpu* cpu, const Step& step, int32_t actor);
  void Reordered(const Task& task, const View& view);
  void VoidBefore(uint64_t now_ns);
  bool Whole() const;
  void Settle();

  static constexpr uint64_t kOrderNs = 1000;  // closer events of two CPUs have no known order

  const SchedModel& model_;
  const uint64_t since_counted_ns_, until_counted_ns_;
  const bool counts_all_;
  const bool rt_release_;
  const std::function<void(const RuleBreak&)> on_break_;

  uint64_t seen_ = 0;                                 // event types, a bit each
  std::array<uint64_t, kEventTypeCount> since_ns_{};  // their first events
  uint64_t fresh_ns_ = UINT64_MAX;                    // a task whose last event is older needs a second look
  uint64_t dark_end_ns_ = 0;                          // what is known from before is not known any more
  uint64_t missing_end_ns_ = 0;                       // a CPU was found to lack a switch
  uint32_t epoch_ = 0;                                // gaps so far
  bool preemptible_softirqs_ = false;
  uint64_t switches_ = 0, missing_ = 0, contradictions_ = 0, whole_wakes_ = 0;
  std::array<Counts, 2> counts_;  // inside the span, and outside
  size_t span_ = 0;               // which of them the event at hand is
  std::vector<View> views_;       // by Task::index
  std::vector<Cpu> cpus_;
  uint32_t cpus_begun_ = 0;
  std::deque<Held> held_;              // by time
  uint32_t awaited_cpu_ = UINT32_MAX;  // that the first of them waits for; UINT32_MAX: not looked up
};

}  // namespace wakewatch
