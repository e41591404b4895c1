#include "server/live/recordings.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "analysis/trace/clock_pairs.h"
#include "server/live/pipeline.h"
#include "server/live/stored_analysis.h"
#include "server/store/part_files.h"
#include "server/store/recording.h"
#include "server/store/session_store.h"
#include "server/store/wait_rows.h"

namespace wakewatch {
namespace {

// `ns` on the trace clock; 0: not given, and `otherwise`.
Result<uint64_t> TraceTime(uint64_t ns, uint64_t otherwise, const RecordingSpan& span, const TraceInput& input) {
  if (ns == 0) return otherwise;
  return span.real_time ? TraceTimeOf(ns, input.metadata().clock_pairs) : Result<uint64_t>(ns);
}

}  // namespace

Result<RecordingRow> Recordings::Find(const RecordingName& name) const {
  if (name.host.empty()) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "no host was named",
                      .remedy = "FleetService.ListHosts, or wakewatch list hosts, names them"});
  }
  const auto row = name.recording.empty() ? fleet_->catalogue().Newest(name.host)
                                          : fleet_->catalogue().Find(name.host, name.recording);
  if (!row) {
    return Fail(Error{.code = ErrorCode::kNotFound,
                      .cause = name.recording.empty() ? "there is no recording of host " + name.host
                                                      : "host " + name.host + " has no recording " + name.recording});
  }
  return *row;
}

std::string Recordings::FolderOf(const RecordingRow& row) const {
  return RecordingFolder(fleet_->options().data_folder, row.host, row.id);
}

Result<std::vector<std::string>> Recordings::Parts(const RecordingName& name) const {
  const auto row = Find(name);
  if (!row) return Fail(row.error());
  return wakewatch::Parts(FolderOf(*row));
}

std::optional<RecordingReport> Recordings::FromCache(const RecordingRow& row) {
  const std::lock_guard lock(cache_mutex_);
  const auto folder = FolderOf(row);
  const auto entry =
      std::find_if(cache_.begin(), cache_.end(), [&](const Cached& cached) { return cached.folder == folder; });
  if (entry == cache_.end()) return std::nullopt;
  const bool fresh = entry->live ? std::chrono::steady_clock::now() - entry->made < kLiveAge
                                 : entry->bytes == row.bytes && entry->end_ns == row.end_ns && !row.live;
  if (!fresh) {
    cache_.erase(entry);
    return std::nullopt;
  }
  cache_.splice(cache_.begin(), cache_, entry);
  return entry->answer;
}

void Recordings::Keep(const RecordingReport& answer, bool live) {
  const std::lock_guard lock(cache_mutex_);
  const std::string folder = FolderOf(answer.row);
  std::erase_if(cache_, [&](const Cached& cached) { return cached.folder == folder; });
  cache_.push_front({folder, answer.row.bytes, answer.row.end_ns, std::chrono::steady_clock::now(), live, answer});
  if (cache_.size() > kCachedMax) cache_.pop_back();
}

Result<RecordingReport> Recordings::Summary(const RecordingName& name) {
  const auto row = Find(name);
  if (!row) return Fail(row.error());
  if (auto cached = FromCache(*row)) return *std::move(cached);
  std::optional<RecordingReport> live;
  if (const auto host = fleet_->Find(row->host)) {
    host->Read([&](const LiveSession* session) {
      if (session == nullptr || session->folder() != FolderOf(*row)) return;
      live = RecordingReport{std::make_shared<const Report>(session->Snapshot()), session->store().row(),
                             session->watermark_ns()};
    });
  }
  if (live) {
    Keep(*live, true);
    return *live;
  }
  auto stored = FromDisk(*row);
  if (stored) Keep(*stored, false);
  return stored;
}

Result<RecordingReport> Recordings::FromDisk(const RecordingRow& row) {
  const std::string folder = FolderOf(row);
  auto report = SummariseStored(folder, &sets_, fleet_->options().live.engine);
  if (!report) return Fail(std::move(report.error()));
  const uint64_t end_ns = report->end_ns;
  return RecordingReport{std::make_shared<const Report>(std::move(*report)), row, end_ns};
}

