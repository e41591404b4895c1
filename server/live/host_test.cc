#include "server/live/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "server/live/fake_delivery.h"
#include "server/store/part_files.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using live_test::FakeDelivery;
using store_test::Folder;
using store_test::LinesOf;
using store_test::MakeSession;
using store_test::TextOf;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class HostTest : public testing::Test {
 protected:
  HostTest() {
    auto catalogue = Catalogue::Open(folder_.File("data"));
    EXPECT_TRUE(catalogue) << TextOf(catalogue);
    catalogue_ = std::move(*catalogue);
    place_ = {.data_folder = folder_.File("data"),
              .live = {},
              .sets = &sets_,
              .catalogue = catalogue_.get(),
              .feed = &feed_,
              .log = [this](const std::string& line, bool) { log_.push_back(line); },
              .files = &files_,
              .complete = [this](const RecordingRow& row) { complete_.push_back(row); }};
    batches_ = trace_.Batches(20);
  }

  uint64_t Connect(Host* host, const std::shared_ptr<FakeDelivery>& delivery, const SessionInfo& session) {
    const auto stream = host->Connect(session, delivery);
    EXPECT_TRUE(stream) << TextOf(stream);
    return stream.value_or(0);
  }
  static void WorkOff(Host* host) {
    while (host->Work()) {
    }
  }
  // As a collector does: what the server does not have.
  void SendRest(Host* host, uint64_t stream, FakeDelivery* delivery) {
    WorkOff(host);
    ASSERT_THAT(delivery->welcomes(), SizeIs(1));
    for (const Batch& batch : batches_) {
      if (batch.sequence <= delivery->welcomes()[0]) continue;
      host->Offer(stream, batch, 1);
      WorkOff(host);
    }
  }
  std::string Reference() { return store_test::StoreAll(folder_.File("reference"), batches_); }

  Folder folder_;
  FormatSets sets_;
  FindingFeed feed_;
  std::shared_mutex files_;
  std::unique_ptr<Catalogue> catalogue_;
  std::vector<std::string> log_;
  std::vector<RecordingRow> complete_;
  HostPlace place_;
  store_test::LiveTrace trace_;
  std::vector<Batch> batches_;
};

TEST_F(HostTest, OneCollectorAtATime) {
  Host host("box", place_);
  const auto first = std::make_shared<FakeDelivery>(), other = std::make_shared<FakeDelivery>(),
             again = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, first, MakeSession());
  const auto refused = host.Connect(MakeSession("box", "s2"), other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(other->ends(), IsEmpty()) << "Connect has said it";
  host.Offer(stream, batches_[0], 1);
  WorkOff(&host);
  EXPECT_THAT(first->welcomes(), ElementsAre(0));
  EXPECT_EQ(first->acked(), 1u);

  // The same collector again, while its old connection has work that waits: that is dropped.
  host.Offer(stream, batches_[1], 1);
  const uint64_t taken_over = Connect(&host, again, MakeSession());
  ASSERT_THAT(first->ends(), SizeIs(1));
  EXPECT_EQ(first->ends()[0].code, ErrorCode::kConflict);
  EXPECT_FALSE(host.Offer(stream, batches_[1], 1));
  host.Disconnect(stream);
  EXPECT_EQ(host.State().status, HostStatus::kStreaming) << "an old stream's end is not the new one's";
  SendRest(&host, taken_over, again.get());
  EXPECT_THAT(again->welcomes(), ElementsAre(1));
  EXPECT_EQ(again->acked(), batches_.back().sequence);
  EXPECT_EQ(first->acked(), 1u);
  EXPECT_EQ(host.queued_bytes(), 0u);
  ASSERT_THAT(complete_, SizeIs(1));
  EXPECT_EQ(LinesOf(RecordingFolder(folder_.File("data"), "box", complete_[0].id)), LinesOf(Reference()));
}

// However much waits of a collector that was held up, only so much of it is decoded at once.
TEST_F(HostTest, ATransactionTakesNoMoreEventsThanMemoryIsMeantFor) {
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, delivery, MakeSession());
  WorkOff(&host);
  for (size_t i = 0; i < 6; ++i) {
    Batch batch = batches_[i];
    ASSERT_FALSE(batch.chunks.empty());
    batch.chunks.resize(1);
    batch.chunks[0].events = i == 0 ? 1'000'000 : 50'000;  // says the message, which is believed until it is decoded
    host.Offer(stream, batch, 1);
  }
  for (const uint64_t acked : {1, 3, 5, 6}) {
    EXPECT_EQ(host.Work(), acked < 6) << acked;
    EXPECT_EQ(delivery->acked(), acked);
  }
}

