#include "analysis/report/engine.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "analysis/base/archive.h"
#include "analysis/checks/checks_list.h"
#include "analysis/model/sched_model.h"
#include "analysis/model/wake_history.h"
#include "analysis/report/checkpoint.h"

namespace wakewatch {
namespace {

constexpr size_t kLiveGapsMax = 10'000;  // that a report of a live run shows; more are counted

Status CheckNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    bool known = false;
    for (const CheckInfo& info : Checks()) known = known || (info.adds_findings && info.name == name);
    if (known) continue;
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "there is no check named " + name,
                      .remedy = "`wakewatch list checks` names them"});
  }
  return {};
}

// Keeps what the options ask for.
class Findings : public FindingSink {
 public:
  Findings(const EngineOptions& options, const SchedModel& model) : options_(options), model_(model) {}

  using FindingSink::Add;
  void Add(Finding&& finding, uint64_t object) override {
    const auto& checks = options_.checks;
    if (!checks.empty() && std::find(checks.begin(), checks.end(), finding.check) == checks.end()) return;
    if (!options_.Inside(finding.start_ns)) return;
    const Task* const task = model_.tasks().Peek(finding.pid, model_.now_ns());
    if (task != nullptr) finding.kind = Info(task->kind).name;
    finding.Seal(object);
    if (ReplaceOpen(&finding)) return;
    // User tasks of a busy machine leave room for kernel threads.
    uint64_t& kept = task == nullptr || !IsKernelThread(task->kind) ? of_users_ : of_kthreads_;
    if (kept >= options_.findings_max) {
      ++beyond_;
      return;
    }
    ++kept;
    if (finding.open) ++open_;
    findings_.push_back(std::move(finding));
  }

  std::vector<Finding> Take() {
    open_ = of_users_ = of_kthreads_ = 0;
    std::sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.id < b.id;
    });
    return std::exchange(findings_, {});
  }
  uint64_t beyond() const { return beyond_; }
  static void Fields(auto& self, auto& archive) {
    archive(self.findings_, self.beyond_, self.open_, self.of_users_, self.of_kthreads_);
  }

 private:
  // An open finding of the same id makes way.
  bool ReplaceOpen(Finding* finding) {
    if (open_ == 0) return false;
    const auto known = std::find_if(findings_.rbegin(), findings_.rend(),
                                    [finding](const Finding& other) { return other.open && other.id == finding->id; });
    if (known == findings_.rend()) return false;
    if (!finding->open) --open_;
    *known = std::move(*finding);
    return true;
  }

  const EngineOptions& options_;
  const SchedModel& model_;
  std::vector<Finding> findings_;
  uint64_t beyond_ = 0;
  uint64_t open_ = 0;                        // of findings_
  uint64_t of_users_ = 0, of_kthreads_ = 0;  // of findings_
};

// Functions of one name (static ones of several files, both kinds of work items) become one row.
void MergeByFunction(std::vector<WorkSummary>* work) {
  std::stable_sort(work->begin(), work->end(),
                   [](const WorkSummary& a, const WorkSummary& b) { return a.function < b.function; });
  std::vector<WorkSummary> merged;
  for (WorkSummary& row : *work) {
    if (merged.empty() || merged.back().function != row.function) {
      merged.push_back(std::move(row));
      continue;
    }
    WorkSummary& into = merged.back();
    into.queue_to_start_ns.Merge(row.queue_to_start_ns);
    into.run_ns.Merge(row.run_ns);
    into.censored += row.censored;
    into.voided += row.voided;
    into.unmatched += row.unmatched;
  }
  *work = std::move(merged);
}

class CheckingEngine final : public Engine {
 public:
  CheckingEngine(const TraceInput& input, EngineOptions options)
      : input_(input),
        options_(std::move(options)),
        findings_(options_, model_),
        model_(input),
        wakes_(model_, input.symbols()) {
    const CheckInput check_input{input.symbols(), model_, options_, findings_, wakes_, input.formats(), alarm_};
    for (const CheckInfo& info : Checks()) {
      checks_.push_back(info.make(check_input));
      for (const EventType type : info.events) interested_[static_cast<size_t>(type)].push_back(checks_.back().get());
      if (info.long_waits) of_long_waits_.push_back(checks_.back().get());
    }
    counts_.resize(input.formats().events().size());
    if (options_.live) model_.RetireDead(TaskLimits(), [this](const Task& task) { Forget(task); });
  }

  void Push(const Event& event) override {
    if (event.type == EventType::kGap) {
      AddGap(event);
    } else {
      Count(event);
    }
    if (event.ts_ns > alarm_.ns) [[unlikely]] {
      for (const auto& check : checks_) check->OnAlarm(event.ts_ns);
    }
    const Step& step = model_.Apply(event);
    wakes_.OnStep(step);
    for (Check* const check : interested_[static_cast<size_t>(event.type)]) check->OnStep(step);
    if (options_.IsLongWait(step)) [[unlikely]] {
      for (Check* const check : of_long_waits_) check->OnLongWait(step);
    }
  }

