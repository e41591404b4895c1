#include "collector/agent/uplink.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "collector/agent/fake_server_test.h"
#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using agent_test::Eventually;
using agent_test::FakeServer;
using agent_test::Script;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr seconds kLong{180};  // which only a failure takes

Batch MakeBatch(uint64_t sequence, size_t bytes = 100) {
  Batch batch;
  batch.sequence = sequence;
  if (sequence == 1) {
    batch.session = SessionInfo{.host = "host-a", .boot_id = "boot", .session = "session", .clock = "mono"};
    batch.formats = FormatsDelta{.hash = 7, .events = {{"sched", "name: x"}}};
  }
  batch.chunks = {{0, 10 * sequence, 10 * sequence + 5, 10, 7, std::vector<uint8_t>(bytes)}};
  batch.frontiers = {{0, 10 * sequence + 9}};
  return batch;
}

UplinkOptions Impatient(const FakeServer& server) {
  UplinkOptions options;
  options.server = server.address();
  options.back_off = {milliseconds(5), milliseconds(50), seconds(10)};
  options.slow_retry = milliseconds(20);
  options.state_every = milliseconds(20);
  return options;
}

std::vector<uint64_t> SequencesOf(const std::vector<Batch>& batches) {
  std::vector<uint64_t> sequences;
  for (const Batch& batch : batches) sequences.push_back(batch.sequence);
  return sequences;
}

// Events that were stored, and events that gaps account for.
struct Account {
  uint64_t stored = 0, missing = 0;
};
Account AccountOf(const std::vector<Batch>& batches) {
  Account account;
  for (const Batch& batch : batches) {
    account.stored += EventsOf(batch);
    for (const GapRecord& gap : batch.gaps) account.missing += gap.lost;
  }
  return account;
}

TEST(Uplink, DeliversInOrderAndEndsInOrder) {
  FakeServer server;
  std::atomic<int> acknowledged{0};
  Uplink uplink(Impatient(server), {.acknowledged = [&](std::chrono::nanoseconds) { ++acknowledged; }});
  for (uint64_t i = 1; i <= 20; ++i) uplink.Offer(MakeBatch(i));
  const auto outcome = uplink.Finish(kLong);
  EXPECT_TRUE(outcome.delivered) << outcome.problem;
  // Finish does not wait for the end of the stream longer than a moment.
  ASSERT_TRUE(Eventually([&] { return acknowledged == 20 && !uplink.stats().connected; }));
  EXPECT_THAT(server.Get(&FakeServer::wrong), IsEmpty());
  EXPECT_EQ(server.Get(&FakeServer::stored).size(), 20u);
  EXPECT_EQ(server.Get(&FakeServer::duplicates), 0);
  EXPECT_EQ(server.Get(&FakeServer::hello).session().host(), "host-a");
  EXPECT_EQ(server.Get(&FakeServer::hello).chunk().newest(), kChunkVersion);
  EXPECT_EQ(server.Get(&FakeServer::stored)[0].formats->events[0].text, "name: x");
  const UplinkStats stats = uplink.stats();
  EXPECT_EQ(stats.events_acked, 200u);
  EXPECT_EQ(stats.events_dropped, 0u);
  EXPECT_EQ(stats.queue_bytes, 0u);
}

TEST(Uplink, NothingIsLostOrDoubledWhenStreamsBreak) {
  const struct {
    const char* story;
    bool stored;
  } rows[] = {{"the last batch of each stream is stored, its acknowledgement lost", true},
              {"the last batch of each stream is lost", false}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FakeServer server;
    server.Set({.window = 4, .hang_up_at = 3, .store_before_hanging_up = row.stored});
    Uplink uplink(Impatient(server), {});
    for (uint64_t i = 1; i <= 30; ++i) uplink.Offer(MakeBatch(i));
    const auto outcome = uplink.Finish(kLong);
    EXPECT_TRUE(outcome.delivered) << outcome.problem;
    EXPECT_THAT(server.Get(&FakeServer::wrong), IsEmpty());
    EXPECT_EQ(server.Get(&FakeServer::duplicates), 0) << "Welcome says what is committed";
    ASSERT_EQ(server.Get(&FakeServer::stored).size(), 30u);
    for (size_t i = 0; i < 30; ++i) EXPECT_EQ(server.Get(&FakeServer::stored)[i].sequence, i + 1);
    EXPECT_GT(server.Get(&FakeServer::streams), 5);
  }
}

