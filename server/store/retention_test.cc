#include "server/store/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "server/store/part_rewriter.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using Action = RetentionStep::Action;
using store_test::CountOf;
using store_test::Folder;
using store_test::LinesOf;
using store_test::MakeSession;
using store_test::OpenStore;
using store_test::StoreAll;
using store_test::TextOf;
using store_test::TinyParts;

constexpr uint64_t kDay = 86'400'000'000'000;

class RetentionTest : public testing::Test {
 protected:
  // A part for each of `parts` batches, each with a finding when its index is in `with_finding`.
  std::string Make(const std::string& host, size_t parts, const std::set<size_t>& with_finding) {
    const auto batches = trace_.Batches(parts, MakeSession(host));
    const auto store = OpenStore(data_, TinyParts(), MakeSession(host));
    for (size_t i = 0; i < batches.size(); ++i) {
      AnalysisRows rows;
      if (with_finding.contains(i)) {
        Finding finding;
        finding.id = host + std::to_string(i);
        const auto& chunks = batches[i].chunks;
        finding.start_ns = chunks[chunks.size() / 2].first_ns;
        finding.end_ns = finding.start_ns + 1000;
        finding.explanation = "it waited";
        rows.findings = {finding};
      }
      EXPECT_TRUE(store->Commit({&batches[i], 1}, rows));
    }
    EXPECT_TRUE(store->Close());
    return store->folder();
  }
  std::vector<std::string> Apply(const RetentionOptions& options, uint64_t now_ns,
                                 const std::set<std::string>& in_use = {}, HeldHosts* held = nullptr) {
    auto catalogue = Catalogue::Open(data_);
    EXPECT_TRUE(catalogue) << TextOf(catalogue);
    std::vector<std::string> done;
    for (const RetentionStep& step : ApplyRetention(catalogue->get(), options, now_ns, in_use, held)) {
      constexpr const char* kNames[] = {"removed", "trimmed", "stripped", "removed recording", "held back", "failed"};
      const std::filesystem::path path(step.path);
      done.push_back(std::string(kNames[static_cast<int>(step.action)]) +
                     (step.action == Action::kRemovedRecording ? "" : " " + path.filename().string()));
      EXPECT_FALSE(step.reason.empty());
    }
    // What is left is what the catalogue says.
    const auto again = Catalogue::Open(data_);
    for (RecordingRow& row : (*again)->List("")) {
      EXPECT_TRUE(!in_use.empty() || (*catalogue)->Find(row.host, row.id) == row);
    }
    EXPECT_EQ((*again)->List("").size(), (*catalogue)->List("").size());
    return done;
  }
  // When the last test data were written, as far as retention can tell.
  static uint64_t NowNs() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
  }
  static void MakeOlder(const std::string& part, std::chrono::hours age) {
    using Clock = std::filesystem::file_time_type::clock;
    for (const std::string& path : {part, part + "-wal"}) {
      if (std::filesystem::exists(path)) std::filesystem::last_write_time(path, Clock::now() - age);
    }
  }
  static RetentionOptions NoMargin() {
    RetentionOptions options;
    options.findings_margin = std::chrono::nanoseconds(0);
    return options;
  }

  Folder folder_;
  std::string data_ = folder_.File("data");
  store_test::LiveTrace trace_;
};

TEST_F(RetentionTest, WhatIsYoungStays) {
  Make("a", 3, {1});
  EXPECT_TRUE(Apply({}, NowNs() + 6 * kDay).empty());
  EXPECT_TRUE(Apply({}, 0).empty());
}

