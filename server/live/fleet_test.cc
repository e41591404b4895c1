#include "server/live/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/live/fake_delivery.h"
#include "server/live/recordings.h"
#include "server/store/part_files.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using live_test::FakeDelivery;
using store_test::Folder;
using store_test::LinesOf;
using store_test::MakeSession;
using store_test::TextOf;
using testing::SizeIs;

FleetOptions Options(const Folder& folder) {
  FleetOptions options;
  options.data_folder = folder.File("data");
  options.workers = 4;
  options.log = [](const std::string&, bool) {};
  // What these tests stream was recorded long ago.
  options.retention.age = std::chrono::seconds(0);
  options.retention.findings_age = std::chrono::seconds(0);
  return options;
}

std::unique_ptr<Fleet> OpenFleet(const FleetOptions& options) {
  auto fleet = Fleet::Open(options);
  EXPECT_TRUE(fleet) << TextOf(fleet);
  return fleet ? std::move(*fleet) : nullptr;
}

// Sends what the server does not have, until the end or until it is told to go.
void Send(Fleet* fleet, std::vector<Batch> batches, const SessionInfo& session) {
  const auto delivery = std::make_shared<FakeDelivery>();
  auto feed = fleet->Connect(session, delivery);
  if (!feed) return;
  const auto committed = delivery->UntilWelcome();
  if (!committed) return;
  for (Batch& batch : batches) {
    if (batch.sequence <= *committed) continue;
    if (batch.session) batch.session = session;
    const uint64_t sequence = batch.sequence;
    CollectorHealth health;
    health.queue_bytes = sequence;
    (*feed)->Report(std::move(health));
    if (!(*feed)->Offer(std::move(batch), 1000) && !delivery->UntilAck(sequence)) return;
  }
  if (*committed < batches.size()) delivery->UntilAck(batches.size());
  (*feed)->Disconnect();
}

TEST(Fleet, ManyHostsAtOnceWithReadersAndAStopInBetween) {
  constexpr int kHosts = 20;
  const Folder folder;
  const store_test::LiveTrace trace;
  const auto batches = trace.Batches(12);
  for (const bool whole : {false, true}) {
    const auto fleet = OpenFleet(Options(folder));
    ASSERT_NE(fleet, nullptr);
    std::atomic<bool> done{false};
    std::atomic<int> batches_seen{0};
    std::vector<std::thread> readers;
    readers.emplace_back([&] {
      while (!done) {
        for (const HostState& state : fleet->Hosts()) batches_seen += state.events > 0 ? 1 : 0;
        std::this_thread::yield();
      }
    });
    readers.emplace_back([&] {
      Recordings recordings(fleet.get());
      for (int i = 0; !done; ++i) {
        (void)recordings.Summary({"host" + std::to_string(i % kHosts), ""});
        if (const auto host = fleet->Find("host" + std::to_string(i % kHosts))) {
          host->Read([](const LiveSession* session) {
            if (session != nullptr) EXPECT_LE(session->unstored().size(), 1'000'000u);
          });
        }
      }
    });
    readers.emplace_back([&] {
      const auto watcher = fleet->findings().Watch({}, 10);
      uint64_t missed = 0;
      while (!done) {
        (void)fleet->findings().Watch({"host1", true}, 3);
        for (const FoundFinding& found : watcher->Wait(std::chrono::milliseconds(5), &missed)) {
          EXPECT_FALSE(found.host.empty());
        }
      }
    });
    std::vector<std::thread> collectors;
    for (int i = 0; i < kHosts; ++i) {
      collectors.emplace_back(
          [&, i] { Send(fleet.get(), batches, MakeSession("host" + std::to_string(i), "s" + std::to_string(i))); });
    }
    if (!whole) {
      // In the middle of it all.
      while (batches_seen < 10) std::this_thread::yield();
      fleet->Stop();
    }
    for (std::thread& collector : collectors) collector.join();
    done = true;
    for (std::thread& reader : readers) reader.join();
    fleet->Stop();
    EXPECT_FALSE(fleet->Connect(MakeSession(), std::make_shared<FakeDelivery>()));
  }
  auto catalogue = Catalogue::Open(folder.File("data"));
  ASSERT_TRUE(catalogue) << TextOf(catalogue);
  const auto rows = (*catalogue)->List("");
  EXPECT_THAT(rows, SizeIs(kHosts)) << "whoever was interrupted went on in the same recording";
  const auto lines = LinesOf(store_test::StoreAll(folder.File("reference"), batches));
  for (const RecordingRow& row : rows) {
    EXPECT_EQ(LinesOf(RecordingFolder(folder.File("data"), row.host, row.id)), lines) << row.host;
  }
}

TEST(Fleet, ARestartChangesNothingThatIsToldOfAnEndedHost) {
  const Folder folder;
  HostState before;
  {
    const auto fleet = OpenFleet(Options(folder));
    ASSERT_NE(fleet, nullptr);
    Send(fleet.get(), store_test::LiveTrace().Batches(12), MakeSession("host", "s"));
    fleet->Stop();  // what waited is analysed
    ASSERT_THAT(fleet->Hosts(), SizeIs(1));
    before = fleet->Hosts().front();
  }
  const auto fleet = OpenFleet(Options(folder));
  ASSERT_NE(fleet, nullptr);
  ASSERT_THAT(fleet->Hosts(), SizeIs(1));
  const HostState after = fleet->Hosts().front();
  EXPECT_GT(before.lost_events, 0u);
  EXPECT_EQ(before.lost_events, after.lost_events);
  EXPECT_EQ(before.lost_unknown, after.lost_unknown);
  EXPECT_EQ(before.gaps, after.gaps);
  EXPECT_EQ(before.events, after.events);
  EXPECT_GT(before.cpus, 0u);
  EXPECT_EQ(before.cpus, after.cpus);
  EXPECT_EQ(before.collector_version, after.collector_version);
  EXPECT_EQ(before.findings, after.findings);
  EXPECT_EQ(before.worst.findings, after.worst.findings);
  EXPECT_GT(before.worst.excess_ns, 0u);
  EXPECT_EQ(before.worst.excess_ns, after.worst.excess_ns);
}

