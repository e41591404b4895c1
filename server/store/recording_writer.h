// Why: the writer behind RecordingWriter::Create, with the one limit that only tests and operators of small disks set.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"
#include "analysis/chunk/batch.h"
#include "server/store/recording.h"
#include "server/store/finding_query.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// `pages_max`: the file may not grow past this many SQLite pages; 0: as far as the disk goes.
Result<std::unique_ptr<RecordingWriter>> CreateRecording(const std::string& path, bool replace, int64_t pages_max);

// Replaces the summary and finding tables, inside the caller's transaction.
Status WriteReport(Database& db, const Report& report);
// Replaces the summary tables and leaves the findings.
Status WriteSummaries(Database& db, const Report& report);
// Adds findings. An id that is stored already is ignored, unless the stored one is open: then the new one takes its
// place. Answers how many ids were new.
Result<uint64_t> AddFindings(Database& db, std::span<const Finding> findings);
// Adds snapshots, each in the place of an earlier one of its finding and role.
Status AddSnapshots(Database& db, std::span<const FindingSnapshot> snapshots);

// A transaction that is undone unless Commit was reached.
class Transaction {
 public:
  static Result<Transaction> Begin(Database& db);
  Transaction(Transaction&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status Commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace wakewatch
