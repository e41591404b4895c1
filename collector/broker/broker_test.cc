#include "collector/broker/broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <thread>

#include "collector/broker/broker_client.h"
#include "collector/broker/fake_access_test.h"
#include "collector/broker/packet_socket.h"

namespace wakewatch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Data = std::vector<uint8_t>;

// A broker that serves a fake kernel on a thread, and the socket to it.
class BrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    socket_ = Descriptor(pair[0]);
    theirs_ = Descriptor(pair[1]);
    BrokerLimits limits;
    limits.probes = true;
    limits.client = getpid();
    limits.events = {"block/block_rq_issue"};
    broker_ = std::make_unique<Broker>(limits, &fake_);
    thread_ = std::thread([this] { broker_->Serve(theirs_.get()); });
  }
  void TearDown() override {
    socket_.Close();
    client_.reset();
    if (thread_.joinable()) thread_.join();  // hangs where the broker does not see that the other side is gone
  }
  // As when the other half is killed.
  void LoseTheOtherHalf() {
    socket_.Close();
    client_.reset();
    thread_.join();
  }
  BrokerClient& client() {
    if (!client_) client_ = std::make_unique<BrokerClient>(std::move(socket_));
    return *client_;
  }
  template <typename... Values>
  static Data Request(BrokerVerb verb, const Values&... values) {
    ArchiveWriter packet;
    packet(BrokerRequestHead{9, verb});
    if constexpr (sizeof...(values) > 0) packet(values...);
    return packet.Take();
  }
  // The head of the answer to a raw request.
  BrokerAnswerHead Send(const Data& request, int passed = -1) {
    BrokerAnswerHead head;
    EXPECT_TRUE(SendPacket(socket_.get(), request, passed));
    const auto packet = ReceivePacket(socket_.get(), 1 << 16, true, std::chrono::milliseconds(20'000));
    EXPECT_TRUE(packet) << "the broker is gone";
    if (!packet) return head;
    ArchiveReader reader(packet->bytes);
    reader(head);
    EXPECT_TRUE(reader.ok());
    return head;
  }
  BrokerAnswerHead SendPrepare() { return Send(Request(BrokerVerb::kPrepare, WishMessage{})); }

  FakeAccess fake_;
  Descriptor socket_, theirs_;
  std::unique_ptr<Broker> broker_;
  std::thread thread_;
  std::unique_ptr<BrokerClient> client_;
};

TEST_F(BrokerTest, WhatAKilledHalfHasNotReadIsCountedBehindIt) {
  ASSERT_TRUE(client().Prepare({}));
  ASSERT_TRUE(client().SetTracing(true));
  LoseTheOtherHalf();
  const auto left = broker_->StopAndCount();
  EXPECT_THAT(fake_.calls(), ElementsAre("prepare", "start", "stop", "stats 0", "stats 3"));
  ASSERT_THAT(left, SizeIs(2));
  EXPECT_EQ(left[0].unread, 0u);
  EXPECT_EQ(left[0].overwritten, uint64_t{1} << 60);
  EXPECT_EQ(left[1].cpu, 3u);
  EXPECT_EQ(left[1].unread, 3u);
}

TEST_F(BrokerTest, WithoutAnInstanceNothingIsLeft) {
  LoseTheOtherHalf();
  EXPECT_THAT(broker_->StopAndCount(), SizeIs(0));
  EXPECT_THAT(fake_.calls(), SizeIs(0));
}

TEST_F(BrokerTest, EveryVerbGoesThereAndBack) {
  InstanceWish wish;
  wish.probes = true;
  const auto setup = client().Prepare(wish);
  ASSERT_TRUE(setup) << setup.error().Text();
  EXPECT_EQ(setup->clock, "mono");
  EXPECT_EQ(setup->buffer_bytes_per_cpu, 8192u << 10);
  EXPECT_THAT(setup->cpus, ElementsAre(0, 3));
  ASSERT_THAT(setup->probes.probes, SizeIs(1));
  EXPECT_EQ(setup->probes.probes[0].KprobeText(), "p:wakewatch/ttwu try_to_wake_up pid=$arg1:s32");
  EXPECT_EQ(setup->probes.missing[0].cause, "inlined");
  EXPECT_EQ(setup->probes.cost_ns, 700u);
  EXPECT_THAT(setup->warnings, ElementsAre("left over"));
  ASSERT_THAT(setup->left_over, SizeIs(1));
  EXPECT_EQ(setup->left_over[0].cpu, 3u);
  EXPECT_EQ(setup->left_over[0].unread, 12u);
  EXPECT_EQ(setup->left_over[0].overwritten, 5u);

  EXPECT_THAT(client().Select({"workqueue", "sched/sched_switch"})->present, SizeIs(2));
  EXPECT_EQ(client().EventFile("wakewatch/ttwu/format").value_or(""), "text of wakewatch/ttwu/format");
  Warnings warnings;
  EXPECT_THAT(*client().Enable({"sched/sched_switch"}, &warnings), ElementsAre("sched/sched_switch"));
  EXPECT_THAT(warnings, ElementsAre("one is off"));
  EXPECT_TRUE(client().SetEvent("block/block_rq_issue", false)) << "named when the broker was started";
  EXPECT_TRUE(client().SetTracing(true));
  const auto pipe = client().OpenPipe(3);
  ASSERT_TRUE(pipe);
  EXPECT_THAT(ReadDescriptor(pipe->get(), "").value_or(""), HasSubstr("("));
  EXPECT_EQ(client().ReadStats(3)->overrun, uint64_t{1} << 60);
  EXPECT_EQ(client().ProbeHits()["ttwu"].hits, 7u);
  EXPECT_EQ(client().Snapshot(5, 42, 77).stack, "[<0>] kthread");
  EXPECT_TRUE(client().OpenSymbols());
  EXPECT_TRUE(client().RaisePriority(getpid()));
  EXPECT_TRUE(client().Check());
  EXPECT_THAT(client().Remove(), ElementsAre("busy"));
  EXPECT_EQ(client().refused(), 0u);
  EXPECT_THAT(fake_.calls(), ElementsAre("prepare", "select", "file wakewatch/ttwu/format", "enable sched/sched_switch",
                                         "set block/block_rq_issue off", "start", "pipe 3", "stats 3", "snapshot 42",
                                         "raise " + std::to_string(getpid()), "remove"));
}

TEST_F(BrokerTest, AnErrorKeepsItsPlaceAndItsRemedy) {
  fake_.refuses = true;
  const auto setup = client().Prepare({});
  ASSERT_FALSE(setup);
  EXPECT_EQ(setup.error().code, ErrorCode::kPermission);
  EXPECT_EQ(setup.error().Text(), "/some/file: not allowed (be root)");
}

TEST_F(BrokerTest, AnAnswerThatIsTooLongForAPacketComesInAFile) {
  fake_.threads = 20'000;
  const auto threads = client().ScanThreads(KthreadInventory::Depth::kEverything, 5);
  ASSERT_THAT(threads, SizeIs(20'000));
  EXPECT_EQ(threads.back().comm, "kworker/19999");
  EXPECT_EQ(threads.back().first_seen_ns, 5u);
  EXPECT_EQ(threads.back().parent_pid, -1);
}

TEST_F(BrokerTest, WhatMakesNoSenseIsRefusedCountedAndSurvived) {
  WishMessage large, small, probed;
  large.buffers.buffer_kb_per_cpu = 8193;
  small.buffers.subbuffer_kb = 0;
  probed.probe_cost_ns = UINT64_MAX;
  const std::string traversal = "sched/../../../../etc/shadow";
  Data behind = Request(BrokerVerb::kRemove);
  behind.push_back(0);
  Data many = Request(BrokerVerb::kSelect);
  many.insert(many.end(), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01});
  struct Row {
    const char* what;
    Data request;
    bool after_prepare = true;
  };
  const std::vector<Row> rows = {
      {"an empty packet", {}},
      {"half a head", {0x80}},
      {"a verb that there is not", {9, 14}},
      {"a huge verb", {9, 0xff, 0xff, 0xff, 0xff, 0x0f}},
      {"a sequence number with too many bits", {0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0}},
      {"longer than a request may be", Data(kBrokerRequestBytesMax + 1, 1)},
      {"more behind the arguments", behind},
      {"a count of names that nothing holds", many},
      {"before there is an instance", Request(BrokerVerb::kSetTracing, true), false},
      {"removing before there is an instance", Request(BrokerVerb::kRemove), false},
      {"buffers larger than agreed upon", Request(BrokerVerb::kPrepare, large), false},
      {"no sub-buffer", Request(BrokerVerb::kPrepare, small), false},
      {"a cost that no probe has", Request(BrokerVerb::kPrepare, probed), false},
      {"a second instance", Request(BrokerVerb::kPrepare, WishMessage{})},
      {"a CPU without a buffer", Request(BrokerVerb::kOpenPipe, uint32_t{1})},
      {"a CPU that no machine has", Request(BrokerVerb::kReadStats, UINT32_MAX)},
      {"a pid of nobody", Request(BrokerVerb::kSnapshot, uint64_t{1}, int32_t{0}, uint64_t{1})},
      {"a negative pid", Request(BrokerVerb::kSnapshot, uint64_t{1}, int32_t{-1}, uint64_t{1})},
      {"a pid that no kernel gives", Request(BrokerVerb::kSnapshot, uint64_t{1}, INT32_MAX, uint64_t{1})},
      {"a thread of another process", Request(BrokerVerb::kRaisePriority, getppid())},
      {"no thread", Request(BrokerVerb::kRaisePriority, int32_t{0})},
      {"a depth that there is not", Request(BrokerVerb::kScanThreads, uint64_t{3}, uint64_t{1})},
      {"a file outside", Request(BrokerVerb::kEventFile, traversal)},
      {"an absolute file", Request(BrokerVerb::kEventFile, std::string("/etc/shadow"))},
      {"a file of an event that is not needed",
       Request(BrokerVerb::kEventFile, std::string("sched/sched_switch/filter"))},
      {"a NUL in a name", Request(BrokerVerb::kEventFile, std::string("sched/sched_switch\0/format", 26))},
      {"an event of nobody's profile", Request(BrokerVerb::kSetEvent, std::string("syscalls/sys_enter_read"), true)},
      {"an event outside", Request(BrokerVerb::kSetEvent, std::string("sched/../../tracing_on/"), true)},
      {"somebody else's probe", Request(BrokerVerb::kSetEvent, std::string("kprobes/mine"), true)},
      {"a probe of our group that we do not define", Request(BrokerVerb::kSetEvent, std::string("wakewatch/x"), true)},
      {"one bad name among good ones",
       Request(BrokerVerb::kEnable, std::vector<std::string>{"sched/sched_switch", "net/netif_rx"})},
      {"a selection outside", Request(BrokerVerb::kSelect, std::vector<std::string>{"../../events/sched"})},
      {"a switch that is neither on nor off", Request(BrokerVerb::kSetTracing, uint32_t{2})},
  };
  uint64_t refused = 0;
  for (const bool after_prepare : {false, true}) {
    for (const Row& row : rows) {
      if (row.after_prepare != after_prepare) continue;
      const auto calls = fake_.calls();
      const BrokerAnswerHead answer = Send(row.request);
      EXPECT_TRUE(answer.failed) << row.what;
      EXPECT_EQ(answer.refused, ++refused) << row.what;
      EXPECT_EQ(fake_.calls(), calls) << row.what << " reached the kernel";
      if (HasFailure()) return;  // each further answer that does not come is waited for
    }
    if (!after_prepare) {
      EXPECT_FALSE(SendPrepare().failed);
    }
  }
  EXPECT_EQ(refused, rows.size());
  EXPECT_FALSE(Send(Request(BrokerVerb::kSetTracing, true)).failed) << "it still serves";
}

size_t OpenDescriptors() { return ListFolder("/proc/self/fd")->size(); }

TEST_F(BrokerTest, DescriptorsThatComeAlongAreClosed) {
  const Descriptor other = *OpenToRead("/proc/self/stat");
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Send(Request(BrokerVerb::kRemove), other.get()).failed);
  EXPECT_EQ(OpenDescriptors(), before);
}

// Random packets, and requests that make sense with bytes of them changed: whatever gets through was checked by the
// fake.
TEST_F(BrokerTest, RandomRequestsNeitherEndItNorGetThrough) {
  const char* const wanted = std::getenv("WAKEWATCH_SEED");
  const unsigned first = wanted == nullptr ? 1 : static_cast<unsigned>(std::atoi(wanted));
  const std::vector<Data> good = {
      Request(BrokerVerb::kPrepare, WishMessage{}),
      Request(BrokerVerb::kSelect, std::vector<std::string>{"sched", "irq"}),
      Request(BrokerVerb::kEventFile, std::string("sched/sched_switch/format")),
      Request(BrokerVerb::kEnable, std::vector<std::string>{"sched/sched_switch"}),
      Request(BrokerVerb::kSetEvent, std::string("wakewatch/ttwu"), true),
      Request(BrokerVerb::kOpenPipe, uint32_t{3}),
      Request(BrokerVerb::kSnapshot, uint64_t{1}, int32_t{42}, uint64_t{1}),
      Request(BrokerVerb::kScanThreads, KthreadInventory::Depth::kEverything, uint64_t{1}),
  };
  const std::set<std::string> cpus = {"pipe 0", "pipe 3", "stats 0", "stats 3"};
  for (unsigned seed = first; seed < first + (wanted == nullptr ? 20 : 1); ++seed) {
    SCOPED_TRACE("WAKEWATCH_SEED=" + std::to_string(seed) + " broker_test --gtest_filter=BrokerTest.Random*");
    std::mt19937 random(seed);
    for (int i = 0; i < 500; ++i) {
      Data request(random() % 64);
      for (uint8_t& byte : request) byte = static_cast<uint8_t>(random());
      if (random() % 4 != 0) {
        request = good[random() % good.size()];
        for (unsigned change = random() % 3; change > 0; --change) {
          request[random() % request.size()] = static_cast<uint8_t>(random());
        }
        if (random() % 8 == 0) request.resize(random() % request.size());
      }
      Send(request);
      if (HasFailure()) return;
    }
  }
  for (const std::string& call : fake_.calls()) {
    if (call.starts_with("pipe") || call.starts_with("stats")) {
      EXPECT_EQ(cpus.count(call), 1u) << call;
    }
    EXPECT_EQ(call.find(".."), std::string::npos) << call;
  }
  EXPECT_THAT(fake_.calls(), Contains("prepare"));
}

TEST_F(BrokerTest, AClientWhoseBrokerIsGoneSaysSo) {
  EXPECT_TRUE(client().Check());
  ::shutdown(theirs_.get(), SHUT_RDWR);
  const auto prepared = client().Prepare({});
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::kInterrupted);
  EXPECT_FALSE(client().Check());
  EXPECT_FALSE(client().SetTracing(true));
  EXPECT_THAT(client().Snapshot(1, 1, 1).error, HasSubstr("gone"));
  EXPECT_THAT(client().ScanThreads(KthreadInventory::Depth::kEverything, 1), IsEmpty());
}

TEST(BrokerClient, NonsenseIsAnErrorAndTheEnd) {
  const auto head = [](uint32_t sequence, bool failed, bool in_file) {
    ArchiveWriter packet;
    packet(BrokerAnswerHead{sequence, 0, failed, in_file});
    return packet.Take();
  };
  struct Row {
    const char* what;
    Data answer;
  };
  const Row rows[] = {{"an empty packet", {}},
                      {"another's sequence number", head(7, false, false)},
                      {"an error without words", head(1, true, false)},
                      {"a file that did not come", head(1, false, true)},
                      {"no body", head(1, false, false)},
                      {"far too long", Data(1 << 16, 1)}};
  for (const Row& row : rows) {
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    BrokerClient client{Descriptor(pair[0])};
    const Descriptor theirs(pair[1]);
    ASSERT_TRUE(SendPacket(theirs.get(), row.answer, -1));
    EXPECT_FALSE(client.Prepare({})) << row.what;
  }
}

}  // namespace
}  // namespace wakewatch
