#include "server/store/finding_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::OpenStore;
using store_test::TextOf;
using store_test::TinyParts;
using testing::ElementsAre;
using testing::IsEmpty;

class FindingQueryTest : public testing::Test {
 protected:
  std::string Data() const { return folder_.File("data"); }
  Folder folder_;
  store_test::LiveTrace trace_;
};

// What QueryFindings answers, a line a finding.
std::vector<std::string> FindingLines(const std::string& folder, const FindingFilter& filter = {},
                                      const std::vector<Finding>& newer = {}) {
  const auto page = QueryFindings(Parts(folder), filter, newer);
  EXPECT_TRUE(page) << TextOf(page);
  std::vector<std::string> lines;
  for (const Finding& finding : page->findings) {
    std::string line = finding.id + " " + finding.cls + " " + (finding.open ? "open" : "ended");
    for (const Evidence& event : finding.evidence) line += " " + event.event;
    for (const ProcSnapshot& snapshot : finding.snapshots) line += " " + snapshot.role + "=" + snapshot.wchan;
    lines.push_back(line);
  }
  EXPECT_EQ(page->total, lines.size());
  return lines;
}

Finding MadeFinding(const char* id, const char* cls, bool open, uint64_t end_ns) {
  Finding finding;
  finding.id = id;
  finding.group_id = std::string("g-") + cls;
  finding.cls = cls;
  finding.start_ns = 100 + static_cast<uint64_t>(id[0]);
  finding.end_ns = end_ns;
  finding.waited_ns = end_ns;
  finding.open = open;
  finding.evidence = {{0, 1, open ? "slept" : "woken"}};
  return finding;
}

TEST_F(FindingQueryTest, AnOpenFindingMakesWayWhereverItsPartEnds) {
  const auto batches = trace_.Batches(4);
  const uint64_t early_ns = trace_.start_ns() + 1;
  const auto store = OpenStore(Data(), TinyParts());
  AnalysisRows rows;
  rows.findings = {MadeFinding("a", "undecided", true, early_ns), MadeFinding("b", "undecided", true, early_ns),
                   MadeFinding("c", "undecided", true, early_ns), MadeFinding("d", "hog", false, early_ns)};
  rows.snapshots = {{"a", {.role = "suspect", .wchan = "here"}}};
  ASSERT_TRUE(store->Commit({&batches[0], 1}, rows));
  // In the same part; what has ended stays as it is.
  rows = {};
  rows.findings = {MadeFinding("b", "timer-lost", false, early_ns + 1), MadeFinding("d", "other", true, early_ns),
                   MadeFinding("b", "undecided", true, early_ns)};
  ASSERT_TRUE(store->Commit({}, rows));
  EXPECT_EQ(store->row().findings, 4u);
  EXPECT_THAT(FindingLines(store->folder()),
              ElementsAre("d hog ended woken", "c undecided open slept", "b timer-lost ended woken",
                          "a undecided open slept suspect=here"));

  // In the next one, also when analysis had gone back to a checkpoint and makes the open one again.
  rows = {};
  rows.findings = {MadeFinding("a", "undecided", true, early_ns), MadeFinding("b", "undecided", true, early_ns),
                   MadeFinding("a", "wrong-mask", false, trace_.end_ns())};
  rows.snapshots = {{"a", {.role = "waker", .wchan = "there"}}, {"d", {.role = "suspect", .wchan = "late"}}};
  ASSERT_TRUE(store->Commit({&batches[1], 1}, rows));
  ASSERT_EQ(Parts(store->folder()).size(), 2u);
  const std::vector<std::string> whole = {"d hog ended woken suspect=late", "c undecided open slept",
                                          "b timer-lost ended woken",
                                          "a wrong-mask ended woken suspect=here waker=there"};
  EXPECT_EQ(FindingLines(store->folder()), whole);
  EXPECT_EQ(store->row().findings, 4u);
  FindingFilter undecided;
  undecided.cls = "undecided";
  EXPECT_THAT(FindingLines(store->folder(), undecided), ElementsAre("c undecided open slept"));
  const auto open = store->OpenFindings();
  ASSERT_TRUE(open) << TextOf(open);
  ASSERT_EQ(open->size(), 1u);
  EXPECT_EQ(open->front().id, "c");

  // Findings on their way to the file, among them some that were made again.
  const std::vector<Finding> newer = {MadeFinding("c", "timer-lost", true, early_ns),
                                      MadeFinding("c", "hog", false, early_ns + 5),
                                      MadeFinding("a", "undecided", true, early_ns), MadeFinding("e", "hog", true, 7)};
  EXPECT_THAT(FindingLines(store->folder(), {}, newer),
              ElementsAre("e hog open slept", "d hog ended woken suspect=late", "c hog ended woken",
                          "b timer-lost ended woken", "a wrong-mask ended woken suspect=here waker=there"));
  EXPECT_THAT(FindingLines(store->folder(), undecided, newer), IsEmpty());

  // A part that is written anew keeps them.
  ASSERT_TRUE(store->Seal(true));
  EXPECT_EQ(FindingLines(store->folder()), whole);
}

