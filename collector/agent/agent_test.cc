#include "collector/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "collector/agent/fake_server_test.h"

namespace wakewatch {
namespace {

using agent_test::Eventually;
using agent_test::FakeServer;
using agent_test::Script;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Hands out a batch of so many events every few milliseconds, until it is stopped.
class MadeUpRecorder final : public Recorder {
 public:
  using Changes = std::vector<std::pair<std::string, std::string>>;

  MadeUpRecorder(uint32_t events_a_batch, Changes* changes) : events_(events_a_batch), changes_(changes) {
    options_.profile = "standard";
  }

  const RecorderOptions& options() const override { return options_; }
  const RecorderTotals& totals() const override { return totals_; }
  Status ChangeProfile(const std::string& name, const std::string& reason) override {
    changes_->emplace_back(name, reason);
    return {};
  }
  void PauseProbes(const std::string& reason) override { changes_->emplace_back("pause", reason); }
  Status Run(std::chrono::nanoseconds, const std::atomic<bool>& stop,
             const std::function<Status(Batch&&)>& sink) override {
    for (bool last = false; !last;) {
      last = stop.load();
      Batch batch;
      batch.sequence = ++totals_.batches;
      if (batch.sequence == 1) {
        batch.session = SessionInfo{.host = "host-a", .boot_id = "boot", .session = "session", .clock = "mono"};
      }
      const uint64_t at_ns = 1'000 * batch.sequence;
      batch.chunks = {{0, at_ns, at_ns + 500, events_, 7, {1, 2, 3}}};
      batch.gaps = {{0, at_ns - 100, at_ns, 2, GapCause::kOverrun}};
      batch.last = last;
      totals_.events += events_;
      if (auto taken = sink(std::move(batch)); !taken) return taken;
      std::this_thread::sleep_for(milliseconds(2));
    }
    totals_.lost = 2 * totals_.batches;
    totals_.warnings.push_back("a warning");
    return {};
  }

  RecorderTotals totals_;

