// Collectors and servers of different releases, over a real connection. Which pairs have a common version is a matter
// of proto/wire/versions.h and tested there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/trace/test_files.h"
#include "proto/wire/versions.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Batches;
using live_test::Collector;
using live_test::TestServer;
using testing::HasSubstr;

uint64_t EventsIn(const std::vector<Batch>& batches) {
  uint64_t events = 0;
  for (const Batch& batch : batches) {
    for (const Chunk& chunk : batch.chunks) events += chunk.events;
  }
  return events;
}

class Versions : public testing::Test {
 protected:
  std::string data() const { return folder_.path().string(); }
  file_test::TempFolder folder_;
};

TEST_F(Versions, RefusesVersionsItDoesNotSpeak) {
  TestServer server(data());
  const SessionInfo session = *Batches().front().session;
  struct Row {
    uint32_t wire, chunk;
    const char* says;
  };
  for (const Row& row : {Row{kWireVersionNewest + 1, kChunkVersion, "upgrade the server"},
                         Row{0, kChunkVersion, "upgrade the collector"},
                         Row{kWireVersionNewest, kChunkVersion + 1, "upgrade the server"}}) {
    Collector collector(&server);
    collector.Hello(session, row.wire, row.chunk);
    const grpc::Status status = collector.End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_THAT(status.error_message(), HasSubstr(row.says));
  }
  EXPECT_TRUE(server.fleet().Hosts().empty()) << "nothing is kept of who cannot deliver";
}

// One that speaks this version among others, and says more than this server understands.
TEST_F(Versions, TakesWhatANewerCollectorSaysInAVersionOfOurs) {
  const auto batches = Batches();
  TestServer server(data());
  Collector collector(&server);
  v1::IngestRequest hello;
  for (v1::VersionRange* const range :
       {hello.mutable_hello()->mutable_wire(), hello.mutable_hello()->mutable_chunk()}) {
    range->set_oldest(1);
    range->set_newest(1000);
  }
  SessionToMessage(*batches.front().session, hello.mutable_hello()->mutable_session());
  const auto add_unknown = [](google::protobuf::Message* message) {
    message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(999, "later");
  };
  add_unknown(hello.mutable_hello());
  collector.Send(hello);
  const auto answer = collector.Read();
  ASSERT_TRUE(answer && answer->has_welcome());
  EXPECT_EQ(answer->welcome().wire_version(), kWireVersionNewest);
  EXPECT_EQ(answer->welcome().chunk_version(), kChunkVersion);
  for (const Batch& batch : batches) {
    v1::IngestRequest unknown, request;
    add_unknown(&unknown);
    collector.Send(unknown);
    BatchToMessage(batch, request.mutable_batch());
    add_unknown(request.mutable_batch());
    collector.Send(request);
  }
  const auto refusals = collector.UntilAck(batches.back().sequence);
  ASSERT_TRUE(refusals);
  EXPECT_TRUE(refusals->empty());
  collector.Leave();
  const auto hosts = server.fleet().Hosts();
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].events, EventsIn(batches));
}

}  // namespace
}  // namespace wakewatch
