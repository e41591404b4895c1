#include "server/store/session_position.h"

#include <utility>

#include "server/store/schema.h"
#include "server/store/session_store.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"

namespace wakewatch {

Result<SessionPosition> LoadPosition(const std::string& session_folder) {
  const std::vector<std::string> parts = Parts(session_folder);
  if (parts.empty()) {
    return Fail(Error{ErrorCode::kNotFound, "no part of a recording is here", session_folder});
  }
  auto db = OpenRecordingFile(parts.back(), Database::Threads::kOneThread);
  if (!db) return Fail(std::move(db.error()));
  auto formats = LoadFormats(*db);
  if (!formats) return Fail(std::move(formats.error()));
  SessionPosition position;
  position.formats = std::move(*formats);
  auto rows = db->Prepare("SELECT cpu, ts_ns FROM main.frontier");
  if (!rows) return Fail(std::move(rows.error()));
  while (true) {
    const auto row = rows->Step();
    if (!row) return Fail(row.error());
    if (!*row) return position;
    position.frontiers.push_back({static_cast<uint32_t>(rows->Integer(0)), rows->Unsigned(1)});
  }
}

}  // namespace wakewatch
