#include <gmock/gmock.h>

#include <vector>

#include "server/http/gateway_test_support.h"
#include "server/http/gzip.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

struct Part {
  uint8_t flags;
  std::string message;
};

std::vector<Part> PartsOf(std::string_view body) {
  std::vector<Part> parts;
  while (body.size() >= kEnvelopeHeadBytes) {
    uint32_t n = 0;
    for (size_t i = 1; i < kEnvelopeHeadBytes; ++i) n = n << 8 | static_cast<unsigned char>(body[i]);
    parts.push_back({static_cast<uint8_t>(body[0]), std::string(body.substr(kEnvelopeHeadBytes, n))});
    body.remove_prefix(std::min(kEnvelopeHeadBytes + n, body.size()));
  }
  EXPECT_TRUE(body.empty()) << "half an envelope";
  return parts;
}

TEST_F(GatewayTest, AnswersAUnaryCallInJson) {
  Start();
  const Answer answer = Ask(kListHosts, kJson, "{}");
  EXPECT_EQ(200u, answer.status);
  EXPECT_EQ("application/json", answer.headers.at("content-type"));
  EXPECT_EQ("two hosts", answer.headers.at("trailer-x-note"));
  EXPECT_EQ(R"({"hosts":[{"name":"alpha","events":"1234567890123456789"}]})", answer.body);
}

TEST_F(GatewayTest, AnswersAUnaryCallInProtobuf) {
  Start();
  v1::GetFindingRequest request;
  request.set_id("f1");
  const Answer answer = Ask(kGetFinding, kProto, request.SerializeAsString());
  EXPECT_EQ(200u, answer.status);
  EXPECT_EQ("application/proto", answer.headers.at("content-type"));
  v1::GetFindingResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.body));
  EXPECT_EQ("f1", response.finding().id());
  // An empty message has no bytes.
  const Answer empty = Ask(kListHosts, std::string(kProto) + "Content-Length: 0\r\n");
  EXPECT_EQ(200u, empty.status) << empty.body;
}

TEST_F(GatewayTest, PassesTheAuthorizationOn) {
  Start();
  EXPECT_THAT(Ask(kListHosts, std::string(kJson) + "Authorization: Bearer abc\r\n", "{}").body,
              HasSubstr("Bearer abc"));
}