  Report Finish(const AnomalyCounts& readers) override;
  Report Snapshot(const AnomalyCounts& readers) const override { return Summary(false, readers); }
  std::vector<Finding> TakeFindings() override { return findings_.Take(); }
  std::vector<uint8_t> Save() const override;
  Status Load(Bytes checkpoint);

 private:
  static void Fields(auto& self, auto& archive) { archive(self.counts_, self.cpus_, self.retired_, self.findings_); }
  // What a checkpoint cannot do without: the options, the checks and the first `formats` formats.
  std::vector<uint8_t> Terms(size_t formats) const;
  void Count(const Event& event) {
    if (event.format >= counts_.size()) [[unlikely]]
      AddFormats(event.format);
    ++counts_[event.format];
    CpuSummary& cpu = Cpu(event.cpu);
    if (cpu.events++ == 0) [[unlikely]]
      cpu.first_ns = event.ts_ns;
    cpu.last_ns = event.ts_ns;
  }
  // Formats may have been added since the engine was made.
  void AddFormats(uint16_t format) { counts_.resize(std::max(format + size_t{1}, input_.formats().events().size())); }
  void Forget(const Task& task) {
    ++retired_;
    wakes_.Forget(task);
    for (const auto& check : checks_) check->Forget(task);
  }
  void AddGap(const Event& event) {
    CpuSummary& cpu = Cpu(event.cpu);
    ++cpu.gaps;
    if (event.gap.lost == kLostUnknown) {
      cpu.lost_unknown = true;
    } else {
      cpu.lost += event.gap.lost;
    }
    gaps_.push_back({event.cpu, event.ts_ns, event.gap.end_ns, event.gap.lost, event.gap.cause});
    if (options_.live && gaps_.size() > kLiveGapsMax) gaps_.pop_front();
  }
  CpuSummary& Cpu(uint32_t cpu) {
    if (cpu >= cpus_.size()) [[unlikely]]
      cpus_.resize(cpu + 1);
    return cpus_[cpu];
  }
  void Describe(Report* report) const;
  void SumUpCpus(bool final, Report* report) const;
  Report Summary(bool final, const AnomalyCounts& readers) const;
  CpuSummary WithStats(uint32_t number, bool gaps_tell) const;

  const TraceInput& input_;
  const EngineOptions options_;
  Findings findings_;
  SchedModel model_;
  WakeHistory wakes_;
  Alarm alarm_;
  std::vector<std::unique_ptr<Check>> checks_;
  std::array<std::vector<Check*>, kEventTypeCount> interested_;
  std::vector<Check*> of_long_waits_;
  std::vector<uint64_t> counts_;  // by format
  std::vector<CpuSummary> cpus_;  // by number; those without events or gaps are no part of the report
  std::deque<GapRecord> gaps_;
  uint64_t retired_ = 0;  // tasks
};

void CheckingEngine::Describe(Report* report) const {
  const TraceMetadata& metadata = input_.metadata();
  report->path = metadata.path;
  report->input_kind = metadata.input_kind;
  report->kernel = metadata.kernel;
  report->clock = metadata.clock;
  report->hostname = metadata.hostname;
  report->buffer = metadata.buffer;
  report->cpus = metadata.cpus;
  report->skew_ns = model_.skew_ns();
  report->skew_pairs = model_.skew_pairs();
  const std::vector<EventFormat>& formats = input_.formats().events();
  for (size_t i = 0; i < counts_.size() && i < formats.size(); ++i) {
    if (counts_[i] != 0) report->events_by_type[formats[i].name] += counts_[i];
  }
}

// The kernel's own account counts what no page marks. Where `gaps_tell` every loss, it has its word at the end only:
// until then it may be ahead of the events.
CpuSummary CheckingEngine::WithStats(uint32_t number, bool gaps_tell) const {
  CpuSummary cpu = cpus_[number];
  cpu.cpu = number;
  for (const CpuStats& stats : input_.metadata().stats) {
    if (stats.cpu != number) continue;
    cpu.stats = stats;
    cpu.have_stats = true;
    if (gaps_tell) continue;
    const uint64_t lost = stats.overrun + stats.commit_overrun + stats.dropped;
    if (lost >= cpu.lost) {
      cpu.lost = lost;
      cpu.lost_unknown = false;
    }
  }
  return cpu;
}

void CheckingEngine::SumUpCpus(bool final, Report* report) const {
  report->window_end_ns = UINT64_MAX;
  for (uint32_t number = 0; number < cpus_.size(); ++number) {
    if (cpus_[number].events == 0 && cpus_[number].gaps == 0) continue;
    const CpuSummary cpu = WithStats(number, !final && input_.metadata().loss_marked);
    if (cpu.events > 0) {
      const bool first = report->events == 0;
      report->start_ns = first ? cpu.first_ns : std::min(report->start_ns, cpu.first_ns);
      report->end_ns = std::max(report->end_ns, cpu.last_ns);
      report->window_start_ns = std::max(report->window_start_ns, cpu.first_ns);
      report->window_end_ns = std::min(report->window_end_ns, cpu.last_ns);
    }
    report->events += cpu.events;
    report->lost_events += cpu.lost;
    report->lost_unknown = report->lost_unknown || cpu.lost_unknown;
    report->per_cpu.push_back(cpu);
  }
  if (report->window_end_ns == UINT64_MAX) report->window_end_ns = 0;
}