TEST(Fleet, TakesAsManyHostsAsItWasTold) {
  const Folder folder;
  FleetOptions options = Options(folder);
  options.hosts_max = 2;
  const auto fleet = OpenFleet(options);
  std::vector<std::unique_ptr<Fleet::Feed>> feeds;
  for (const char* const host : {"a", "b", "a"}) {
    auto feed = fleet->Connect(MakeSession(host), std::make_shared<FakeDelivery>());
    ASSERT_TRUE(feed) << host;
    feeds.push_back(std::move(*feed));
  }
  const auto refused = fleet->Connect(MakeSession("c"), std::make_shared<FakeDelivery>());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(fleet->Find("c"), nullptr);
}

// Nothing is paid for with so little in the time of a test.
constexpr uint64_t kAlmostNothing = 1;

TEST(Fleet, APacedHostWaitsForItsTurnAndLosesNothing) {
  const Folder folder;
  const store_test::LiveTrace trace;
  const auto batches = trace.Batches(12);
  FleetOptions options = Options(folder);
  options.host_events_per_second = 15'000;  // slower than any machine works its batches off
  const auto fleet = OpenFleet(options);
  const auto others = fleet->Connect(MakeSession("other", "s"), std::make_shared<FakeDelivery>());
  ASSERT_TRUE(others);
  Send(fleet.get(), batches, MakeSession("noisy", "s"));
  EXPECT_GT(fleet->Find("noisy")->State().paced_ns, 0u);
  EXPECT_EQ(fleet->Find("other")->State().paced_ns, 0u);
  fleet->Stop();
  const auto rows = fleet->catalogue().List("noisy");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(LinesOf(RecordingFolder(folder.File("data"), "noisy", rows[0].id)),
            LinesOf(store_test::StoreAll(folder.File("reference"), batches)));
}

TEST(Fleet, AHostThatStreamsAloneIsNotPaced) {
  const Folder folder;
  FleetOptions options = Options(folder);
  options.host_events_per_second = kAlmostNothing;
  const auto fleet = OpenFleet(options);
  const auto other = fleet->Connect(MakeSession("other"), std::make_shared<FakeDelivery>());
  ASSERT_TRUE(other);
  (*other)->Disconnect();
  Send(fleet.get(), store_test::LiveTrace().Batches(12), MakeSession("alone", "s"));
  EXPECT_EQ(fleet->Find("alone")->State().paced_ns, 0u);
}

TEST(Fleet, WhatWaitsForItsPaceIsStoredWhenTheServerStops) {
  const Folder folder;
  const store_test::LiveTrace trace;
  FleetOptions options = Options(folder);
  options.host_events_per_second = kAlmostNothing;
  std::atomic<int> said{0};
  options.log = [&](const std::string& line, bool warning) {
    if (line.find("--host-events-per-second") == line.npos) return;
    EXPECT_TRUE(warning);
    ++said;
  };
  const auto fleet = OpenFleet(options);
  const auto delivery = std::make_shared<FakeDelivery>(), others_delivery = std::make_shared<FakeDelivery>();
  const auto feed = fleet->Connect(MakeSession("noisy"), delivery);
  const auto other = fleet->Connect(MakeSession("other"), others_delivery);
  ASSERT_TRUE(feed);
  ASSERT_TRUE(other);
  const auto batches = trace.Batches(12);
  const auto batch_of = [&](size_t i, const char* host) {
    Batch batch = batches[i];
    if (batch.session) batch.session = MakeSession(host);
    return batch;
  };
  for (size_t i = 0; i < batches.size(); ++i) (*feed)->Offer(batch_of(i, "noisy"), 1);
  EXPECT_TRUE(delivery->UntilAck(1)) << "the first needs no patience";
  (*other)->Offer(batch_of(0, "other"), 1);
  EXPECT_TRUE(others_delivery->UntilAck(1)) << "one that waits keeps nobody else waiting";
  EXPECT_LT(delivery->acked(), batches.size());
  fleet->Stop();
  EXPECT_EQ(said, 1);
  EXPECT_THAT(delivery->refused(), testing::IsEmpty());
  const auto rows = fleet->catalogue().List("noisy");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(LinesOf(RecordingFolder(folder.File("data"), "noisy", rows[0].id)),
            LinesOf(store_test::StoreAll(folder.File("reference"), batches)));
}

TEST(Fleet, WhatWaitsOfAllHostsIsLimited) {
  const Folder folder;
  FleetOptions options = Options(folder);
  options.queue_bytes_max = 0;
  const auto fleet = OpenFleet(options);
  const auto delivery = std::make_shared<FakeDelivery>();
  auto feed = fleet->Connect(MakeSession(), delivery);
  ASSERT_TRUE(feed);
  const store_test::LiveTrace trace;
  EXPECT_FALSE((*feed)->Offer(trace.Batches(3)[0], 1));
  EXPECT_TRUE(delivery->UntilAck(1)) << "it is taken nevertheless";
}

}  // namespace
}  // namespace wakewatch
