// Why: a recording is cut into parts, and each part must be readable alone. A new part is made beside its place, filled
// with all that still holds at the seam (session, formats, symbols, threads …), and put in place when it is whole.
#pragma once

#include <cstdint>
#include <string>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/store/batch_storer.h"
#include "server/store/sqlite.h"

namespace wakewatch {

struct NewPart {
  uint32_t number = 1;
  SessionInfo session;
  std::string previous;   // path of the part before; empty: there is none
  CpuNumbers events;      // by CPU: in all parts before
  uint64_t sequence = 0;  // committed in the parts before
  bool ended = false;     // the session
};

// Makes PartPath(folder, part.number).
Status MakePart(const std::string& folder, const NewPart& part);

// A database of the recording schema to be filled and then put in place with PutInPlace: it is not durable before.
Result<Database> CreateUnfinished(const std::string& path);
// Removes what CreateUnfinished began.
void DiscardUnfinished(const std::string& path);

// In meta: the waits that were measured are stored in the recording, up to its newest checkpoint.
inline constexpr const char* kKeepsWaits = "keeps_waits";

Status PutMeta(Database& db, const std::string& key, const std::string& value);
// Empty when the key is not there.
Result<std::string> GetMeta(const Database& db, const std::string& key);

// Notes the times of a part's first and last event in it, as its last rows.
Status NoteSpan(Database& db);

}  // namespace wakewatch
