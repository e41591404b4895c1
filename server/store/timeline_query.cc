#include "server/store/timeline_query.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "analysis/report/timeline_build.h"
#include "server/store/recording.h"
#include "server/store/timeline_part.h"
#include "server/store/timeline_rows.h"
#include "server/store/timeline_walk.h"

namespace wakewatch {
namespace {

// What may be read for an answer, in events: about 20 ms. A shorter span is read whatever it takes, since bins of a
// millisecond would show nothing of it.
constexpr int64_t kEventsMax = 2'000'000;
constexpr uint64_t kShortNs = uint64_t{1} << 26;
constexpr int64_t kEventsOfShortMax = int64_t{1} << 40;

using Files = std::span<TimelineFile* const>;

// Reads of one state of each file, for as long as it lives.
class Snapshot {
 public:
  static Result<Snapshot> Of(std::vector<TimelineFile*> files) {
    Snapshot snapshot;
    for (TimelineFile* file : files) {
      if (auto begun = file->Begin(); !begun) return tl::unexpected<Error>(std::move(begun.error()));
      snapshot.files_.push_back(file);
    }
    return snapshot;
  }
  Snapshot(Snapshot&& other) noexcept : files_(std::exchange(other.files_, {})) {}
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot() {
    for (TimelineFile* file : files_) file->End();
  }
  Files files() const { return files_; }

 private:
  Snapshot() = default;
  std::vector<TimelineFile*> files_;
};

// One question, with what it was found to be about.
struct Question {
  Files files;
  uint64_t start_ns = 0, end_ns = 0;
  uint64_t last_ns = 0;  // the last event of the recording, as far as its files are open
  uint64_t bins_max = 0;
  std::vector<uint32_t> cpus;
  TimelineDeadline deadline;
  bool has_rows = false;

  bool narrow() const { return (end_ns - start_ns - 1) / bins_max + 1 < TimelineBinNs(0); }
};

// Where the span [start_ns, end_ns) of an open gap ends: with the next event of its CPU, which a later file may hold.
Result<uint64_t> EndOfOpenGap(Files files, uint32_t cpu, uint64_t gap_ns) {
  for (TimelineFile* file : files) {
    int64_t one = 0;
    const auto next = file->ChunksBetween(cpu, gap_ns, kTimelineEndNs, &one);
    if (!next) return tl::unexpected<Error>(next.error());
    if (!next->empty()) return next->front().first_ns;
  }
  return UINT64_MAX;
}

// The gaps of the first of `files`, at most one that begins in each bin. There may be millions: from bin to bin each is
// found by a step down the index.
Status AddGapsOf(Files files, const TimelineAnswer& answer, const TimelineDeadline& deadline, size_t* left,
                 TimelineLane* lane) {
  const auto add = [&](const TimelineGap& gap) -> Status {
    const auto end_ns =
        gap.end_ns != UINT64_MAX ? Result<uint64_t>(gap.end_ns) : EndOfOpenGap(files, lane->cpu, gap.start_ns);
    if (!end_ns) return tl::unexpected<Error>(end_ns.error());
    const TimelineSpan span{std::max(gap.start_ns, answer.start_ns), std::min(*end_ns, answer.end_ns)};
    if (span.start_ns >= span.end_ns) return {};
    lane->gaps.push_back(span);
    --*left;
    return {};
  };
  TimelineFile* const file = files.front();
  uint64_t at_ns = answer.start_ns;
  auto gap = file->GapBefore(lane->cpu, at_ns);
  while (true) {
    STORE_TRY(CheckDeadline(deadline));
    if (!gap) return tl::unexpected<Error>(gap.error());
    if (*gap) STORE_TRY(add(**gap));
    if (*gap && (*gap)->start_ns >= at_ns) {
      const uint64_t bin_ns = std::max<uint64_t>(answer.bin_ns, 1);
      at_ns = answer.start_ns + (((*gap)->start_ns - answer.start_ns) / bin_ns + 1) * bin_ns;
    }
    if (at_ns >= answer.end_ns || *left == 0) return {};
    gap = file->GapFrom(lane->cpu, at_ns);
    if (gap && (!*gap || (*gap)->start_ns >= answer.end_ns)) return {};
  }
}

Error InFile(Error error, const std::string& path) {
  if (error.file.empty()) error.file = path;
  return error;
}

class FileTimelineQuery : public TimelineQuery {
 public:
  explicit FileTimelineQuery(std::vector<TimelinePart> parts) : parts_(std::move(parts)), files_(parts_.size()) {}
  Result<TimelineAnswer> Run(const TimelineRequest& request) override;

