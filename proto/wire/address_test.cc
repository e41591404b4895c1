#include "proto/wire/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

TEST(ParseAddress, HostAndPort) {
  const auto name = ParseAddress("server.example:7400"), v6 = ParseAddress("[fe80::1]:1");
  ASSERT_TRUE(name && v6);
  EXPECT_EQ(name->host + " " + name->port, "server.example 7400");
  EXPECT_EQ(v6->host + " " + v6->port, "fe80::1 1");
}

TEST(IsLoopback, ThisMachineByAddressOrName) {
  for (const char* host : {"127.0.0.1", "127.8.9.1", "::1", "localhost"}) EXPECT_TRUE(IsLoopback(host)) << host;
  for (const char* host : {"0.0.0.0", "128.0.0.1", "::", "::2", "example.org", "", "[::1]"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(CheckLoopback, OnlyThisMachine) {
  for (const char* good : {"127.0.0.1:7400", "127.1.2.3:1", "[::1]:65535", "localhost:7400"}) {
    EXPECT_TRUE(CheckLoopback(good, "--server")) << good;
  }
  const struct {
    const char* address;
    const char* says;
  } rows[] = {
      {"10.0.0.1:7400", "plaintext"},   {"0.0.0.0:7400", "plaintext"},     {"[::]:7400", "plaintext"},
      {"[::2]:7400", "plaintext"},      {"example.org:7400", "plaintext"}, {"127.0.0.1.example.org:7400", "plaintext"},
      {"unix:/run/x:1", "brackets"},    {"::1:7400", "brackets"},          {":7400", "HOST:PORT"},
      {"127.0.0.1", "HOST:PORT"},       {"127.0.0.1:", "HOST:PORT"},       {"127.0.0.1:0", "HOST:PORT"},
      {"127.0.0.1:65536", "HOST:PORT"}, {"127.0.0.1:http", "HOST:PORT"},   {"", "HOST:PORT"},
  };
  for (const auto& row : rows) {
    const auto checked = CheckLoopback(row.address, "--server");
    ASSERT_FALSE(checked) << row.address;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(checked.error().Text(), HasSubstr(row.says)) << row.address;
    EXPECT_THAT(checked.error().Text(), HasSubstr("--server")) << row.address;
  }
}

}  // namespace
}  // namespace wakewatch