TEST_F(RetentionTest, APartIsAsOldAsItsFileWhateverItsHostsClockSays) {
  struct Row {
    std::string story;
    int64_t clock_days;  // of the host's clock at the part's end, ahead of this machine's now
    int64_t file_days;   // likewise, of the file's time
    bool kept;
  };
  const Row rows[] = {{"a host whose clock is right", 0, 0, true},
                      {"a host whose clock is eight days behind", -8, 0, true},
                      {"a host whose clock began at its first power-on, or a trace of long ago", -9000, 0, true},
                      {"a host whose clock is years ahead", 3000, 0, true},
                      {"old", -8, -8, false},
                      {"old, and the host's clock was behind", -9000, -8, false},
                      {"old, and the host's clock was years ahead: it does not live for ever", 3000, -8, false},
                      {"this machine had no time yet when it wrote the file, the host had", -1, -9000, true},
                      {"neither had", -9000, -9000, false},
                      {"this machine's clock was ahead: the age counts from now", -9000, 400, true}};
  const uint64_t now_ns = NowNs();
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    const std::string data = folder_.File(row.story), host = "a";
    auto batches = trace_.Batches(1, MakeSession(host));
    const auto end_real_ns = static_cast<uint64_t>(static_cast<int64_t>(now_ns) + row.clock_days * int64_t{kDay});
    batches[0].clock_pairs = {{trace_.end_ns(), end_real_ns}};
    const std::string folder = StoreAll(data, batches);
    const std::string part = Parts(folder)[0];
    MakeOlder(part, std::chrono::hours(-24 * row.file_days));
    auto catalogue = Catalogue::Open(data);
    ASSERT_TRUE(catalogue) << TextOf(catalogue);
    // Not with the first look, and not with a later one.
    for (const uint64_t later_ns : {uint64_t{0}, 6 * kDay}) {
      if (later_ns != 0 && row.file_days < 0) continue;
      ApplyRetention(catalogue->get(), {}, now_ns + later_ns, {}, nullptr);
      EXPECT_EQ(std::filesystem::exists(part), row.kept) << later_ns / kDay << " days later";
    }
    ApplyRetention(catalogue->get(), {}, now_ns + 15 * kDay, {}, nullptr);
    EXPECT_FALSE(std::filesystem::exists(part)) << "nothing lives for ever";
  }
}

TEST_F(RetentionTest, FindingsOfAHostWhoseClockIsBehindStayAsLongAsOthers) {
  const std::string folder = Make("a", 1, {0});  // by its clock pairs of 2023
  const std::string part = Parts(folder)[0];
  MakeOlder(part, std::chrono::hours(24 * 8));
  EXPECT_THAT(Apply(NoMargin(), NowNs()), testing::ElementsAre("trimmed part-0001.db"));
  MakeOlder(part, std::chrono::hours(24 * 89));
  EXPECT_TRUE(Apply(NoMargin(), NowNs()).empty());
  MakeOlder(part, std::chrono::hours(24 * 91));
  EXPECT_THAT(Apply(NoMargin(), NowNs()), testing::ElementsAre("removed part-0001.db", "removed recording"));
}

TEST_F(RetentionTest, OldPartsGoAndFindingsKeepWhatSurroundsThem) {
  const std::string folder = Make("a", 4, {1});
  const uint64_t now_ns = NowNs() + 8 * kDay;
  const auto parts = Parts(folder);
  EXPECT_THAT(Apply(NoMargin(), now_ns, {folder}),
              testing::ElementsAre("removed part-0001.db", "trimmed part-0002.db", "removed part-0003.db"));
  EXPECT_EQ(Parts(folder).size(), 2u);
  EXPECT_TRUE(Apply(NoMargin(), now_ns, {folder}).empty());  // once
  // The finding is there with the chunks it is about.
  EXPECT_EQ(CountOf(parts[1], "SELECT count(*) FROM finding WHERE explanation = 'it waited'"), 1);
  EXPECT_GT(CountOf(parts[1], "SELECT count(*) FROM chunk"), 0);
  EXPECT_EQ(CountOf(parts[1], "SELECT count(*) FROM chunk, finding WHERE last_ns < start_ns OR first_ns > end_ns"), 0);
  EXPECT_EQ(CountOf(parts[1], "SELECT count(*) FROM meta WHERE key = 'trimmed'"), 1);
  EXPECT_THAT(Apply(NoMargin(), now_ns), testing::ElementsAre("removed part-0004.db"));
  // After its time the finding goes as well, and the recording with it.
  EXPECT_THAT(Apply(NoMargin(), NowNs() + 91 * kDay),
              testing::ElementsAre("removed part-0002.db", "removed recording"));
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_FALSE(std::filesystem::exists(data_ + "/hosts/a"));
}

