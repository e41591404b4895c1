#include "proto/wire/versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

TEST(Versions, TheNewestOfBothOrTheOlderIsToBeUpgraded) {
  const struct {
    const char* story;
    VersionSpan collector, server;
    std::optional<uint32_t> common;
    const char* upgrade;
  } rows[] = {
      {"both as old", {1, 1}, {1, 1}, 1, ""},
      {"the server went ahead and still knows the old", {1, 1}, {1, 3}, 1, ""},
      {"the collector went ahead and still knows the old", {1, 3}, {1, 1}, 1, ""},
      {"both went ahead", {1, 3}, {2, 4}, 3, ""},
      {"the server has left the old behind", {1, 1}, {2, 3}, {}, "upgrade the collector"},
      {"the collector has left the old behind", {2, 3}, {1, 1}, {}, "upgrade the server"},
      {"far apart", {7, 9}, {1, 3}, {}, "upgrade the server"},
      {"a collector that says nothing", {0, 0}, {1, 1}, {}, "upgrade the collector"},
      {"a collector that makes no sense", {9, 1}, {1, 9}, {}, "upgrade the collector"},
      {"any number that fits", {1, UINT32_MAX}, {1, 1}, 1, ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    EXPECT_EQ(CommonVersion(row.collector, row.server), row.common);
    if (!row.common) {
      EXPECT_THAT(NoCommonVersion("protocol", row.collector, row.server), HasSubstr(row.upgrade));
    }
  }
}

// Every pair of releases, each of which knows some versions: the collector takes what the server chooses, or the server
// says so; and if the other side chose without looking, the collector would name the same culprit.
TEST(Versions, UpgradesInAnyOrderEndInACommonVersionOrInAdvice) {
  constexpr uint32_t kReleases = 5;
  size_t common = 0, refused = 0;
  for (uint32_t a = 1; a <= kReleases; ++a) {
    for (uint32_t b = a; b <= kReleases; ++b) {
      for (uint32_t c = 1; c <= kReleases; ++c) {
        for (uint32_t d = c; d <= kReleases; ++d) {
          const VersionSpan collector{a, b}, server{c, d};
          SCOPED_TRACE(testing::Message() << "collector " << a << " to " << b << ", server " << c << " to " << d);
          uint32_t newest = 0;
          for (uint32_t v = 1; v <= kReleases; ++v) {
            if (v >= a && v <= b && v >= c && v <= d) newest = v;
          }
          const auto chosen = CommonVersion(collector, server);
          ASSERT_EQ(chosen.value_or(0), newest);
          if (chosen) {
            ++common;
            EXPECT_EQ(WrongChoice("protocol", *chosen, collector), "");
            continue;
          }
          ++refused;
          const bool server_is_older = d < a;
          EXPECT_THAT(NoCommonVersion("protocol", collector, server),
                      HasSubstr(server_is_older ? "upgrade the server" : "upgrade the collector"));
          for (const uint32_t theirs : {c, d}) {
            EXPECT_THAT(WrongChoice("protocol", theirs, collector),
                        HasSubstr(server_is_older ? "upgrade the server" : "upgrade this collector"));
          }
        }
      }
    }
  }
  EXPECT_EQ(common + refused, 225u);
  EXPECT_GT(refused, 50u);
}

}  // namespace
}  // namespace wakewatch
