// Why: a trace that breaks a rule of the scheduler means that something is wrong: with the kernel, or with the trace,
// and then with every figure that rests on it. Counts, for each rule, how often it was checked and what its breaks
// mean, and makes a finding of each violation.
#pragma once

#include <array>

#include "analysis/checks/check.h"
#include "analysis/model/conformance.h"

namespace wakewatch {

class ModelViolation : public Check {
 public:
  explicit ModelViolation(const CheckInput& input);
  void OnStep(const Step& step) override { conformance_.OnStep(step); }
  void Summarise(uint64_t end_ns, Summaries* summaries) const override;
  void Finish(uint64_t end_ns) override;
  void Forget(const Task& task) override { conformance_.Forget(task); }
  void Save(ArchiveWriter& archive) const override;
  void Load(ArchiveReader& archive) override;

  static const CheckInfo kInfo;

 private:
  static constexpr size_t kPlacesMax = 1000;      // of a rule
  static constexpr uint64_t kFindingsMax = 1000;  // of a rule; the counts go on

  struct Tally {
    uint64_t violations = 0, missing = 0, artefacts = 0, voided = 0, findings = 0;
    std::vector<RulePlace> places;
    void Add(const RuleBreak& broken);
    static void Fields(auto& self, auto& archive) {
      archive(self.violations, self.missing, self.artefacts, self.voided, self.findings, self.places);
    }
  };
  void OnBreak(const RuleBreak& broken);

  const CheckInput input_;
  Conformance conformance_;
  std::array<Tally, kRuleCount> tallies_;
};

}  // namespace wakewatch
