// What the list of hosts says of the newest recording of each is what its findings and threads say, while it streams,
// when it has ended, and to a server that was started since.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <wakewatch/v1/analysis.grpc.pb.h>
#include <wakewatch/v1/findings.grpc.pb.h>
#include <wakewatch/v1/fleet.grpc.pb.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "analysis/trace/test_files.h"
#include "tests/live/served_test_support.h"

namespace wakewatch {
namespace {

using live_test::Batches;
using live_test::Collector;
using live_test::Eventually;
using live_test::StreamAll;
using live_test::TestServer;

v1::Host HostOf(TestServer* server) {
  grpc::ClientContext context;
  v1::ListHostsResponse hosts;
  EXPECT_TRUE(server->Stub<v1::FleetService>()->ListHosts(&context, {}, &hosts).ok());
  EXPECT_EQ(hosts.hosts_size(), 1);
  return hosts.hosts_size() == 1 ? hosts.hosts(0) : v1::Host();
}

// Of a host: proven, strong and suspicious findings, and the worst excess.
using Worst = std::array<uint64_t, 4>;

Worst WorstOf(const v1::Host& host) {
  return {host.findings_proven(), host.findings_strong(), host.findings_suspicious(), host.worst_excess_ns()};
}

// The same out of its findings and threads.
Worst CountedOne(TestServer* server) {
  v1::ListFindingsRequest find;
  find.set_host("alpha");
  find.set_limit(10'000);
  v1::ListFindingsResponse found;
  grpc::ClientContext find_context;
  EXPECT_TRUE(server->Stub<v1::FindingService>()->ListFindings(&find_context, find, &found).ok());
  std::map<int, uint64_t> by_confidence;
  for (const v1::Finding& finding : found.findings()) ++by_confidence[finding.confidence()];
  v1::ListThreadsRequest list;
  list.mutable_recording()->set_host("alpha");
  v1::ListThreadsResponse threads;
  grpc::ClientContext list_context;
  EXPECT_TRUE(server->Stub<v1::AnalysisService>()->ListThreads(&list_context, list, &threads).ok());
  uint64_t worst_ns = 0;
  for (const v1::ThreadSummary& thread : threads.threads()) {
    worst_ns = std::max(worst_ns, thread.excess_latency().max_ns());
  }
  return {by_confidence[v1::CONFIDENCE_PROVEN], by_confidence[v1::CONFIDENCE_STRONG],
          by_confidence[v1::CONFIDENCE_SUSPICIOUS], worst_ns};
}

// Once what was sent is analysed.
void ExpectAsItsFindingsAndThreads(TestServer* server) {
  v1::Host host;
  (void)Eventually([&] {
    host = HostOf(server);
    return WorstOf(host) == CountedOne(server);
  });
  EXPECT_EQ(WorstOf(host), CountedOne(server));
  EXPECT_EQ(host.findings(), host.findings_proven() + host.findings_strong() + host.findings_suspicious());
}

TEST(ServedHosts, SayHowBadTheirNewestRecordingIs) {
  const file_test::TempFolder folder;
  {
    TestServer server(folder.path().string());
    StreamAll(&server, Batches());
    ExpectAsItsFindingsAndThreads(&server);
    EXPECT_GT(HostOf(&server).findings(), 0u);
    EXPECT_GT(HostOf(&server).worst_excess_ns(), 0u);
  }
  TestServer later(folder.path().string());
  ExpectAsItsFindingsAndThreads(&later);
  EXPECT_GT(HostOf(&later).worst_excess_ns(), 0u);
  // The collector comes back, and the session goes on.
  Collector collector(&later);
  collector.Hello(*Batches().front().session);
  ASSERT_TRUE(collector.Welcomed());
  ExpectAsItsFindingsAndThreads(&later);
}

}  // namespace
}  // namespace wakewatch
