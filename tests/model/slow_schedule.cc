#include "tests/model/slow_schedule.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "analysis/base/cpu_list.h"
#include "analysis/model/sched_model.h"
#include "analysis/model/tick_period.h"
#include "tests/model/slow_cpu.h"

namespace wakewatch::slow {
namespace {

constexpr size_t kAssumedCpusMax = 4;

// A time on one CPU's run queue with one rank, between two events.
struct Stay {
  uint32_t cpu = 0;
  Rank rank = 0;
  bool moved = false;  // there, or before, while it waited
  size_t first = 0, end = kNoEvent;
  uint64_t from_ns = 0, to_ns = 0;
};

// What is kept of a task, and of the wait it is in.
struct Track {
  Rank rank = 0;
  std::vector<Stay> stays;
  uint64_t deserved_ns = 0;
  std::vector<uint32_t> sightings;  // CPUs, the newest first
};

struct MeasuredTrack {
  Account account;
  std::vector<Stay> stays;
};

struct Affinity {
  bool known = false;
  std::vector<uint32_t> cpus;
};

struct Contender {
  Track* track = nullptr;
  Rank rank = 0;
  Affinity affinity;
};

Bucket BucketOf(const Span& span, Rank waiter, bool moved) {
  switch (span.use) {
    case PlainUse::kUnexplained: return Bucket::kUnexplained;
    case PlainUse::kIdle: return moved ? Bucket::kMigration : Bucket::kIdleExit;
    case PlainUse::kSoftirq: return Bucket::kSoftirq;
    case PlainUse::kHardirq: return Bucket::kHardirq;
    case PlainUse::kTask: break;
  }
  if (span.rank == kStopRank) return Bucket::kMigration;  // nobody has it but migration threads
  return span.rank < waiter ? Bucket::kHigher : span.rank == waiter ? Bucket::kEqual : Bucket::kLower;
}

class Recount {
 public:
  explicit Recount(const TraceInput& input) : input_(input), model_(input), tick_(input.symbols()) {}

  void Take(const Event& event);
  std::vector<Account> Sum() const;

 private:
  void AddDeserved(uint64_t until_ns);
  bool Deserves(size_t asker, const std::vector<Contender>& waiting) const;
  Affinity AffinityOf(const Task& task, const Track& track) const;
  const std::vector<uint32_t>& ListOf(const std::string& affinity) const;

  void OnSwitch(const Event& event, const Step& step);
  void OnWaking(const Event& event, const Task& task, TaskState before);
  void OnWakeup(const Event& event, const Task& task, TaskState before);
  void OnMigrate(const Event& event, const Task& task);
  void OnSetPrio(const Event& event);
  void BeginWait(const Task& task, int32_t prio);
  void BeginStay(const Task& task, uint32_t cpu, bool moved, uint64_t now_ns);
  void EndStay(const Task& task, uint64_t now_ns);
  void NextStay(const Task& task, uint32_t cpu, bool moved, uint64_t now_ns);
  void Sighted(const Task& task, int64_t cpu);
  bool Seen(int64_t cpu) const {
    return cpu >= 0 && static_cast<size_t>(cpu) < cpus_.size() && cpus_[static_cast<size_t>(cpu)].seen();
  }

  void SumStay(const Stay& stay, DelayBuckets* buckets) const;

