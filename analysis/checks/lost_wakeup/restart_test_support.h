// Why: what a rule keeps must survive a restart between any two events. A RestartedRun plays a story so that the model,
// the wakes and the check are saved and loaded into new ones after every single event. Not part of the checks.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"
#include "analysis/checks/lost_wakeup/lost_wakeup.h"

namespace wakewatch {

// The check of lost wakeups over stories, with a sleep threshold of 100 ms.
class LostWakeupRun : public CheckRun {
 public:
  LostWakeupRun() : CheckRun(LostWakeup::kInfo) {}
  // "opened 3, discharged 2, expired 1": of one class, without what is 0.
  std::string Ended(const std::string& cls) const {
    for (const ObligationSummary& one : summaries().obligations) {
      if (one.cls != cls) continue;
      std::string text = "opened " + std::to_string(one.opened);
      const auto add = [&text](const char* name, uint64_t count) {
        if (count > 0) text += std::string(", ") + name + " " + std::to_string(count);
      };
      add("discharged", one.discharged);
      add("late", one.late);
      add("expired", one.expired);
      add("censored", one.censored);
      add("void", one.voided);
      add("unlearned", one.unlearned);
      return text;
    }
    return "";
  }
  // Of one class, the last word on each occurrence: "proven 7 100..300 open; ".
  std::string Said(const std::string& cls) const { return SaidOf(findings(), cls); }
  static std::string SaidOf(const std::vector<Finding>& findings, const std::string& cls) {
    std::string said;
    for (size_t i = 0; i < findings.size(); ++i) {
      const Finding& one = findings[i];
      bool last = one.cls == cls;
      for (size_t k = i + 1; k < findings.size(); ++k) last = last && findings[k].id != one.id;
      if (!last) continue;
      said += std::string(Name(one.confidence)) + " " + std::to_string(one.pid) + " " + std::to_string(one.start_ns) +
              ".." + std::to_string(one.end_ns) + (one.open ? " open; " : "; ");
    }
    return said;
  }

  // As Said, of the same events with a restart after each.
  std::string SaidWithRestarts(const std::vector<Event>& events, const std::string& cls) {
    return SaidOf(FindingsWithRestarts(events), cls);
  }
  // Empty, and the test fails, where a checkpoint cannot be read back.
  std::vector<Finding> FindingsWithRestarts(const std::vector<Event>& events) {
    Sink sink;
    auto parts = std::make_unique<Parts>(input(), options(), sink);
    uint64_t end_ns = 0;
    for (const Event& event : events) {
      if (event.ts_ns > parts->alarm.ns) parts->check->OnAlarm(event.ts_ns);
      const Step& step = parts->model.Apply(event);
      parts->wakes.OnStep(step);
      if (event.type != EventType::kGap) end_ns = event.ts_ns;
      for (const EventType type : LostWakeup::kInfo.events) {
        if (type == event.type) parts->check->OnStep(step);
      }
      ArchiveWriter writer;
      parts->model.Save(writer);
      parts->wakes.Save(writer);
      parts->check->Save(writer);
      const std::vector<uint8_t> saved = writer.Take();
      parts = std::make_unique<Parts>(input(), options(), sink);
      ArchiveReader reader(saved);
      parts->model.Load(reader);
      parts->wakes.Load(reader);
      parts->check->Load(reader);
      EXPECT_TRUE(reader.ok() && reader.AtEnd()) << "the checkpoint after " << event.ts_ns;
      if (!reader.ok() || !reader.AtEnd()) return {};
    }
    parts->check->Finish(end_ns);
    return sink.findings;
  }

 private:
  struct Sink : FindingSink {
    using FindingSink::Add;
    void Add(Finding&& finding, uint64_t object) override {
      finding.Seal(object);
      findings.push_back(std::move(finding));
    }
    std::vector<Finding> findings;
  };
  struct Parts {
    Parts(const ScriptInput& input, const CheckOptions& options, FindingSink& sink)
        : model(input),
          wakes(model, input.symbols()),
          check(LostWakeup::kInfo.make({input.symbols(), model, options, sink, wakes, input.formats(), alarm})) {}
    SchedModel model;
    WakeHistory wakes;
    Alarm alarm;
    std::unique_ptr<Check> check;
  };
};

}  // namespace wakewatch
