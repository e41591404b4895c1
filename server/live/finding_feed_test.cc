#include "server/live/finding_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace wakewatch {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

FoundFinding Found(const std::string& id, const std::string& host = "a", const std::string& kind = "kworker") {
  FoundFinding found;
  found.finding.id = id;
  found.finding.kind = kind;
  found.host = host;
  return found;
}

std::vector<std::string> Ids(FindingFeed::Watcher* watcher, uint64_t missed_wanted = 0) {
  uint64_t missed = 77;
  std::vector<std::string> ids;
  for (const FoundFinding& found : watcher->Wait(milliseconds(0), &missed)) ids.push_back(found.finding.id);
  EXPECT_EQ(missed, missed_wanted);
  return ids;
}

TEST(FindingFeed, WatchersGetWhatTheyWantTheBacklogFirst) {
  FindingFeed feed;
  feed.Publish({Found("1"), Found("2", "b"), Found("3", "a", "user"), Found("4"), Found("5", "b", "user")});
  struct Row {
    const char* story;
    FindingFeed::Wanted wanted;
    size_t backlog;
    std::vector<std::string> before, after;
  };
  const Row rows[] = {
      {"all", {}, 100, {"1", "2", "3", "4", "5"}, {"6", "7", "8"}},
      {"the newest two", {}, 2, {"4", "5"}, {"6", "7", "8"}},
      {"nothing old", {}, 0, {}, {"6", "7", "8"}},
      {"one host", {"a", false}, 2, {"3", "4"}, {"6", "8"}},
      {"no user tasks", {"", true}, 100, {"1", "2", "4"}, {"6", "7"}},
      {"both", {"a", true}, 1, {"4"}, {"6"}},
      {"a host that is not there", {"c", false}, 100, {}, {}},
  };
  std::vector<std::shared_ptr<FindingFeed::Watcher>> watchers;
  for (const Row& row : rows) watchers.push_back(feed.Watch(row.wanted, row.backlog));
  for (size_t i = 0; i < watchers.size(); ++i) EXPECT_EQ(Ids(watchers[i].get()), rows[i].before) << rows[i].story;
  feed.Publish({});
  feed.Publish({Found("6"), Found("7", "b"), Found("8", "a", "user")});
  for (size_t i = 0; i < watchers.size(); ++i) {
    EXPECT_EQ(Ids(watchers[i].get()), rows[i].after) << rows[i].story;
    EXPECT_THAT(Ids(watchers[i].get()), IsEmpty()) << rows[i].story << ": handed out once";
  }
}

TEST(FindingFeed, AnUpdateIsToldToAllAndReplacesTheBacklog) {
  FindingFeed feed;
  const auto there = feed.Watch({}, 0);
  const auto told = [&](const std::string& id, const std::string& host, bool open, bool update) {
    FoundFinding found = Found(id, host);
    found.finding.open = open;
    found.update = update;
    feed.Publish({found});
  };
  told("1", "a", true, false);
  told("1", "b", true, false);
  told("2", "a", false, false);
  told("1", "a", false, true);
  EXPECT_THAT(Ids(there.get()), ElementsAre("1", "1", "2", "1"));
  uint64_t missed = 0;
  std::vector<std::string> late;
  for (const FoundFinding& found : feed.Watch({}, 100)->Wait(milliseconds(0), &missed)) {
    late.push_back(found.host + found.finding.id + (found.finding.open ? " open" : ""));
  }
  EXPECT_THAT(late, ElementsAre("b1 open", "a2", "a1"));
}

TEST(FindingFeed, ASlowWatcherLosesTheOldestAndIsTold) {
  FindingFeed feed;
  const auto slow = feed.Watch({"a", false}, 0), quick = feed.Watch({}, 0);
  constexpr int kSent = 10'250, kKept = 10'000;
  size_t quick_got = 0;
  for (int i = 0; i < kSent; ++i) {
    feed.Publish({Found(std::to_string(i)), Found("other", "b")});
    if (i % 1000 == 0) quick_got += Ids(quick.get()).size();
  }
  quick_got += Ids(quick.get()).size();
  EXPECT_EQ(quick_got, 2u * kSent);
  const auto got = Ids(slow.get(), kSent - kKept);
  ASSERT_EQ(got.size(), static_cast<size_t>(kKept));
  EXPECT_EQ(got.front(), std::to_string(kSent - kKept));
  EXPECT_EQ(got.back(), std::to_string(kSent - 1));
  EXPECT_THAT(Ids(slow.get()), IsEmpty()) << "told once";
  // A new watcher cannot ask for more than is kept of old ones.
  const auto late = feed.Watch({}, 1'000'000);
  EXPECT_EQ(Ids(late.get()).size(), 1000u);
}

TEST(FindingFeed, AWatcherThatWentAwayHoldsUpNobody) {
  FindingFeed feed;
  auto gone = feed.Watch({}, 0);
  const auto stays = feed.Watch({}, 0);
  const std::weak_ptr<FindingFeed::Watcher> trace = gone;
  gone.reset();
  EXPECT_TRUE(trace.expired()) << "the feed keeps nobody alive";
  feed.Publish({Found("1")});
  EXPECT_THAT(Ids(stays.get()), ElementsAre("1"));
}

TEST(FindingFeed, WaitingEndsWhenSomethingComes) {
  FindingFeed feed;
  const auto watcher = feed.Watch({}, 0);
  std::thread publisher([&] { feed.Publish({Found("1")}); });
  uint64_t missed = 0;
  const auto found = watcher->Wait(std::chrono::minutes(5), &missed);
  publisher.join();
  ASSERT_EQ(found.size(), 1u);
}

}  // namespace
}  // namespace wakewatch
