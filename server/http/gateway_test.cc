#include "server/http/gateway.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server/http/gateway_test_support.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

TEST_F(GatewayTest, GivesMetricsAndHealth) {
  Start();
  const Answer metrics = Ask("GET /metrics");
  EXPECT_EQ(200u, metrics.status);
  EXPECT_EQ("text/plain; version=0.0.4", metrics.headers.at("content-type"));
  EXPECT_EQ("wakewatch_events_total 7\n", metrics.body);
  EXPECT_EQ(200u, Ask("GET /healthz").status);
  serving_ = false;
  const Answer health = Ask("GET /healthz?verbose");
  EXPECT_EQ(503u, health.status);
  EXPECT_EQ("the disk is full\n", health.body);
}

TEST_F(GatewayTest, EveryAnswerHasTheSecurityHeaders) {
  Start();
  const Answer answers[] = {Ask("GET /"),
                            Ask("GET /metrics"),
                            Ask("GET /nothing.js"),
                            Ask("DELETE /"),
                            Ask(kListHosts, kJson, "{}"),
                            Ask(kListHosts, kJson, "["),
                            Ask("GET /", "Host: evil\r\n"),
                            Ask(kQuery, kStreamJson, Envelope(0, "{}"))};
  for (const Answer& answer : answers) {
    SCOPED_TRACE(answer.status);
    const std::string policy = answer.headers.at("content-security-policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'self'"));
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
    EXPECT_EQ(std::string::npos, policy.find("unsafe"));
    EXPECT_EQ("nosniff", answer.headers.at("x-content-type-options"));
    EXPECT_EQ("no-referrer", answer.headers.at("referrer-policy"));
    EXPECT_EQ("same-origin", answer.headers.at("cross-origin-opener-policy"));
    EXPECT_EQ("same-origin", answer.headers.at("cross-origin-resource-policy"));
    EXPECT_EQ(0u, answer.headers.count("access-control-allow-origin"));
  }
}