TEST_F(HostTest, ACollectorMayRepeatAllOfASessionThatIsComplete) {
  Host host("box", place_);
  const auto first = std::make_shared<FakeDelivery>(), again = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, first, MakeSession());
  SendRest(&host, stream, first.get());
  ASSERT_THAT(complete_, SizeIs(1));
  host.Disconnect(stream);
  const uint64_t repeated = Connect(&host, again, MakeSession());
  for (const Batch& batch : batches_) {
    host.Offer(repeated, batch, 1);
    WorkOff(&host);
    EXPECT_EQ(again->acked(), batch.sequence);
  }
  EXPECT_THAT(again->welcomes(), ElementsAre(batches_.back().sequence));
  EXPECT_THAT(complete_, SizeIs(1)) << "it is being streamed";
  host.Disconnect(repeated);
  EXPECT_TRUE(host.HasWork(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  WorkOff(&host);
  EXPECT_EQ(host.State().status, HostStatus::kEnded);
  ASSERT_THAT(complete_, SizeIs(2));
  EXPECT_EQ(LinesOf(RecordingFolder(folder_.File("data"), "box", complete_[1].id)), LinesOf(Reference()));
}

TEST_F(HostTest, ANewSessionEndsTheOneBefore) {
  Host host("box", place_);
  const auto first = std::make_shared<FakeDelivery>(), second = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, first, MakeSession());
  host.Offer(stream, batches_[0], 1);
  WorkOff(&host);
  host.Disconnect(stream);
  EXPECT_EQ(host.State().status, HostStatus::kDisconnected);
  WorkOff(&host);
  EXPECT_THAT(complete_, IsEmpty()) << "it may come back";
  Connect(&host, second, MakeSession("box", "s2"));
  WorkOff(&host);
  EXPECT_THAT(second->welcomes(), ElementsAre(0));
  EXPECT_THAT(complete_, SizeIs(1));
  EXPECT_FALSE(catalogue_->Find("box", complete_[0].id)->live);
  EXPECT_THAT(catalogue_->List("box"), SizeIs(2));
  EXPECT_NE(host.Folder(), "");
}

TEST_F(HostTest, ClosingKeepsTheSession) {
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>(), later = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, delivery, MakeSession());
  for (size_t i = 0; i < 3; ++i) host.Offer(stream, batches_[i], 1);
  host.Close({.code = ErrorCode::kInterrupted, .cause = "the server stops"});
  EXPECT_THAT(complete_, IsEmpty()) << "its collector was there all the time";
  EXPECT_EQ(host.Folder(), "");
  ASSERT_THAT(delivery->ends(), SizeIs(1));
  EXPECT_EQ(delivery->ends()[0].code, ErrorCode::kInterrupted);
  const auto refused = host.Connect(MakeSession(), later);
  ASSERT_FALSE(refused) << "nobody would tell this collector";
  EXPECT_EQ(refused.error().code, ErrorCode::kInterrupted);

  Host next("box", place_);
  const uint64_t goes_on = Connect(&next, later, MakeSession());
  SendRest(&next, goes_on, later.get());
  EXPECT_THAT(later->welcomes(), ElementsAre(3)) << "what waited was stored";
  EXPECT_THAT(complete_, SizeIs(1));
}

TEST_F(HostTest, AFullDiskIsSaidAndNothingIsLost) {
  std::string folder;
  uint64_t acked = 0;
  place_.live.store.pages_max = 120;
  {
    Host host("box", place_);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto delivery = std::make_shared<FakeDelivery>();
      const uint64_t stream = Connect(&host, delivery, MakeSession());
      WorkOff(&host);
      if (delivery->ends().empty()) {
        EXPECT_THAT(delivery->welcomes(), ElementsAre(acked));
        for (const Batch& batch : batches_) {
          if (batch.sequence <= acked || !delivery->ends().empty()) continue;
          host.Offer(stream, batch, 1);
          WorkOff(&host);
        }
      }
      ASSERT_THAT(delivery->ends(), SizeIs(1));
      EXPECT_EQ(delivery->ends()[0].code, ErrorCode::kNoSpace) << delivery->ends()[0].Text();
      acked = std::max(acked, delivery->acked());
      EXPECT_LT(acked, batches_.size());
      EXPECT_NE(host.State().status, HostStatus::kStreaming);
      EXPECT_FALSE(host.Offer(stream, batches_[acked], 1)) << "this stream is over";
    }
    EXPECT_GT(acked, 0u);
  }
  place_.live.store.pages_max = 0;
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, delivery, MakeSession());
  SendRest(&host, stream, delivery.get());
  EXPECT_THAT(delivery->welcomes(), ElementsAre(acked));
  EXPECT_THAT(delivery->refused(), IsEmpty());
  ASSERT_THAT(complete_, SizeIs(1));
  EXPECT_EQ(LinesOf(RecordingFolder(folder_.File("data"), "box", complete_[0].id)), LinesOf(Reference()));
}

