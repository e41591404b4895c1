// Why: every question of a client is about one recording of one host, which may grow at this moment or lie on disk.
// This is where its name becomes an answer: a snapshot of the live analysis, the state that was stored with the
// recording, or, for a span of time or other thresholds, an analysis of the stored events.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/delay_table.h"
#include "analysis/report/engine.h"
#include "analysis/report/heat_map.h"
#include "analysis/report/report.h"
#include "server/live/chain.h"
#include "server/live/fleet.h"
#include "server/store/finding_query.h"
#include "server/store/timeline_query.h"

namespace wakewatch {

struct RecordingName {
  std::string host;
  std::string recording;  // empty: the newest of the host
};

// A span of a recording.
struct RecordingSpan {
  uint64_t since_ns = 0, until_ns = 0;  // until 0: to the end
  bool real_time = false;               // they are of the host's wall clock, else of the trace clock
  bool by_end = false;                  // of waits: those that end in it, else those that begin in it
  bool all() const { return since_ns == 0 && until_ns == 0; }
};

struct RecordingReport {
  std::shared_ptr<const Report> report;
  RecordingRow row;
  uint64_t watermark_ns = 0;
  uint64_t since_ns = 0, until_ns = UINT64_MAX;  // of the trace clock: the span that it is about
};

// How waits were found.
struct WaitsRead {
  RecordingRow row;
  uint64_t watermark_ns = 0;  // waits that ended up to here are there
  bool stored = false;        // else the events were analysed for this
  uint64_t chunks_unreadable = 0;
};

class Recordings {
 public:
  explicit Recordings(Fleet* fleet) : fleet_(fleet) {}

  // Errors: kInvalidArgument (no host), kNotFound.
  Result<RecordingRow> Find(const RecordingName& name) const;
  // The part files, oldest first.
  Result<std::vector<std::string>> Parts(const RecordingName& name) const;

  // Everything that was measured. Of a live recording as of its watermark, at most half a second old. Findings are not
  // in it: see Findings.
  Result<RecordingReport> Summary(const RecordingName& name);
  // The same out of the stored events, of a span of them, with findings and with what `options` asks for. Takes some
  // 50 ns an event of the recording. Errors: kDeadline when `stop` became true before the end, kInvalidArgument (a wall
  // time where the recording has no clock pairs).
  Result<RecordingReport> Analyse(const RecordingName& name, const RecordingSpan& span, EngineOptions options,
                                  const std::function<bool()>& stop);

  struct Found {
    std::vector<FoundFinding> findings;
    uint64_t total = 0;  // that match
  };
  // Of one host's recording; what was made and is not stored yet included.
  Result<Found> Findings(const RecordingName& name, const FindingFilter& filter);

  struct FoundGroup {
    StoredFindingGroup group;  // without its worst
    FoundFinding worst;
    uint64_t first_real_ns = 0, last_real_ns = 0;  // on the host's wall clock; 0: not known
  };
  struct FoundGroups {
    std::vector<FoundGroup> groups;
    uint64_t total = 0, findings = 0;  // groups, and findings in all of them
  };
  // The same, grouped.
  Result<FoundGroups> FindingGroups(const RecordingName& name, const FindingFilter& filter);

  // Who woke whom in front of a late task, or the critical path of a span. Errors as of FindChain and Analyse.
  Result<ChainAnswer> Chain(const RecordingName& name, const RecordingSpan& span, const std::string& task,
                            const std::function<bool()>& stop) const;

  // Calls `visit` for each measured wait that begins in the span, in the order in which they ended: those that are
  // stored and those that a live session has not stored yet, or, where an older version recorded, of an analysis of the
  // stored events. Errors: as Analyse.
  Result<WaitsRead> Waits(const RecordingName& name, const RecordingSpan& span, const std::function<bool()>& stop,
                          const std::function<void(const MeasuredWait&)>& visit);

  struct HeatMapQuestion {
    WaitFilter filter;
    uint32_t columns_max = 0;  // see HeatMap
    bool excess = false;       // of the excess, and waits without any left out; else of the latency
  };
  struct HeatMapAnswer {
    HeatMap map;
    WaitsRead read;
    std::vector<TimelineLane> gaps;  // by CPU, at most one that begins in each column
  };
  // Waits by when they ended. Errors: kInvalidArgument (the span is empty, or behind what is stored); as Waits.
  Result<HeatMapAnswer> WaitsOverTime(const RecordingName& name, const RecordingSpan& span,
                                      const HeatMapQuestion& question, const std::function<bool()>& stop);

  // What each CPU did in a span.
  Result<TimelineAnswer> Timeline(const RecordingName& name, const TimelineRequest& request);
  // What happened in a short span, of what is stored so far.
  Result<TimelineDetail> TimelineDetails(const RecordingName& name, const TimelineDetailQuestion& question);

  Fleet& fleet() const { return *fleet_; }

 private:
  struct Cached {
    std::string folder;
    uint64_t bytes = 0, end_ns = 0;  // of the row: what changes when the recording does
    std::chrono::steady_clock::time_point made;
    bool live = false;
    RecordingReport answer;
  };
  // A query with its files open, between two questions.
  struct IdleQuery {
    std::vector<std::string> parts;
    std::unique_ptr<TimelineQuery> query;
  };
  static constexpr size_t kCachedMax = 32;
  static constexpr size_t kIdleQueriesMax = 16;
  static constexpr std::chrono::milliseconds kLiveAge{500};

  // A recording, and what of its findings is not stored yet.
  struct Unstored {
    RecordingRow row;
    std::string folder;
    std::vector<Finding> findings;
    uint64_t real_offset_ns = 0;  // wall clock less trace clock; 0: not known
    uint64_t RealTime(uint64_t ns) const { return real_offset_ns == 0 ? 0 : real_offset_ns + ns; }
  };
  Result<Unstored> Look(const RecordingName& name) const;
  Result<RecordingReport> FromDisk(const RecordingRow& row);
  Result<WaitsRead> MeasuredAgain(const RecordingName& name, const RecordingSpan& span,
                                  const std::function<bool()>& stop,
                                  const std::function<void(const MeasuredWait&)>& visit);
  // What `ask` makes of the recording's query, which is kept open for the next question.
  template <typename Answer>
  Result<Answer> AskTimeline(const RecordingName& name, const std::function<Result<Answer>(TimelineQuery*)>& ask);
  // The times of the span's first and last nanosecond.
  struct TraceSpan {
    uint64_t first_ns = 0, last_ns = 0;
  };
  Result<TraceSpan> InTraceTime(const RecordingName& name, const RecordingSpan& span);
  std::string FolderOf(const RecordingRow& row) const;
  std::optional<RecordingReport> FromCache(const RecordingRow& row);
  void Keep(const RecordingReport& answer, bool live);

  Fleet* const fleet_;
  FormatSets sets_;
  std::mutex cache_mutex_;
  std::list<Cached> cache_;  // the newest in front
  std::mutex idle_mutex_;
  std::list<IdleQuery> idle_;  // the newest in front
};

}  // namespace wakewatch
