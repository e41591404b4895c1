#include "server/store/finding_query.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "server/store/schema.h"
#include "server/store/sqlite.h"

namespace wakewatch {
namespace {

constexpr const char* kWhere =
    " FROM main.finding WHERE (?1 = '' OR id = ?1) AND (?2 = '' OR check_name = ?2) AND (?3 = '' OR class = ?3)"
    " AND (?4 = 0 OR pid = ?4) AND start_ns BETWEEN ?5 AND ?6"
    " AND CASE confidence WHEN 'proven' THEN 2 WHEN 'strong' THEN 1 ELSE 0 END >= ?7 AND (?8 = 0 OR kind <> 'user')"
    " AND (?9 = '' OR group_id = ?9) AND open BETWEEN ?10 AND ?11"
    " AND id NOT IN (SELECT value FROM json_each(?12)) AND group_id NOT IN (SELECT value FROM json_each(?13))";
constexpr int kLimitParameter = 14;
constexpr const char* kColumns =
    "id, group_id, check_name, class, confidence, pid, comm, cpu, start_ns, end_ns, waited_ns, waker_pid, waker_comm, "
    "explanation, kind, rule, assumption, would_raise, open";

Confidence ConfidenceOf(std::string_view name) {
  for (const Confidence confidence : {Confidence::kProven, Confidence::kStrong}) {
    if (name == Name(confidence)) return confidence;
  }
  return Confidence::kSuspicious;
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
  finding.rule = row.Text(15);
  finding.assumption = row.Text(16);
  finding.would_raise = row.Text(17);
  finding.open = row.Integer(18) != 0;
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

constexpr const char* kSnapshots =
    "SELECT role, pid, ts_ns, stack, wchan, status, error, finding_id FROM main.finding_snapshot";

void AddSnapshot(const Statement& row, Finding* finding) {
  const std::string role = row.Text(0);
  const auto same = [&](const ProcSnapshot& other) { return other.role == role; };
  if (std::any_of(finding->snapshots.begin(), finding->snapshots.end(), same)) return;
  finding->snapshots.push_back({static_cast<int32_t>(row.Integer(1)), role, row.Unsigned(2), row.Text(3), row.Text(4),
                                row.Text(5), row.Text(6)});
}

Status ReadSnapshots(const Database& db, Finding* finding) {
  auto rows = db.Prepare(std::string(kSnapshots) + " WHERE finding_id = ?1 ORDER BY role");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  rows->Bind(finding->id);
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    AddSnapshot(*rows, finding);
  }
}

// Ids are letters, digits, '-' and '_'.
std::string JsonOf(const std::set<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "\"" : ",\"") + id + '"';
  return "[" + text + "]";
}

// A recording's findings: those of its parts, one part after the other from the newest on, and newer ones.
class Search {
 public:
  Search(const std::vector<std::string>& parts, const FindingFilter& filter)
      : parts_(parts), filter_(filter), without_groups_(JsonOf(filter.without_groups)) {}

  // Decides which of them take the place of what is stored.
  Status Take(std::span<const Finding> newer);
  const std::map<std::string, const Finding*>& newer() const { return newer_; }

  // Calls `visit` with each part, open to read.
  template <typename Visit>
  Status EachPart(const Visit& visit) {
    behind_.reset();
    for (size_t i = parts_.size(); i-- > 0;) {
      auto db = OpenRecordingFile(parts_[i], Database::Threads::kOneThread);
      if (!db) return tl::unexpected<Error>(std::move(db.error()));
      last_ = i + 1 == parts_.size();
      if (auto status = visit(*db); !status) return status;
      behind_ = std::move(*db);
    }
    return {};
  }
  // A query of the part at hand for what the filter lets through; `sql` stands around the condition.
  Result<Statement> Prepare(const Database& db, const std::string& columns, const std::string& order) const;
  // The finding's evidence, and its snapshots, which may have come when the next part had begun.
  Status Complete(const Database& db, Finding* finding) const;

