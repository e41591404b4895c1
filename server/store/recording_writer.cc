#include "server/store/recording_writer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/batch_storer.h"
#include "server/store/part_files.h"
#include "server/store/schema.h"
#include "server/store/wait_rows.h"

namespace wakewatch {
namespace {

constexpr std::chrono::milliseconds kReadersPatience{5'000};

// 8 KiB pages: a live chunk fits one or two, and an empty recording with its thirty tables stays small.
constexpr const char* kFileSettings =
    "PRAGMA page_size = 8192; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL";
constexpr const char* kRunSettings = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 2048";

class SqliteRecordingWriter : public RecordingWriter {
 public:
  explicit SqliteRecordingWriter(Database db) : db_(std::move(db)) {}

  Status Append(const Batch& batch) override;
  Status StoreWaits(std::span<const WaitChunk> waits) override;
  Status StoreReport(const Report& report) override;
  Status StoreVerdicts(std::span<const ProtocolVerdict> verdicts) override;
  Status Close() override;

 private:
  bool open() const { return db_.get() != nullptr; }

  Database db_;
  BatchStorer storer_{db_, {}, {}};
};

Status SqliteRecordingWriter::Append(const Batch& batch) {
  if (!open()) return Fail(ErrorCode::kInvalidArgument, "the recording is closed");
  STORE_TRY(BatchStorer::Check(batch));
  const BatchStorer::Position before = storer_.position();
  const auto named = [&](Error error) {
    storer_.set_position(before);
    error.cause = "storing batch " + std::to_string(batch.sequence) + ": " + error.cause;
    return Fail(std::move(error));
  };
  auto transaction = Transaction::Begin(db_);
  if (!transaction) return named(std::move(transaction.error()));
  if (auto stored = storer_.Store(batch); !stored) return named(std::move(stored.error()));
  if (auto status = transaction->Commit(); !status) return named(std::move(status.error()));
  return {};
}

Status SqliteRecordingWriter::StoreWaits(std::span<const WaitChunk> waits) {
  if (!open()) return Fail(ErrorCode::kInvalidArgument, "the recording is closed");
  const auto store = [&]() -> Status {
    auto transaction = Transaction::Begin(db_);
    if (!transaction) return tl::unexpected<Error>(std::move(transaction.error()));
    STORE_TRY(WriteWaits(db_, waits));
    return transaction->Commit();
  };
  auto status = store();
  if (!status) status.error().cause = "storing waits: " + status.error().cause;
  return status;
}

Status SqliteRecordingWriter::StoreReport(const Report& report) {
  if (!open()) return Fail(ErrorCode::kInvalidArgument, "the recording is closed");
  const auto named = [](Error error) {
    error.cause = "storing the report: " + error.cause;
    return Fail(std::move(error));
  };
  auto transaction = Transaction::Begin(db_);
  if (!transaction) return named(std::move(transaction.error()));
  if (auto status = WriteReport(db_, report); !status) return named(std::move(status.error()));
  if (auto status = transaction->Commit(); !status) return named(std::move(status.error()));
  return {};
}

Status SqliteRecordingWriter::StoreVerdicts(std::span<const ProtocolVerdict> verdicts) {
  if (!open()) return Fail(ErrorCode::kInvalidArgument, "the recording is closed");
  const auto store = [&]() -> Status {
    auto transaction = Transaction::Begin(db_);
    if (!transaction) return tl::unexpected<Error>(std::move(transaction.error()));
    STORE_TRY(WriteVerdicts(db_, verdicts));
    return transaction->Commit();
  };
  auto status = store();
  if (!status) status.error().cause = "storing verdicts of protocols: " + status.error().cause;
  return status;
}

Status SqliteRecordingWriter::Close() {
  if (!open()) return {};
  storer_ = BatchStorer(db_, {}, {});  // its statements keep the file open
  Database closing = std::exchange(db_, Database());
  auto status = Settle(closing, kReadersPatience);
  if (!status) {
    status.error().cause = "closing the recording: " + status.error().cause;
    status.error().file = closing.path();
    status.error().remedy = "nothing is lost, but keep the -wal file beside it until it has been opened again";
  }
  return status;
}

// Only a regular file is ever replaced, together with the journal files that belong to it.
Status MakeRoom(const std::string& path, bool replace) {
  struct stat about {};
  const bool exists = lstat(path.c_str(), &about) == 0;
  if (exists && (!replace || !S_ISREG(about.st_mode))) {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "the file exists already",
                      path,
                      {},
                      replace ? "choose the name of a regular file" : "choose another name, or remove it"});
  }
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (unlink((path + suffix).c_str()) != 0 && errno != ENOENT) return Fail(ErrnoError(errno, "replacing", path));
  }
  // Created here and not by SQLite, so that a failure is named, and so that of two who create it one loses.
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (file < 0) return Fail(ErrnoError(errno, "creating", path));
  close(file);
  return {};
}

}  // namespace

Result<Transaction> Transaction::Begin(Database& db) {
  if (auto status = db.Exec("BEGIN IMMEDIATE"); !status) return tl::unexpected<Error>(std::move(status.error()));
  return Transaction(db);
}

Transaction::~Transaction() {
  // SQLite undoes some failed transactions by itself; a second ROLLBACK would only be noise.
  if (db_ != nullptr && sqlite3_get_autocommit(db_->get()) == 0) (void)db_->Exec("ROLLBACK");
}

Status Transaction::Commit() {
  auto status = db_->Exec("COMMIT");
  if (status) db_ = nullptr;
  return status;
}

Result<std::unique_ptr<RecordingWriter>> CreateRecording(const std::string& path, bool replace, int64_t pages_max) {
  const auto failed = [](Status& status) { return tl::unexpected<Error>(std::move(status.error())); };
  if (auto status = MakeRoom(path, replace); !status) return failed(status);
  auto db = Database::Open(path, Database::Mode::kWrite);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  // The schema goes in before the log is turned on, so that the file alone says what it is from then on.
  if (auto status = db->Exec(kFileSettings); !status) return failed(status);
  if (auto status = Migrate(*db, Migrations()); !status) return failed(status);
  if (auto status = db->Exec(kRunSettings); !status) return failed(status);
  if (pages_max > 0) {
    const std::string limit = "PRAGMA max_page_count = " + std::to_string(pages_max);
    if (auto status = db->Exec(limit.c_str()); !status) return failed(status);
  }
  return std::make_unique<SqliteRecordingWriter>(std::move(*db));
}

Result<std::unique_ptr<RecordingWriter>> RecordingWriter::Create(const std::string& path, bool replace) {
  return CreateRecording(path, replace, 0);
}

}  // namespace wakewatch
