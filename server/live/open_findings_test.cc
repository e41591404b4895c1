#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "analysis/report/report_json.h"
#include "server/live/fake_delivery.h"
#include "server/live/open_findings_engine.h"
#include "server/live/pipeline.h"
#include "server/store/part_files.h"
#include "server/store/recording.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using live_test::FakeDelivery;
using live_test::OpenFindingsEngine;
using store_test::Folder;
using store_test::MakeSession;
using store_test::TextOf;
using testing::Contains;
using testing::IsEmpty;
using testing::SizeIs;

using Told = std::map<std::string, Finding>;
using Lines = std::vector<std::string>;

// As a watcher does.
void Take(const std::vector<Finding>& found, Told* told) {
  for (const Finding& finding : found) {
    const auto [known, added] = told->try_emplace(finding.id, finding);
    if (!added && known->second.open) known->second = finding;
  }
}

Lines LinesOf(const Told& told) {
  Lines lines;
  for (const auto& [id, finding] : told) lines.push_back(FindingJson(finding));
  return lines;
}

// The lines that only one of the two has.
Lines Difference(const Told& a, const Told& b) {
  const Lines left = LinesOf(a), right = LinesOf(b);
  Lines lines;
  std::set_symmetric_difference(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(lines));
  return lines;
}

Told Offline(const std::string& folder) {
  const auto input = OpenRecording(folder);
  EXPECT_TRUE(input) << TextOf(input);
  const auto engine = OpenFindingsEngine::Maker()(**input, {}, nullptr);
  EXPECT_TRUE(engine) << TextOf(engine);
  const auto readers = (*input)->OpenCpus();
  std::vector<CpuReader*> borrowed;
  for (const auto& reader : *readers) borrowed.push_back(reader.get());
  EXPECT_TRUE(PushAll(borrowed, {}, engine->get()));
  Told told;
  Take((*engine)->Finish({}).findings, &told);
  return told;
}

Told Stored(const std::string& folder) {
  FindingFilter all;
  all.limit = 1u << 30;
  const auto page = QueryFindings(Parts(folder), all);
  EXPECT_TRUE(page) << TextOf(page);
  Told told;
  Take(page->findings, &told);
  EXPECT_EQ(told.size(), page->total);
  return told;
}

struct Way {
  const char* story;
  size_t slices = 30;
  double crash = 0, flush = 0.3;
  SessionStoreOptions store = {};
  unsigned seed = 1;
};

class OpenFindings : public testing::Test {
 protected:
  // What a watcher of the session was told; `folder` gets its place.
  Told Stream(const Way& way, std::string* folder) {
    LiveOptions options;
    options.make_engine = OpenFindingsEngine::Maker();
    options.store = way.store;
    const std::string data = folder_.File(way.story);
    const auto open = [&] {
      auto live = LiveSession::Open(data, MakeSession(), &sets_, options);
      EXPECT_TRUE(live) << TextOf(live);
      return live ? std::move(*live) : nullptr;
    };
    std::mt19937 random(way.seed);
    std::uniform_real_distribution<double> chance;
    Told told;
    auto live = open();
    for (const Batch& batch : trace_.Batches(way.slices)) {
      EXPECT_TRUE(live->Store({batch}));
      const auto found = live->Analyse();
      EXPECT_TRUE(found) << TextOf(found);
      Take(*found, &told);
      if (chance(random) < way.flush) EXPECT_TRUE(live->Flush(chance(random) < 0.3));
      if (chance(random) >= way.crash) continue;
      live.reset();
      live = open();
      Take(live->unstored(), &told);
    }
    const auto found = live->End();
    EXPECT_TRUE(found) << TextOf(found);
    Take(*found, &told);
    *folder = live->folder();
    return told;
  }

  Folder folder_;
  FormatSets sets_;
  store_test::LiveTrace trace_;
};

TEST_F(OpenFindings, AreThoseOfAnOfflineAnalysisWhateverHappens) {
  const Way ways[] = {{.story = "a few batches", .slices = 5},
                      {.story = "many batches", .slices = 60, .flush = 1},
                      {.story = "a crash now and then", .crash = 0.2},
                      {.story = "many crashes", .slices = 60, .crash = 0.5, .seed = 2},
                      {.story = "a part a batch", .slices = 12, .store = store_test::TinyParts()},
                      {.story = "crashes and parts", .slices = 20, .crash = 0.4, .store = store_test::TinyParts()}};
  for (const Way& way : ways) {
    SCOPED_TRACE(way.story);
    std::string folder;
    const Told told = Stream(way, &folder);
    const Told offline = Offline(folder);
    EXPECT_THAT(Difference(told, offline), IsEmpty()) << "told";
    EXPECT_THAT(Difference(Stored(folder), offline), IsEmpty()) << "stored";
    const auto open = std::count_if(told.begin(), told.end(), [](const auto& one) { return one.second.open; });
    EXPECT_GT(open, 3) << "some never end";
    EXPECT_GT(told.size(), 4u * static_cast<size_t>(open));
  }
}