 private:
  const std::vector<std::string>& parts_;
  const FindingFilter& filter_;
  std::map<std::string, const Finding*> newer_;  // by id
  std::string superseded_ = "[]";                // their ids, as JSON
  const std::string without_groups_;             // as JSON
  bool last_ = true;
  std::optional<Database> behind_;  // the part behind the one at hand
};

Status Search::Take(std::span<const Finding> newer) {
  for (const Finding& finding : newer) {
    const auto [at, added] = newer_.try_emplace(finding.id, &finding);
    if (!added && at->second->open) at->second = &finding;
  }
  if (newer_.empty()) return {};
  const auto ended = [this](const Database& db) -> Status {
    auto known = db.Prepare("SELECT 1 FROM main.finding WHERE id = ?1 AND NOT open");
    if (!known) return tl::unexpected<Error>(std::move(known.error()));
    for (auto at = newer_.begin(); at != newer_.end();) {
      known->Reset();
      known->Bind(at->first);
      const auto row = known->Step();
      if (!row) return tl::unexpected<Error>(row.error());
      at = *row ? newer_.erase(at) : std::next(at);
    }
    return {};
  };
  if (auto status = EachPart(ended); !status) return status;
  superseded_ = "[";
  for (const auto& [id, finding] : newer_) superseded_ += (superseded_.size() == 1 ? "\"" : ",\"") + id + '"';
  superseded_ += ']';
  return {};
}

Result<Statement> Search::Prepare(const Database& db, const std::string& columns, const std::string& order) const {
  auto statement = db.Prepare("SELECT " + columns + kWhere + order);
  if (!statement) return statement;
  const auto signed_ns = [](uint64_t ns) { return static_cast<int64_t>(std::min<uint64_t>(ns, INT64_MAX)); };
  // What is open where a part ends was carried into the next.
  statement->Bind(filter_.id, filter_.check, filter_.cls, filter_.pid, signed_ns(filter_.since_ns),
                  signed_ns(filter_.until_ns), static_cast<int>(filter_.confidence_min), filter_.kernel_only,
                  filter_.group, filter_.open_only, last_, superseded_, without_groups_);
  return statement;
}

Status Search::Complete(const Database& db, Finding* finding) const {
  STORE_TRY(ReadEvidence(db, finding));
  STORE_TRY(ReadSnapshots(db, finding));
  return behind_ ? ReadSnapshots(*behind_, finding) : Status();
}

// Puts findings together to groups, of which it keeps figures and the id of the worst.
class Grouping {
 public:
  struct Row {
    std::string_view group_id, id;
    uint64_t start_ns = 0, waited_ns = 0;
    Confidence confidence = Confidence::kSuspicious;
    bool open = false;
  };
  void Add(const Row& row) {
    const auto [at, added] = groups_.try_emplace(std::string(row.group_id));
    StoredFindingGroup& group = at->second;
    if (added) group.first_ns = row.start_ns;
    group.first_ns = std::min(group.first_ns, row.start_ns);
    group.last_ns = std::max(group.last_ns, row.start_ns);
    group.confidence = std::max(group.confidence, row.confidence);
    group.open += row.open ? 1 : 0;
    ++group.count;
    if (!added && row.waited_ns <= group.worst.waited_ns) return;
    group.worst.id = row.id;
    group.worst.waited_ns = row.waited_ns;
  }
  FindingGroupPage Finish(const FindingFilter& filter) {
    FindingGroupPage page;
    page.total = groups_.size();
    for (auto& [id, group] : groups_) {
      page.findings += group.count;
      page.groups.push_back(std::move(group));
    }
    std::sort(page.groups.begin(), page.groups.end(), [&](const StoredFindingGroup& a, const StoredFindingGroup& b) {
      const uint64_t left = filter.worst_first ? a.worst.waited_ns : a.last_ns;
      const uint64_t right = filter.worst_first ? b.worst.waited_ns : b.last_ns;
      return left != right ? left > right : a.worst.id < b.worst.id;
    });
    if (page.groups.size() > filter.limit) page.groups.resize(filter.limit);
    return page;
  }

 private:
  std::unordered_map<std::string, StoredFindingGroup> groups_;
};

Status AddRows(const Search& search, const Database& db, std::set<std::string>* ids, Grouping* grouping) {
  auto rows = search.Prepare(db, "group_id, id, start_ns, waited_ns, confidence, open", "");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    const std::string group = rows->Text(0), id = rows->Text(1);
    if (!ids->insert(id).second) continue;
    grouping->Add(
        {group, id, rows->Unsigned(2), rows->Unsigned(3), ConfidenceOf(rows->Text(4)), rows->Integer(5) != 0});
  }
}

Status ReadPart(const Search& search, const Database& db, const FindingFilter& filter, std::set<std::string>* ids,
                FindingPage* page) {
  auto count = search.Prepare(db, "count(*)", "");
  if (!count) return tl::unexpected<Error>(std::move(count.error()));
  if (const auto row = count->Step(); !row) return tl::unexpected<Error>(row.error());
  page->total += count->Unsigned(0);
  auto rows = search.Prepare(
      db, kColumns,
      std::string(filter.worst_first ? " ORDER BY waited_ns DESC, start_ns DESC, id" : " ORDER BY start_ns DESC, id") +
          " LIMIT ?" + std::to_string(kLimitParameter));
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  const auto limit = static_cast<int64_t>(std::min<uint64_t>(filter.limit, INT64_MAX));
  sqlite3_bind_int64(rows->get(), kLimitParameter, limit);
  std::vector<Finding> found;
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    if (ids->insert(rows->Text(0)).second) found.push_back(ReadFinding(*rows));
  }
  for (Finding& finding : found) {
    STORE_TRY(search.Complete(db, &finding));
    page->findings.push_back(std::move(finding));
  }
  return {};
}