Result<RecordingReport> Recordings::Analyse(const RecordingName& name, const RecordingSpan& span, EngineOptions options,
                                            const std::function<bool()>& stop) {
  const auto row = Find(name);
  if (!row) return Fail(row.error());
  const auto input = OpenRecording(FolderOf(*row));
  if (!input) return Fail(input.error());
  const auto since_ns = TraceTime(span.since_ns, 0, span, **input);
  const auto until_ns = TraceTime(span.until_ns, UINT64_MAX, span, **input);
  if (!since_ns || !until_ns) return Fail(!since_ns ? since_ns.error() : until_ns.error());
  options.since_ns = *since_ns;
  options.until_ns = *until_ns;
  std::atomic<bool> stopped{false};
  PipelineOptions pipeline;
  pipeline.stop = &stopped;
  pipeline.progress = [&](uint64_t) { stopped = stopped || stop(); };
  auto report = AnalyseTrace(**input, options, pipeline);
  if (!report) return Fail(std::move(report.error()));
  if (stopped.load()) {
    return Fail(Error{.code = ErrorCode::kDeadline,
                      .cause = "the analysis of the stored events took too long",
                      .remedy = "the command line has no such limit on the server's files"});
  }
  AttachSnapshots(wakewatch::Parts(FolderOf(*row)), &report->findings);
  const uint64_t end_ns = report->end_ns;
  return RecordingReport{std::make_shared<const Report>(std::move(*report)), *row, end_ns, *since_ns, *until_ns};
}

Result<ChainAnswer> Recordings::Chain(const RecordingName& name, const RecordingSpan& span, const std::string& task,
                                      const std::function<bool()>& stop) const {
  const auto row = Find(name);
  if (!row) return Fail(row.error());
  const auto input = OpenRecording(FolderOf(*row));
  if (!input) return Fail(input.error());
  const auto since_ns = TraceTime(span.since_ns, 0, span, **input);
  const auto until_ns = TraceTime(span.until_ns, UINT64_MAX, span, **input);
  if (!since_ns || !until_ns) return Fail(!since_ns ? since_ns.error() : until_ns.error());
  return FindChain(**input, {task, !span.all(), *since_ns, *until_ns}, stop);
}

Result<WaitsRead> Recordings::Waits(const RecordingName& name, const RecordingSpan& span,
                                    const std::function<bool()>& stop,
                                    const std::function<void(const MeasuredWait&)>& visit) {
  const auto row = Find(name);
  if (!row) return Fail(row.error());
  const std::string folder = FolderOf(*row);
  WaitsRead read{.row = *row, .stored = true};
  // In front of the files: what is stored meanwhile is then in both, and counted once.
  std::vector<WaitChunk> tail;
  bool live = false;
  if (const auto host = fleet_->Find(row->host)) {
    host->Read([&](const LiveSession* session) {
      if (session == nullptr || session->folder() != folder) return;
      live = true;
      tail = session->UnstoredWaits();
      read.watermark_ns = session->watermark_ns();
    });
  }
  const auto parts = wakewatch::Parts(folder);
  if (parts.empty()) return Fail(ErrorCode::kNotFound, "nothing of this recording is stored yet");
  auto stored = StoredWaits::Open(parts);
  if (!stored) return Fail(std::move(stored.error()));
  if (!live && !stored->kept()) return MeasuredAgain(name, span, stop, visit);
  const auto trace_time = [&](uint64_t ns) { return span.real_time ? stored->TraceTime(ns) : Result<uint64_t>(ns); };
  const auto since_ns = span.since_ns == 0 ? Result<uint64_t>(0) : trace_time(span.since_ns);
  const auto until_ns = span.until_ns == 0 ? Result<uint64_t>(UINT64_MAX) : trace_time(span.until_ns);
  if (!since_ns || !until_ns) return Fail(!since_ns ? since_ns.error() : until_ns.error());
  if (auto status = stored->Read(tail, {*since_ns, *until_ns, span.by_end}, stop, visit); !status) {
    return Fail(std::move(status.error()));
  }
  read.watermark_ns = std::max(read.watermark_ns, stored->until_ns());
  read.chunks_unreadable = stored->chunks_unreadable();
  return read;
}