  const TraceInput& input_;
  SchedModel model_;
  TickPeriod tick_;
  size_t number_ = 0;  // of the event at hand
  uint64_t now_ns_ = 0;
  std::vector<CpuHistory> cpus_;
  std::unordered_map<const Task*, Track> tracks_;
  mutable std::unordered_map<std::string, std::vector<uint32_t>> lists_;
  std::vector<MeasuredTrack> measured_;
};

void Recount::Take(const Event& event) {
  AddDeserved(event.ts_ns);
  const int32_t woken = event.type == EventType::kSchedWaking || event.type == EventType::kSchedWakeup ||
                                event.type == EventType::kSchedWakeupNew
                            ? event.wake.pid
                            : 0;
  const Task* const holder = woken != 0 ? model_.tasks().Holder(woken) : nullptr;
  const TaskState before = holder != nullptr ? holder->state : TaskState::kUnknown;
  const Step& step = model_.Apply(event);
  now_ns_ = event.ts_ns;
  if (event.cpu >= cpus_.size()) cpus_.resize(event.cpu + size_t{1});
  CpuHistory& cpu = cpus_[event.cpu];
  cpu.Take(event, number_, step, tick_.silence_ns());
  switch (event.type) {
    case EventType::kSchedSwitch: OnSwitch(event, step); break;
    case EventType::kSchedWaking:
      if (woken != 0) OnWaking(event, *step.task, before);
      break;
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
      if (woken != 0) OnWakeup(event, *step.task, before);
      break;
    case EventType::kSchedMigrateTask:
      if (event.migrate.pid != 0) OnMigrate(event, *step.task);
      break;
    case EventType::kSchedPiSetprio: OnSetPrio(event); break;
    case EventType::kHrtimerExpireEntry:
      if (tick_.IsTick(event.timer.function)) {
        if (const uint64_t interval_ns = cpu.TickInterval(event.ts_ns); interval_ns > 0) tick_.Learn(interval_ns);
      }
      break;
    default: break;
  }
  ++number_;
}

// The world stood as it is from now_ns_ on.
void Recount::AddDeserved(uint64_t until_ns) {
  if (until_ns <= now_ns_) return;
  std::vector<Contender> waiting;
  model_.tasks().ForEach([&](const Task& task) {
    if (!task.Waiting()) return;
    Track& track = tracks_[&task];
    waiting.push_back({&track, track.rank, AffinityOf(task, track)});
  });
  for (size_t asker = 0; asker < waiting.size(); ++asker) {
    if (Deserves(asker, waiting)) waiting[asker].track->deserved_ns += until_ns - now_ns_;
  }
}

bool Recount::Deserves(size_t asker, const std::vector<Contender>& waiting) const {
  const Rank rank = waiting[asker].rank;
  std::vector<bool> free(cpus_.size());
  size_t free_count = 0;
  for (const uint32_t cpu : waiting[asker].affinity.cpus) {
    if (cpu >= cpus_.size() || !cpus_[cpu].GivesWayTo(rank)) continue;
    free[cpu] = true;
    ++free_count;
  }
  size_t competitors = 0;
  for (size_t i = 0; i < waiting.size() && competitors < free_count; ++i) {
    const Contender& other = waiting[i];
    if (i == asker || other.rank > rank) continue;
    const std::vector<uint32_t>& cpus = other.affinity.cpus;
    const auto is_free = [&](uint32_t cpu) { return cpu < free.size() && free[cpu]; };
    if (!other.affinity.known || std::any_of(cpus.begin(), cpus.end(), is_free)) ++competitors;
  }
  return free_count > competitors;
}

// What was said of the pid before the task had it was about somebody else.
Affinity Recount::AffinityOf(const Task& task, const Track& track) const {
  const ThreadInfo* const info = input_.metadata().threads.AsOf(task.pid, now_ns_);
  if (info != nullptr && info->first_seen_ns >= task.not_before_ns) {
    const std::vector<uint32_t>& list = ListOf(info->affinity);
    if (!list.empty()) return {true, list};
  }
  if (task.only_cpu >= 0) return {true, {static_cast<uint32_t>(task.only_cpu)}};
  return {false, track.sightings};
}

const std::vector<uint32_t>& Recount::ListOf(const std::string& affinity) const {
  const auto [place, is_new] = lists_.try_emplace(affinity);
  if (is_new) place->second = ParseCpuList(affinity).value_or(std::vector<uint32_t>());
  return place->second;
}

void Recount::OnSwitch(const Event& event, const Step& step) {
  for (size_t cpu = 0; cpu < cpus_.size(); ++cpu) {
    if (step.next != nullptr && cpu != event.cpu) cpus_[cpu].NotHere(step.next);
  }
  if (step.prev != nullptr) {
    Sighted(*step.prev, event.cpu);
    // A switch from a task to itself, which no kernel records, is a wait of no time.
    if (step.prev->state == TaskState::kReady || step.prev == step.next) {
      BeginWait(*step.prev, event.sw.prev_prio);
      BeginStay(*step.prev, event.cpu, false, event.ts_ns);
    }
    // Woken while it ran: it cannot run again before it left.
    if (step.prev->state == TaskState::kWaking) tracks_[step.prev].deserved_ns = 0;
  }
  if (step.next == nullptr) return;
  Sighted(*step.next, event.cpu);
  if (step.ended == nullptr || !step.measured) return;
  Track& track = tracks_[step.next];
  EndStay(*step.next, event.ts_ns);
  const Wait& wait = *step.ended;
  MeasuredTrack& measured = measured_.emplace_back();
  measured.account.kind = wait.kind;
  measured.account.pid = step.next->pid;
  measured.account.start_ns = wait.start_ns;
  measured.account.wakeup_ns = wait.wakeup_ns;
  measured.account.in_ns = event.ts_ns;
  measured.account.deserved_ns = track.deserved_ns;
  measured.account.affinity_known = AffinityOf(*step.next, track).known;
  measured.stays = track.stays;
}

void Recount::OnWaking(const Event& event, const Task& task, TaskState before) {
  // A waking under way already, or the late one of a wakeup that was seen.
  if (before == TaskState::kRunningWoken || task.state == TaskState::kReady) return;
  BeginWait(task, event.wake.prio);
}

void Recount::OnWakeup(const Event& event, const Task& task, TaskState before) {
  // Of a task that is on a CPU, or waits for one already, it is a formality.
  if (task.state != TaskState::kReady || task.wait.kind == WaitKind::kPreempted) return;
  Sighted(task, event.wake.target_cpu);
  const bool delivered = before == TaskState::kWaking && event.type == EventType::kSchedWakeup;
  if (!delivered) BeginWait(task, event.wake.prio);
  const int32_t target = event.wake.target_cpu;
  BeginStay(task, Seen(target) ? static_cast<uint32_t>(target) : event.cpu, false, event.ts_ns);
}

void Recount::OnMigrate(const Event& event, const Task& task) {
  Sighted(task, event.migrate.dest_cpu);
  if (task.state != TaskState::kReady || !Seen(event.migrate.dest_cpu)) return;
  NextStay(task, static_cast<uint32_t>(event.migrate.dest_cpu), true, event.ts_ns);
}

void Recount::OnSetPrio(const Event& event) {
  const Task* const task = model_.TaskOf(event.task.pid);
  if (task == nullptr) return;
  const Rank rank = RankOf(static_cast<int32_t>(event.task.value), task->kind);
  for (CpuHistory& cpu : cpus_) cpu.SetPrio(task, rank);
  Track& track = tracks_[task];
  const bool woken = task->Waiting() || task->state == TaskState::kRunningWoken;
  if (!woken || track.rank == rank) return;
  track.rank = rank;
  // What the span at hand turns out to be at its end is the new rank's.
  if (task->state == TaskState::kReady) NextStay(*task, track.stays.back().cpu, track.stays.back().moved, event.ts_ns);
}

void Recount::BeginWait(const Task& task, int32_t prio) {
  Track& track = tracks_[&task];
  track.rank = RankOf(prio, task.kind);
  track.stays.clear();
  track.deserved_ns = 0;
}

void Recount::BeginStay(const Task& task, uint32_t cpu, bool moved, uint64_t now_ns) {
  Track& track = tracks_[&task];
  track.stays.push_back({cpu, track.rank, moved, number_, kNoEvent, now_ns, 0});
}

void Recount::EndStay(const Task& task, uint64_t now_ns) {
  Stay& stay = tracks_[&task].stays.back();
  stay.end = number_;
  stay.to_ns = now_ns;
}

void Recount::NextStay(const Task& task, uint32_t cpu, bool moved, uint64_t now_ns) {
  EndStay(task, now_ns);
  BeginStay(task, cpu, moved, now_ns);
}

void Recount::Sighted(const Task& task, int64_t cpu) {
  if (cpu < 0) return;
  std::vector<uint32_t>& sightings = tracks_[&task].sightings;
  std::erase(sightings, static_cast<uint32_t>(cpu));
  sightings.insert(sightings.begin(), static_cast<uint32_t>(cpu));
  if (sightings.size() > kAssumedCpusMax) sightings.pop_back();
}

// All spans are known now, and whether they were off.
std::vector<Account> Recount::Sum() const {
  std::vector<Account> accounts;
  for (const MeasuredTrack& wait : measured_) {
    Account& account = accounts.emplace_back(wait.account);
    account.buckets.Of(Bucket::kDelivery) = account.wakeup_ns - account.start_ns;
    for (const Stay& stay : wait.stays) SumStay(stay, &account.buckets);
  }
  return accounts;
}

void Recount::SumStay(const Stay& stay, DelayBuckets* buckets) const {
  const std::vector<Span>& spans = cpus_[stay.cpu].spans();
  auto span = std::upper_bound(spans.begin(), spans.end(), stay.first,
                               [](size_t number, const Span& later) { return number < later.first; });
  for (--span; span != spans.end() && span->first < stay.end; ++span) {
    const uint64_t from_ns = std::max(span->from_ns, stay.from_ns), to_ns = std::min(span->to_ns, stay.to_ns);
    const bool seen_to_its_end = span->end <= stay.end;
    const Bucket bucket = span->off && seen_to_its_end ? Bucket::kOff : BucketOf(*span, stay.rank, stay.moved);
    buckets->Of(bucket) += to_ns - from_ns;
  }
}

}  // namespace

std::vector<Account> Accounts(const TraceInput& input, std::span<const Event> events) {
  Recount recount(input);
  for (const Event& event : events) recount.Take(event);
  return recount.Sum();
}

}  // namespace wakewatch::slow