TEST_F(OpenFindings, AreCountedOnce) {
  LiveOptions options;
  options.make_engine = OpenFindingsEngine::Maker();
  auto live = LiveSession::Open(folder_.File("data"), MakeSession(), &sets_, options);
  ASSERT_TRUE(live) << TextOf(live);
  Told told;
  size_t replaced = 0;
  const auto take = [&](const Result<std::vector<Finding>>& found) {
    ASSERT_TRUE(found) << TextOf(found);
    for (const Finding& finding : *found) {
      EXPECT_EQ((*live)->Replaced(finding.id), told.contains(finding.id));
      replaced += told.contains(finding.id);
    }
    Take(*found, &told);
  };
  for (const Batch& batch : trace_.Batches(30)) {
    ASSERT_TRUE((*live)->Store({batch}));
    take((*live)->Analyse());
  }
  take((*live)->End());
  EXPECT_GT(replaced, 10u);
  EXPECT_EQ((*live)->findings_made(), told.size());
  EXPECT_EQ((*live)->store().row().findings, told.size());
}

TEST_F(OpenFindings, KeepTheirSnapshotsOverASuccessorAndACrash) {
  LiveOptions options;
  options.make_engine = OpenFindingsEngine::Maker();
  const auto open = [&] { return LiveSession::Open(folder_.File("data"), MakeSession(), &sets_, options); };
  auto live = open();
  ASSERT_TRUE(live) << TextOf(live);
  std::vector<std::string> asked;
  Told told;
  const auto batches = trace_.Batches(30);
  for (const Batch& batch : batches) {
    ASSERT_TRUE((*live)->Store({batch}));
    const auto found = (*live)->Analyse();
    ASSERT_TRUE(found) << TextOf(found);
    Take(*found, &told);
    for (const Finding& finding : *found) {
      if (!finding.open) continue;
      const auto with = (*live)->AddSnapshot({finding.id, {.pid = finding.pid, .role = "suspect", .wchan = "here"}});
      ASSERT_TRUE(with);
      EXPECT_THAT(with->snapshots, SizeIs(1));
      asked.push_back(finding.id);
    }
    EXPECT_FALSE((*live)->AddSnapshot({"unknown", {}}));
    if (batch.sequence % 7 != 0) continue;
    ASSERT_TRUE((*live)->Flush(batch.sequence == 14));
    live = Fail(ErrorCode::kInternal, "crashed");
    live = open();
    ASSERT_TRUE(live) << TextOf(live);
  }
  ASSERT_TRUE((*live)->End());
  const Told stored = Stored((*live)->folder());
  size_t closed = 0;
  for (const std::string& id : asked) {
    ASSERT_TRUE(stored.contains(id));
    closed += !stored.at(id).open;
    EXPECT_THAT(stored.at(id).snapshots, SizeIs(1)) << id;
    if (told.contains(id) && !told.at(id).open) EXPECT_THAT(told.at(id).snapshots, SizeIs(1)) << id;
  }
  EXPECT_GT(closed, 10u);
}

class SnapshotsOfAHost : public testing::Test {
 protected:
  SnapshotsOfAHost() {
    auto catalogue = Catalogue::Open(folder_.File("data"));
    EXPECT_TRUE(catalogue) << TextOf(catalogue);
    catalogue_ = std::move(*catalogue);
    LiveOptions live;
    live.make_engine = OpenFindingsEngine::Maker();
    place_ = {.data_folder = folder_.File("data"),
              .live = live,
              .sets = &sets_,
              .catalogue = catalogue_.get(),
              .feed = &feed_,
              .log = [](const std::string&, bool) {},
              .files = &files_,
              .complete = [](const RecordingRow&) {}};
  }
  static void WorkOff(Host* host) {
    while (host->Work()) {
    }
  }
  // The findings that the watcher was told since the last call, in their newest form.
  static Told News(FindingFeed::Watcher* watcher) {
    uint64_t missed = 0;
    Told told;
    for (const FoundFinding& found : watcher->Wait(std::chrono::milliseconds(0), &missed)) {
      told[found.finding.id] = found.finding;
    }
    return told;
  }

  Folder folder_;
  FormatSets sets_;
  FindingFeed feed_;
  std::shared_mutex files_;
  std::unique_ptr<Catalogue> catalogue_;
  HostPlace place_;
  store_test::LiveTrace trace_;
};