TEST_F(RetentionTest, TheOldestGoWhenAHostHasTooMuch) {
  const std::string a = Make("a", 6, {0, 2});
  const std::string b = Make("b", 3, {});
  uint64_t bytes = 0;
  for (const std::string& part : Parts(a)) bytes += std::filesystem::file_size(part);
  RetentionOptions options = NoMargin();
  options.bytes_per_host_max = bytes - 1;
  EXPECT_THAT(Apply(options, NowNs(), {a}), testing::ElementsAre("trimmed part-0001.db"));
  EXPECT_EQ(Parts(b).size(), 3u);
  // With no room at all the findings are left, and the part that is written.
  options.bytes_per_host_max = 1;
  EXPECT_THAT(Apply(options, NowNs(), {a, b}),
              testing::ElementsAre("removed part-0002.db", "trimmed part-0003.db", "removed part-0004.db",
                                   "removed part-0005.db", "stripped part-0001.db", "stripped part-0003.db",
                                   "removed part-0001.db", "removed part-0002.db"));
  const auto left = Parts(a);
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(CountOf(left[0], "SELECT count(*) FROM finding"), 1);
  EXPECT_EQ(CountOf(left[0], "SELECT count(*) FROM chunk"), 0);
  EXPECT_EQ(Parts(b).size(), 1u);
  EXPECT_TRUE(Apply(options, NowNs(), {a, b}).empty());
}

TEST_F(RetentionTest, NothingIsMeasuredAcrossWhatWasRemoved) {
  const auto batches = trace_.Batches(1);
  const std::string whole = StoreAll(data_, batches);
  const Report before = store_test::ReportOf(whole);
  ASSERT_FALSE(before.findings.empty());
  const auto whole_lines = LinesOf(whole);
  const std::string part = Parts(whole)[0];
  const uint64_t width_ns = (trace_.end_ns() - trace_.start_ns()) / 7;
  for (const size_t kept : {0u, 1u, 3u, 6u}) {
    SCOPED_TRACE(kept);
    const std::string copy = folder_.File("copy" + std::to_string(kept));
    store_test::Copy(whole, copy);
    const uint64_t start_ns = trace_.start_ns() + kept * width_ns;
    const auto trimmed = TrimPart(Parts(copy)[0], {{start_ns, start_ns + width_ns / 2}});
    ASSERT_TRUE(trimmed) << TextOf(trimmed);
    const Report after = store_test::ReportOf(copy);
    EXPECT_LT(after.events, before.events);
    EXPECT_GT(after.events, 0u);
    EXPECT_LE(after.events + after.lost_events, before.events + before.lost_events);
    EXPECT_EQ(after.lost_unknown, before.lost_unknown);
    // No finding lies over a span of which its CPU knows nothing.
    for (const Finding& finding : after.findings) {
      for (const GapRecord& gap : after.gaps) {
        if (finding.cpu < 0 || gap.cpu != static_cast<uint32_t>(finding.cpu)) continue;
        EXPECT_TRUE(finding.end_ns <= gap.start_ns || finding.start_ns >= gap.end_ns)
            << finding.check << " " << finding.start_ns << " to " << finding.end_ns << ", gap " << gap.start_ns
            << " to " << gap.end_ns;
      }
    }
    // Events that are left are the same, with the same ids.
    for (const std::string& line : LinesOf(copy)) {
      if (line.find(" gap to ") == std::string::npos) {
        ASSERT_THAT(std::find(whole_lines.begin(), whole_lines.end(), line), testing::Ne(whole_lines.end()));
      }
    }
    EXPECT_EQ(CountOf(Parts(copy)[0],
                      "SELECT count(*) FROM gap AS g JOIN chunk AS c ON c.cpu = g.cpu WHERE "
                      "g.event_no = c.first_event_no AND g.end_ns = c.first_ns") +
                  CountOf(Parts(copy)[0], "SELECT count(*) FROM gap WHERE end_ns IS NULL"),
              CountOf(Parts(copy)[0], "SELECT count(*) FROM gap"));
  }
}

