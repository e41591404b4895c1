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
#include "analysis/report/wait_builder.h"
#include "analysis/report/wait_test_support.h"
#include "analysis/trace/formats_list.h"
#include "analysis/trace/test_files.h"
#include "server/live/live_session.h"
#include "server/live/pipeline.h"
#include "server/live/replay.h"
#include "server/store/finding_query.h"
#include "server/store/query.h"
#include "server/store/recording.h"
#include "server/store/session_store.h"
#include "server/store/wait_rows.h"
#include "tests/recordings.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using file_test::TempFolder;
using recordings_test::BundledTraces;
using recordings_test::BusyTraces;
using recordings_test::Lab;
using recordings_test::TracesBelow;
using recordings_test::Unpacked;
using std::chrono::milliseconds;

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

// The waits that a recording is to keep, of an analysis of its events.
Lines WaitLines(const TraceInput& input) {
  Lines lines;
  EngineOptions options;
  options.on_wait = [&](const MeasuredWait& wait) {
    if (WaitBuilder::Keeps(wait, options.latency_threshold_ns)) lines.push_back(wait_test::Line(wait));
  };
  const auto report = AnalyseTrace(input, options, {});
  EXPECT_TRUE(report) << report.error().Text();
  return lines;
}

Lines StoredWaitLines(const std::string& folder) {
  auto stored = StoredWaits::Open(Parts(folder));
  EXPECT_TRUE(stored) << stored.error().Text();
  EXPECT_TRUE(stored->kept());
  Lines lines;
  const auto read = stored->Read({}, {}, {}, [&](const MeasuredWait& wait) { lines.push_back(wait_test::Line(wait)); });
  EXPECT_TRUE(read) << read.error().Text();
  EXPECT_EQ(stored->chunks_unreadable(), 0u);
  EXPECT_GT(stored->until_ns(), 0u);
  return lines;
}

// The rows of the table, byte for byte.
Lines WaitRows(const std::string& folder) {
  Lines lines;
  for (const std::string& part : Parts(folder)) {
    const auto query = RecordingQuery::Open(part);
    EXPECT_TRUE(query) << query.error().Text();
    const auto end = (*query)->Run(
        "SELECT * FROM wait_chunk ORDER BY first_wait", {}, [](const auto&) {},
        [&](const std::vector<SqlValue>& row) {
          std::string line;
          for (const SqlValue& value : row) {
            if (const auto* number = std::get_if<int64_t>(&value)) line += std::to_string(*number) + " ";
            if (const auto* bytes = std::get_if<std::string>(&value)) line += *bytes;
          }
          lines.push_back(line);
          return true;
        });
    EXPECT_TRUE(end) << end.error().Text();
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
  uint64_t latency_threshold_ns = EngineOptions().latency_threshold_ns;
};

// As a watcher does: what comes later takes the place of what was open.
void Take(const Finding& finding, std::map<std::string, Finding>* found) {
  const auto [known, added] = found->try_emplace(finding.id, finding);
  if (!added && known->second.open) known->second = finding;
}

Streamed Stream(const TraceInput& input, const std::string& data, const Way& way) {
  ReplayOptions replay;
  replay.span = way.span;
  auto batches = MakeBatches(input, replay);
  EXPECT_TRUE(batches) << batches.error().Text();
  FormatSets sets;
  LiveOptions options;
  options.store.part_bytes_max = way.part_bytes_max;
  options.engine.latency_threshold_ns = way.latency_threshold_ns;
  const SessionInfo session = *batches->front().session;
  auto live = LiveSession::Open(data, session, &sets, options);
  EXPECT_TRUE(live) << live.error().Text();
  std::mt19937 random(way.seed);
  std::uniform_real_distribution<double> chance;
  std::map<std::string, Finding> found;
  const auto keep = [&](const Result<std::vector<Finding>>& made) {
    ASSERT_TRUE(made) << made.error().Text();
    for (const Finding& finding : *made) Take(finding, &found);
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
    for (const Finding& finding : (*live)->unstored()) Take(finding, &found);
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

  EXPECT_EQ(StoredWaitLines(live.folder), WaitLines(**stored)) << "waits, stored and measured offline";

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

TEST(LiveEqualsOffline, StoredWaitsAreTheSameBytesAfterCrashes) {
  size_t chunks = 0;
  for (const fs::path& trace : BusyTraces()) {
    SCOPED_TRACE(trace);
    const TempFolder unpacked, data;
    const auto input = OpenTrace(Unpacked(trace, unpacked).string(), {});
    ASSERT_TRUE(input) << input.error().Text();
    const uint64_t threshold_ns = 1000;  // so that user tasks have waits to be kept, and there are many
    const Streamed whole = Stream(**input, (data.path() / "whole").string(),
                                  {.span = milliseconds(100), .latency_threshold_ns = threshold_ns});
    const Lines rows = WaitRows(whole.folder);
    chunks += rows.size();
    for (unsigned seed = 1; seed <= 3; ++seed) {
      const Streamed crashed =
          Stream(**input, (data.path() / std::to_string(seed)).string(),
                 {.span = milliseconds(100), .crash = 0.3, .seed = seed, .latency_threshold_ns = threshold_ns});
      EXPECT_EQ(WaitRows(crashed.folder), rows) << seed;
    }
  }
  EXPECT_GT(chunks, 2 * BusyTraces().size()) << "most have several chunks";
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
