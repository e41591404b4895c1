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
#include "server/store/timeline_detail_read.h"
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

// How many parts in front of the span are opened for the last event of a CPU that has been silent since.
constexpr size_t kPartsBackMax = 16;

// The files that a question is about, in the order of time. What is read of one is of one state of it.
class OpenFiles {
 public:
  OpenFiles() = default;
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;
  ~OpenFiles() {
    for (TimelineFile* file : files_) file->End();
  }
  // In front of the others.
  Status Add(TimelineFile* file) {
    STORE_TRY(file->Begin());
    files_.insert(files_.begin(), file);
    return {};
  }
  Files all() const { return files_; }

 private:
  std::vector<TimelineFile*> files_;
};

// One question, with what it was found to be about.
struct Question {
  OpenFiles files;
  size_t first_part = 0;  // of the opened ones
  uint64_t start_ns = 0, end_ns = 0;
  uint64_t last_ns = 0;  // of the events in these files
  bool goes_on = false;  // there is a part behind the span
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
  const uint64_t bin_ns = std::max<uint64_t>(answer.bin_ns, 1);
  uint64_t at_ns = answer.start_ns;
  auto gap = files.front()->GapBefore(lane->cpu, at_ns);
  while (gap && *left > 0) {
    STORE_TRY(CheckDeadline(deadline));
    if (*gap) {
      const uint64_t start_ns = (*gap)->start_ns;
      const auto end_ns =
          (*gap)->end_ns != UINT64_MAX ? Result<uint64_t>((*gap)->end_ns) : EndOfOpenGap(files, lane->cpu, start_ns);
      if (!end_ns) return tl::unexpected<Error>(end_ns.error());
      const TimelineSpan span{std::max(start_ns, answer.start_ns), std::min(*end_ns, answer.end_ns)};
      const bool empty = span.start_ns >= span.end_ns;
      if (!empty && !lane->gaps.empty() && lane->gaps.back().end_ns >= span.start_ns) {
        // The files on both sides of a cut know of a gap that spans it.
        lane->gaps.back().end_ns = std::max(lane->gaps.back().end_ns, span.end_ns);
      } else if (!empty) {
        lane->gaps.push_back(span);
        --*left;
      }
      if (start_ns >= at_ns) {
        at_ns = empty ? start_ns + 1 : answer.start_ns + ((start_ns - answer.start_ns) / bin_ns + 1) * bin_ns;
      }
    }
    gap = files.front()->GapFrom(lane->cpu, at_ns);
    if (gap && (!*gap || (*gap)->start_ns >= answer.end_ns)) return {};
  }
  if (!gap) return tl::unexpected<Error>(gap.error());
  return {};
}

Error EmptySpan(uint64_t start_ns, uint64_t end_ns) {
  return Error{ErrorCode::kInvalidArgument,
               "the span from " + std::to_string(start_ns) + " to " + std::to_string(end_ns) + " ns is empty",
               {},
               {},
               "its end must be behind its start, in ns of the trace clock"};
}

// Of grid.level.
uint64_t FirstBin(const TimelineGrid& grid) { return grid.start_ns >> TimelineShift(grid.level); }
uint64_t LastBin(const TimelineGrid& grid) { return (grid.end_ns() - 1) >> TimelineShift(grid.level); }

class FileTimelineQuery : public TimelineQuery {
 public:
  explicit FileTimelineQuery(std::vector<TimelinePart> parts) : parts_(std::move(parts)), files_(parts_.size()) {}
  Result<TimelineAnswer> Run(const TimelineRequest& request) override;
  Result<std::vector<TimelineLane>> Gaps(const TimelineRequest& request) override;
  Result<TimelineDetail> Detail(const TimelineDetailQuestion& question) override;

