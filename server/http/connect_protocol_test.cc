#include "server/http/connect_protocol.h"

#include <gtest/gtest.h>

#include "server/http/gzip.h"

namespace wakewatch {
namespace {

TEST(ConnectProtocol, NamesEveryCode) {
  struct Row {
    grpc::StatusCode code;
    const char* name;
    unsigned status;
  };
  const Row rows[] = {
      {grpc::StatusCode::CANCELLED, "canceled", 499},
      {grpc::StatusCode::INVALID_ARGUMENT, "invalid_argument", 400},
      {grpc::StatusCode::DEADLINE_EXCEEDED, "deadline_exceeded", 504},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, "resource_exhausted", 429},
      {grpc::StatusCode::UNIMPLEMENTED, "unimplemented", 501},
      {grpc::StatusCode::UNAVAILABLE, "unavailable", 503},
      {grpc::StatusCode::UNAUTHENTICATED, "unauthenticated", 401},
      {static_cast<grpc::StatusCode>(20), "unknown", 500},
      {static_cast<grpc::StatusCode>(-1), "unknown", 500},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.name, ConnectCodeName(row.code));
    EXPECT_EQ(row.status, ConnectHttpStatus(row.code));
  }
}

TEST(ConnectProtocol, WritesAnyBytesAsJson) {
  struct Row {
    std::string text, json;
  };
  const Row rows[] = {
      {"", R"("")"},
      {"a\"b\\c\n", R"("a\"b\\c\u000a")"},
      {std::string("\0", 1), R"("\u0000")"},
      {"</script>", R"("\u003c/script\u003e")"},
      {"Größe €😀", R"("Größe €😀")"},
      {"half \xe2\x82", R"("half \ufffd\ufffd")"},
      {"\xff", R"("\ufffd")"},
      {"overlong \xc0\xaf \xe0\x80\xaf", R"("overlong \ufffd\ufffd \ufffd\ufffd\ufffd")"},
      {"surrogate \xed\xa0\x80", R"("surrogate \ufffd\ufffd\ufffd")"},
      {"too high \xf4\x90\x80\x80", R"("too high \ufffd\ufffd\ufffd\ufffd")"},
  };
  for (const Row& row : rows) EXPECT_EQ(row.json, JsonText(row.text));
}

TEST(ConnectProtocol, WritesTheEndOfAStream) {
  const ConnectError error{grpc::StatusCode::ABORTED, "so it is"};
  EXPECT_EQ(R"({"metadata":{}})", EndJson(nullptr, {}));
  EXPECT_EQ(R"({"error":{"code":"aborted","message":"so it is"},"metadata":{"a":["1","2"],"b":["3"]}})",
            EndJson(&error, {{"a", "1"}, {"b", "3"}, {"a", "2"}}));
}

TEST(ConnectProtocol, OpensWhatItEnveloped) {
  for (const std::string& message : {std::string(), std::string("x"), std::string(70000, 'y')}) {
    const std::string envelope = Envelope(kEnvelopeCompressed, message);
    const auto opened = OpenEnvelope(envelope);
    ASSERT_TRUE(opened);
    EXPECT_EQ(message, opened->message);
    EXPECT_EQ(kEnvelopeCompressed, opened->flags);
    EXPECT_FALSE(OpenEnvelope(envelope.substr(0, envelope.size() - 1)));
    EXPECT_FALSE(OpenEnvelope(envelope + "z"));
  }
  EXPECT_FALSE(OpenEnvelope(Envelope(kEnvelopeEnd, "{}")));
}

TEST(ConnectProtocol, KnowsItsContentTypes) {
  struct Row {
    const char* type;
    bool known, json, stream;
  };
  const Row rows[] = {
      {"application/json", true, true, false},
      {"Application/JSON ; charset=utf-8", true, true, false},
      {"application/proto", true, false, false},
      {"application/connect+json", true, true, true},
      {"application/connect+proto", true, false, true},
      {"application/grpc-web+proto", false, false, false},
      {"text/plain", false, false, false},
      {"", false, false, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.type);
    const auto format = ParseConnectFormat(row.type);
    ASSERT_EQ(row.known, format.has_value());
    if (!format) continue;
    EXPECT_EQ(row.json, format->json);
    EXPECT_EQ(row.stream, format->stream);
  }
}

TEST(ConnectProtocol, ReadsTimeLimits) {
  EXPECT_EQ(std::chrono::milliseconds(1500), ParseConnectTimeout("1500"));
  EXPECT_EQ(std::chrono::milliseconds(9999999999), ParseConnectTimeout("9999999999"));
  for (const char* text : {"", "-1", "+1", "1.5", " 1", "1 ", "soon", "10000000000"}) {
    EXPECT_FALSE(ParseConnectTimeout(text)) << text;
  }
}

TEST(HttpMessage, KnowsWhoTakesGzip) {
  struct Row {
    const char* accept;
    bool allowed;
  };
  const Row rows[] = {{"gzip", true},
                      {"GZIP", true},
                      {"br, gzip;q=0.5", true},
                      {"*", true},
                      {"", false},
                      {"br", false},
                      {"gzip;q=0", false},
                      {"gzip; q=0.000", false},
                      {"*, gzip;q=0", false},
                      {"gzip;q=0, *", false},
                      {"x-gzip", false},
                      {"identity,,", false},
                      {"gzip ; q=0.1", true}};
  for (const Row& row : rows) EXPECT_EQ(row.allowed, AllowsGzip(row.accept)) << row.accept;
}

TEST(Gzip, ComesBack) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(100000, 'b')}) {
    const auto plain = Gunzip(Gzip(text, 6), text.size());
    ASSERT_TRUE(plain) << plain.error().Text();
    EXPECT_EQ(text, *plain);
  }
}

TEST(Gzip, RefusesWhatIsTooLargeCutOrNone) {
  const std::string zipped = Gzip(std::string(100000, 'b'), 6);
  EXPECT_EQ(ErrorCode::kTooLarge, Gunzip(zipped, 99999).error().code);
  EXPECT_EQ(ErrorCode::kCorrupt, Gunzip(zipped + "x", 100000).error().code);
  EXPECT_EQ(ErrorCode::kCorrupt, Gunzip("this is no gzip data", 100000).error().code);
  for (size_t n = 0; n < zipped.size(); ++n) {
    EXPECT_EQ(ErrorCode::kTruncated, Gunzip(zipped.substr(0, n), 100000).error().code) << n;
  }
}

}  // namespace
}  // namespace wakewatch