TEST(Uplink, AServerThatRestartsGetsTheRest) {
  FakeServer server;
  Uplink uplink(Impatient(server), {});
  for (uint64_t i = 1; i <= 5; ++i) uplink.Offer(MakeBatch(i));
  ASSERT_TRUE(Eventually([&] { return uplink.stats().batches_acked == 5; }));
  server.Stop();
  ASSERT_TRUE(Eventually([&] { return !uplink.stats().connected; }));
  for (uint64_t i = 6; i <= 10; ++i) uplink.Offer(MakeBatch(i));
  ASSERT_TRUE(Eventually([&] { return !uplink.stats().problem.empty(); }));
  EXPECT_EQ(uplink.stats().queue_batches, 5u);
  server.Start();
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  EXPECT_EQ(server.Get(&FakeServer::stored).size(), 10u);
  EXPECT_EQ(server.Get(&FakeServer::duplicates), 0);
}

TEST(Uplink, AServerThatLostItsStoreIsToldTheOpeningAgain) {
  FakeServer server;
  Uplink uplink(Impatient(server), {});
  for (uint64_t i = 1; i <= 5; ++i) uplink.Offer(MakeBatch(i));
  ASSERT_TRUE(Eventually([&] { return uplink.stats().batches_acked == 5; }));
  server.Stop();
  server.Forget();
  server.Start();
  uplink.Offer(MakeBatch(6));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  ASSERT_EQ(server.Get(&FakeServer::stored).size(), 1u);
  EXPECT_TRUE(server.Get(&FakeServer::stored)[0].session.has_value());
  EXPECT_TRUE(server.Get(&FakeServer::stored)[0].formats.has_value());
}