// Of a recording that grows: up to what was analysed of it.
Result<Recordings::TraceSpan> Recordings::InTraceTime(const RecordingName& name, const RecordingSpan& span) {
  auto row = Find(name);
  if (!row) return Fail(row.error());
  const std::string folder = FolderOf(*row);
  TraceSpan times{row->start_ns, row->end_ns};
  if (const auto host = fleet_->Find(row->host)) {
    host->Read([&](const LiveSession* session) {
      if (session == nullptr || session->folder() != folder) return;
      times.first_ns = session->store().row().start_ns;
      times.last_ns = std::max(session->store().row().end_ns, session->watermark_ns());
    });
  }
  uint64_t since_ns = span.since_ns, until_ns = span.until_ns;
  if (span.real_time) {
    const auto stored = StoredWaits::Open(wakewatch::Parts(folder));
    if (!stored) return Fail(stored.error());
    const auto since = since_ns == 0 ? Result<uint64_t>(0) : stored->TraceTime(since_ns);
    const auto until = until_ns == 0 ? Result<uint64_t>(0) : stored->TraceTime(until_ns);
    if (!since || !until) return Fail(!since ? since.error() : until.error());
    since_ns = *since;
    until_ns = *until;
  }
  times.first_ns = std::max(times.first_ns, since_ns);
  if (until_ns != 0) times.last_ns = std::min(times.last_ns, until_ns);
  if (times.first_ns <= times.last_ns) return times;
  return Fail(Error{.code = ErrorCode::kInvalidArgument,
                    .cause = "nothing of the span is recorded",
                    .remedy = "FleetService.ListRecordings says from when to when the recording goes"});
}

Result<Recordings::HeatMapAnswer> Recordings::WaitsOverTime(const RecordingName& name, const RecordingSpan& span,
                                                            const HeatMapQuestion& question,
                                                            const std::function<bool()>& stop) {
  const auto times = InTraceTime(name, span);
  if (!times) return Fail(times.error());
  HeatMapAnswer answer{HeatMap(times->first_ns, times->last_ns + 1, question.columns_max), {}, {}};
  const auto add = [&](const MeasuredWait& wait) {
    const uint64_t length_ns = question.excess ? wait.excess_ns : wait.latency_ns();
    const bool left_out = question.excess && length_ns == 0;
    if (!left_out && question.filter.Matches(wait)) answer.map.Add(wait.in_ns, length_ns);
  };
  auto read = Waits(name, {times->first_ns, times->last_ns, false, true}, stop, add);
  if (!read) return Fail(std::move(read.error()));
  answer.read = *std::move(read);
  TimelineRequest request{times->first_ns, times->last_ns + 1, static_cast<uint32_t>(answer.map.columns().size()), {}};
  auto gaps = AskTimeline<std::vector<TimelineLane>>(name, [&](TimelineQuery* query) { return query->Gaps(request); });
  if (!gaps) return Fail(std::move(gaps.error()));
  answer.gaps = *std::move(gaps);
  return answer;
}

Result<WaitsRead> Recordings::MeasuredAgain(const RecordingName& name, const RecordingSpan& span,
                                            const std::function<bool()>& stop,
                                            const std::function<void(const MeasuredWait&)>& visit) {
  EngineOptions options = fleet_->options().live.engine;
  options.on_wait = [&](const MeasuredWait& wait) {
    if (WaitBuilder::Keeps(wait, options.latency_threshold_ns)) visit(wait);
  };
  auto report = Analyse(name, span, options, stop);
  if (!report) return Fail(std::move(report.error()));
  return WaitsRead{.row = std::move(report->row), .watermark_ns = report->watermark_ns};
}

