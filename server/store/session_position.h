// Why: after a crash a session goes on where it was. Besides its events that takes what its collector sent once and
// will not send again: the event formats, and how far each CPU was read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/store/session_store.h"

namespace wakewatch {

struct SessionPosition {
  SessionInfo session;
  std::optional<Checkpoint> checkpoint;
  std::vector<FormatsDelta> formats;  // in the order in which they came
  std::vector<Frontier> frontiers;
};

// Of the newest part in a session folder.
Result<SessionPosition> LoadPosition(const std::string& session_folder);

}  // namespace wakewatch
