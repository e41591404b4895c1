#include "server/store/recording_worst.h"

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

}  // namespace

Result<RecordingWorst> ReadWorst(const std::vector<std::string>& parts) {
  RecordingWorst worst;
  for (size_t part = 0; part < parts.size(); ++part) {
    const bool last = part + 1 == parts.size();
    const auto db = OpenRecordingFile(parts[part]);
    if (!db) return tl::unexpected<Error>(db.error());
    STORE_TRY(CountFindings(*db, last, &worst.findings));
    if (!last) continue;
    const auto excess_ns =
        db->Integer("SELECT coalesce(max(excess_latency_max_ns), 0) FROM main.thread_summary WHERE kernel_thread = 1");
    if (!excess_ns) return tl::unexpected<Error>(excess_ns.error());
    worst.excess_ns = static_cast<uint64_t>(std::max<int64_t>(0, *excess_ns));
  }
  return worst;
}

}  // namespace wakewatch