 private:
  Result<std::vector<TimelineFile*>> OpenFiles(uint64_t start_ns, uint64_t end_ns);
  Status Understand(const TimelineRequest& request, Question* question);
  Result<std::vector<TimelineRow>> Rows(const Question& question, uint32_t cpu, const TimelineGrid& grid);
  Status Build(const Question& question);
  Result<TimelineAnswer> FromRows(const Question& question);
  // Nothing: there is too much to read.
  Result<std::optional<TimelineAnswer>> FromEvents(const Question& question, size_t slices_max);
  Status AddSlices(const Question& question, const std::vector<TimelineWalk>& walks, size_t slices_max,
                   TimelineAnswer* answer);
  Status AddGaps(const Question& question, TimelineAnswer* answer);
  Status Name(const Question& question, TimelineLane* lane);

  std::vector<TimelinePart> parts_;
  std::vector<std::unique_ptr<TimelineFile>> files_;  // as parts_; null: not opened yet
  // Rows that were computed here, of a recording that has none, and up to where.
  std::map<std::pair<uint32_t, uint32_t>, std::vector<TimelineRow>> built_;
  uint64_t built_until_ns_ = 0;
};

Result<std::vector<TimelineFile*>> FileTimelineQuery::OpenFiles(uint64_t start_ns, uint64_t end_ns) {
  std::vector<TimelineFile*> open;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].start_ns >= end_ns || parts_[i].end_ns < start_ns) continue;
    if (files_[i] == nullptr) {
      auto file = TimelineFile::Open(parts_[i].path);
      if (!file) return tl::unexpected<Error>(std::move(file.error()));
      files_[i] = std::move(*file);
    }
    open.push_back(files_[i].get());
  }
  return open;
}

Status FileTimelineQuery::Understand(const TimelineRequest& request, Question* question) {
  std::set<uint32_t> cpus;
  for (TimelineFile* file : question->files) {
    STORE_TRY(file->AddCpus(&cpus));
    const auto rows = file->HasRows();
    if (!rows) return tl::unexpected<Error>(rows.error());
    question->has_rows = question->has_rows || *rows;
  }
  const bool all = request.start_ns == 0 && request.end_ns == 0;
  uint64_t first_ns = UINT64_MAX;
  for (const uint32_t cpu : cpus) {
    for (TimelineFile* file : question->files) {
      STORE_TRY(file->AddLast(cpu, &question->last_ns));
      if (all) STORE_TRY(file->AddFirst(cpu, &first_ns));
    }
  }
  if (all) {
    question->start_ns = std::min(first_ns, question->last_ns);
    question->end_ns = question->last_ns + 1;
  }
  if (request.cpus.empty()) {
    question->cpus.assign(cpus.begin(), cpus.end());
  } else {
    const std::set<uint32_t> wanted(request.cpus.begin(), request.cpus.end());
    std::set_intersection(wanted.begin(), wanted.end(), cpus.begin(), cpus.end(), std::back_inserter(question->cpus));
  }
  if (question->cpus.size() > kTimelineLanesMax) {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "the recording has " + std::to_string(question->cpus.size()) + " CPUs, at most " +
                          std::to_string(kTimelineLanesMax) + " are shown at once",
                      {},
                      {},
                      "name the CPUs"});
  }
  const uint64_t asked = request.bins_max == 0 ? kTimelineBinsDefault : request.bins_max;
  const uint64_t fit = kTimelineCellsMax / std::max<size_t>(question->cpus.size(), 1);
  question->bins_max = std::min<uint64_t>({asked, kTimelineBinsMax, fit});
  return {};
}