TEST_F(RetentionTest, ATrimmedPartStillJoinsItsNeighbours) {
  const auto batches = trace_.Batches(5);
  const std::string folder = StoreAll(data_, batches, TinyParts());
  const uint64_t events = store_test::ReportOf(folder).events;
  const auto parts = Parts(folder);
  const int64_t in_part = CountOf(parts[2], "SELECT sum(events) FROM chunk");
  const auto lines = LinesOf(folder);
  const auto gaps = std::count_if(lines.begin(), lines.end(),
                                  [](const std::string& line) { return line.find(" gap to ") != std::string::npos; });
  ASSERT_TRUE(TrimPart(parts[2], {}));
  EXPECT_EQ(CountOf(parts[2], "SELECT count(*) FROM chunk"), 0);
  const Report report = store_test::ReportOf(folder);
  EXPECT_EQ(report.events, events - static_cast<uint64_t>(in_part));
  uint64_t collector_gaps = 0;
  for (const GapRecord& gap : report.gaps) {
    if (gap.cause != GapCause::kCollector) continue;
    ++collector_gaps;
    EXPECT_NE(gap.end_ns, UINT64_MAX);
    EXPECT_NE(gap.start_ns, 0u);
  }
  EXPECT_EQ(collector_gaps, 4u);  // one a CPU
  EXPECT_LE(report.gaps.size(), static_cast<size_t>(gaps) + 4);
}

TEST_F(RetentionTest, AGapInsideWhatGoesIsPartOfTheNewOne) {
  const auto batches = trace_.Batches(8);  // the fourth slice of the first CPU is lost
  const std::string folder = StoreAll(data_, batches);
  const std::string part = Parts(folder)[0];
  // Lost and stored events of each CPU; NULL where the kernel did not count.
  const std::string sql =
      "SELECT group_concat(n, ' ') FROM (SELECT cpu, CASE WHEN sum(unknown) > 0 THEN 'unknown' ELSE sum(n) END AS n "
      "FROM (SELECT cpu, lost AS n, lost IS NULL AS unknown FROM gap UNION ALL SELECT cpu, events, 0 FROM chunk) "
      "GROUP BY cpu ORDER BY cpu)";
  const auto by_cpu = [&] {
    auto db = Database::Open(part, Database::Mode::kRead);
    auto row = db->Prepare(sql);
    EXPECT_TRUE(row && row->Step()) << TextOf(row);
    return row->Text(0);
  };
  const std::string before = by_cpu();
  EXPECT_THAT(before, testing::AllOf(testing::HasSubstr("unknown"), testing::Not(testing::StartsWith("unknown"))));
  const uint64_t first_ns = trace_.start_ns(), last_ns = trace_.end_ns();
  ASSERT_TRUE(TrimPart(part, {{first_ns, first_ns}, {last_ns, last_ns}}));
  EXPECT_EQ(by_cpu(), before);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM gap WHERE cause <> 'collector'"), 0);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM gap"), 4);  // one a CPU
}

TEST_F(RetentionTest, WithoutAClockTheFileSaysHowOldItIs) {
  auto batches = trace_.Batches(3);
  for (Batch& batch : batches) batch.clock_pairs.clear();
  const std::string folder = StoreAll(data_, batches, TinyParts());
  const auto parts = Parts(folder);
  MakeOlder(parts[0], std::chrono::hours(24 * 9));
  // Rewriting keeps a file's time.
  for (const std::string& part : parts) ASSERT_TRUE(SealPart(part));
  EXPECT_THAT(Apply({}, NowNs()), testing::ElementsAre("removed part-0001.db"));
}

TEST_F(RetentionTest, PartsThatCannotBeReadGoByTheirFilesTime) {
  const std::string folder = Make("a", 3, {});
  const auto parts = Parts(folder);
  auto catalogue = Catalogue::Open(data_);
  ASSERT_TRUE(catalogue);
  for (const size_t i : {0u, 1u}) std::ofstream(parts[i]) << "x";
  MakeOlder(parts[0], std::chrono::hours(24 * 9));
  RetentionOptions options;
  options.bytes_per_host_max = 1;
  const auto steps = ApplyRetention(catalogue->get(), options, NowNs(), {folder}, nullptr);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].action, Action::kRemoved);
  EXPECT_EQ(steps[0].path, parts[0]);
  EXPECT_EQ(steps[1].action, Action::kFailed);  // over the limit, but who knows what is in it
  EXPECT_EQ(steps[1].path, parts[1]);
  EXPECT_TRUE(std::filesystem::exists(parts[1]));
}