TEST_F(HostTest, AHostThatHasSentItsBytesOfTheDayIsToldAndOthersGoOn) {
  place_.bytes_per_day_max = 1000;
  Host noisy("box", place_), other("other", place_);
  const auto delivery = std::make_shared<FakeDelivery>(), others = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&noisy, delivery, MakeSession());
  const uint64_t others_stream = Connect(&other, others, MakeSession("other"));
  EXPECT_TRUE(noisy.Offer(stream, batches_[0], 600));
  EXPECT_TRUE(noisy.Offer(stream, batches_[1], 400));
  EXPECT_FALSE(noisy.Offer(stream, batches_[2], 1));
  ASSERT_THAT(delivery->ends(), SizeIs(1));
  EXPECT_EQ(delivery->ends()[0].code, ErrorCode::kTooLarge);
  EXPECT_THAT(delivery->ends()[0].Text(), testing::HasSubstr("00:00 UTC"));
  EXPECT_FALSE(noisy.Offer(stream, batches_[2], 1));
  const auto again = noisy.Connect(MakeSession(), delivery);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kTooLarge);
  WorkOff(&noisy);
  EXPECT_EQ(noisy.State().bytes_today, 1000u);
  EXPECT_EQ(noisy.State().streams_over_cap, 2u);
  EXPECT_GT(noisy.State().events, 0u) << "what was taken before is stored";
  other.Offer(others_stream, batches_[0], 900);
  WorkOff(&other);
  EXPECT_EQ(others->acked(), 1u);
}

TEST_F(HostTest, AServerThatBeginsAgainCountsTheDayOn) {
  place_.bytes_per_day_max = 1000;
  {
    Host noisy("box", place_);
    const auto delivery = std::make_shared<FakeDelivery>();
    const uint64_t stream = Connect(&noisy, delivery, MakeSession());
    EXPECT_TRUE(noisy.Offer(stream, batches_[0], 600));
    EXPECT_TRUE(noisy.Offer(stream, batches_[1], 300));
    noisy.Close({.code = ErrorCode::kInterrupted, .cause = "the server stops"});
  }
  catalogue_.reset();
  auto catalogue = Catalogue::Open(folder_.File("data"));
  ASSERT_TRUE(catalogue) << TextOf(catalogue);
  place_.catalogue = catalogue->get();
  Host noisy("box", place_), other("other", place_);
  EXPECT_EQ(noisy.State().bytes_today, 900u);
  EXPECT_EQ(other.State().bytes_today, 0u);
  const auto delivery = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&noisy, delivery, MakeSession());
  EXPECT_FALSE(noisy.Offer(stream, batches_[2], 101));
  ASSERT_THAT(delivery->ends(), SizeIs(1));
  EXPECT_EQ(delivery->ends()[0].code, ErrorCode::kTooLarge);
}

TEST_F(HostTest, APartThatWasDamagedSinceIsPutAwayAndTheSessionGoesOn) {
  place_.live.store.part_bytes_max = 1;
  std::string folder;
  {
    Host host("box", place_);
    const auto delivery = std::make_shared<FakeDelivery>();
    const uint64_t stream = Connect(&host, delivery, MakeSession());
    for (size_t i = 0; i < 4; ++i) {
      host.Offer(stream, batches_[i], 1);
      WorkOff(&host);
    }
    folder = host.Folder();
    host.Close({.code = ErrorCode::kInterrupted, .cause = "the server stops"});
  }
  const std::string newest = Parts(folder).back();
  {
    std::fstream file(newest, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(50);
    file << std::string(9000, '\x55');
  }
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, delivery, MakeSession());
  WorkOff(&host);
  ASSERT_THAT(delivery->welcomes(), SizeIs(1)) << log_.back();
  EXPECT_LT(delivery->welcomes()[0], 4u);
  EXPECT_EQ(catalogue_->quarantined(), 1u);
  // Its collector has forgotten what was acknowledged: that is a gap.
  const uint64_t gaps = host.State().gaps;
  host.Offer(stream, batches_[4], 1);
  WorkOff(&host);
  EXPECT_EQ(delivery->acked(), 5u);
  EXPECT_GT(host.State().gaps, gaps);
}

