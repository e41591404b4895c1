#include "analysis/checks/model_violation.h"

#include <string>
#include <utility>

namespace wakewatch {
namespace {

Finding FindingOf(const RuleBreak& broken) {
  const RuleInfo& rule = Info(broken.rule);
  Finding finding;
  finding.check = ModelViolation::kInfo.name;
  finding.cls = rule.name;
  finding.confidence = Confidence::kProven;
  finding.pid = broken.pid;
  finding.comm = broken.comm;
  finding.cpu = static_cast<int32_t>(broken.cpu);
  finding.start_ns = finding.end_ns = broken.ts_ns;
  if (broken.before_ns != 0) finding.evidence.push_back({broken.before_cpu, broken.before_ns, broken.before_event});
  finding.evidence.push_back({broken.cpu, broken.ts_ns, broken.event});
  finding.explanation = broken.text + ". The scheduler's rule: " + std::string(rule.title) +
                        ". No event was lost that could be why; see `wakewatch model` for what it may mean";
  return finding;
}

}  // namespace

const CheckInfo ModelViolation::kInfo = {
    "model-violation", "the trace breaks a rule of the scheduler, and nothing was lost that could be why",
    Conformance::EventTypes(),
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<ModelViolation>(input); }};

ModelViolation::ModelViolation(const CheckInput& input)
    : input_(input),
      conformance_(input.model, input.options.since_ns, input.options.until_ns,
                   [this](const RuleBreak& broken) { OnBreak(broken); }) {}

void ModelViolation::Tally::Add(const RuleBreak& broken) {
  switch (broken.verdict) {
    case RuleVerdict::kViolation: ++violations; break;
    case RuleVerdict::kMissing: ++missing; break;
    case RuleVerdict::kArtefact: ++artefacts; break;
    case RuleVerdict::kVoid: ++voided; break;
  }
  if (places.size() < kPlacesMax) {
    places.push_back({broken.verdict, broken.cpu, broken.ts_ns, broken.pid, broken.text});
  }
}

void ModelViolation::OnBreak(const RuleBreak& broken) {
  if (!input_.options.Inside(broken.ts_ns)) return;
  Tally& tally = tallies_[static_cast<size_t>(broken.rule)];
  tally.Add(broken);
  if (broken.verdict != RuleVerdict::kViolation || !Info(broken.rule).finding) return;
  if (tally.findings >= kFindingsMax) return;
  ++tally.findings;
  input_.findings.Add(FindingOf(broken), static_cast<uint64_t>(broken.rule));
}

void ModelViolation::Finish(uint64_t) { conformance_.Finish(); }

void ModelViolation::Summarise(uint64_t, Summaries* summaries) const {
  std::array<Tally, kRuleCount> tallies = tallies_;
  conformance_.ForEachOpen([&](const RuleBreak& broken) {
    if (input_.options.Inside(broken.ts_ns)) tallies[static_cast<size_t>(broken.rule)].Add(broken);
  });
  const Conformance::Checked checked = conformance_.checked();
  for (size_t i = 0; i < kRuleCount; ++i) {
    Tally& tally = tallies[i];
    summaries->rules.push_back({std::string(Rules()[i].name), checked[i], tally.violations, tally.missing,
                                tally.artefacts, tally.voided, std::move(tally.places)});
  }
}

void ModelViolation::Save(ArchiveWriter& archive) const {
  conformance_.Save(archive);
  archive(tallies_);
}

void ModelViolation::Load(ArchiveReader& archive) {
  conformance_.Load(archive);
  archive(tallies_);
}

}  // namespace wakewatch
