// How a host's session is opened that was stored before. The rest is in host.cc.
#include <string>
#include <utility>

#include "server/live/host.h"
#include "server/store/part_files.h"
#include "server/store/store_check.h"

namespace wakewatch {

// A part that was damaged since it was written must not lock its host out for good: it is put away, and the session
// goes on behind the part before it. What is missing then is a gap, since the batches' sequences say so.
Result<std::unique_ptr<LiveSession>> Host::OpenStored(const SessionInfo& session) {
  constexpr int kPartsMax = 1000;
  for (int attempt = 0;; ++attempt) {
    auto opened = LiveSession::Open(place_.data_folder, session, place_.sets, place_.live);
    if (opened || attempt == kPartsMax) return opened;
    const Error& error = opened.error();
    if (!PartNumber(error.file) || !error.file.starts_with(place_.data_folder) || !IsDamage(error.file, error)) {
      return opened;
    }
    const auto moved = place_.catalogue->Quarantine(error.file, error);
    if (!moved) return opened;
    place_.log("host " + name_ + ": " + error.Text() + "; it was moved to " + *moved, true);
  }
}

}  // namespace wakewatch
