#include "server/live/chain.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "analysis/report/report_filter.h"
#include "analysis/trace/merge.h"
#include "server/live/pipeline.h"

namespace wakewatch {
namespace {

constexpr uint64_t kLookEvery = 1u << 16;
// How far in front of the wait its chain is followed: a timer may have been set off long ago.
constexpr uint64_t kBeforeMaxNs = 1'000'000'000;

// Calls visit(event) in merged order until it answers false.
template <typename Visit>
Status ForEachEvent(const TraceInput& input, const std::function<bool()>& stop, Visit&& visit) {
  auto readers = input.OpenCpus();
  if (!readers) return Fail(readers.error());
  std::vector<ReaderBlockSource> in_line;
  in_line.reserve(readers->size());
  for (const auto& reader : *readers) in_line.emplace_back(reader.get(), BlockEventsFor(readers->size()));
  std::vector<BlockSource*> sources;
  for (ReaderBlockSource& source : in_line) sources.push_back(&source);
  uint64_t events = 0;
  bool stopped = false;
  Merger merger(sources);
  const Status status = merger.Run([&](const Event& event) {
    if (++events % kLookEvery == 0 && stop && stop()) {
      stopped = true;
      return false;
    }
    return visit(event);
  });
  if (!status) return status;
  if (!stopped) return {};
  return Fail(Error{.code = ErrorCode::kDeadline,
                    .cause = "the events were not read to the end in time",
                    .remedy = "the command line has no such limit on the server's files"});
}

Result<CriticalPath> PathOf(const TraceInput& input, int32_t pid, uint64_t from_ns, uint64_t to_ns,
                            const std::function<bool()>& stop, bool* has_gaps) {
  CriticalPathFinder finder(input, from_ns, to_ns);
  const auto read = ForEachEvent(input, stop, [&](const Event& event) {
    *has_gaps = *has_gaps || (event.type == EventType::kGap && event.ts_ns <= to_ns);
    return finder.Push(event);
  });
  if (!read) return Fail(read.error());
  return finder.Find(pid);
}

Error NoSuchTask(const std::string& task) {
  return Error{.code = ErrorCode::kNotFound,
               .cause = "no event names a task " + task,
               .remedy = "`wakewatch latency --all` lists the tasks that were seen"};
}

// The one task of that name with something to show up to `until_ns`.
Result<int32_t> OneTask(const TraceInput& input, const ChainQuestion& question, const std::function<bool()>& stop) {
  SchedModel model(input);
  bool any = false;
  const auto read = ForEachEvent(input, stop, [&](const Event& event) {
    if (event.ts_ns > question.until_ns) return false;
    model.Apply(event);
    any = true;
    return true;
  });
  if (!read) return Fail(read.error());
  if (!any) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "every event lies behind the span",
                      .remedy = "`wakewatch report` says which span the trace covers"});
  }
  std::set<int32_t> pids;
  model.tasks().ForEach([&](const Task& task) {
    if (TaskMatches(question.task, task.pid, task.comm())) pids.insert(task.pid);
  });
  if (pids.empty()) return Fail(NoSuchTask(question.task));
  if (pids.size() == 1) return *pids.begin();
  std::string some;
  size_t named = 0;
  for (const int32_t pid : pids) {
    if (++named <= 8) some += (some.empty() ? "" : ", ") + std::to_string(pid);
  }
  return Fail(Error{.code = ErrorCode::kInvalidArgument,
                    .cause = std::to_string(pids.size()) + " tasks are called " + question.task + ", with pids " +
                             some + (named > 8 ? " …" : ""),
                    .remedy = "name one by its pid"});
}

Result<ChainAnswer> OfSpan(const TraceInput& input, const ChainQuestion& question, const std::function<bool()>& stop) {
  const auto pid = OneTask(input, question, stop);
  if (!pid) return Fail(pid.error());
  ChainAnswer answer;
  auto path = PathOf(input, *pid, question.since_ns, question.until_ns, stop, &answer.has_gaps);
  if (!path) return Fail(path.error());
  answer.path = *std::move(path);
  return answer;
}

}  // namespace

Result<ChainAnswer> FindChain(const TraceInput& input, const ChainQuestion& question,
                              const std::function<bool()>& stop) {
  if (question.task.empty()) return Fail(ErrorCode::kInvalidArgument, "no task was named");
  if (question.has_span) return OfSpan(input, question, stop);
  WorstWakeFinder finder(input,
                         [&](int32_t pid, std::string_view comm) { return TaskMatches(question.task, pid, comm); });
  const auto read = ForEachEvent(input, stop, [&](const Event& event) {
    finder.Push(event);
    return true;
  });
  if (!read) return Fail(read.error());
  if (!finder.worst()) {
    bool seen = false;
    finder.model().tasks().ForEach(
        [&](const Task& task) { seen = seen || TaskMatches(question.task, task.pid, task.comm()); });
    if (!seen) return Fail(NoSuchTask(question.task));
    return Fail(Error{.code = ErrorCode::kNotFound,
                      .cause = "no wait after a wakeup of task " + question.task + " was measured",
                      .remedy = "ask for a span: --since and --until"});
  }
  ChainAnswer answer;
  answer.wait = finder.worst();
  const WorstWake& wait = *answer.wait;
  uint64_t from_ns = wait.waking_ns;
  for (const ChainLink& link : wait.chain) from_ns = link.waking_ns == 0 ? from_ns : std::min(from_ns, link.waking_ns);
  if (wait.waking_ns > kBeforeMaxNs) from_ns = std::max(from_ns, wait.waking_ns - kBeforeMaxNs);
  auto path = PathOf(input, wait.pid, from_ns, wait.in_ns, stop, &answer.has_gaps);
  if (!path) return Fail(path.error());
  answer.path = *std::move(path);
  return answer;
}

}  // namespace wakewatch