TEST_F(FindingQueryTest, FindingsInGroups) {
  const auto batches = trace_.Batches(4);
  const auto store = OpenStore(Data(), TinyParts());
  AnalysisRows rows;
  rows.findings = {MadeFinding("a", "hog", false, 10), MadeFinding("b", "hog", true, 30),
                   MadeFinding("c", "rare", false, 20)};
  rows.findings[2].confidence = Confidence::kStrong;
  ASSERT_TRUE(store->Commit({&batches[0], 1}, rows));
  rows.findings = {MadeFinding("d", "hog", false, 20)};
  ASSERT_TRUE(store->Commit({&batches[1], 1}, rows));
  ASSERT_EQ(Parts(store->folder()).size(), 2u);
  const auto lines = [&](const FindingFilter& filter, const std::vector<Finding>& newer = {}) {
    const auto page = QueryFindingGroups(Parts(store->folder()), filter, newer);
    EXPECT_TRUE(page) << TextOf(page);
    std::vector<std::string> lines;
    for (const StoredFindingGroup& group : page->groups) {
      lines.push_back(group.worst.group_id + " " + std::to_string(group.count) + " open " + std::to_string(group.open) +
                      " worst " + group.worst.id + " " + group.worst.evidence.at(0).event + " from " +
                      std::to_string(group.first_ns) + " to " + std::to_string(group.last_ns) + " " +
                      std::string(Name(group.confidence)));
    }
    lines.push_back(std::to_string(page->total) + " of " + std::to_string(page->findings));
    return lines;
  };
  EXPECT_THAT(lines({}), ElementsAre("g-hog 3 open 1 worst b slept from 197 to 200 proven",
                                     "g-rare 1 open 0 worst c woken from 199 to 199 strong", "2 of 4"));
  FindingFilter filter;
  filter.worst_first = true;
  filter.limit = 1;
  EXPECT_THAT(lines(filter, {MadeFinding("b", "rare", false, 90)}),
              ElementsAre("g-rare 2 open 0 worst b woken from 198 to 199 proven", "2 of 4"));
  filter = {};
  filter.group = "g-rare";
  EXPECT_THAT(lines(filter), ElementsAre("g-rare 1 open 0 worst c woken from 199 to 199 strong", "1 of 1"));
  filter = {};
  filter.without_groups = {"g-hog", "g-unknown"};
  EXPECT_THAT(lines(filter), ElementsAre("g-rare 1 open 0 worst c woken from 199 to 199 strong", "1 of 1"));
  // Of what is not stored yet too.
  EXPECT_THAT(lines(filter, {MadeFinding("e", "hog", true, 90)}),
              ElementsAre("g-rare 1 open 0 worst c woken from 199 to 199 strong", "1 of 1"));
  const auto page = QueryFindings(Parts(store->folder()), filter);
  ASSERT_TRUE(page) << TextOf(page);
  EXPECT_EQ(page->total, 1u);
  EXPECT_EQ(page->findings.size(), 1u);
}

TEST_F(FindingQueryTest, FindingsMadeAgainGetTheirSnapshots) {
  const auto batches = trace_.Batches(4);
  const auto store = OpenStore(Data(), TinyParts());
  AnalysisRows rows;
  rows.snapshots = {{"a", {.role = "waker", .wchan = "old"}}, {"x", {.role = "suspect", .wchan = "nobody's"}}};
  ASSERT_TRUE(store->Commit({&batches[0], 1}, rows));
  rows.snapshots = {{"a", {.role = "suspect", .wchan = "new"}}};
  ASSERT_TRUE(store->Commit({&batches[1], 1}, rows));
  std::vector<Finding> made = {MadeFinding("a", "hog", false, 1), MadeFinding("b", "hog", false, 1)};
  std::vector<std::string> parts = Parts(store->folder());
  parts.push_back(folder_.File("gone.db"));
  AttachSnapshots(parts, &made);
  ASSERT_EQ(made[0].snapshots.size(), 2u);
  EXPECT_EQ(made[0].snapshots[1].wchan, "new");
  EXPECT_TRUE(made[1].snapshots.empty());
}

}  // namespace
}  // namespace wakewatch