 private:
  Status Begin(const TimelineRequest& request, Question* question);
  Status OpenPart(size_t part, Question* question);
  Status OpenParts(const TimelineRequest& request, Question* question);
  // Opens earlier parts until one has an event of `cpu` at or before `start_ns`.
  Status OpenEarlier(uint32_t cpu, uint64_t start_ns, Question* question);
  Status Understand(const TimelineRequest& request, Question* question);
  Result<std::vector<TimelineRow>> Rows(const Question& question, uint32_t cpu, const TimelineGrid& grid);
  Error BadRow(const Question& question, uint32_t cpu, const TimelineGrid& grid, Error error);
  Status Build(const Question& question);
  Result<TimelineAnswer> FromRows(const Question& question);
  // Nothing: there is too much to read.
  Result<std::optional<TimelineAnswer>> FromEvents(size_t slices_max, Question* question);
  Result<std::vector<TimelineWalk>> Plan(const TimelineGrid& grid, Question* question);
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

Status FileTimelineQuery::OpenPart(size_t part, Question* question) {
  if (files_[part] == nullptr) {
    auto file = TimelineFile::Open(parts_[part].path);
    if (!file) return tl::unexpected<Error>(std::move(file.error()));
    files_[part] = std::move(*file);
  }
  question->first_part = part;
  return question->files.Add(files_[part].get());
}

// Those that overlap the span, and what its first and last bin may stand out by. One at least, which names the CPUs.
Status FileTimelineQuery::OpenParts(const TimelineRequest& request, Question* question) {
  const uint64_t bins = std::min<uint64_t>(request.bins_max == 0 ? kTimelineBinsDefault : request.bins_max, 256);
  const uint64_t bin_ns = std::min((question->end_ns - question->start_ns) / bins, kTimelineEndNs / 16);
  const uint64_t margin_ns = bin_ns * 4 + 2 * TimelineBinNs(0);
  const uint64_t from_ns = question->start_ns - std::min(question->start_ns, margin_ns);
  const uint64_t to_ns = question->end_ns + margin_ns;
  for (size_t part = parts_.size(); part-- > 0;) {
    question->goes_on = question->goes_on || parts_[part].start_ns >= question->end_ns;
    const bool overlaps = parts_[part].start_ns < to_ns && parts_[part].end_ns >= from_ns;
    const bool none_else = part == 0 && question->files.all().empty();
    if (overlaps || none_else) STORE_TRY(OpenPart(part, question));
  }
  return {};
}

Status FileTimelineQuery::OpenEarlier(uint32_t cpu, uint64_t start_ns, Question* question) {
  for (TimelineFile* file : question->files.all()) {
    const auto chunks = file->ChunksBefore(cpu, start_ns, 1);
    if (!chunks) return tl::unexpected<Error>(chunks.error());
    if (!chunks->empty()) return {};
  }
  for (size_t opened = 0; opened < kPartsBackMax && question->first_part > 0; ++opened) {
    STORE_TRY(OpenPart(question->first_part - 1, question));
    const auto chunks = question->files.all().front()->ChunksBefore(cpu, start_ns, 1);
    if (!chunks) return tl::unexpected<Error>(chunks.error());
    if (!chunks->empty()) return {};
  }
  return {};
}

Status FileTimelineQuery::Understand(const TimelineRequest& request, Question* question) {
  std::set<uint32_t> cpus;
  for (TimelineFile* file : question->files.all()) {
    STORE_TRY(file->AddCpus(&cpus));
    const auto rows = file->HasRows();
    if (!rows) return tl::unexpected<Error>(rows.error());
    question->has_rows = question->has_rows || *rows;
  }
  const bool all = request.start_ns == 0 && request.end_ns == 0;
  uint64_t first_ns = UINT64_MAX;
  for (const uint32_t cpu : cpus) {
    for (TimelineFile* file : question->files.all()) {
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

Status FileTimelineQuery::Begin(const TimelineRequest& request, Question* question) {
  const bool all = request.start_ns == 0 && request.end_ns == 0;
  if (!all && (request.start_ns >= request.end_ns || request.start_ns >= kTimelineEndNs)) {
    return Fail(EmptySpan(request.start_ns, request.end_ns));
  }
  question->start_ns = request.start_ns;
  question->end_ns = all ? kTimelineEndNs : std::min(request.end_ns, kTimelineEndNs);
  question->deadline = request.deadline;
  STORE_TRY(CheckDeadline(question->deadline));
  STORE_TRY(OpenParts(request, question));
  return Understand(request, question);
}

Result<TimelineAnswer> FileTimelineQuery::Run(const TimelineRequest& request) {
  Question question;
  STORE_TRY(Begin(request, &question));

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
    auto events = FromEvents(switches <= slices_max ? slices_max : 0, &question);
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
  const uint64_t first = FirstBin(grid), last = LastBin(grid);
  if (question.has_rows) {
    for (TimelineFile* file : question.files.all()) {
      STORE_TRY(file->AddRows(cpu, grid.level, first, last, &rows));
    }
    return rows;
  }
  for (const TimelineRow& row : built_[{cpu, grid.level}]) {
    if (row.first_bin <= last && row.first_bin + row.bins > first) rows.push_back(row);
  }
  return rows;
}

// Names the file with the row that cannot be.
Error FileTimelineQuery::BadRow(const Question& question, uint32_t cpu, const TimelineGrid& grid, Error error) {
  error.remedy = "copy the recording again, or import it anew";
  for (TimelineFile* file : question.files.all()) {
    std::vector<TimelineRow> rows;
    const auto read = file->AddRows(cpu, grid.level, FirstBin(grid), LastBin(grid), &rows);
    if (read && TimelineBins(grid).Add(std::move(rows))) continue;
    error.file = file->path();
    break;
  }
  return error;
}

Result<TimelineAnswer> FileTimelineQuery::FromRows(const Question& question) {
  const TimelineGrid grid = TimelineGrid::Over(question.start_ns, question.end_ns, question.bins_max, false);
  TimelineAnswer answer{grid.start_ns, grid.end_ns(), grid.bin_ns, {}};
  for (const uint32_t cpu : question.cpus) {
    STORE_TRY(CheckDeadline(question.deadline));
    auto rows = Rows(question, cpu, grid);
    if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
    TimelineBins bins(grid);
    if (auto status = bins.Add(std::move(*rows)); !status) return Fail(BadRow(question, cpu, grid, status.error()));
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

// What is to be read for the span of `grid`; nothing when it is too much.
Result<std::vector<TimelineWalk>> FileTimelineQuery::Plan(const TimelineGrid& grid, Question* question) {
  int64_t events_left = question->end_ns - question->start_ns < kShortNs ? kEventsOfShortMax : kEventsMax;
  std::vector<TimelineWalk> walks;
  for (const uint32_t cpu : question->cpus) {
    STORE_TRY(CheckDeadline(question->deadline));
    STORE_TRY(OpenEarlier(cpu, grid.start_ns, question));
    uint64_t known_end_ns = question->goes_on ? kTimelineEndNs : 0;
    for (TimelineFile* file : question->files.all()) {
      const auto frontier_ns = file->Frontier(cpu);
      if (!frontier_ns) return tl::unexpected<Error>(frontier_ns.error());
      known_end_ns = std::max(known_end_ns, *frontier_ns);
    }
    // An import has no frontiers: all its CPUs were read to the end.
    if (known_end_ns == 0) known_end_ns = question->last_ns;
    auto walk =
        TimelineWalk::Plan(question->files.all(), cpu, grid.start_ns, grid.end_ns(), known_end_ns, &events_left);
    if (!walk) return tl::unexpected<Error>(std::move(walk.error()));
    if (events_left < 0) return std::vector<TimelineWalk>();
    walks.push_back(std::move(*walk));
  }
  return walks;
}

Result<std::optional<TimelineAnswer>> FileTimelineQuery::FromEvents(size_t slices_max, Question* question) {
  TimelineGrid grid{question->start_ns, question->end_ns - question->start_ns, 1, 0};
  if (question->narrow()) grid = TimelineGrid::Over(question->start_ns, question->end_ns, question->bins_max, true);
  const auto walks = Plan(grid, question);
  if (!walks) return tl::unexpected<Error>(walks.error());
  if (walks->size() < question->cpus.size()) return std::nullopt;
  TimelineAnswer answer{question->start_ns, question->end_ns, 0, {}};
  for (const uint32_t cpu : question->cpus) answer.lanes.push_back({cpu, {}, {}, {}});
  size_t slices = SIZE_MAX;
  if (slices_max > 0) {
    STORE_TRY(AddSlices(*question, *walks, slices_max, &answer));
    slices = 0;
    for (const TimelineLane& lane : answer.lanes) slices += lane.slices.size();
  }
  if (slices <= slices_max) return answer;
  if (!question->narrow()) return std::nullopt;
  answer.start_ns = grid.start_ns;
  answer.end_ns = grid.end_ns();
  answer.bin_ns = grid.bin_ns;
  for (size_t i = 0; i < walks->size(); ++i) {
    BinSink sink(grid);
    const auto done = (*walks)[i].Run(question->deadline, &sink);
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
    for (size_t i = question.files.all().size(); i-- > 0 && slice.comm.empty();) {
      auto comm = question.files.all()[i]->CommOf(slice.pid);
      if (!comm) return tl::unexpected<Error>(std::move(comm.error()));
      slice.comm = std::move(*comm);
    }
  }
  return {};
}

Result<std::vector<TimelineLane>> FileTimelineQuery::Gaps(const TimelineRequest& request) {
  Question question;
  STORE_TRY(Begin(request, &question));
  TimelineAnswer answer{question.start_ns, question.end_ns, 0, {}};
  answer.bin_ns = (question.end_ns - question.start_ns - 1) / question.bins_max + 1;
  for (const uint32_t cpu : question.cpus) answer.lanes.push_back({cpu, {}, {}, {}});
  STORE_TRY(AddGaps(question, &answer));
  return std::move(answer.lanes);
}

Result<TimelineDetail> FileTimelineQuery::Detail(const TimelineDetailQuestion& asked) {
  STORE_TRY(CheckDetailRequest(asked));
  if (asked.start_ns >= asked.end_ns) return Fail(EmptySpan(asked.start_ns, asked.end_ns));
  Question question;
  STORE_TRY(Begin({asked.start_ns, asked.end_ns, 0, {}, asked.deadline}, &question));
  TimelineDetailRequest request = asked;
  request.end_ns = question.end_ns;
  // All CPUs are looked at through the same files.
  for (const uint32_t cpu : question.cpus) STORE_TRY(OpenEarlier(cpu, request.start_ns, &question));
  const auto walks = Plan({request.start_ns, request.end_ns - request.start_ns, 1, 0}, &question);
  if (!walks) return tl::unexpected<Error>(walks.error());
  if (walks->size() < question.cpus.size()) return TooMuchDetail(request);
  const DetailFiles files{question.files.all(), question.first_part == 0};
  for (TimelineFile* file : files.files) STORE_TRY(file->UpdateFormats());
  return TimelineDetailReader(request, files, question.cpus, *walks, question.deadline).Run();
}

Status FileTimelineQuery::AddGaps(const Question& question, TimelineAnswer* answer) {
  size_t left = kTimelineSlicesMax;
  for (TimelineLane& lane : answer->lanes) {
    for (size_t i = 0; i < question.files.all().size(); ++i) {
      STORE_TRY(AddGapsOf(question.files.all().subspan(i), *answer, question.deadline, &left, &lane));
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