TEST(Uplink, ASlowServerCostsEventsThatAreCountedAndNothingElse) {
  FakeServer server;
  server.Set({.window = 2, .pause = milliseconds(3)});
  UplinkOptions options = Impatient(server);
  options.queue.bytes_max = 5 * BytesOf(MakeBatch(2, 1000));
  Uplink uplink(options, {});
  constexpr uint64_t kBatches = 200;
  for (uint64_t i = 1; i <= kBatches; ++i) {
    Batch batch = MakeBatch(i, 1000);
    batch.threads = {{.pid = static_cast<int32_t>(i)}};
    batch.last = i == kBatches;
    uplink.Offer(std::move(batch));
    if (i % 50 == 0) std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  EXPECT_THAT(server.Get(&FakeServer::wrong), IsEmpty());
  const Account account = AccountOf(server.Get(&FakeServer::stored));
  const UplinkStats stats = uplink.stats();
  EXPECT_GT(account.missing, 0u);
  EXPECT_EQ(account.missing, stats.events_dropped);
  EXPECT_EQ(account.stored, stats.events_acked);
  EXPECT_EQ(account.stored + account.missing, 10 * kBatches);
  EXPECT_TRUE(server.Get(&FakeServer::stored).back().last);
  std::vector<int32_t> pids;
  for (const Batch& batch : server.Get(&FakeServer::stored)) {
    for (const ThreadInfo& task : batch.threads) pids.push_back(task.pid);
  }
  ASSERT_EQ(pids.size(), kBatches);
  for (size_t i = 0; i < pids.size(); ++i) EXPECT_EQ(pids[i], static_cast<int32_t>(i + 1));
  EXPECT_EQ(server.Get(&FakeServer::stored)[0].session.has_value(), true);
}

TEST(Uplink, TheWindowBoundsWhatIsUnderWay) {
  FakeServer server;
  server.Set({.window = 3, .acknowledge = false});
  Uplink uplink(Impatient(server), {});
  for (uint64_t i = 1; i <= 10; ++i) uplink.Offer(MakeBatch(i));
  ASSERT_TRUE(Eventually([&] { return server.Get(&FakeServer::received) == 3; }));
  // States go on; a fourth batch would have come with them.
  const size_t states = server.Get(&FakeServer::states).size();
  ASSERT_TRUE(Eventually([&] { return server.Get(&FakeServer::states).size() >= states + 3; }));
  EXPECT_EQ(server.Get(&FakeServer::received), 3);
  const auto outcome = uplink.Finish(milliseconds(50));
  EXPECT_FALSE(outcome.delivered);
  EXPECT_EQ(outcome.batches_left, 10u);
  EXPECT_EQ(outcome.events_left, 100u);
  EXPECT_THAT(outcome.problem, HasSubstr("acknowledge"));
}

TEST(Uplink, ARefusedBatchIsCountedAndTheStreamGoesOn) {
  FakeServer server;
  server.Set({.refuse = {2, 4}});
  Uplink uplink(Impatient(server), {});
  for (uint64_t i = 1; i <= 5; ++i) uplink.Offer(MakeBatch(i));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  EXPECT_THAT(SequencesOf(server.Get(&FakeServer::stored)), ElementsAre(1, 3, 5));
  EXPECT_EQ(server.Get(&FakeServer::streams), 1);
  EXPECT_EQ(uplink.stats().batches_refused, 2u);
  EXPECT_EQ(uplink.stats().events_refused, 20u);
  EXPECT_EQ(uplink.stats().events_acked, 30u);
}

TEST(Uplink, SaysWhatStandsInTheWayAndGoesOnTrying) {
  const struct {
    const char* story;
    Script script;
    const char* says;
  } rows[] = {
      {"another collector has the host",
       {.answer_hello = {grpc::StatusCode::ALREADY_EXISTS, "host-a sends from 10.0.0.7"}},
       "another live collector"},
      {"no common version",
       {.answer_hello = {grpc::StatusCode::FAILED_PRECONDITION, "wire 2 to 3"}},
       "upgrade the older of the two"},
      {"a newer server", {.wire_version = kWireVersionNewest + 1}, "upgrade this collector"},
      {"an older server", {.chunk_version = 0}, "upgrade the server"},
      {"the disk is full", {.answer_hello = {grpc::StatusCode::RESOURCE_EXHAUSTED, "no space"}}, "free space"},
      {"refused for what it says", {.answer_hello = {grpc::StatusCode::INVALID_ARGUMENT, "bad\x1b host"}}, "bad  host"},
      {"no such service", {.answer_hello = {grpc::StatusCode::UNIMPLEMENTED, ""}}, "no Wakewatch server"},
      {"it never answers", {.silent = true}, "does not answer"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FakeServer server;
    server.Set(row.script);
    UplinkOptions options = Impatient(server);
    options.welcome_timeout = row.script.silent ? milliseconds(50) : milliseconds(10'000);
    Uplink uplink(options, {});
    uplink.Offer(MakeBatch(1));
    ASSERT_TRUE(Eventually([&] { return server.Get(&FakeServer::hellos) >= 3; })) << "it goes on trying";
    // An attempt may also fail because its connection took too long.
    EXPECT_TRUE(Eventually([&] { return uplink.stats().problem.find(row.says) != std::string::npos; }))
        << uplink.stats().problem;
    EXPECT_FALSE(uplink.stats().connected);
    server.Set({});
    EXPECT_TRUE(uplink.Finish(kLong).delivered) << "and succeeds once it can";
    EXPECT_EQ(server.Get(&FakeServer::stored).size(), 1u);
  }
}

// Connections are taken by the kernel, and nobody speaks on them.
TEST(Uplink, AConnectionThatDoesNotComeAboutIsGivenUpAndTriedAgain) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 64), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  FakeServer server;
  UplinkOptions options = Impatient(server);
  options.server = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  options.welcome_timeout = milliseconds(100);
  Uplink uplink(options, {});
  uplink.Offer(MakeBatch(1));
  std::vector<int> connections;
  // gRPC itself would wait 20 s for each, which is longer than this waits for five.
  EXPECT_TRUE(Eventually([&] {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) connections.push_back(connection);
    return connections.size() >= 5;
  }));
  EXPECT_THAT(uplink.stats().problem, HasSubstr("no connection comes about"));
  EXPECT_FALSE(uplink.stats().gave_up);
  EXPECT_FALSE(uplink.Finish(milliseconds(0)).delivered) << "and a stop does not wait for it";
  for (const int connection : connections) close(connection);
  close(listener);
}