template <typename Answer>
Result<Answer> Recordings::AskTimeline(const RecordingName& name,
                                       const std::function<Result<Answer>(TimelineQuery*)>& ask) {
  auto parts = Parts(name);
  if (!parts) return Fail(std::move(parts.error()));
  if (parts->empty()) return Fail(ErrorCode::kNotFound, "nothing of this recording is stored yet");
  IdleQuery idle;
  {
    const std::lock_guard lock(idle_mutex_);
    const auto known =
        std::find_if(idle_.begin(), idle_.end(), [&](const IdleQuery& other) { return other.parts == *parts; });
    if (known != idle_.end()) {
      idle = std::move(*known);
      idle_.erase(known);
    }
  }
  if (idle.query == nullptr) {
    std::vector<TimelinePart> files;
    for (const std::string& part : *parts) files.push_back({.path = part});
    auto query = TimelineQuery::Open(std::move(files));
    if (!query) return Fail(std::move(query.error()));
    idle = {*std::move(parts), *std::move(query)};
  }
  auto answer = ask(idle.query.get());
  const std::lock_guard lock(idle_mutex_);
  idle_.push_front(std::move(idle));
  if (idle_.size() > kIdleQueriesMax) idle_.pop_back();
  return answer;
}

Result<TimelineAnswer> Recordings::Timeline(const RecordingName& name, const TimelineRequest& request) {
  return AskTimeline<TimelineAnswer>(name, [&](TimelineQuery* query) { return query->Run(request); });
}

Result<TimelineDetail> Recordings::TimelineDetails(const RecordingName& name, const TimelineDetailQuestion& question) {
  return AskTimeline<TimelineDetail>(name, [&](TimelineQuery* query) { return query->Detail(question); });
}

Result<Recordings::Unstored> Recordings::Look(const RecordingName& name) const {
  auto row = Find(name);
  if (!row) return Fail(row.error());
  Unstored look{.row = *std::move(row)};
  look.folder = FolderOf(look.row);
  look.real_offset_ns = look.row.start_real_ns == 0 ? 0 : look.row.start_real_ns - look.row.start_ns;
  if (const auto host = fleet_->Find(look.row.host)) {
    host->Read([&](const LiveSession* session) {
      if (session == nullptr || session->folder() != look.folder) return;
      look.findings = session->unstored();
      if (const uint64_t zero_ns = session->input().RealTime(0); zero_ns != 0) look.real_offset_ns = zero_ns;
    });
  }
  return look;
}

Result<Recordings::Found> Recordings::Findings(const RecordingName& name, const FindingFilter& filter) {
  const auto look = Look(name);
  if (!look) return Fail(look.error());
  auto page = QueryFindings(wakewatch::Parts(look->folder), filter, look->findings);
  if (!page) return Fail(std::move(page.error()));
  Found found;
  found.total = page->total;
  for (Finding& finding : page->findings) {
    const uint64_t start_real_ns = look->RealTime(finding.start_ns);
    found.findings.push_back({std::move(finding), look->row.host, look->row.id, start_real_ns, 0});
  }
  return found;
}

Result<Recordings::FoundGroups> Recordings::FindingGroups(const RecordingName& name, const FindingFilter& filter) {
  const auto look = Look(name);
  if (!look) return Fail(look.error());
  auto page = QueryFindingGroups(wakewatch::Parts(look->folder), filter, look->findings);
  if (!page) return Fail(std::move(page.error()));
  FoundGroups found;
  found.total = page->total;
  found.findings = page->findings;
  for (StoredFindingGroup& group : page->groups) {
    const uint64_t worst_ns = look->RealTime(group.worst.start_ns);
    FoundGroup out{.worst = {std::move(group.worst), look->row.host, look->row.id, worst_ns, 0},
                   .first_real_ns = look->RealTime(group.first_ns),
                   .last_real_ns = look->RealTime(group.last_ns)};
    out.group = std::move(group);
    found.groups.push_back(std::move(out));
  }
  return found;
}

}  // namespace wakewatch
