// Why: the disk is finite. Old parts go, the oldest first, but what a finding rests on stays for longer than the events
// around it: a part with findings is trimmed to their surroundings before it goes.
//
// A part is as old as the last write into its file, which is when its last events came in: the clocks of hosts, and the
// dates of imported traces, make nothing older. Rewriting a part keeps its file's time.
//
// This machine's own clock may be far ahead, and would remove everything at once. A server that runs removes what is
// past its age within minutes, so what is overdue by more than a day says that the server was away for long or that its
// clock jumped. Where that is more than half of a host's parts, its removal by age is held back until somebody has
// looked.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/catalogue.h"

namespace wakewatch {

struct RetentionOptions {
  std::chrono::seconds age = std::chrono::hours(24 * 7);               // since a part's last write; 0: no limit
  uint64_t bytes_per_host_max = 20ull << 30;                           // 0: no limit
  std::chrono::seconds findings_age = std::chrono::hours(24 * 90);     // likewise
  std::chrono::nanoseconds findings_margin = std::chrono::seconds(2);  // kept on either side of a finding
};

struct RetentionStep {
  enum class Action {
    kRemoved,   // the part's file
    kTrimmed,   // to the surroundings of its findings
    kStripped,  // of all events, since its host was over its limit even so; the findings and what they say are kept
    kRemovedRecording,
    kHeldBack,  // of the host's folder: nothing of it was removed by age
    kFailed,
  };
  Action action;
  std::string path;
  uint64_t bytes = 0;  // that became free
  std::string reason;  // for the log
};

// Names of hosts' folders.
using HeldHosts = std::set<std::string>;

// `folders_in_use`: of sessions that are being stored; their newest part is left alone. Nobody may begin to store into
// another folder before this has returned. The rows of `catalogue` follow, other than those of folders in use, which
// their stores keep up to date. `held`: the hosts that are held back, which stay so until nothing of theirs is overdue
// any more; null: none is.
std::vector<RetentionStep> ApplyRetention(Catalogue* catalogue, const RetentionOptions& options, uint64_t now_real_ns,
                                          const std::set<std::string>& folders_in_use, HeldHosts* held);

// The hosts that a server holds back are noted in its data folder, one a line, for its next start and for whoever looks
// after the store. A note that cannot be read has none.
HeldHosts ReadHeldHosts(const std::string& data_folder);
Status NoteHeldHosts(const std::string& data_folder, const HeldHosts& held);

}  // namespace wakewatch
