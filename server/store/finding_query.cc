#include "server/store/finding_query.h"

#include <algorithm>
#include <set>
#include <utility>

#include "server/store/schema.h"
#include "server/store/sqlite.h"

namespace wakewatch {
namespace {

constexpr const char* kWhere =
    " FROM main.finding WHERE (?1 = '' OR id = ?1) AND (?2 = '' OR check_name = ?2) AND (?3 = '' OR class = ?3)"
    " AND (?4 = 0 OR pid = ?4) AND start_ns BETWEEN ?5 AND ?6"
    " AND CASE confidence WHEN 'proven' THEN 2 WHEN 'strong' THEN 1 ELSE 0 END >= ?7 AND (?8 = 0 OR kind <> 'user')";

Confidence ConfidenceOf(std::string_view name) {
  for (const Confidence confidence : {Confidence::kProven, Confidence::kStrong}) {
    if (name == Name(confidence)) return confidence;
  }
  return Confidence::kSuspicious;
}

void BindFilter(const FindingFilter& filter, Statement* statement) {
  const auto signed_ns = [](uint64_t ns) { return static_cast<int64_t>(std::min<uint64_t>(ns, INT64_MAX)); };
  statement->Bind(filter.id, filter.check, filter.cls, filter.pid, signed_ns(filter.since_ns),
                  signed_ns(filter.until_ns), static_cast<int>(filter.confidence_min), filter.kernel_only);
}

Finding ReadFinding(const Statement& row) {
  Finding finding;
  finding.id = row.Text(0);
  finding.group_id = row.Text(1);
  finding.check = row.Text(2);
  finding.cls = row.Text(3);
  finding.confidence = ConfidenceOf(row.Text(4));
  finding.pid = static_cast<int32_t>(row.Integer(5));
  finding.comm = row.Text(6);
  finding.cpu = row.IsNull(7) ? -1 : static_cast<int32_t>(row.Integer(7));
  finding.start_ns = row.Unsigned(8);
  finding.end_ns = row.Unsigned(9);
  finding.waited_ns = row.Unsigned(10);
  finding.waker_pid = row.IsNull(11) ? -1 : static_cast<int32_t>(row.Integer(11));
  finding.waker_comm = row.Text(12);
  finding.explanation = row.Text(13);
  finding.kind = row.Text(14);
  return finding;
}

Status ReadEvidence(const Database& db, Finding* finding) {
  auto rows = db.Prepare("SELECT cpu, ts_ns, event FROM main.finding_evidence WHERE finding_id = ?1 ORDER BY position");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  rows->Bind(finding->id);
  while (true) {
    const auto row = rows->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    finding->evidence.push_back({static_cast<uint32_t>(rows->Integer(0)), rows->Unsigned(1), rows->Text(2)});
  }
}

Status ReadPart(const std::string& part, const FindingFilter& filter, std::set<std::string>* ids, FindingPage* page) {
  auto db = OpenRecordingFile(part, Database::Threads::kOneThread);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  auto count = db->Prepare(std::string("SELECT count(*)") + kWhere);
  if (!count) return tl::unexpected<Error>(std::move(count.error()));
  BindFilter(filter, &*count);
  if (const auto row = count->Step(); !row) return tl::unexpected<Error>(row.error());
  page->total += count->Unsigned(0);
  auto rows = db->Prepare(
      std::string("SELECT id, group_id, check_name, class, confidence, pid, comm, cpu, start_ns, end_ns, waited_ns, "
                  "waker_pid, waker_comm, explanation, kind") +
      kWhere + (filter.worst_first ? " ORDER BY waited_ns DESC, start_ns DESC, id" : " ORDER BY start_ns DESC, id") +
      " LIMIT ?9");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  BindFilter(filter, &*rows);
  sqlite3_bind_int64(rows->get(), 9, static_cast<int64_t>(filter.limit));
  std::vector<Finding> found;
  while (true) {
    const auto row = rows->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    if (ids->insert(rows->Text(0)).second) found.push_back(ReadFinding(*rows));
  }
  for (Finding& finding : found) {
    if (auto status = ReadEvidence(*db, &finding); !status) return status;
    page->findings.push_back(std::move(finding));
  }
  return {};
}

}  // namespace

bool FindingFilter::Matches(const Finding& finding) const {
  return (id.empty() || finding.id == id) && (check.empty() || finding.check == check) &&
         (cls.empty() || finding.cls == cls) && finding.confidence >= confidence_min &&
         (pid == 0 || finding.pid == pid) && (!kernel_only || finding.kind != "user") && finding.start_ns >= since_ns &&
         finding.start_ns <= until_ns;
}

bool FindingFilter::Before(const Finding& a, const Finding& b) const {
  if (worst_first && a.waited_ns != b.waited_ns) return a.waited_ns > b.waited_ns;
  return a.start_ns != b.start_ns ? a.start_ns > b.start_ns : a.id < b.id;
}

Result<FindingPage> QueryFindings(const std::vector<std::string>& parts, const FindingFilter& filter) {
  FindingPage page;
  std::set<std::string> ids;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (auto status = ReadPart(*part, filter, &ids, &page); !status) return Fail(status.error());
  }
  std::sort(page.findings.begin(), page.findings.end(),
            [&](const Finding& a, const Finding& b) { return filter.Before(a, b); });
  if (page.findings.size() > filter.limit) page.findings.resize(filter.limit);
  return page;
}

}  // namespace wakewatch