TEST_F(GatewayTest, RefusesWhatIsNoCall) {
  Start();
  struct Row {
    const char* story;
    std::string line, headers, body;
    unsigned status;
    const char* text;
  };
  const std::string json = kJson;
  const std::string zipped = Gzip(R"({"id":"a"})", 6);
  const Row rows[] = {
      {"the service's own error", kGetFinding, json, "{}", 404,
       R"({"code":"not_found","message":"no \"finding\" has\u000aan empty id"})"},
      {"an RPC that the service has not", "POST /wakewatch.v1.SqlService/GetSchema", json, "{}", 501, "unimplemented"},
      {"an RPC that nobody has", "POST /wakewatch.v1.SqlService/Drop", json, "{}", 404, "unimplemented"},
      {"a service that nobody has", "POST /wakewatch.v1.Nothing/Query", json, "{}", 404, "unimplemented"},
      {"another package", "POST /grpc.health.v1.Health/Check", json, "{}", 405, "GET and HEAD"},
      {"a call by GET", "GET /wakewatch.v1.FleetService/ListHosts", "", "", 405, "POST"},
      {"no content type", kListHosts, "", "{}", 415, "application/json"},
      {"a content type of forms", kListHosts, "Content-Type: text/plain\r\n", "{}", 415, "application/json"},
      {"a unary RPC as a stream", kListHosts, kStreamJson, "{}", 415, "application/json"},
      {"a stream as a unary RPC", kQuery, json, "{}", 415, "application/connect+json"},
      {"a stream toward the server", "POST /wakewatch.v1.IngestService/Stream", json, "{}", 501, "unimplemented"},
      {"JSON that is none", kGetFinding, json, "{\"id\":", 400, "GetFindingRequest in JSON"},
      {"a body that is empty", kGetFinding, json + "Content-Length: 0\r\n", "", 400, "invalid_argument"},
      {"JSON nested without end", kGetFinding, json, "{\"id\":" + std::string(100000, '['), 400, "invalid_argument"},
      {"a field that is misspelt", kGetFinding, json, R"({"ident":"a"})", 400, "ident"},
      {"a value of another type", kWatchFindings, kStreamJson, Envelope(0, R"({"backlog":"many"})"), 200,
       "invalid_argument"},
      {"a version of tomorrow", kListHosts, json + "Connect-Protocol-Version: 2\r\n", "{}", 400, "version is 1"},
      {"a time limit that is none", kListHosts, json + "Connect-Timeout-Ms: soon\r\n", "{}", 400, "connect-timeout-ms"},
      {"an encoding that is not known", kListHosts, json + "Content-Encoding: br\r\n", "{}", 501, "gzip"},
      {"gzip that is none", kListHosts, json + "Content-Encoding: gzip\r\n", "{}", 400, "gzip"},
      {"gzip that is cut", kGetFinding, json + "Content-Encoding: gzip\r\n", zipped.substr(0, 15), 400, "gzip"},
      {"half an envelope", kQuery, kStreamJson, "{}", 200, "invalid_argument"},
      {"an envelope that announces more", kQuery, kStreamJson, Envelope(0, "{}").substr(0, 6), 200, "invalid_argument"},
      {"two envelopes", kQuery, kStreamJson, Envelope(0, "{}") + Envelope(0, "{}"), 200, "invalid_argument"},
      {"unknown flags", kQuery, kStreamJson, Envelope(8, "{}"), 200, "invalid_argument"},
      {"compressed in nothing", kQuery, kStreamJson, Envelope(1, zipped), 200, "invalid_argument"},
      {"bytes that are no message", kGetFinding, kProto, "\xff\xff", 500, "\"code\""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    const Answer answer = Ask(row.line, row.headers, row.body);
    EXPECT_EQ(row.status, answer.status);
    EXPECT_THAT(answer.body, HasSubstr(row.text));
    EXPECT_TRUE(answer.complete);
  }
}

TEST_F(GatewayTest, StreamsJson) {
  Start();
  const Answer answer = Ask(kQuery, kStreamJson, Envelope(0, R"({"sql":"SELECT 1"})"));
  EXPECT_EQ(200u, answer.status);
  EXPECT_EQ("application/connect+json", answer.headers.at("content-type"));
  const std::vector<Part> parts = PartsOf(answer.body);
  ASSERT_EQ(3u, parts.size());
  EXPECT_EQ(R"({"columns":["SELECT 1"]})", parts[0].message);
  EXPECT_EQ(R"({"end":{"rows":"7"}})", parts[1].message);
  EXPECT_EQ(kEnvelopeEnd, parts[2].flags);
  EXPECT_EQ(R"({"metadata":{}})", parts[2].message);
}

TEST_F(GatewayTest, StreamsProtobufAndEndsWithTheServicesError) {
  Start();
  v1::SqlQueryRequest request;
  request.set_sql("DROP");
  const Answer answer = Ask(kQuery, kStreamProto, Envelope(0, request.SerializeAsString()));
  EXPECT_EQ("application/connect+proto", answer.headers.at("content-type"));
  const std::vector<Part> parts = PartsOf(answer.body);
  ASSERT_EQ(2u, parts.size());
  v1::SqlQueryResponse response;
  ASSERT_TRUE(response.ParseFromString(parts[0].message));
  EXPECT_EQ("DROP", response.columns(0));
  EXPECT_EQ(kEnvelopeEnd, parts[1].flags);
  EXPECT_EQ(R"({"error":{"code":"permission_denied","message":"not a plain read"},"metadata":{}})", parts[1].message);
}

