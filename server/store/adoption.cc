#include "server/store/adoption.h"

#include <ctime>
#include <utility>

#include <unistd.h>

#include "server/store/new_part.h"
#include "server/store/part_files.h"
#include "server/store/recording_writer.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"

namespace wakewatch {
namespace {

// What makes it the first and last part of a session.
Status Rename(Database& db, const std::string& host, const std::string& session) {
  auto transaction = Transaction::Begin(db);
  if (!transaction) return tl::unexpected<Error>(std::move(transaction.error()));
  auto update = db.Prepare("UPDATE session SET host = ?1, boot_id = ?2, session = ?2");
  if (!update) return tl::unexpected<Error>(std::move(update.error()));
  STORE_TRY(update->Run(host, session));
  STORE_TRY(PutMeta(db, "host", host));
  STORE_TRY(PutMeta(db, "session", session));
  STORE_TRY(PutMeta(db, "part", "1"));
  STORE_TRY(PutMeta(db, "sequence_before", "0"));
  STORE_TRY(PutMeta(db, "ended", "1"));
  return transaction->Commit();
}

}  // namespace

Result<RecordingRow> AdoptRecording(const std::string& file, const std::string& data_folder, const std::string& host,
                                    const std::string& unique) {
  const std::string session = std::string(kImportPrefix) + unique;
  PartSummary summary;
  {
    auto db = Database::Open(file, Database::Mode::kWrite);
    if (!db) return tl::unexpected<Error>(std::move(db.error()));
    STORE_TRY(Rename(*db, host, session));
    auto read = SummarisePart(*db);
    if (!read) return tl::unexpected<Error>(std::move(read.error()));
    summary = std::move(*read);
  }
  const std::string folder = RecordingFolder(data_folder, host, SessionFolderName(std::time(nullptr), session));
  STORE_TRY(MakeFolders(folder));
  const std::string part = PartPath(folder, 1);
  if (auto status = PutInPlace(file, part); !status) {
    rmdir(folder.c_str());
    return tl::unexpected<Error>(std::move(status.error()));
  }
  summary.bytes = BytesOf(part);
  return MakeRow(folder, {summary});
}

}  // namespace wakewatch