TEST_F(HostTest, BatchesThatCannotBeReadAreRefusedAndTheirPlaceIsAGap) {
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, delivery, MakeSession());
  host.Offer(stream, batches_[0], 1);
  WorkOff(&host);
  const uint64_t gaps = host.State().gaps;
  host.OfferUnreadable(stream, 2, {.code = ErrorCode::kCorrupt, .cause = "not a batch", .remedy = "mend it"});
  Batch damaged = batches_[2];
  damaged.chunks.at(0).bytes.assign(10, 0);
  host.Offer(stream, damaged, 1);
  host.Offer(stream, batches_[3], 1);
  WorkOff(&host);
  ASSERT_THAT(delivery->refused(), SizeIs(2));
  EXPECT_THAT(delivery->refused()[0], testing::Pair(2, "not a batch"));
  EXPECT_EQ(delivery->refused()[1].first, 3u);
  EXPECT_EQ(delivery->acked(), 4u);
  EXPECT_THAT(delivery->ends(), IsEmpty());
  const HostState state = host.State();
  EXPECT_EQ(state.refused_batches, 2u);
  EXPECT_TRUE(state.lost_unknown);
  EXPECT_GT(state.gaps, gaps);
  EXPECT_EQ(state.last_refusal, delivery->refused()[1].second);
}

TEST_F(HostTest, ACollectorThatComesAgainIsWelcomedAlthoughItsHostIsPaced) {
  place_.events_per_second = 1;
  Host host("box", place_);
  const auto first = std::make_shared<FakeDelivery>(), again = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, first, MakeSession());
  host.Offer(stream, batches_[0], 1);
  host.Offer(stream, batches_[1], 1);
  WorkOff(&host);
  EXPECT_EQ(first->acked(), 1u);
  const auto resumes_at = host.ResumesAt();
  EXPECT_GT(resumes_at, std::chrono::steady_clock::now());
  EXPECT_LT(resumes_at, std::chrono::steady_clock::time_point::max());
  EXPECT_TRUE(host.HasWork(resumes_at));
  Connect(&host, again, MakeSession());
  EXPECT_TRUE(host.HasWork(std::chrono::steady_clock::now()));
  WorkOff(&host);
  EXPECT_THAT(again->welcomes(), ElementsAre(1));
  EXPECT_EQ(host.ResumesAt(), std::chrono::steady_clock::time_point::max());
}

TEST_F(HostTest, TheQueueSaysWhenEnoughWaits) {
  struct Row {
    const char* story;
    size_t bytes;
    size_t taken;  // Offers that answer true
  };
  const Row rows[] = {{"many", 1, 15}, {"large ones", 3u << 20, 2}, {"a huge one", 100u << 20, 0}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    Host host("box", place_);
    const uint64_t stream = Connect(&host, std::make_shared<FakeDelivery>(), MakeSession());
    size_t taken = 0;
    while (host.Offer(stream, Batch(), row.bytes)) ++taken;
    EXPECT_EQ(taken, row.taken);
    EXPECT_EQ(host.queued_bytes(), (row.taken + 1) * row.bytes);
  }
}

TEST_F(HostTest, AHostsWallClockDoesNotMoveItsLag) {
  constexpr uint64_t kHour = 3600ull * 1'000'000'000;
  for (size_t i = 0; i < batches_.size(); ++i) {
    batches_[i].clock_pairs[0].real_ns += i % 3 == 1 ? kHour : i % 3 == 2 ? -kHour : 0;
    batches_[i].last = false;
  }
  Host host("box", place_);
  const auto delivery = std::make_shared<FakeDelivery>();
  const uint64_t stream = Connect(&host, delivery, MakeSession());
  for (const Batch& batch : batches_) {
    host.Offer(stream, batch, 1);
    WorkOff(&host);
    const HostState state = host.State();
    EXPECT_LT(state.lag_ns, kHour / 2);
    EXPECT_EQ(state.watermark_real_ns - state.watermark_ns,
              batch.clock_pairs[0].real_ns - batch.clock_pairs[0].trace_ns);
  }
  EXPECT_EQ(delivery->acked(), batches_.size());
}

}  // namespace
}  // namespace wakewatch
