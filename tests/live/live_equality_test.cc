// A session that is streamed, stored and analysed batch by batch gives what an analysis of the stored events gives:
// finding for finding, id for id, and the same distributions. However the batches are cut, and wherever the server
// crashes and resumes. The lab's recordings are used where they are: $WAKEWATCH_LAB, or ../shared/lab beside this tree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "analysis/report/report_json.h"
#include "analysis/trace/formats_list.h"
#include "analysis/trace/test_files.h"
#include "server/live/live_session.h"
#include "server/live/pipeline.h"
#include "server/live/replay.h"
#include "server/store/finding_query.h"
#include "server/store/recording.h"
#include "server/store/session_store.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using file_test::TempFolder;
using std::chrono::milliseconds;

fs::path Lab() {
  const char* const named = std::getenv("WAKEWATCH_LAB");
  return named != nullptr ? fs::path(named) : fs::path(WAKEWATCH_SOURCE_DIR) / "../shared/lab";
}

// Every recording below `folder`, whatever it is packed with.
std::vector<fs::path> TracesBelow(const fs::path& folder) {
  std::vector<fs::path> traces;
  if (!fs::exists(folder)) return traces;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".dat") || name.ends_with(".dat.zst") || name.ends_with(".dat.xz")) {
      traces.push_back(entry.path());
    }
  }
  std::sort(traces.begin(), traces.end());
  return traces;
}