Result<TimelineAnswer> FileTimelineQuery::Run(const TimelineRequest& request) {
  const bool all = request.start_ns == 0 && request.end_ns == 0;
  if (!all && (request.start_ns >= request.end_ns || request.start_ns >= kTimelineEndNs)) {
    return Fail(Error{
        ErrorCode::kInvalidArgument,
        "the span from " + std::to_string(request.start_ns) + " to " + std::to_string(request.end_ns) + " ns is empty",
        {},
        {},
        "its end must be behind its start, in ns of the trace clock"});
  }
  Question question;
  question.start_ns = request.start_ns;
  question.end_ns = std::min(request.end_ns, kTimelineEndNs);
  question.deadline = request.deadline;
  STORE_TRY(CheckDeadline(question.deadline));
  auto open = all ? OpenFiles(0, UINT64_MAX) : OpenFiles(question.start_ns, question.end_ns);
  if (!open) return tl::unexpected<Error>(std::move(open.error()));
  const auto snapshot = Snapshot::Of(std::move(*open));
  if (!snapshot) return tl::unexpected<Error>(snapshot.error());
  question.files = snapshot->files();
  STORE_TRY(Understand(request, &question));

  // Without rows it is not known how many switches there are before they were read.
  std::optional<TimelineAnswer> answer;
  size_t switches = 0;
  const size_t slices_max = question.narrow()
                                ? kTimelineSlicesMax
                                : std::min<size_t>(kTimelineSlicesMax, question.bins_max * question.cpus.size());
  if (question.has_rows) {
    auto rows = FromRows(question);
    if (!rows) return rows;
    for (const TimelineLane& lane : rows->lanes) {
      for (const TimelineBin& bin : lane.bins) switches += bin.switches;
    }
    answer = std::move(*rows);
  }
  if (question.narrow() || switches <= slices_max) {
    auto events = FromEvents(question, switches <= slices_max ? slices_max : 0);
    if (!events) return tl::unexpected<Error>(std::move(events.error()));
    if (*events) answer = std::move(*events);
  }
  if (!answer) {
    STORE_TRY(Build(question));
    auto rows = FromRows(question);
    if (!rows) return rows;
    answer = std::move(*rows);
  }
  STORE_TRY(AddGaps(question, &*answer));
  return std::move(*answer);
}

Result<std::vector<TimelineRow>> FileTimelineQuery::Rows(const Question& question, uint32_t cpu,
                                                         const TimelineGrid& grid) {
  std::vector<TimelineRow> rows;
  const uint64_t first = grid.start_ns >> TimelineShift(grid.level);
  const uint64_t last = (grid.end_ns() - 1) >> TimelineShift(grid.level);
  if (question.has_rows) {
    for (TimelineFile* file : question.files) {
      if (auto status = file->AddRows(cpu, grid.level, first, last, &rows); !status) {
        return Fail(InFile(std::move(status.error()), file->path()));
      }
    }
    return rows;
  }
  for (const TimelineRow& row : built_[{cpu, grid.level}]) {
    if (row.first_bin <= last && row.first_bin + row.bins > first) rows.push_back(row);
  }
  return rows;
}

Result<TimelineAnswer> FileTimelineQuery::FromRows(const Question& question) {
  const TimelineGrid grid = TimelineGrid::Over(question.start_ns, question.end_ns, question.bins_max, false);
  TimelineAnswer answer{grid.start_ns, grid.end_ns(), grid.bin_ns, {}};
  for (const uint32_t cpu : question.cpus) {
    STORE_TRY(CheckDeadline(question.deadline));
    auto rows = Rows(question, cpu, grid);
    if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
    TimelineBins bins(grid);
    if (auto status = bins.Add(std::move(*rows)); !status) {
      status.error().remedy = "copy the recording again, or import it anew";
      return Fail(InFile(std::move(status.error()), question.files.front()->path()));
    }
    answer.lanes.push_back({cpu, bins.Finish(), {}, {}});
  }
  return answer;
}

// Of a recording that has no rows: from all its events, and kept.
Status FileTimelineQuery::Build(const Question& question) {
  if (built_until_ns_ != 0 && built_until_ns_ >= question.last_ns) return {};
  TimelineBuilder builder;
  uint64_t last_ns = 0;
  for (const TimelinePart& part : parts_) {
    const auto input = OpenRecording(part.path);
    if (!input) return tl::unexpected<Error>(input.error());
    const auto go_on = [&] { return CheckDeadline(question.deadline).has_value(); };
    if (auto pushed = PushAllEvents(**input, go_on, &builder, &last_ns); !pushed) {
      STORE_TRY(CheckDeadline(question.deadline));
      return pushed;
    }
  }
  built_.clear();
  for (TimelineRow& row : builder.Flush(last_ns)) built_[{row.cpu, row.level}].push_back(std::move(row));
  built_until_ns_ = last_ns;
  return {};
}

