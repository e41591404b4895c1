#include "server/cli/values.h"

#include <cstdlib>
#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wakewatch {
namespace {

using testing::HasSubstr;

TEST(Duration, ExactInEveryUnit) {
  struct Row {
    const char* text;
    uint64_t ns;
  };
  const Row rows[] = {{"5ms", 5'000'000},
                      {"100ms", 100'000'000},
                      {"1.5s", 1'500'000'000},
                      {"0.000000001s", 1},
                      {"250us", 250'000},
                      {"40ns", 40},
                      {"2min", 120'000'000'000},
                      {"0", 0},
                      {"0s", 0},
                      {"0.0000000019s", 1},
                      {"18446744073s", 18'446'744'073'000'000'000u},
                      {"6h", 21'600'000'000'000u},
                      {"1.5d", 129'600'000'000'000u}};
  for (const Row& row : rows) {
    const auto parsed = ParseDuration(row.text);
    ASSERT_TRUE(parsed) << row.text;
    EXPECT_EQ(*parsed, row.ns) << row.text;
  }
}

TEST(Duration, AnythingElseIsRefused) {
  for (const char* text : {"", "5", "ms", "-5ms", "5 ms", "5mss", "5.ms", "1e3ms", "0x5ms", "18446744074s", "1w",
                           "99999999999999999999ns", "5ms ", "nan"}) {
    const auto parsed = ParseDuration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().Text(), HasSubstr("for example"));
  }
}

TEST(TimePoints, SecondsOfTheTraceClock) {
  for (const char* text : {"41.5", "41.5s", "41.500000000"}) {
    const auto parsed = ParseTimePoint(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_FALSE(parsed->wall);
    EXPECT_EQ(parsed->ns, 41'500'000'000u);
  }
}

TEST(TimePoints, WallTimeInUtcAndInTheLocalZone) {
  const auto utc = ParseTimePoint("2026-11-21T14:03:05.123Z");
  ASSERT_TRUE(utc);
  EXPECT_TRUE(utc->wall);
  EXPECT_EQ(utc->ns, 1'795'269'785'123'000'000u);

  setenv("TZ", "UTC-2", 1);  // two hours east
  tzset();
  const auto local = ParseTimePoint("2026-11-21 14:03");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->ns, 1'795'269'780'000'000'000u - 7200ull * 1'000'000'000);
}

TEST(TimePoints, AnythingElseIsRefused) {
  for (const char* text : {"", "41,5", "41.5x", "now", "2026-11-21", "2026-13-01 00:00", "2026-02-30 00:00",
                           "2026-11-21 24:00", "2026-11-21 14:03:", "26-11-21 14:03", "99999999999999999999"}) {
    EXPECT_FALSE(ParseTimePoint(text)) << text;
  }
}

TEST(TimePoints, PlacedByTheNearestPair) {
  const std::vector<ClockPair> pairs = {{1000, 5000}, {2000, 7000}};  // the wall clock was set forward in between
  EXPECT_EQ(TraceTime({false, 77}, {}), 77u);
  EXPECT_EQ(TraceTime({true, 5100}, pairs), 1100u);
  EXPECT_EQ(TraceTime({true, 6900}, pairs), 1900u);
  EXPECT_EQ(TraceTime({true, 10}, pairs), 0u) << "long before the trace";
  const auto none = TraceTime({true, 5000}, {});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().Text(), HasSubstr("trace clock"));
}

TEST(CpuLists, RangesAndSingles) {
  EXPECT_EQ(*ParseCpus("0"), (std::vector<uint32_t>{0}));
  EXPECT_EQ(*ParseCpus("8,0-3,2"), (std::vector<uint32_t>{0, 1, 2, 3, 8}));
  for (const char* text : {"", ",", "3-1", "0-", "a", "0,", "0-99999999999", "1 2"})
    EXPECT_FALSE(ParseCpus(text)) << text;
}

TEST(Positive, AWholeNumberAboveZero) {
  EXPECT_EQ(*ParsePositive("20000"), 20'000u);
  for (const char* text : {"", "0", "-1", "1.5", "5 %", "99999999999999999999"})
    EXPECT_FALSE(ParsePositive(text)) << text;
}

TEST(Levels, ByName) {
  EXPECT_EQ(*ParseConfidence("strong"), Confidence::kStrong);
  EXPECT_FALSE(ParseConfidence("certain"));
}

TEST(Endpoint, AnAddressAndAPort) {
  struct Row {
    const char *text, *address;
    uint16_t port;
  };
  for (const Row& row : {Row{"127.0.0.1:7400", "127.0.0.1", 7400}, Row{"[::1]:0", "::1", 0},
                         Row{"localhost:65535", "localhost", 65535}}) {
    const auto parsed = ParseEndpoint(row.text);
    ASSERT_TRUE(parsed) << row.text;
    EXPECT_EQ(parsed->address, row.address);
    EXPECT_EQ(parsed->port, row.port);
  }
  for (const char* text : {"", "7400", "127.0.0.1", "127.0.0.1:", ":7400", "127.0.0.1:70000", "127.0.0.1:74x",
                           "::1:7400", "[]:1", "127.0.0.1:-1"}) {
    EXPECT_FALSE(ParseEndpoint(text)) << text;
  }
}

}  // namespace
}  // namespace wakewatch