 private:
  const uint32_t events_;
  Changes* const changes_;
  RecorderOptions options_;
};

AgentOptions Impatient(const FakeServer& server) {
  AgentOptions options;
  options.uplink.server = server.address();
  options.uplink.back_off = {milliseconds(5), milliseconds(50), std::chrono::seconds(10)};
  options.uplink.state_every = milliseconds(10);
  return options;
}

TEST(Agent, DeliversWhatIsRecordedAndSaysWhatItDoes) {
  FakeServer server;
  MadeUpRecorder::Changes changes;
  std::atomic<bool> stop{false};
  int recording = 0, stopping = 0;
  Agent agent(std::make_unique<MadeUpRecorder>(10, &changes), Impatient(server),
              {.recording = [&] { ++recording; },
               .alive = [&] { stop = server.Get(&FakeServer::states).size() > 3; },
               .stopping = [&] { ++stopping; }});
  const auto outcome = agent.Run(std::chrono::nanoseconds(0), stop);
  EXPECT_TRUE(outcome.recorded);
  EXPECT_TRUE(outcome.delivery.delivered) << outcome.delivery.problem;
  EXPECT_EQ(recording, 1);
  EXPECT_EQ(stopping, 1);
  const uint64_t batches = server.Get(&FakeServer::stored).size();
  EXPECT_EQ(outcome.state.batches, batches);
  EXPECT_EQ(outcome.state.events_read, 10 * batches);
  EXPECT_EQ(outcome.state.events_lost, 2 * batches);
  EXPECT_EQ(outcome.state.gaps, batches);
  EXPECT_EQ(outcome.state.uplink.events_acked, 10 * batches);
  EXPECT_EQ(outcome.events_lost, 2 * batches);
  EXPECT_TRUE(server.Get(&FakeServer::stored).back().last);
  EXPECT_EQ(server.Get(&FakeServer::states).back().profile(), "standard");
  EXPECT_EQ(agent.state().events_read, outcome.state.events_read);
}

TEST(Agent, StepsDownWhenThereAreTooManyEvents) {
  FakeServer server;
  MadeUpRecorder::Changes changes;
  std::atomic<bool> stop{false};
  AgentOptions options = Impatient(server);
  options.budget = {.events_per_second = 100, .measured_ns = 20'000'000};
  // A batch in a minute would be too many.
  Agent agent(std::make_unique<MadeUpRecorder>(10'000, &changes), options, {.alive = [&] {
                // Then nothing smaller is left, which the server is told.
                const auto states = server.Get(&FakeServer::states);
                stop = !states.empty() && states.back().warnings_size() > 0;
              }});
  EXPECT_TRUE(agent.Run(std::chrono::nanoseconds(0), stop).delivery.delivered);
  EXPECT_THAT(changes, ElementsAre(Pair("light", HasSubstr("the budget is 100"))));
  EXPECT_EQ(agent.state().profile, "light");
  EXPECT_EQ(agent.state().profile_wanted, "standard");
  EXPECT_THAT(server.Get(&FakeServer::states).back().warnings(0), HasSubstr("no smaller profile"));
}

TEST(Agent, TheServerMayAskForAProfileThatExists) {
  FakeServer server;
  Script script;
  script.requests.resize(2);
  script.requests[0].mutable_profile()->set_profile("everything");
  script.requests[1].mutable_profile()->set_profile("full");
  script.requests[1].mutable_profile()->set_reason("a look at host-a");
  server.Set(script);
  MadeUpRecorder::Changes changes;
  std::atomic<bool> stop{false};
  Agent agent(std::make_unique<MadeUpRecorder>(1, &changes), Impatient(server),
              {.alive = [&] { stop = !changes.empty(); }});
  EXPECT_TRUE(agent.Run(std::chrono::nanoseconds(0), stop).delivery.delivered);
  EXPECT_THAT(changes, ElementsAre(Pair("full", "a look at host-a")));
  EXPECT_EQ(agent.state().profile_wanted, "full");
}

TEST(Agent, ProbeEventsAreTheFirstToGoWhenTheServerDoesNotKeepUp) {
  FakeServer server;
  server.Stop();
  MadeUpRecorder::Changes changes;
  std::atomic<bool> stop{false};
  AgentOptions options = Impatient(server);
  options.uplink.queue.bytes_max = 40'000;
  bool back = false;
  Agent agent(std::make_unique<MadeUpRecorder>(10, &changes), options, {.alive = [&] {
                // The server comes back when the probes are off, and nothing is recorded until it has all that waits;
                // then they are on again, which ends it.
                if (changes.size() == 1 && !std::exchange(back, true)) {
                  server.Start();
                  EXPECT_TRUE(Eventually([&] { return agent.state().uplink.queue_batches == 0; }));
                }
                stop = changes.size() == 2;
              }});
  const auto outcome = agent.Run(std::chrono::nanoseconds(0), stop);
  EXPECT_TRUE(outcome.delivery.delivered) << outcome.delivery.problem;
  EXPECT_THAT(changes, ElementsAre(Pair("pause", HasSubstr("half full")), Pair("pause", "")));
  EXPECT_EQ(outcome.state.uplink.events_dropped, 0u) << "no event had to go";
}

TEST(Agent, TheServerIsToldWhatProbesAreMissing) {
  FakeServer server;
  MadeUpRecorder::Changes changes;
  std::atomic<bool> stop{false};
  auto recorder = std::make_unique<MadeUpRecorder>(10, &changes);
  recorder->totals_.evidence = "deep: 1 of 2 probes; without complete";
  recorder->totals_.probes = {{.name = "ttwu", .on = true}, {.name = "complete", .cause = "inlined"}};
  Agent agent(std::move(recorder), Impatient(server), {.alive = [&] {
                const auto states = server.Get(&FakeServer::states);
                stop = !states.empty() && states.back().warnings_size() > 0;
              }});
  const auto outcome = agent.Run(std::chrono::nanoseconds(0), stop);
  EXPECT_EQ(server.Get(&FakeServer::states).back().warnings(0), "evidence is deep: 1 of 2 probes; without complete");
  EXPECT_EQ(outcome.state.probes.size(), 2u);
}

TEST(Agent, EndsInTimeWhenTheServerIsAway) {
  FakeServer server;
  server.Stop();
  MadeUpRecorder::Changes changes;
  std::atomic<bool> stop{true};
  AgentOptions options = Impatient(server);
  options.stop_timeout = milliseconds(1);
  Agent agent(std::make_unique<MadeUpRecorder>(10, &changes), options, {});
  const auto outcome = agent.Run(std::chrono::nanoseconds(0), stop);
  EXPECT_FALSE(outcome.delivery.delivered);
  EXPECT_EQ(outcome.delivery.batches_left, 1u);
  EXPECT_EQ(outcome.delivery.events_left, 10u);
}

TEST(Agent, ARefusalEndsARecordingThatSomebodyWaitsFor) {
  FakeServer server;
  server.Set({.answer_hello = {grpc::StatusCode::UNAUTHENTICATED, "this needs a token (make one)"}});
  MadeUpRecorder::Changes changes;
  AgentOptions options = Impatient(server);
  options.uplink.gives_up_when_refused = true;
  options.deliver_timeout = options.stop_timeout = std::chrono::hours(1);
  Agent agent(std::make_unique<MadeUpRecorder>(10, &changes), options, {});
  const std::atomic<bool> never{false};
  const auto outcome = agent.Run(std::chrono::nanoseconds(0), never);
  ASSERT_FALSE(outcome.recorded);
  EXPECT_EQ(outcome.recorded.error().code, ErrorCode::kPermission);
  EXPECT_THAT(outcome.recorded.error().Text(), HasSubstr("needs a token (make one)"));
  EXPECT_FALSE(outcome.delivery.delivered);
  EXPECT_EQ(server.Get(&FakeServer::hellos), 1);
}

TEST(BoundForService, BuffersAndMemoryStayBounded) {
  const struct {
    uint32_t cpus, buffer_kb, wanted_kb, subbuffer_kb;
  } rows[] = {{1, 8192, 8192, 64},  {2, 8192, 8192, 64},  {8, 8192, 8192, 64},  {16, 8192, 4096, 64},
              {256, 8192, 256, 64}, {512, 8192, 128, 32}, {4096, 8192, 64, 16}, {2, 100, 100, 25}};
  for (const auto& row : rows) {
    RecorderOptions options;
    options.buffer_kb_per_cpu = row.buffer_kb;
    BoundForService(row.cpus, &options);
    EXPECT_EQ(options.buffer_kb_per_cpu, row.wanted_kb) << row.cpus;
    EXPECT_EQ(options.subbuffer_kb, row.subbuffer_kb) << row.cpus;
    EXPECT_TRUE(options.changeable_profile);
    EXPECT_LE(options.batch_bytes_max, size_t{4} << 20);
  }
}

}  // namespace
}  // namespace wakewatch