TEST_F(GatewayTest, RefusesMalformedRequests) {
  options_.request_bytes_max = 1 << 20;
  Start();
  const std::string host = "Host: localhost:" + std::to_string(port()) + "\r\n";
  const std::string post = std::string(kListHosts) + " HTTP/1.1\r\n" + host + kJson;
  struct Row {
    const char* story;
    std::string bytes;
    unsigned status;
  };
  const Row rows[] = {
      {"no HTTP", "\x16\x03\x01\x02hello\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"a target that is a URL", "GET http://localhost/ HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a NUL in the target", std::string("GET /\0x HTTP/1.1\r\n", 18) + host + "\r\n", 400},
      {"headers without end", "GET / HTTP/1.1\r\n" + host + "X: " + std::string(20000, 'x'), 431},
      {"a target without end", "GET /" + std::string(20000, 'x'), 431},
      {"a body too long", post + "Content-Length: 1048577\r\n\r\n", 413},
      {"a body too long to count", post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
      {"a chunk too long", post + "Transfer-Encoding: chunked\r\n\r\n100001\r\n" + std::string(0x100001, 'x'), 413},
      {"a chunk that is none", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"two lengths", post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    RawClient client(port());
    client.Send(row.bytes);
    const Answer answer = client.ReadAnswer();
    EXPECT_EQ(row.status, answer.status) << answer.body;
    EXPECT_TRUE(client.AtEnd());
  }
}

TEST_F(GatewayTest, TakesABodyInChunks) {
  Start();
  RawClient client(port());
  client.Request(kGetFinding, std::string(kJson) + "Transfer-Encoding: chunked\r\n");
  client.Send("5\r\n{\"id\"\r\n");
  client.Send("5\r\n:\"a\"}\r\n0\r\nX-Trailer: y\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer().body, HasSubstr(R"("id":"a")"));
}

TEST_F(GatewayTest, ServesOneConnectionAgainAndAgain) {
  Start();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.Request(kListHosts, kJson, "{}");
    const Answer answer = client.ReadAnswer();
    EXPECT_EQ(200u, answer.status);
    EXPECT_EQ("keep-alive", answer.headers.at("connection"));
    client.Request("GET /nothing.txt");
    EXPECT_EQ(404u, client.ReadAnswer().status);
    client.Request(kQuery, kStreamJson, Envelope(0, "{}"));
    EXPECT_TRUE(client.ReadAnswer().complete);
  }
  client.Request("GET /healthz", "Connection: close\r\n");
  EXPECT_EQ("close", client.ReadAnswer().headers.at("connection"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(GatewayTest, AnswersPipelinedRequestsInOrder) {
  Start();
  RawClient client(port());
  const std::string host = " HTTP/1.1\r\nHost: localhost:" + std::to_string(port()) + "\r\n";
  client.Send("GET /metrics" + host + "\r\n" + kGetFinding + host + kJson + "Content-Length: 10\r\n\r\n{\"id\":\"a\"}" +
              "HEAD /metrics" + host + "\r\nGET /healthz" + host + "\r\n");
  EXPECT_EQ("wakewatch_events_total 7\n", client.ReadAnswer().body);
  EXPECT_EQ(R"({"finding":{"id":"a"}})", client.ReadAnswer().body);
  const Answer head = client.ReadAnswer(true);
  EXPECT_EQ("25", head.headers.at("content-length"));
  EXPECT_EQ("fine\n", client.ReadAnswer().body);
}

TEST_F(GatewayTest, SaysThatItWantsTheBody) {
  Start();
  RawClient client(port());
  client.Request(kGetFinding, std::string(kJson) + "Expect: 100-continue\r\nContent-Length: 10\r\n");
  EXPECT_EQ(100u, client.ReadHead().status);
  client.Send(R"({"id":"a"})");
  EXPECT_EQ(200u, client.ReadAnswer().status);
}

TEST_F(GatewayTest, DoesNotWaitForAClientThatSendsNothing) {
  options_.read_timeout = std::chrono::seconds(1);
  Start();
  RawClient silent(port());
  EXPECT_TRUE(silent.AtEnd());
  // Who is so slow that nothing has arrived within that time is not told; that is as good as another try.
  const auto told = [&](const std::string& bytes) {
    RawClient client(port());
    client.Send(bytes);
    const unsigned status = client.ReadAnswer().status;
    EXPECT_TRUE(status == 408 || status == 0) << status;
    EXPECT_TRUE(client.AtEnd());
    return status == 408;
  };
  const std::string host = "Host: localhost:" + std::to_string(port()) + "\r\n";
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: "),
        std::string(kListHosts) + " HTTP/1.1\r\n" + host + kJson + "Content-Length: 10\r\n\r\n{"}) {
    EXPECT_TRUE(Eventually([&] { return told(bytes); })) << bytes;
  }
}

TEST_F(GatewayTest, LimitsItsConnections) {
  options_.connections_max = 2;
  Start();
  RawClient first(port());
  {
    RawClient second(port());
    for (RawClient* client : {&first, &second}) {
      client->Request("GET /healthz");
      EXPECT_EQ(200u, client->ReadAnswer().status);
    }
    RawClient third(port());
    EXPECT_EQ(503u, third.ReadAnswer().status);
    EXPECT_TRUE(third.AtEnd());
  }
  EXPECT_TRUE(Eventually([&] { return Ask("GET /healthz").status == 200; }));
}

TEST_F(GatewayTest, LimitsTheMemoryOfBodies) {
  options_.request_bytes_max = 1 << 20;
  Start();
  const std::string headers = std::string(kJson) + "Expect: 100-continue\r\nContent-Length: 1048576\r\n";
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    clients.back()->Request(kListHosts, headers);
    EXPECT_EQ(100u, clients.back()->ReadHead().status);
  }
  EXPECT_EQ(503u, Ask(kListHosts, headers).status);
  clients.clear();
  EXPECT_TRUE(Eventually([&] {
    RawClient client(port());
    client.Request(kListHosts, headers);
    return client.ReadHead().status == 100;
  }));
}

TEST_F(GatewayTest, ServesTheDashboard) {
  std::string name = (std::filesystem::temp_directory_path() / "wakewatch-gateway-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const std::filesystem::path folder = name;
  std::ofstream(folder / "index.html") << "<p>here it is</p>";
  options_.web_folder = folder;
  Start();
  const Answer answer = Ask("GET /");
  EXPECT_EQ("<p>here it is</p>", answer.body);
  EXPECT_EQ("no-cache", answer.headers.at("cache-control"));
  const Answer same = Ask("GET /", "If-None-Match: " + answer.headers.at("etag") + "\r\n");
  EXPECT_EQ(304u, same.status);
  EXPECT_EQ("", same.body);
  const Answer head = Ask("HEAD /");
  EXPECT_EQ(200u, head.status);
  EXPECT_EQ("17", head.headers.at("content-length"));
  EXPECT_EQ(400u, Ask("GET /%2e%2e/%2e%2e/etc/passwd").status);
  EXPECT_EQ(405u, Ask("POST /", kJson, "{}").status);
  std::filesystem::remove_all(folder);
}

TEST_F(GatewayTest, ListensOnlyOnLoopback) {
  struct Row {
    const char* address;
    ErrorCode code;
    const char* text;
  };
  const Row rows[] = {
      {"0.0.0.0", ErrorCode::kPermission, "without TLS"}, {"::", ErrorCode::kPermission, "without TLS"},
      {"192.168.1.1", ErrorCode::kPermission, "ssh -L"},  {"example.com", ErrorCode::kInvalidArgument, "no IP address"},
      {"", ErrorCode::kInvalidArgument, "no IP address"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.address);
    options_.address = row.address;
    const auto started = Gateway::Start(
        options_, server_->InProcessChannel({}), [] { return ""; }, [] { return Health{}; });
    ASSERT_FALSE(started);
    EXPECT_EQ(row.code, started.error().code);
    EXPECT_THAT(started.error().Text(), HasSubstr(row.text));
  }
  options_.address = "localhost";
  Start();
  EXPECT_EQ(200u, Ask("GET /").status);
}

TEST_F(GatewayTest, SaysThatThePortIsTaken) {
  Start();
  options_.port = port();
  const auto started = Gateway::Start(
      options_, server_->InProcessChannel({}), [] { return ""; }, [] { return Health{}; });
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kIo, started.error().code);
  EXPECT_THAT(started.error().Text(), HasSubstr(std::to_string(port())));
}

}  // namespace
}  // namespace wakewatch
