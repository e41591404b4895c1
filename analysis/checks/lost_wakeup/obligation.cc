#include "analysis/checks/lost_wakeup/obligation.h"

namespace wakewatch {

void ObligationLedger::Summarise(bool finished, std::vector<ObligationSummary>* summaries) const {
  for (size_t i = 0; i < counts_.size(); ++i) {
    const Counts& counts = counts_[i];
    if (counts.opened == 0) continue;
    const auto ended = [&counts](Outcome outcome) { return counts.ended[static_cast<size_t>(outcome)]; };
    ObligationSummary& summary = summaries->emplace_back();
    summary.cls = Name(static_cast<LostClass>(i));
    summary.opened = counts.opened;
    summary.discharged = ended(Outcome::kDischarged);
    summary.late = ended(Outcome::kLate);
    summary.expired = ended(Outcome::kExpired);
    summary.voided = ended(Outcome::kVoid);
    summary.unlearned = ended(Outcome::kUnlearned);
    uint64_t over = 0;
    for (const uint64_t count : counts.ended) over += count;
    (finished ? summary.censored : summary.open) = counts.opened - over;
  }
}

void Deadlines::Save(ArchiveWriter& archive) const {
  auto queue = queue_;
  std::vector<Deadline> ahead;
  for (; !queue.empty(); queue.pop()) ahead.push_back(queue.top());
  archive(ahead);
}

void Deadlines::Load(ArchiveReader& archive) {
  std::vector<Deadline> ahead;
  archive(ahead);
  queue_ = {};
  for (const Deadline& deadline : ahead) queue_.push(deadline);
  next_ns_ = queue_.empty() ? UINT64_MAX : queue_.top().ns;
}

}  // namespace wakewatch
