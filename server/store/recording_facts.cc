#include "server/store/recording_facts.h"

#include <algorithm>
#include <utility>

#include "server/store/schema.h"

namespace wakewatch {
namespace {

// What is open at a part's end is in the next part too.
Status CountFindings(const Database& db, bool last, FindingsByConfidence* findings) {
  auto rows = db.Prepare("SELECT confidence, count(*) FROM main.finding WHERE open = 0 OR ?1 GROUP BY confidence");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  rows->Bind(last ? 1 : 0);
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    const std::string name = rows->Text(0);
    for (size_t i = 0; i < findings->size(); ++i) {
      if (name == Name(static_cast<Confidence>(i))) (*findings)[i] += rows->Unsigned(1);
    }
  }
}

// A gap that is open at a part's end is in the next part too.
Status CountLosses(const Database& db, bool last, RecordingFacts* facts) {
  auto rows =
      db.Prepare("SELECT coalesce(sum(lost), 0), count(*) - count(lost) FROM main.gap WHERE end_ns IS NOT NULL OR ?1");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  rows->Bind(last ? 1 : 0);
  const auto row = rows->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  facts->lost_events += rows->Unsigned(0);
  facts->lost_unknown |= rows->Unsigned(1) > 0;
  return {};
}

Status ReadSession(const Database& db, RecordingFacts* facts) {
  auto rows = db.Prepare("SELECT cpus, collector_version FROM main.session ORDER BY id LIMIT 1");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  const auto row = rows->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  if (!*row) return {};
  facts->cpus = static_cast<uint32_t>(rows->Unsigned(0));
  facts->collector_version = rows->Text(1);
  return {};
}

// A part does not name threads that were gone when it began.
Status ReadExcess(const Database& db, RecordingFacts* facts) {
  const auto excess_ns =
      db.Integer("SELECT coalesce(max(excess_latency_max_ns), 0) FROM main.thread_summary WHERE kernel_thread = 1");
  if (!excess_ns) return tl::unexpected<Error>(excess_ns.error());
  facts->worst.excess_ns = std::max(facts->worst.excess_ns, static_cast<uint64_t>(std::max<int64_t>(0, *excess_ns)));
  return {};
}

}  // namespace

Result<RecordingFacts> ReadFacts(const std::vector<std::string>& parts) {
  RecordingFacts facts;
  for (size_t part = 0; part < parts.size(); ++part) {
    const bool last = part + 1 == parts.size();
    const auto db = OpenRecordingFile(parts[part]);
    if (!db) return tl::unexpected<Error>(db.error());
    STORE_TRY(CountFindings(*db, last, &facts.worst.findings));
    STORE_TRY(CountLosses(*db, last, &facts));
    STORE_TRY(ReadExcess(*db, &facts));
    STORE_TRY(ReadSession(*db, &facts));
  }
  return facts;
}

}  // namespace wakewatch
