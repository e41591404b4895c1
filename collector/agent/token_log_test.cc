// A collector's token is in none of its logs, whatever goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <sstream>

#include "collector/agent/fake_server_test.h"
#include "collector/agent/uplink.h"
#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using agent_test::Eventually;
using agent_test::FakeServer;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenLog : public ::testing::Test {
 protected:
  TokenLog() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_));
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
    folder_.Write("token", token_ + "\n");
    chmod((folder_.path() + "/token").c_str(), 0600);
    folder_.Write("for-all", token_);
    chmod((folder_.path() + "/for-all").c_str(), 0644);
    folder_.Write("no-ca", "nonsense");
  }
  ~TokenLog() override { spdlog::set_default_logger(before_); }

  // Offers a batch, and tries so often; what was said, and the problem.
  std::string Try(const std::string& server, const ServerAccess& access) {
    UplinkOptions options;
    options.server = server;
    options.access = access;
    options.back_off = {milliseconds(1), milliseconds(5), std::chrono::seconds(10)};
    options.slow_retry = milliseconds(5);
    options.spool = folder_.path() + "/spool";
    Uplink uplink(options, {});
    Batch batch;
    batch.sequence = 1;
    batch.session = SessionInfo{.host = "host-a", .boot_id = "boot", .session = "session", .clock = "mono"};
    uplink.Offer(std::move(batch));
    EXPECT_TRUE(Eventually([&] { return !uplink.stats().problem.empty(); }));
    const auto outcome = uplink.Finish(milliseconds(0));
    spdlog::default_logger()->flush();
    return log_.str() + outcome.problem;
  }

  const std::string secret_ = std::string(20, 'S') + "ecret" + std::string(18, 'T');
  const std::string token_ = "ww1.web-1." + secret_;
  TestFolder folder_;
  std::ostringstream log_;
  const std::shared_ptr<spdlog::logger> before_;
};

TEST_F(TokenLog, WhateverGoesWrong) {
  const std::string file = folder_.path() + "/token";
  const struct {
    const char* story;
    ServerAccess access;
    grpc::Status answer;
    const char* says;
  } rows[] = {
      {"refused", {.token_file = file}, {grpc::StatusCode::UNAUTHENTICATED, "not known here"}, "not known"},
      {"another's host", {.token_file = file}, {grpc::StatusCode::PERMISSION_DENIED, "as web-2"}, "as web-2"},
      {"no version", {.token_file = file}, {grpc::StatusCode::FAILED_PRECONDITION, "1 to 2"}, "upgrade"},
      {"broken off", {.token_file = file}, {grpc::StatusCode::INTERNAL, "oops"}, "oops"},
      {"a server without TLS", {.token_file = file, .tls_ca = folder_.path() + "/no-ca"}, grpc::Status::OK, ""},
      {"others may read it", {.token_file = folder_.path() + "/for-all"}, grpc::Status::OK, "chmod 600"},
      {"the token itself where its file belongs", {.token_file = token_}, grpc::Status::OK, "not the file"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    FakeServer server;
    server.Set({.answer_hello = row.answer});
    const std::string said = Try(server.address(), row.access);
    EXPECT_THAT(said, HasSubstr(row.says));
    EXPECT_THAT(said, Not(HasSubstr(secret_)));
  }
  const std::string said = Try("127.0.0.1:1", {.token_file = file});
  EXPECT_THAT(said, Not(HasSubstr(secret_)));
}

}  // namespace
}  // namespace wakewatch
