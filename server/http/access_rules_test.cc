#include "server/http/access_rules.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

HttpRequest Request(const std::string& method, HttpHeaders headers) { return {method, "/", std::move(headers), ""}; }

std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST(AccessRules, TakeOnlyOurHostsAndOrigins) {
  const AccessRules rules("127.0.0.5", 7480, {"https://dash.example.com"});
  struct Row {
    const char* story;
    HttpHeaders headers;
    unsigned status;  // 0: let through
  };
  const Row rows[] = {
      {"curl", {{"host", "localhost:7480"}}, 0},
      {"by address", {{"host", "127.0.0.1:7480"}}, 0},
      {"by IPv6 address", {{"host", "[::1]:7480"}}, 0},
      {"by the address it listens on", {{"host", "127.0.0.5:7480"}}, 0},
      {"in capitals", {{"host", "LOCALHOST:7480"}}, 0},
      {"the dashboard", {{"host", "localhost:7480"}, {"origin", "http://localhost:7480"}}, 0},
      {"another dashboard", {{"host", "localhost:7480"}, {"origin", "https://dash.example.com"}}, 0},
      {"no host", {}, 400},
      {"a name that was rebound", {{"host", "evil.example:7480"}}, 421},
      {"a name that begins like ours", {{"host", "localhost:7480.evil.example"}}, 421},
      {"another port", {{"host", "localhost:7481"}}, 421},
      {"no port", {{"host", "localhost"}}, 421},
      {"an empty host", {{"host", ""}}, 421},
      {"two hosts", {{"host", "localhost:7480"}, {"host", "evil.example"}}, 400},
      {"another site", {{"host", "localhost:7480"}, {"origin", "http://evil.example"}}, 403},
      {"another server on this machine", {{"host", "localhost:7480"}, {"origin", "http://localhost:3000"}}, 403},
      {"our name with TLS, which we have not", {{"host", "localhost:7480"}, {"origin", "https://localhost:7480"}}, 403},
      {"a page in a sandbox", {{"host", "localhost:7480"}, {"origin", "null"}}, 403},
      {"an empty origin", {{"host", "localhost:7480"}, {"origin", ""}}, 403},
      {"a site below an allowed one", {{"host", "localhost:7480"}, {"origin", "https://x.dash.example.com"}}, 403},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    const auto refusal = rules.Refusal(Request("POST", row.headers));
    EXPECT_EQ(row.status, refusal ? refusal->status : 0u);
  }
}

TEST(AccessRules, WithTlsOriginsAreOfHttps) {
  const AccessRules loopback("127.0.0.1", 443, {}, true);
  EXPECT_FALSE(loopback.Refusal(Request("POST", {{"host", "localhost"}, {"origin", "https://localhost"}})));
  EXPECT_EQ(403u, loopback.Refusal(Request("POST", {{"host", "localhost"}, {"origin", "http://localhost"}}))->status);
  EXPECT_EQ(421u, loopback.Refusal(Request("POST", {{"host", "evil.example"}}))->status);
  const AccessRules anywhere("0.0.0.0", 7480, {"https://dash.example.com"}, true, true);
  const std::string host = "wake.example:7480";
  struct Row {
    std::string origin;
    bool good;
  };
  for (const Row& row : {Row{"https://wake.example:7480", true}, Row{"https://dash.example.com", true},
                         Row{"http://wake.example:7480", false}, Row{"https://wake.example", false},
                         Row{"https://evil.example", false}, Row{"null", false}, Row{"https://", false}}) {
    EXPECT_EQ(row.good, !anywhere.Refusal(Request("POST", {{"host", host}, {"origin", row.origin}}))) << row.origin;
  }
  EXPECT_EQ(403u, anywhere.Refusal(Request("POST", {{"host", ""}, {"origin", "https://"}}))->status);
}

TEST(AccessRules, LeaveOutThePortThatBrowsersLeaveOut) {
  EXPECT_FALSE(AccessRules("127.0.0.1", 80, {}).Refusal(Request("GET", {{"host", "localhost"}})));
}

TEST(AccessRules, AnswerThePreflightOfAllowedOriginsOnly) {
  const std::string origin = "https://dash.example.com";
  const AccessRules rules("127.0.0.1", 7480, {origin});
  const HttpHeaders asks = {{"origin", origin}, {"access-control-request-method", "POST"}};
  const HttpRequest request = Request("OPTIONS", asks);
  auto answer = rules.Preflight(request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(204u, answer->status);
  rules.AddHeaders(&request, &*answer);
  EXPECT_EQ(origin, HeaderOf(*answer, "access-control-allow-origin"));
  EXPECT_EQ("origin", HeaderOf(*answer, "vary"));
  EXPECT_NE(std::string::npos, HeaderOf(*answer, "access-control-allow-headers").find("connect-protocol-version"));

  EXPECT_FALSE(rules.Preflight(Request("POST", asks)));
  EXPECT_FALSE(rules.Preflight(Request("OPTIONS", {{"origin", origin}})));
  EXPECT_FALSE(rules.Preflight(
      Request("OPTIONS", {{"origin", "http://localhost:7480"}, {"access-control-request-method", "POST"}})));
}

TEST(AccessRules, NameNoOriginThatIsNotAllowed) {
  HttpResponse response;
  const HttpRequest request = Request("GET", {{"origin", "http://localhost:7480"}});
  AccessRules("127.0.0.1", 7480, {"https://dash.example.com"}).AddHeaders(&request, &response);
  EXPECT_EQ("", HeaderOf(response, "access-control-allow-origin"));
}

}  // namespace
}  // namespace wakewatch