TEST_F(GatewayTest, StreamsToHttp10UntilTheConnectionEnds) {
  Start();
  RawClient client(port());
  const std::string body = Envelope(0, R"({"sql":"SELECT 1"})");
  client.Send(std::string(kQuery) + " HTTP/1.0\r\nHost: localhost:" + std::to_string(port()) + "\r\n" + kStreamJson +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  Answer answer = client.ReadHead();
  EXPECT_EQ(0u, answer.headers.count("transfer-encoding"));
  EXPECT_EQ("close", answer.headers.at("connection"));
}

TEST_F(GatewayTest, TakesAndGivesGzip) {
  Start();
  const std::string zipped = Gzip(R"({"id":"big"})", 6);
  const std::string headers = std::string(kJson) + "Content-Encoding: gzip\r\n";
  EXPECT_EQ(0u, Ask(kGetFinding, headers, zipped).headers.count("content-encoding"));
  const Answer answer = Ask(kGetFinding, headers + "Accept-Encoding: br, gzip\r\n", zipped);
  EXPECT_EQ("gzip", answer.headers.at("content-encoding"));
  const auto plain = Gunzip(answer.body, 2 << 20);
  ASSERT_TRUE(plain) << plain.error().Text();
  EXPECT_THAT(*plain, HasSubstr(R"("explanation":"xxxx)"));
  EXPECT_LT(answer.body.size(), 20000u);

  const Answer stream = Ask(kWatchFindings,
                            std::string(kStreamJson) +
                                "Connect-Content-Encoding: gzip\r\n"
                                "Connect-Accept-Encoding: gzip\r\n",
                            Envelope(kEnvelopeCompressed, Gzip(R"({"host":"large, ends","backlog":2})", 6)));
  EXPECT_EQ("gzip", stream.headers.at("connect-content-encoding"));
  const std::vector<Part> parts = PartsOf(stream.body);
  ASSERT_EQ(3u, parts.size());
  EXPECT_EQ(kEnvelopeCompressed, parts[1].flags);
  EXPECT_THAT(*Gunzip(parts[1].message, 1 << 20), HasSubstr(R"("missed":"1")"));
}

TEST_F(GatewayTest, StopsUnpackingABombAtTheLimit) {
  options_.request_bytes_max = 1 << 20;
  Start();
  const std::string bomb = Gzip(std::string(64 << 20, ' '), 9);
  ASSERT_LT(bomb.size(), options_.request_bytes_max);
  const Answer answer = Ask(kListHosts, std::string(kJson) + "Content-Encoding: gzip\r\n", bomb);
  EXPECT_EQ(429u, answer.status);
  EXPECT_THAT(answer.body, HasSubstr("resource_exhausted"));
}

TEST_F(GatewayTest, KeepsTheTimeLimitOfTheCaller) {
  Start();
  const Answer answer = Ask(kGetFinding, std::string(kJson) + "Connect-Timeout-Ms: 50\r\n", R"({"id":"never"})");
  EXPECT_EQ(504u, answer.status);
  EXPECT_THAT(answer.body, HasSubstr("deadline_exceeded"));
  EXPECT_TRUE(Eventually([&] { return findings_.cancelled == findings_.waiting; }));
  const Answer stream =
      Ask(kWatchFindings, std::string(kStreamJson) + "Connect-Timeout-Ms: 50\r\n", Envelope(0, R"({"backlog":1})"));
  EXPECT_THAT(PartsOf(stream.body).back().message, HasSubstr("deadline_exceeded"));
}

TEST_F(GatewayTest, LimitsUnaryCallsByItself) {
  options_.unary_timeout = std::chrono::seconds(1);
  Start();
  EXPECT_EQ(504u,
            Ask(kGetFinding, std::string(kJson) + "Connect-Timeout-Ms: 9999999999\r\n", R"({"id":"never"})").status);
}

TEST_F(GatewayTest, CancelsWhatNobodyWaitsFor) {
  Start();
  RawClient stream(port()), unary(port());
  stream.Request(kWatchFindings, kStreamJson, Envelope(0, R"({"backlog":1})"));
  EXPECT_EQ(200u, stream.ReadHead().status);
  EXPECT_FALSE(stream.ReadChunk().empty());
  unary.Request(kGetFinding, kJson, R"({"id":"never"})");
  EXPECT_TRUE(Eventually([&] { return findings_.waiting == 2; }));
  EXPECT_EQ(0u, findings_.cancelled);
  stream.Close();
  EXPECT_TRUE(Eventually([&] { return findings_.cancelled == 1; }));
  unary.Close();
  EXPECT_TRUE(Eventually([&] { return findings_.cancelled == 2; }));
}

TEST_F(GatewayTest, StartsAStreamBeforeItsFirstMessage) {
  Start();
  RawClient client(port());
  client.Request(kWatchFindings, kStreamJson, Envelope(0, "{}"));
  EXPECT_EQ(200u, client.ReadHead().status);
}

TEST_F(GatewayTest, ASlowReaderHoldsTheServiceBack) {
  constexpr uint32_t kMessages = 1000;  // of 64 KiB
  Start();
  RawClient client(port(), 64 * 1024);
  client.Request(kWatchFindings, kStreamJson, Envelope(0, R"({"host":"large","backlog":1000})"));
  EXPECT_EQ(200u, client.ReadHead().status);
  // Until the service has not got on for a while; what the kernel and gRPC hold is a small part of all.
  uint32_t seen = 0;
  EXPECT_TRUE(Eventually([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return std::exchange(seen, findings_.written.load()) == seen && seen > 0;
  }));
  EXPECT_LT(findings_.written, kMessages / 4);
  for (uint32_t i = 0; i < kMessages; ++i) {
    const std::vector<Part> parts = PartsOf(client.ReadChunk());
    ASSERT_EQ(1u, parts.size());
    ASSERT_THAT(parts[0].message, HasSubstr(i == 0 ? std::string("xxx") : "\"missed\":\"" + std::to_string(i) + "\""));
  }
  // The service counts a message when its Write() is back, which may be after the client has read it.
  EXPECT_TRUE(Eventually([&] { return findings_.written == kMessages; }));
}

TEST_F(GatewayTest, CutsOffAReaderThatTakesNothing) {
  options_.write_timeout = std::chrono::seconds(1);
  Start();
  RawClient client(port(), 64 * 1024);
  client.Request(kWatchFindings, kStreamJson, Envelope(0, R"({"host":"large","backlog":1000})"));
  EXPECT_TRUE(Eventually([&] { return findings_.cancelled == 1; }));
  EXPECT_LT(findings_.written, 1000u);
}

TEST_F(GatewayTest, StopsWhileCallsRun) {
  options_.stop_timeout = kPatience;
  Start();
  RawClient stream(port()), unary(port()), idle(port());
  stream.Request(kWatchFindings, kStreamJson, Envelope(0, "{}"));
  unary.Request(kGetFinding, kJson, R"({"id":"never"})");
  EXPECT_TRUE(Eventually([&] { return findings_.waiting == 2; }));
  gateway_.reset();
  const std::vector<Part> parts = PartsOf(stream.ReadAnswer().body);
  ASSERT_EQ(1u, parts.size());
  EXPECT_EQ(kEnvelopeEnd, parts[0].flags);
  EXPECT_THAT(parts[0].message, HasSubstr(R"("code":"unavailable")"));
  EXPECT_TRUE(stream.AtEnd());
  EXPECT_EQ(503u, unary.ReadAnswer().status);
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_TRUE(Eventually([&] { return findings_.cancelled == 2; }));
}

TEST_F(GatewayTest, StopsWithoutWaitingForAReaderThatTakesNothing) {
  Start();
  RawClient client(port(), 64 * 1024);
  client.Request(kWatchFindings, kStreamJson, Envelope(0, R"({"host":"large","backlog":1000})"));
  EXPECT_TRUE(Eventually([&] { return findings_.written >= 3; }));
  gateway_.reset();
  EXPECT_TRUE(Eventually([&] { return findings_.cancelled == 1; }));
}

}  // namespace
}  // namespace wakewatch