Report CheckingEngine::Finish(const AnomalyCounts& readers) {
  Report bounds;
  SumUpCpus(true, &bounds);
  for (const auto& check : checks_) check->Finish(bounds.window_end_ns);
  Report report = Summary(true, readers);
  report.findings = findings_.Take();
  return report;
}

Report CheckingEngine::Summary(bool final, const AnomalyCounts& readers) const {
  Report report;
  SumUpCpus(final, &report);
  Describe(&report);
  report.gaps.assign(gaps_.begin(), gaps_.end());
  Summaries summaries;
  for (const auto& check : checks_) check->Summarise(report.window_end_ns, &summaries);
  report.threads = std::move(summaries.threads);
  std::sort(report.threads.begin(), report.threads.end(), [](const ThreadSummary& a, const ThreadSummary& b) {
    return a.pid != b.pid ? a.pid < b.pid : a.first_seen_ns < b.first_seen_ns;
  });
  report.work = std::move(summaries.work);
  MergeByFunction(&report.work);
  report.softirq = std::move(summaries.softirq);
  report.tasklets = std::move(summaries.tasklets);
  report.undecidable = std::move(summaries.undecidable);
  report.obligations = std::move(summaries.obligations);
  report.rules = std::move(summaries.rules);
  report.lifecycle = std::move(summaries.lifecycle);
  report.anomalies = readers;
  for (const AnomalyCounts& counts : {input_.metadata().anomalies, input_.formats().anomalies(), model_.anomalies(),
                                      std::as_const(summaries.anomalies)}) {
    report.anomalies.Merge(counts);
  }
  const uint64_t given_up = model_.tasks().given_up();
  if (given_up > 0) report.anomalies.Add(Anomaly::kTaskLimit, given_up);
  if (retired_ > given_up) report.anomalies.Add(Anomaly::kTasksRetired, retired_ - given_up);
  if (findings_.beyond() > 0) report.anomalies.Add(Anomaly::kFindingsLimit, findings_.beyond());
  return report;
}

std::vector<uint8_t> CheckingEngine::Terms(size_t formats) const {
  ArchiveWriter archive;
  archive(options_.latency_threshold_ns, options_.sleep_threshold_ns, options_.hung_threshold_ns,
          options_.dispatch_tolerance_ns, options_.conservation_span_ns, options_.since_ns, options_.until_ns,
          options_.checks, options_.findings_max, options_.live);
  for (const CheckInfo& info : Checks()) archive(std::string(info.name));
  const std::vector<EventFormat>& events = input_.formats().events();
  for (size_t i = 0; i < formats && i < events.size(); ++i) archive(events[i].system, events[i].name);
  return archive.Take();
}

std::vector<uint8_t> CheckingEngine::Save() const {
  const size_t formats = std::min(counts_.size(), input_.formats().events().size());
  ArchiveWriter archive;
  Fields(*this, archive);
  archive(gaps_.size());
  for (const GapRecord& gap : gaps_) archive(gap.cpu, gap.start_ns, gap.end_ns, gap.lost, gap.cause);
  model_.Save(archive);
  wakes_.Save(archive);
  for (const auto& check : checks_) check->Save(archive);
  return SealCheckpoint({formats, Terms(formats), archive.Take()});
}

Status CheckingEngine::Load(Bytes checkpoint) {
  const auto opened = OpenCheckpoint(checkpoint, [this](size_t formats) { return Terms(formats); });
  if (!opened) return Fail(opened.error());
  ArchiveReader archive(*opened);
  Fields(*this, archive);
  size_t gaps = 0;
  for (archive(gaps); gaps > 0 && archive.ok(); --gaps) {
    GapRecord& gap = gaps_.emplace_back();
    archive(gap.cpu, gap.start_ns, gap.end_ns, gap.lost, gap.cause);
  }
  model_.Load(archive);
  wakes_.Load(archive);
  for (const auto& check : checks_) check->Load(archive);
  if (archive.ok() && archive.AtEnd()) return {};
  return Fail(Error{.code = ErrorCode::kCorrupt,
                    .cause = "the checkpoint contradicts itself",
                    .remedy = "replay the events from their start"});
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Create(const TraceInput& input, const EngineOptions& options) {
  if (auto known = CheckNames(options.checks); !known) return Fail(known.error());
  return std::make_unique<CheckingEngine>(input, options);
}

Result<std::unique_ptr<Engine>> Engine::Restore(const TraceInput& input, const EngineOptions& options,
                                                Bytes checkpoint) {
  if (auto known = CheckNames(options.checks); !known) return Fail(known.error());
  auto engine = std::make_unique<CheckingEngine>(input, options);
  if (auto loaded = engine->Load(checkpoint); !loaded) return Fail(loaded.error());
  return engine;
}

}  // namespace wakewatch
