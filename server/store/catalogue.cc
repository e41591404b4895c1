#include "server/store/catalogue.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>

#include <sys/stat.h>
#include <xxhash.h>

#include "server/store/part_files.h"
#include "server/store/quarantine.h"
#include "server/store/schema.h"
#include "server/store/session_store.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

// A file of another version is thrown away.
constexpr int kCatalogueVersion = 1;
constexpr const char* kSchema = R"sql(
CREATE TABLE recording(
  host TEXT NOT NULL, id TEXT NOT NULL, boot_id TEXT NOT NULL, kernel TEXT NOT NULL,
  start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, start_real_ns INTEGER NOT NULL, end_real_ns INTEGER NOT NULL,
  events INTEGER NOT NULL, bytes INTEGER NOT NULL, parts INTEGER NOT NULL, findings INTEGER NOT NULL,
  gaps INTEGER NOT NULL, trimmed INTEGER NOT NULL,
  stamp INTEGER NOT NULL,           -- of its files when the row was made
  PRIMARY KEY(host, id)) WITHOUT ROWID;
)sql";
constexpr const char* kColumns =
    "host, id, boot_id, kernel, start_ns, end_ns, start_real_ns, end_real_ns, events, bytes, parts, findings, gaps, "
    "trimmed, stamp";

// A number that changes with the files of a recording.
uint64_t StampOf(const std::string& folder) {
  std::string text;
  for (const std::string& part : Parts(folder)) {
    for (const char* suffix : {"", "-wal"}) {
      struct stat about {};
      if (stat((part + suffix).c_str(), &about) != 0) continue;
      for (const int64_t number :
           {static_cast<int64_t>(about.st_ino), static_cast<int64_t>(about.st_size),
            static_cast<int64_t>(about.st_mtim.tv_sec), static_cast<int64_t>(about.st_mtim.tv_nsec)}) {
        text += std::to_string(number) + " ";
      }
    }
    text += part;
  }
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace

Result<std::unique_ptr<Catalogue>> Catalogue::Open(const std::string& data_folder, CheckDepth depth) {
  STORE_TRY(MakeFolders(HostsFolder(data_folder)));
  std::unique_ptr<Catalogue> catalogue(new Catalogue(data_folder));
  std::map<Key, std::pair<RecordingRow, uint64_t>> known;
  auto opened = catalogue->OpenFile();
  if (opened) opened = catalogue->LoadFile(&known);
  if (!opened) {
    catalogue->warnings_.push_back("the catalogue is made again: " + opened.error().Text());
    known.clear();
    catalogue->db_ = Database();
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::error_code ignored;
      fs::remove_all(data_folder + "/catalogue.db" + suffix, ignored);
    }
    if (opened = catalogue->OpenFile(); !opened) {
      catalogue->db_ = Database();
      catalogue->warnings_.push_back("the catalogue is kept in memory only: " + opened.error().Text());
    }
  }
  catalogue->ReadRecordings(known, depth);
  catalogue->quarantined_ = Quarantined(data_folder).size();
  return catalogue;
}