std::vector<fs::path> BundledTraces() { return TracesBelow(fs::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces"); }

// The recording as a file that OpenTrace takes.
fs::path Unpacked(const fs::path& trace, const TempFolder& scratch) {
  if (trace.extension() == ".dat") return trace;
  const fs::path file = scratch.path() / "trace.dat";
  const std::string program = trace.extension() == ".xz" ? "xz" : "zstd";
  const std::string command = program + " -dc '" + trace.string() + "' >'" + file.string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return file;
}

using Lines = std::vector<std::string>;

// What is compared: every finding, and every distribution with its n.
Lines FindingLines(const std::vector<Finding>& findings) {
  Lines lines;
  for (const Finding& finding : findings) lines.push_back(FindingJson(finding));
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Of kernel threads: dead user tasks leave a live report, which counts them.
Lines SummaryLines(Report report) {
  report.findings.clear();
  report.path.clear();
  report.input_kind.clear();
  Lines lines;
  std::string line;
  for (const char c : ReportNdjson(report, false)) {
    if (c != '\n') {
      line += c;
      continue;
    }
    const auto record = nlohmann::json::parse(line).at("record");
    if (record == "thread" || record == "work" || record == "softirq" || record == "tasklet") lines.push_back(line);
    line.clear();
  }
  return lines;
}

struct Streamed {
  Lines findings, summaries;
  std::string folder;
  uint64_t refused = 0, late = 0;
};

struct Way {
  milliseconds span{500};
  double crash = 0;  // chance of a crash after a batch
  size_t group = 1;  // batches of one transaction
  uint64_t part_bytes_max = 512u << 20;
  unsigned seed = 1;
};

Streamed Stream(const TraceInput& input, const std::string& data, const Way& way) {
  ReplayOptions replay;
  replay.span = way.span;
  auto batches = MakeBatches(input, replay);
  EXPECT_TRUE(batches) << batches.error().Text();
  FormatSets sets;
  LiveOptions options;
  options.store.part_bytes_max = way.part_bytes_max;
  const SessionInfo session = *batches->front().session;
  auto live = LiveSession::Open(data, session, &sets, options);
  EXPECT_TRUE(live) << live.error().Text();
  std::mt19937 random(way.seed);
  std::uniform_real_distribution<double> chance;
  std::map<std::string, Finding> found;
  const auto keep = [&](const Result<std::vector<Finding>>& made) {
    ASSERT_TRUE(made) << made.error().Text();
    for (const Finding& finding : *made) found.emplace(finding.id, finding);
  };
  Streamed streamed;
  streamed.folder = (*live)->folder();
  for (size_t at = 0; at < batches->size();) {
    std::vector<Batch> group;
    for (; at < batches->size() && group.size() < way.group; ++at) group.push_back((*batches)[at]);
    const auto stored = (*live)->Store(std::move(group));
    if (!stored) {
      ADD_FAILURE() << stored.error().Text();
      break;
    }
    for (const auto& refused : stored->refused) ADD_FAILURE() << refused.sequence << ": " << refused.cause;
    streamed.late += stored->late;
    keep((*live)->Analyse());
    if (chance(random) < 0.3) EXPECT_TRUE((*live)->Flush(chance(random) < 0.5));
    if (chance(random) >= way.crash) continue;
    live = Fail(ErrorCode::kInternal, "crashed");  // nothing is flushed
    live = LiveSession::Open(data, session, &sets, options);
    if (!live) {
      ADD_FAILURE() << live.error().Text();
      return streamed;
    }
    for (const Finding& finding : (*live)->unstored()) found.emplace(finding.id, finding);
  }
  EXPECT_TRUE((*live)->ended());
  keep((*live)->End());
  std::vector<Finding> list;
  for (auto& [id, finding] : found) list.push_back(finding);
  streamed.findings = FindingLines(list);
  streamed.summaries = SummaryLines((*live)->Snapshot());
  return streamed;
}

void ExpectEqual(const fs::path& trace, const Way& way) {
  SCOPED_TRACE(trace);
  const TempFolder unpacked, data;
  const auto input = OpenTrace(Unpacked(trace, unpacked).string(), {});
  ASSERT_TRUE(input) << input.error().Text();
  const Streamed live = Stream(**input, data.path().string(), way);
  EXPECT_EQ(live.late, 0u);

  const auto stored = OpenRecording(live.folder);
  ASSERT_TRUE(stored) << stored.error().Text();
  const auto offline = AnalyseTrace(**stored, {}, {});
  ASSERT_TRUE(offline) << offline.error().Text();
  EXPECT_EQ(live.findings, FindingLines(offline->findings)) << "findings, live and offline";
  EXPECT_FALSE(live.summaries.empty());
  EXPECT_EQ(live.summaries, SummaryLines(*offline)) << "distributions, live and offline";

  FindingFilter all;
  all.limit = 1u << 30;
  const auto rows = QueryFindings(Parts(live.folder), all);
  ASSERT_TRUE(rows) << rows.error().Text();
  EXPECT_EQ(FindingLines(rows->findings), live.findings) << "findings, stored and told";
  EXPECT_EQ(rows->total, live.findings.size());

  const auto whole = AnalyseTrace(**input, {}, {});
  ASSERT_TRUE(whole) << whole.error().Text();
  EXPECT_EQ(live.findings, FindingLines(whole->findings)) << "findings, live and of the trace itself";
}

TEST(LiveEqualsOffline, HoweverTheBatchesAreCut) {
  for (const fs::path& trace : BundledTraces()) {
    ExpectEqual(trace, {.span = milliseconds(500)});
    ExpectEqual(trace, {.span = milliseconds(37)});
    ExpectEqual(trace, {.span = milliseconds(100), .group = 7});
  }
}

TEST(LiveEqualsOffline, WhereverTheServerCrashes) {
  for (const fs::path& trace : BundledTraces()) {
    for (unsigned seed = 1; seed <= 3; ++seed) {
      ExpectEqual(trace, {.span = milliseconds(100), .crash = 0.2, .seed = seed});
    }
  }
}

TEST(LiveEqualsOffline, OverManyFiles) {
  for (const fs::path& trace : BundledTraces()) {
    ExpectEqual(trace, {.span = milliseconds(200), .crash = 0.1, .part_bytes_max = 600u << 10});
  }
}

TEST(LiveEqualsOffline, OnTheLabsRecordings) {
  const auto traces = TracesBelow(Lab());
  if (traces.empty()) GTEST_SKIP() << "no lab at " << Lab() << "; set WAKEWATCH_LAB";
  unsigned seed = 0;
  for (const fs::path& trace : traces) {
    ExpectEqual(trace, {.span = milliseconds(500), .crash = 0.1, .seed = ++seed});
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace wakewatch