TEST(Uplink, WhoWaitsForTheEndIsToldOfARefusalAtOnce) {
  const struct {
    const char* story;
    Script script;
    bool gives_up;
    const char* says;
  } rows[] = {
      {"nobody", {.answer_hello = {grpc::StatusCode::UNAUTHENTICATED, "this needs a token (make one)"}}, true, "token"},
      {"another's host", {.answer_hello = {grpc::StatusCode::PERMISSION_DENIED, "not as that"}}, true, "not as that"},
      {"no common version", {.answer_hello = {grpc::StatusCode::FAILED_PRECONDITION, "1 to 2"}}, true, "upgrade"},
      {"no such service", {.answer_hello = {grpc::StatusCode::UNIMPLEMENTED, ""}}, true, "no Wakewatch server"},
      {"the disk is full", {.answer_hello = {grpc::StatusCode::RESOURCE_EXHAUSTED, "no space"}}, false, "free space"},
      {"the host is claimed", {.answer_hello = {grpc::StatusCode::ALREADY_EXISTS, "host-a"}}, false, "another live"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FakeServer server;
    server.Set(row.script);
    UplinkOptions options = Impatient(server);
    options.gives_up_when_refused = true;
    Uplink uplink(options, {});
    uplink.Offer(MakeBatch(1));
    if (row.gives_up) {
      EXPECT_FALSE(uplink.AwaitDelivery(std::chrono::hours(1)));
      EXPECT_EQ(server.Get(&FakeServer::hellos), 1);
    } else {
      ASSERT_TRUE(Eventually([&] { return server.Get(&FakeServer::hellos) >= 3; })) << "it goes on trying";
    }
    EXPECT_EQ(uplink.stats().gave_up, row.gives_up);
    EXPECT_THAT(uplink.stats().problem, HasSubstr(row.says));
    const auto outcome = uplink.Finish(row.gives_up ? std::chrono::hours(1) : milliseconds(0));
    EXPECT_FALSE(outcome.delivered);
    EXPECT_EQ(outcome.batches_left, 1u);
    EXPECT_THAT(outcome.problem, HasSubstr(row.says));
  }
}

TEST(Uplink, ABatchOverTheServersLimitLosesItsEventsOnly) {
  FakeServer server;
  server.Set({.message_bytes_max = 5'000});
  Uplink uplink(Impatient(server), {});
  uplink.Offer(MakeBatch(1));
  Batch large = MakeBatch(2, 10'000);
  large.threads = {{.pid = 77}};
  uplink.Offer(std::move(large));
  Batch hopeless = MakeBatch(3, 10'000);
  hopeless.symbols = {{1, std::string(4'000, 'x')}, {2, std::string(4'000, 'x')}};
  uplink.Offer(std::move(hopeless));
  uplink.Offer(MakeBatch(4));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  EXPECT_THAT(SequencesOf(server.Get(&FakeServer::stored)), ElementsAre(1, 2, 4));
  EXPECT_EQ(server.Get(&FakeServer::stored)[1].threads.size(), 1u);
  ASSERT_EQ(server.Get(&FakeServer::stored)[1].gaps.size(), 1u);
  EXPECT_EQ(server.Get(&FakeServer::stored)[1].gaps[0].lost, 10u);
  EXPECT_EQ(uplink.stats().events_dropped, 20u);
}

TEST(Uplink, ANewerServerMaySayWhatThisCollectorDoesNotKnow) {
  Script script;
  script.requests.resize(2);
  script.requests[0].GetReflection()->MutableUnknownFields(&script.requests[0])->AddLengthDelimited(99, "later");
  script.requests[1].mutable_profile()->set_profile("light");
  script.requests[1].GetReflection()->MutableUnknownFields(&script.requests[1])->AddVarint(98, 7);
  FakeServer server;
  server.Set(script);
  std::atomic<int> asked = 0;
  Uplink uplink(Impatient(server), {.profile_asked = [&](const std::string&, const std::string&) { ++asked; }});
  for (uint64_t i = 1; i <= 3; ++i) uplink.Offer(MakeBatch(i));
  ASSERT_TRUE(Eventually([&] { return asked == 1; }));
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  EXPECT_THAT(server.Get(&FakeServer::wrong), IsEmpty());
  EXPECT_EQ(server.Get(&FakeServer::streams), 1);
}

TEST(Uplink, TellsItsState) {
  FakeServer server;
  Uplink uplink(Impatient(server), {});
  uplink.SetReport({"light", "full", 1234, 5, {"careful"}});
  uplink.Offer(MakeBatch(1));
  ASSERT_TRUE(Eventually([&] { return server.Get(&FakeServer::states).size() >= 2; }));
  const v1::CollectorState state = server.Get(&FakeServer::states).back();
  EXPECT_EQ(state.profile(), "light");
  EXPECT_EQ(state.profile_wanted(), "full");
  EXPECT_EQ(state.events_read(), 1234u);
  EXPECT_EQ(state.events_lost(), 5u);
  EXPECT_THAT(state.warnings(), ElementsAre("careful"));
}

TEST(Uplink, AnswersTheServersRequests) {
  TestFolder proc;
  proc.Write("42/stack", "[<0>] kthread+0x1/0x2\n");
  proc.Write("42/wchan", "kthread");
  proc.Write("42/status", "Name:\tnasty\xff\n");
  Script script;
  script.requests.resize(3);
  script.requests[0].mutable_profile()->set_profile("light");
  script.requests[0].mutable_profile()->set_reason("too\nmuch");
  script.requests[1].mutable_snapshot()->set_request_id(9);
  script.requests[1].mutable_snapshot()->set_pid(42);
  script.requests[2].mutable_snapshot()->set_request_id(10);
  script.requests[2].mutable_snapshot()->set_pid(43);
  FakeServer server;
  server.Set(script);
  UplinkOptions options = Impatient(server);
  TaskSnapshots source(proc.path());
  options.snapshot = [&source](uint64_t request_id, int32_t pid, uint64_t trace_now_ns) {
    return source.Take(request_id, pid, std::chrono::steady_clock::now(), trace_now_ns);
  };
  std::mutex mutex;
  std::string asked;
  Uplink uplink(options, {.profile_asked = [&](const std::string& profile, const std::string& reason) {
                  const std::lock_guard lock(mutex);
                  asked = profile + ": " + reason;
                }});
  uplink.Offer(MakeBatch(1));
  ASSERT_TRUE(Eventually([&] { return server.Get(&FakeServer::snapshots).size() == 2; }));
  const auto snapshots = server.Get(&FakeServer::snapshots);
  EXPECT_EQ(snapshots[0].request_id(), 9u);
  EXPECT_EQ(snapshots[0].wchan(), "kthread");
  EXPECT_THAT(snapshots[0].stack(), HasSubstr("kthread+0x1"));
  EXPECT_EQ(snapshots[0].status(), "Name:\tnasty?\n");
  EXPECT_EQ(snapshots[0].error(), "");
  EXPECT_GT(snapshots[0].ts_ns(), 0u);
  EXPECT_EQ(snapshots[1].request_id(), 10u);
  EXPECT_THAT(snapshots[1].error(), HasSubstr("43/stack"));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(asked, "light: too much");
}

TEST(Uplink, EndsWithoutAServer) {
  FakeServer server;
  server.Stop();
  Uplink uplink(Impatient(server), {});
  uplink.Offer(MakeBatch(1));
  ASSERT_TRUE(Eventually([&] { return !uplink.stats().problem.empty(); }));
  const auto outcome = uplink.Finish(milliseconds(30));
  EXPECT_FALSE(outcome.delivered);
  EXPECT_EQ(outcome.batches_left, 1u);
  EXPECT_THAT(outcome.problem, HasSubstr(server.address()));
}

TEST(Uplink, WithNothingToDeliverItIsDone) {
  FakeServer server;
  Uplink uplink(Impatient(server), {});
  EXPECT_TRUE(uplink.Finish(kLong).delivered);
  EXPECT_EQ(server.Get(&FakeServer::hellos), 0);
}

}  // namespace
}  // namespace wakewatch