Status Catalogue::OpenFile() {
  const std::string path = data_folder_ + "/catalogue.db";
  auto db = Database::Open(path, Database::Mode::kCreate, Database::Threads::kSerialised);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  // What a crash takes from it is read from the recordings again.
  STORE_TRY(db->Exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"));
  const auto version = db->Integer("PRAGMA user_version");
  if (!version) return tl::unexpected<Error>(version.error());
  if (*version == 0) {
    const std::string sql =
        "BEGIN;" + std::string(kSchema) + "PRAGMA user_version = " + std::to_string(kCatalogueVersion) + "; COMMIT";
    STORE_TRY(db->Exec(sql.c_str()));
  } else if (*version != kCatalogueVersion) {
    return Fail(Error{ErrorCode::kUnsupported, "it is of version " + std::to_string(*version), path});
  }
  STORE_TRY(MakeVerdictTable(*db));
  STORE_TRY(MakeDayTable(*db));
  auto days = ReadDays(*db);
  if (!days) return tl::unexpected<Error>(std::move(days.error()));
  auto put = db->Prepare("INSERT OR REPLACE INTO recording(" + std::string(kColumns) +
                         ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
  auto remove = db->Prepare("DELETE FROM recording WHERE host = ?1 AND id = ?2");
  auto put_day = db->Prepare("INSERT OR REPLACE INTO host_day VALUES(?1, ?2, ?3)");
  for (auto* statement : {&put, &remove, &put_day}) {
    if (!*statement) return tl::unexpected<Error>(std::move(statement->error()));
  }
  put_ = std::move(*put);
  remove_ = std::move(*remove);
  put_day_ = std::move(*put_day);
  days_ = std::move(*days);
  db_ = std::move(*db);
  return {};
}

Status Catalogue::LoadFile(std::map<Key, std::pair<RecordingRow, uint64_t>>* rows) const {
  auto select = db_.Prepare("SELECT " + std::string(kColumns) + " FROM recording");
  if (!select) return tl::unexpected<Error>(std::move(select.error()));
  while (true) {
    const auto more = select->Step();
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) return {};
    RecordingRow row;
    row.host = select->Text(0);
    row.id = select->Text(1);
    row.boot_id = select->Text(2);
    row.kernel = select->Text(3);
    row.start_ns = select->Unsigned(4);
    row.end_ns = select->Unsigned(5);
    row.start_real_ns = select->Unsigned(6);
    row.end_real_ns = select->Unsigned(7);
    row.events = select->Unsigned(8);
    row.bytes = select->Unsigned(9);
    row.parts = static_cast<uint32_t>(select->Integer(10));
    row.findings = select->Unsigned(11);
    row.gaps = select->Unsigned(12);
    row.trimmed = select->Integer(13) != 0;
    const Key key(row.host, row.id);
    (*rows)[key] = {std::move(row), select->Unsigned(14)};
  }
}

// What lies in the data folder decides; a known row only saves opening the files.
void Catalogue::ReadRecordings(const std::map<Key, std::pair<RecordingRow, uint64_t>>& known, CheckDepth depth) {
  std::map<std::string, const std::pair<RecordingRow, uint64_t>*> by_folder;
  for (const auto& [key, row] : known) by_folder[RecordingFolder(data_folder_, key.first, key.second)] = &row;
  std::vector<std::pair<RecordingRow, uint64_t>> changed;
  for (const std::string& host : FoldersIn(HostsFolder(data_folder_))) {
    const std::string host_folder = HostsFolder(data_folder_) + "/" + host;
    for (const std::string& id : FoldersIn(host_folder)) {
      const std::string folder = host_folder + "/" + id;
      CheckParts(folder, depth);
      const auto row = by_folder.find(folder);
      if (row != by_folder.end() && row->second->second == StampOf(folder)) {
        rows_[{row->second->first.host, id}] = row->second->first;
        continue;
      }
      auto read = ReadRecording(folder);
      if (!read) continue;
      rows_[{read->host, id}] = *read;
      changed.emplace_back(std::move(*read), StampOf(folder));
    }
  }
  if (db_.get() == nullptr) return;
  const auto write = [&]() -> Status {
    STORE_TRY(db_.Exec("BEGIN"));
    for (const auto& [key, row] : known) {
      if (!rows_.contains(key)) STORE_TRY(remove_.Run(key.first, key.second));
    }
    for (const auto& [row, stamp] : changed) STORE_TRY(Write(row, stamp));
    return db_.Exec("COMMIT");
  };
  if (const auto status = write(); !status) {
    if (sqlite3_get_autocommit(db_.get()) == 0) (void)db_.Exec("ROLLBACK");
    warnings_.push_back("the catalogue could not be written: " + status.error().Text());
  }
}

std::optional<RecordingRow> Catalogue::ReadRecording(const std::string& folder) {
  std::vector<PartSummary> parts;
  for (const std::string& path : Parts(folder)) {
    auto part = SummarisePart(path);
    if (part) {
      parts.push_back(std::move(*part));
    } else if (IsDamage(path, part.error())) {
      Drop(path, part.error());
    } else {
      warnings_.push_back("a part is left out: " + part.error().Text());
    }
  }
  if (parts.empty()) return std::nullopt;
  return MakeRow(folder, parts);
}

// Before anything opens them: opening a part recovers its log, and what it could not recover is cut off.
void Catalogue::CheckParts(const std::string& folder, CheckDepth depth) {
  for (const std::string& part : Parts(folder)) {
    if (const auto log = CheckLog(part); !log) warnings_.push_back(log.error().Text());
    const auto status = CheckPart(part, depth);
    if (!status && IsDamage(part, status.error())) Drop(part, status.error());
  }
}

void Catalogue::Drop(const std::string& part, const Error& error) {
  const auto moved = PutAway(data_folder_, part, error);
  warnings_.push_back(error.Text() +
                      (moved ? "; it was moved to " + *moved : "; it stays there: " + moved.error().Text()));
}

Result<std::string> Catalogue::Quarantine(const std::string& part, const Error& error) {
  auto moved = PutAway(data_folder_, part, error);
  if (moved) ++quarantined_;
  return moved;
}

Status Catalogue::Write(const RecordingRow& row, uint64_t stamp) {
  return put_.Run(row.host, row.id, row.boot_id, row.kernel, row.start_ns, row.end_ns, row.start_real_ns,
                  row.end_real_ns, row.events, row.bytes, row.parts, row.findings, row.gaps, row.trimmed, stamp);
}

Status Catalogue::Update(const RecordingRow& row) {
  const std::lock_guard lock(mutex_);
  rows_[{row.host, row.id}] = row;
  // One that grows is read again at the next start anyhow, since its files are not those of its row.
  if (db_.get() == nullptr || row.live) return {};
  return Write(row, StampOf(RecordingFolder(data_folder_, row.host, row.id)));
}

Status Catalogue::Remove(const std::string& host, const std::string& id) {
  const std::lock_guard lock(mutex_);
  rows_.erase({host, id});
  return db_.get() == nullptr ? Status() : remove_.Run(host, id);
}

std::vector<ProtocolVerdict> Catalogue::Verdicts() const {
  const std::lock_guard lock(mutex_);
  if (db_.get() == nullptr) return {};
  // What cannot be read is found out again.
  return ReadVerdicts(db_).value_or(std::vector<ProtocolVerdict>());
}

Status Catalogue::KeepVerdicts(std::span<const ProtocolVerdict> verdicts) {
  const std::lock_guard lock(mutex_);
  if (db_.get() == nullptr) return {};
  const auto write = [&]() -> Status {
    STORE_TRY(db_.Exec("BEGIN"));
    STORE_TRY(WriteVerdicts(db_, verdicts));
    return db_.Exec("COMMIT");
  };
  auto status = write();
  if (!status && sqlite3_get_autocommit(db_.get()) == 0) (void)db_.Exec("ROLLBACK");
  return status;
}

DayBytes Catalogue::DayOf(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto day = days_.find(host);
  return day == days_.end() ? DayBytes() : day->second;
}

Status Catalogue::KeepDay(const std::string& host, DayBytes day) {
  const std::lock_guard lock(mutex_);
  DayBytes& kept = days_[host];
  if (kept == day) return {};
  kept = day;
  return db_.get() == nullptr ? Status() : put_day_.Run(host, day.day, day.bytes);
}

std::vector<std::string> Catalogue::Hosts() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> hosts;
  for (const auto& [key, row] : rows_) {
    if (hosts.empty() || hosts.back() != key.first) hosts.push_back(key.first);
  }
  return hosts;
}

std::vector<RecordingRow> Catalogue::List(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  std::vector<RecordingRow> rows;
  for (auto row = rows_.lower_bound({host, ""}); row != rows_.end(); ++row) {
    if (!host.empty() && row->first.first != host) break;
    rows.push_back(row->second);
  }
  // An id begins with the time when its session began.
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.id > b.id; });
  return rows;
}

std::optional<RecordingRow> Catalogue::Find(const std::string& host, const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto row = rows_.find({host, id});
  return row == rows_.end() ? std::nullopt : std::optional<RecordingRow>(row->second);
}

std::optional<RecordingRow> Catalogue::Newest(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  std::optional<RecordingRow> newest;
  for (auto row = rows_.lower_bound({host, ""}); row != rows_.end() && row->first.first == host; ++row) {
    newest = row->second;  // the last of a host has the greatest id
  }
  return newest;
}

}  // namespace wakewatch