// The worst of each group, as far as this part has them.
Status FillWorst(const Search& search, const Database& db, std::vector<StoredFindingGroup>* groups) {
  auto rows = db.Prepare(std::string("SELECT ") + kColumns + " FROM main.finding WHERE id = ?1");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  for (StoredFindingGroup& group : *groups) {
    if (!group.worst.group_id.empty()) continue;  // a newer one, or out of a later part
    rows->Reset();
    rows->Bind(group.worst.id);
    const auto row = rows->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) continue;
    group.worst = ReadFinding(*rows);
    STORE_TRY(search.Complete(db, &group.worst));
  }
  return {};
}

}  // namespace

bool FindingFilter::Matches(const Finding& finding) const {
  return (id.empty() || finding.id == id) && (group.empty() || finding.group_id == group) &&
         !without_groups.contains(finding.group_id) && (check.empty() || finding.check == check) &&
         (cls.empty() || finding.cls == cls) && finding.confidence >= confidence_min &&
         (pid == 0 || finding.pid == pid) && (!kernel_only || finding.kind != "user") && (!open_only || finding.open) &&
         finding.start_ns >= since_ns && finding.start_ns <= until_ns;
}

bool FindingFilter::Before(const Finding& a, const Finding& b) const {
  if (worst_first && a.waited_ns != b.waited_ns) return a.waited_ns > b.waited_ns;
  return a.start_ns != b.start_ns ? a.start_ns > b.start_ns : a.id < b.id;
}

Result<FindingPage> QueryFindings(const std::vector<std::string>& parts, const FindingFilter& filter,
                                  std::span<const Finding> newer) {
  Search search(parts, filter);
  if (auto status = search.Take(newer); !status) return Fail(status.error());
  FindingPage page;
  std::set<std::string> ids;
  const auto read = [&](const Database& db) { return ReadPart(search, db, filter, &ids, &page); };
  if (auto status = search.EachPart(read); !status) return Fail(status.error());
  for (const auto& [id, finding] : search.newer()) {
    if (!filter.Matches(*finding)) continue;
    ++page.total;
    page.findings.push_back(*finding);
  }
  std::sort(page.findings.begin(), page.findings.end(),
            [&](const Finding& a, const Finding& b) { return filter.Before(a, b); });
  if (page.findings.size() > filter.limit) page.findings.resize(filter.limit);
  return page;
}

Result<FindingGroupPage> QueryFindingGroups(const std::vector<std::string>& parts, const FindingFilter& filter,
                                            std::span<const Finding> newer) {
  Search search(parts, filter);
  if (auto status = search.Take(newer); !status) return Fail(status.error());
  Grouping grouping;
  std::set<std::string> ids;
  const auto add = [&](const Database& db) { return AddRows(search, db, &ids, &grouping); };
  if (auto status = search.EachPart(add); !status) return Fail(status.error());
  for (const auto& [id, finding] : search.newer()) {
    if (!filter.Matches(*finding)) continue;
    grouping.Add({finding->group_id, id, finding->start_ns, finding->waited_ns, finding->confidence, finding->open});
  }
  FindingGroupPage page = grouping.Finish(filter);
  for (StoredFindingGroup& group : page.groups) {
    const auto newest = search.newer().find(group.worst.id);
    if (newest != search.newer().end()) group.worst = *newest->second;
  }
  const auto fill = [&](const Database& db) { return FillWorst(search, db, &page.groups); };
  if (auto status = search.EachPart(fill); !status) return Fail(status.error());
  return page;
}

void AttachSnapshots(const std::vector<std::string>& parts, std::vector<Finding>* findings) {
  std::unordered_map<std::string_view, Finding*> by_id;
  for (Finding& finding : *findings) by_id.emplace(finding.id, &finding);
  for (const std::string& part : parts) {
    auto db = OpenRecordingFile(part);
    if (!db) continue;
    auto rows = db->Prepare(std::string(kSnapshots) + " ORDER BY role");
    if (!rows) continue;
    for (auto row = rows->Step(); row && *row; row = rows->Step()) {
      const auto of = by_id.find(rows->Text(7));
      if (of != by_id.end()) AddSnapshot(*rows, of->second);
    }
  }
}

}  // namespace wakewatch
