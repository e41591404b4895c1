// Why: tests of what becomes of findings that go on need findings that do, at points of the trace that the test knows.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/archive.h"
#include "server/live/live_session.h"

namespace wakewatch::live_test {

// An engine that adds findings of its own: every 300 events a sleep is suspected, which ends some events later, or
// never.
class OpenFindingsEngine : public Engine {
 public:
  static EngineMaker Maker(std::string check = "lost-wakeup") {
    return [check](const TraceInput& input, const EngineOptions& options,
                   const std::vector<uint8_t>* checkpoint) -> Result<std::unique_ptr<Engine>> {
      auto engine = std::make_unique<OpenFindingsEngine>();
      engine->check_ = check;
      std::vector<uint8_t> inner;
      if (checkpoint != nullptr) {
        ArchiveReader archive(*checkpoint);
        archive(inner, engine->events_, engine->sleeps_);
        if (!archive.ok()) return tl::unexpected<Error>(Error{.code = ErrorCode::kCorrupt, .cause = "no checkpoint"});
      }
      auto made = MakeEngine(input, options, checkpoint == nullptr ? nullptr : &inner);
      if (!made) return made;
      engine->inner_ = std::move(*made);
      return engine;
    };
  }

  void Push(const Event& event) override {
    inner_->Push(event);
    if (event.type == EventType::kGap) return;  // where a gap stands depends on how the batches were cut
    if (++events_ % kEvery == 0) {
      sleeps_[events_] = event.ts_ns;
      Add(events_, event.ts_ns, event.ts_ns + 1, true);
    }
    for (auto at = sleeps_.begin(); at != sleeps_.end();) {
      if (events_ < at->first + LengthOf(at->first)) {
        ++at;
        continue;
      }
      Add(at->first, at->second, event.ts_ns, false);
      at = sleeps_.erase(at);
    }
  }
  Report Finish(const AnomalyCounts& readers) override {
    std::vector<Finding> own = std::exchange(found_, {});
    Report report = inner_->Finish(readers);
    report.findings.insert(report.findings.end(), own.begin(), own.end());
    return report;
  }
  Report Snapshot(const AnomalyCounts& readers) const override { return inner_->Snapshot(readers); }
  std::vector<Finding> TakeFindings() override {
    std::vector<Finding> found = inner_->TakeFindings();
    for (Finding& finding : std::exchange(found_, {})) found.push_back(std::move(finding));
    return found;
  }
  // Findings are taken before it is saved.
  std::vector<uint8_t> Save() const override {
    ArchiveWriter archive;
    archive(inner_->Save(), events_, sleeps_);
    return archive.Take();
  }

 private:
  static constexpr uint64_t kEvery = 300;
  static uint64_t LengthOf(uint64_t begin) { return begin / kEvery % 5 == 4 ? UINT64_MAX / 2 : begin * 7 % 9001 + 1; }

  void Add(uint64_t begin, uint64_t start_ns, uint64_t end_ns, bool open) {
    Finding finding;
    finding.check = check_;
    finding.cls = open ? "undecided" : "timer-lost";
    finding.confidence = Confidence::kSuspicious;
    finding.pid = static_cast<int32_t>(begin);
    finding.waker_pid = 7;
    finding.start_ns = start_ns;
    finding.end_ns = end_ns;
    finding.waited_ns = end_ns - start_ns;
    finding.rule = "a rule";
    finding.open = open;
    finding.evidence = {{0, start_ns, "slept"}};
    if (!open) finding.evidence.push_back({0, end_ns, "woken"});
    finding.Seal(0);
    for (Finding& known : found_) {
      if (known.id != finding.id) continue;
      known = std::move(finding);
      return;
    }
    found_.push_back(std::move(finding));
  }

  std::string check_;
  std::unique_ptr<Engine> inner_;
  uint64_t events_ = 0;
  std::map<uint64_t, uint64_t> sleeps_;  // by the number of their first event: when they began
  std::vector<Finding> found_;
};

}  // namespace wakewatch::live_test
