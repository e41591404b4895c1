#include "server/store/recording_row.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "server/store/new_part.h"
#include "server/store/part_files.h"
#include "server/store/schema.h"

namespace wakewatch {

Result<uint64_t> RealTime(const Database& db, uint64_t trace_ns) {
  auto nearest = db.Prepare("SELECT trace_ns, real_ns FROM main.clock_pair ORDER BY abs(trace_ns - ?1) LIMIT 1");
  if (!nearest) return tl::unexpected<Error>(std::move(nearest.error()));
  nearest->Bind(trace_ns);
  const auto row = nearest->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  return *row ? nearest->Unsigned(1) + (trace_ns - nearest->Unsigned(0)) : 0;
}

Result<PartSummary> SummarisePart(const Database& db) {
  PartSummary part;
  auto session = db.Prepare("SELECT host, boot_id, kernel FROM main.session ORDER BY id LIMIT 1");
  auto chunks = db.Prepare("SELECT count(*), min(first_ns), max(last_ns), sum(events) FROM main.chunk");
  if (!session || !chunks) return tl::unexpected<Error>(std::move(!session ? session.error() : chunks.error()));
  auto row = session->Step();
  if (!row) return tl::unexpected<Error>(std::move(row.error()));
  if (*row) {
    part.host = session->Text(0);
    part.boot_id = session->Text(1);
    part.kernel = session->Text(2);
  }
  row = chunks->Step();
  if (!row) return tl::unexpected<Error>(std::move(row.error()));
  const bool any = chunks->Integer(0) > 0;
  part.start_ns = any ? chunks->Unsigned(1) : UINT64_MAX;
  part.end_ns = any ? chunks->Unsigned(2) : 0;
  part.events = chunks->Unsigned(3);
  const std::pair<uint64_t*, const char*> counts[] = {
      {&part.findings, "SELECT count(*) FROM main.finding"},
      {&part.findings_open, "SELECT count(*) FROM main.finding WHERE open"},
      {&part.gaps, "SELECT count(*) FROM main.gap"},
      {&part.gaps_open, "SELECT count(*) FROM main.gap WHERE end_ns IS NULL"}};
  for (const auto& [count, sql] : counts) {
    const auto n = db.Integer(sql);
    if (!n) return tl::unexpected<Error>(n.error());
    *count = static_cast<uint64_t>(*n);
  }
  if (any) {
    const auto start = RealTime(db, part.start_ns), end = RealTime(db, part.end_ns);
    if (!start || !end) return tl::unexpected<Error>(!start ? start.error() : end.error());
    part.start_real_ns = *start;
    part.end_real_ns = *end;
  }
  const auto trimmed = GetMeta(db, "trimmed"), ended = GetMeta(db, "ended");
  if (!trimmed || !ended) return tl::unexpected<Error>(!trimmed ? trimmed.error() : ended.error());
  part.trimmed = !trimmed->empty();
  part.ended = !ended->empty();
  part.bytes = BytesOf(db.path());
  return part;
}

Result<PartSummary> SummarisePart(const std::string& path) {
  auto db = OpenRecordingFile(path);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  return SummarisePart(*db);
}

RecordingRow MakeRow(const std::string& folder, const std::vector<PartSummary>& parts) {
  RecordingRow row;
  const std::filesystem::path path(folder);
  row.id = path.filename().string();
  row.host = path.parent_path().filename().string();
  row.start_ns = UINT64_MAX;
  for (const PartSummary& part : parts) {
    // The folder decides where a recording is looked for.
    if (FolderName(part.host) == path.parent_path().filename()) row.host = part.host;
    row.boot_id = part.boot_id;
    row.kernel = part.kernel;
    if (row.start_ns == UINT64_MAX) row.start_real_ns = part.start_real_ns;
    row.start_ns = std::min(row.start_ns, part.start_ns);
    row.end_ns = std::max(row.end_ns, part.end_ns);
    if (part.end_real_ns != 0) row.end_real_ns = part.end_real_ns;
    row.events += part.events;
    row.bytes += part.bytes;
    const bool last = &part == &parts.back();
    row.findings += last ? part.findings : part.findings - part.findings_open;
    row.gaps += last ? part.gaps : part.gaps - part.gaps_open;
    row.trimmed |= part.trimmed;
    ++row.parts;
  }
  if (row.start_ns == UINT64_MAX) row.start_ns = 0;
  return row;
}

}  // namespace wakewatch