Result<std::optional<TimelineAnswer>> FileTimelineQuery::FromEvents(const Question& question, size_t slices_max) {
  int64_t events_left = question.end_ns - question.start_ns < kShortNs ? kEventsOfShortMax : kEventsMax;
  TimelineGrid grid{question.start_ns, question.end_ns - question.start_ns, 1, 0};
  if (question.narrow()) grid = TimelineGrid::Over(question.start_ns, question.end_ns, question.bins_max, true);
  std::vector<TimelineWalk> walks;
  for (const uint32_t cpu : question.cpus) {
    STORE_TRY(CheckDeadline(question.deadline));
    uint64_t known_end_ns = 0;
    for (TimelineFile* file : question.files) {
      const auto frontier_ns = file->Frontier(cpu);
      if (!frontier_ns) return tl::unexpected<Error>(frontier_ns.error());
      known_end_ns = std::max(known_end_ns, *frontier_ns);
    }
    // An import has no frontiers: all its CPUs were read to the end.
    if (known_end_ns == 0) known_end_ns = question.last_ns;
    auto walk = TimelineWalk::Plan(question.files, cpu, grid.start_ns, grid.end_ns(), known_end_ns, &events_left);
    if (!walk) return tl::unexpected<Error>(std::move(walk.error()));
    if (events_left < 0) return std::nullopt;
    walks.push_back(std::move(*walk));
  }
  TimelineAnswer answer{question.start_ns, question.end_ns, 0, {}};
  for (const uint32_t cpu : question.cpus) answer.lanes.push_back({cpu, {}, {}, {}});
  size_t slices = SIZE_MAX;
  if (slices_max > 0) {
    STORE_TRY(AddSlices(question, walks, slices_max, &answer));
    slices = 0;
    for (const TimelineLane& lane : answer.lanes) slices += lane.slices.size();
  }
  if (slices <= slices_max) return answer;
  if (!question.narrow()) return std::nullopt;
  answer.start_ns = grid.start_ns;
  answer.end_ns = grid.end_ns();
  answer.bin_ns = grid.bin_ns;
  for (size_t i = 0; i < walks.size(); ++i) {
    BinSink sink(grid);
    const auto done = walks[i].Run(question.deadline, &sink);
    if (!done) return tl::unexpected<Error>(done.error());
    answer.lanes[i].slices.clear();
    answer.lanes[i].bins = sink.Take();
  }
  return answer;
}

// Stops once there are more than `slices_max`.
Status FileTimelineQuery::AddSlices(const Question& question, const std::vector<TimelineWalk>& walks, size_t slices_max,
                                    TimelineAnswer* answer) {
  size_t left = slices_max;
  for (size_t i = 0; i < walks.size(); ++i) {
    SliceSink sink(question.start_ns, question.end_ns, left);
    const auto done = walks[i].Run(question.deadline, &sink);
    if (!done) return tl::unexpected<Error>(done.error());
    TimelineLane& lane = answer->lanes[i];
    lane.slices = sink.Take();
    if (lane.slices.size() > left) return {};
    left -= lane.slices.size();
    STORE_TRY(Name(question, &lane));
  }
  return {};
}

// Names of tasks that were on their CPU all the time that was seen.
Status FileTimelineQuery::Name(const Question& question, TimelineLane* lane) {
  for (TimelineSlice& slice : lane->slices) {
    if (!slice.comm.empty()) continue;
    if (slice.pid == 0) slice.comm = "swapper/" + std::to_string(lane->cpu);
    for (size_t i = question.files.size(); i-- > 0 && slice.comm.empty();) {
      auto comm = question.files[i]->CommOf(slice.pid);
      if (!comm) return tl::unexpected<Error>(std::move(comm.error()));
      slice.comm = std::move(*comm);
    }
  }
  return {};
}

Status FileTimelineQuery::AddGaps(const Question& question, TimelineAnswer* answer) {
  size_t left = kTimelineSlicesMax;
  for (TimelineLane& lane : answer->lanes) {
    for (size_t i = 0; i < question.files.size(); ++i) {
      STORE_TRY(AddGapsOf(question.files.subspan(i), *answer, question.deadline, &left, &lane));
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<TimelineQuery>> TimelineQuery::Open(std::vector<TimelinePart> parts) {
  if (parts.empty()) return Fail(ErrorCode::kInvalidArgument, "a timeline of no recording was asked for");
  return std::make_unique<FileTimelineQuery>(std::move(parts));
}

}  // namespace wakewatch