TEST_F(RetentionTest, WhatIsOverdueByFarWaitsForSomebodyToLook) {
  struct Row {
    std::string story;
    std::vector<int> hours;  // since each part was written
    uint64_t later_days;     // by which the clock has jumped since
    bool removed, held;
  };
  constexpr int kAge = 7 * 24;
  const Row rows[] = {
      {"all is young", {2, 1}, 0, false, false},
      {"a server that runs removes what is just past its age", {kAge + 1, 2}, 0, true, false},
      {"a host that is gone: its last part is just past its age", {kAge + 1}, 0, true, false},
      {"the server was away for three days", {10 * 24, 9 * 24, 7 * 24, 5 * 24, 4 * 24, 3 * 24}, 0, true, false},
      {"the server was away for six days", {13 * 24, 11 * 24, 9 * 24, 7 * 24, 6 * 24}, 0, false, true},
      {"the clock is a year ahead", {2, 1}, 365, false, true},
      {"the clock is a year ahead, and there is one part", {1}, 365, false, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    const std::string host = "h" + std::to_string(&row - rows);
    const std::string folder = Make(host, row.hours.size(), {});
    for (size_t i = 0; i < row.hours.size(); ++i) MakeOlder(Parts(folder)[i], std::chrono::hours(row.hours[i]));
    HeldHosts held;
    const auto done = Apply({}, NowNs() + row.later_days * kDay, {}, &held);
    EXPECT_EQ(Parts(folder).size() < row.hours.size(), row.removed);
    EXPECT_EQ(held, row.held ? HeldHosts{host} : HeldHosts());
    if (row.held) EXPECT_THAT(done, testing::ElementsAre("held back " + host));
    std::filesystem::remove_all(std::filesystem::path(folder).parent_path());
  }
}

TEST_F(RetentionTest, AHostThatIsHeldBackStaysSoUntilNothingIsOverdue) {
  const std::string folder = Make("a", 4, {});
  MakeOlder(Parts(folder)[0], std::chrono::hours(24 * 9));
  HeldHosts held{"a", "gone"};
  EXPECT_THAT(Apply({}, NowNs(), {}, &held), testing::ElementsAre("held back a")) << "new parts do not let it go on";
  EXPECT_EQ(held, HeldHosts{"a"});
  ASSERT_TRUE(NoteHeldHosts(data_, held));
  EXPECT_EQ(ReadHeldHosts(data_), held) << "nor does a restart";
  RetentionOptions small;
  small.bytes_per_host_max = 1;
  EXPECT_THAT(Apply(small, NowNs(), {}, &held), testing::Contains("removed part-0002.db")) << "the disk is finite";
}

TEST_F(RetentionTest, AClockThatIsRightAgainLetsAHostGoOn) {
  const std::string folder = Make("a", 2, {});
  HeldHosts held;
  EXPECT_THAT(Apply({}, NowNs() + 365 * kDay, {}, &held), testing::ElementsAre("held back a"));
  EXPECT_TRUE(Apply({}, NowNs(), {}, &held).empty());
  EXPECT_TRUE(held.empty());
  ASSERT_TRUE(NoteHeldHosts(data_, held));
  EXPECT_TRUE(ReadHeldHosts(data_).empty());
  EXPECT_EQ(Parts(folder).size(), 2u);
}

TEST_F(RetentionTest, WhatIsKeptForItsFindingsIsNotOverdue) {
  const std::string folder = Make("a", 1, {0});
  HeldHosts held;
  EXPECT_THAT(Apply(NoMargin(), NowNs() + 7 * kDay + kDay / 2, {}, &held),
              testing::ElementsAre("trimmed part-0001.db"));
  EXPECT_TRUE(Apply(NoMargin(), NowNs() + 60 * kDay, {}, &held).empty());
  EXPECT_THAT(Apply(NoMargin(), NowNs() + 92 * kDay, {}, &held), testing::ElementsAre("held back a"));
  EXPECT_THAT(Apply(NoMargin(), NowNs() + 92 * kDay), testing::Contains("removed part-0001.db"))
      << "when told to go on";
}

TEST_F(RetentionTest, ATrimThatWasCutOffLeavesThePart) {
  const std::string folder = Make("a", 2, {0});
  const auto lines = LinesOf(folder);
  std::ofstream(Parts(folder)[0] + ".new") << std::string(20'000, 'x');
  EXPECT_EQ(LinesOf(folder), lines);
  const auto trimmed = TrimPart(Parts(folder)[0], {{0, UINT64_MAX}});
  ASSERT_TRUE(trimmed) << TextOf(trimmed);
  EXPECT_EQ(LinesOf(folder), lines);  // all of it was kept
  EXPECT_FALSE(std::filesystem::exists(Parts(folder)[0] + ".new"));
}

}  // namespace
}  // namespace wakewatch
