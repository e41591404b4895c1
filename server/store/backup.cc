#include "server/store/backup.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "server/store/annotations.h"
#include "server/store/new_part.h"
#include "server/store/part_files.h"
#include "server/store/session_store.h"
#include "server/store/sqlite.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

Status CheckTarget(const std::string& data_folder, const std::string& to) {
  std::error_code error;
  const fs::path from = fs::weakly_canonical(data_folder, error), target = fs::weakly_canonical(to, error);
  if (!fs::is_directory(HostsFolder(data_folder), error)) {
    return Fail(
        Error{ErrorCode::kNotFound, "no data folder of a server", data_folder, {}, "--data of `wakewatch serve`"});
  }
  const std::string inside = fs::relative(target, from, error).string();
  if (inside == "." || (!inside.empty() && !inside.starts_with(".."))) {
    return Fail(Error{ErrorCode::kInvalidArgument, "the copy would lie inside of what is copied", to});
  }
  if (fs::exists(target, error) && (!fs::is_directory(target, error) || !fs::is_empty(target, error))) {
    return Fail(
        Error{ErrorCode::kInvalidArgument, "there is something already", to, {}, "name a new folder for each backup"});
  }
  return {};
}

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

// All pages in one step: with a log the writer goes on meanwhile, and no step has to begin anew because of it.
Status CopyPages(const Database& from, const Database& to) {
  const std::unique_ptr<sqlite3_backup, FinishBackup> backup(sqlite3_backup_init(to.get(), "main", from.get(), "main"));
  if (backup == nullptr) return Fail(SqliteError(to.get(), sqlite3_errcode(to.get()), "copying", to.path()));
  const int answer = sqlite3_backup_step(backup.get(), -1);
  if (answer == SQLITE_DONE) return {};
  const bool theirs = (answer & 0xff) == SQLITE_FULL || answer == SQLITE_IOERR_WRITE;
  return Fail(SqliteError(nullptr, answer, "copying", theirs ? to.path() : from.path()));
}

Status CopyPart(const std::string& part, const std::string& target) {
  const std::string unfinished = target + std::string(kUnfinishedSuffix);
  DiscardUnfinished(unfinished);
  const auto copy = [&]() -> Status {
    const auto from = Database::Open(part, Database::Mode::kRead);
    if (!from) return tl::unexpected<Error>(from.error());
    auto to = Database::Open(unfinished, Database::Mode::kCreate);
    if (!to) return tl::unexpected<Error>(to.error());
    STORE_TRY(to->Exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF"));
    STORE_TRY(CopyPages(*from, *to));
    return Settle(*to, {});
  };
  auto status = copy();  // which has closed the files
  if (status) status = PutInPlace(unfinished, target);
  if (!status) DiscardUnfinished(unfinished);
  return status;
}

// A failure to read one part leaves the others worth copying.
bool IsAboutTarget(const Error& error, const std::string& to) {
  return error.code == ErrorCode::kNoSpace || error.file.starts_with(to);
}

Status CopyRecording(const std::string& folder, const std::string& target, const std::string& to, BackupReport* report,
                     const std::function<void(const BackupReport&)>& progress) {
  STORE_TRY(MakeFolders(target));
  for (const std::string& part : Parts(folder)) {
    const std::string copy = target + "/" + fs::path(part).filename().string();
    if (auto status = CopyPart(part, copy); !status) {
      if (IsAboutTarget(status.error(), to)) return status;
      // Retention may just have removed it; otherwise it is missing.
      std::error_code error;
      if (fs::exists(part, error)) report->failed.push_back(std::move(status.error()));
      continue;
    }
    ++report->parts;
    report->bytes += BytesOf(copy);
    if (progress) progress(*report);
  }
  return {};
}

// As SQLite sees it: a server may be writing to it.
Status CopyAnnotations(const std::string& data_folder, const std::string& to, BackupReport* report) {
  std::error_code error;
  const std::string from = AnnotationsPath(data_folder);
  if (!fs::exists(from, error)) return {};
  auto status = CopyPart(from, AnnotationsPath(to));
  if (status || IsAboutTarget(status.error(), to)) return status;
  report->failed.push_back(std::move(status.error()));
  return {};
}

Status CopySmallFiles(const std::string& data_folder, const std::string& to) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(error) || name.starts_with("catalogue.db") || name.starts_with("annotations.db")) {
      continue;
    }
    std::error_code failed;
    fs::copy_file(entry.path(), to + "/" + name, failed);  // with its permissions
    if (failed) return Fail(ErrnoError(failed.value(), "copying to", to + "/" + name));
    STORE_TRY(SyncFile(to + "/" + name));
  }
  return SyncFolder(to);
}

}  // namespace

Result<BackupReport> BackUp(const std::string& data_folder, const std::string& to,
                            const std::function<void(const BackupReport&)>& progress) {
  STORE_TRY(CheckTarget(data_folder, to));
  STORE_TRY(MakeFolders(HostsFolder(to)));
  BackupReport report;
  const std::string hosts = HostsFolder(data_folder);
  for (const std::string& host : FoldersIn(hosts)) {
    for (const std::string& id : FoldersIn(hosts + "/" + host)) {
      const std::string inside = "/" + host + "/" + id;
      STORE_TRY(CopyRecording(hosts + inside, HostsFolder(to) + inside, to, &report, progress));
    }
  }
  STORE_TRY(CopyAnnotations(data_folder, to, &report));
  STORE_TRY(CopySmallFiles(data_folder, to));
  return report;
}

}  // namespace wakewatch