TEST_F(SnapshotsOfAHost, AreAskedForAttachedToldAndStored) {
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>();
  const auto watcher = feed_.Watch({}, 0);
  const auto stream = host.Connect(MakeSession(), delivery);
  ASSERT_TRUE(stream) << TextOf(stream);
  const auto batches = trace_.Batches(30);
  host.Offer(*stream, batches[0], 1);
  WorkOff(&host);
  const auto asked = delivery->snapshots();
  ASSERT_THAT(asked, SizeIs(testing::Gt(2u)));
  ASSERT_THAT(asked, SizeIs(testing::Le(10u))) << "the limit";
  EXPECT_EQ(asked[1].second, 7) << "the waker, once";
  News(watcher.get());

  const uint64_t now_ns = host.State().watermark_ns;
  EXPECT_FALSE(host.OfferSnapshot(*stream, 99'999, {.pid = 1}));
  EXPECT_FALSE(host.OfferSnapshot(*stream + 1, asked[0].first, {.pid = asked[0].second})) << "another stream";
  EXPECT_TRUE(host.OfferSnapshot(*stream, asked[0].first, {.pid = asked[0].second, .ts_ns = now_ns, .wchan = "x"}));
  EXPECT_TRUE(host.HasWork(std::chrono::steady_clock::now()));
  WorkOff(&host);
  const Told news = News(watcher.get());
  ASSERT_THAT(news, SizeIs(1));
  const Finding& finding = news.begin()->second;
  EXPECT_EQ(finding.pid, asked[0].second);
  ASSERT_THAT(finding.snapshots, SizeIs(1));
  EXPECT_EQ(finding.snapshots[0].wchan, "x");

  // The stream dies with the rest of the requests outstanding; its session goes on, and ends.
  host.Disconnect(*stream);
  EXPECT_FALSE(host.OfferSnapshot(*stream, asked[1].first, {.pid = 7}));
  const auto again = host.Connect(MakeSession(), std::make_shared<FakeDelivery>());
  ASSERT_TRUE(again) << TextOf(again);
  for (size_t i = 1; i < batches.size(); ++i) {
    host.Offer(*again, batches[i], 1);
    WorkOff(&host);
  }
  const auto row = catalogue_->Newest("box");
  ASSERT_TRUE(row);
  EXPECT_FALSE(row->live);
  const Told stored = Stored(RecordingFolder(folder_.File("data"), "box", row->id));
  EXPECT_EQ(row->findings, stored.size());
  ASSERT_TRUE(stored.contains(finding.id));
  EXPECT_THAT(stored.at(finding.id).snapshots, Contains(testing::Field(&ProcSnapshot::wchan, "x")));
  const SnapshotCounts counts = host.State().snapshots;
  EXPECT_EQ(counts.answers, 1u);
  EXPECT_EQ(counts.dropped, 1u);
  EXPECT_EQ(counts.timeouts, counts.requests - 1);
  EXPECT_GT(counts.refused, 0u);
}

TEST_F(SnapshotsOfAHost, AreAskedForWhereAnAnswerIsOfNow) {
  SnapshotLimits never;
  never.per_minute = 0;
  SessionInfo replayed = MakeSession();
  replayed.collector_version = "replay";
  struct Row {
    const char* story;
    SessionInfo session;
    const char* check;
    SnapshotLimits limits;
    bool asked;
  };
  const Row rows[] = {{"a collector", MakeSession(), "lost-wakeup", {}, true},
                      {"a recording that is replayed", replayed, "lost-wakeup", {}, false},
                      {"a measured delay", MakeSession(), "wakeup-latency", {}, false},
                      {"a hung task", MakeSession(), "hung-task", {}, true},
                      {"turned off", MakeSession(), "lost-wakeup", never, false}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    HostPlace place = place_;
    place.data_folder = folder_.File(row.story);
    place.snapshots = row.limits;
    place.live.make_engine = OpenFindingsEngine::Maker(row.check);
    Host host("box", place);
    const auto delivery = std::make_shared<FakeDelivery>();
    const auto stream = host.Connect(row.session, delivery);
    ASSERT_TRUE(stream) << TextOf(stream);
    host.Offer(*stream, trace_.Batches(30, row.session)[0], 1);
    WorkOff(&host);
    EXPECT_EQ(!delivery->snapshots().empty(), row.asked);
  }
}

// What was queued while the server was away comes in at once: the first answer tells how far behind that is.
TEST_F(SnapshotsOfAHost, AreNotAskedForWhileASessionCatchesUp) {
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>();
  const auto stream = host.Connect(MakeSession(), delivery);
  ASSERT_TRUE(stream) << TextOf(stream);
  const auto batches = trace_.Batches(30);
  host.Offer(*stream, batches[0], 1);
  WorkOff(&host);
  const auto asked = delivery->snapshots();
  ASSERT_THAT(asked, testing::Not(IsEmpty()));
  const uint64_t later_ns = host.State().watermark_ns + 60'000'000'000;
  EXPECT_TRUE(host.OfferSnapshot(*stream, asked[0].first, {.pid = asked[0].second, .ts_ns = later_ns, .wchan = "x"}));
  EXPECT_GE(host.State().lag_ns, 59'000'000'000u);
  const uint64_t refused = host.State().snapshots.refused;
  for (size_t i = 1; i < 10; ++i) {
    host.Offer(*stream, batches[i], 1);
    WorkOff(&host);
  }
  EXPECT_EQ(delivery->snapshots(), asked);
  EXPECT_EQ(host.State().snapshots.refused, refused) << "it was not even tried";
}

}  // namespace
}  // namespace wakewatch
