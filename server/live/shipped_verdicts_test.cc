#include "server/live/shipped_verdicts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/shipped.h"

namespace wakewatch {
namespace {

constexpr std::chrono::minutes kPatience{10};  // for each; every one is to be finished

std::vector<ProtocolVerdict> All() {
  ShippedVerdicts verdicts({.time_max = kPatience});
  verdicts.Wait({});
  return verdicts.Known();
}

TEST(ShippedVerdicts, EveryShippedProtocolHasOneAMemory) {
  EXPECT_EQ(ShippedProtocolsAbout().size(), protocol::ShippedProtocols().size()) << "one cannot be read";
  const auto known = All();
  EXPECT_EQ(known.size(), 2 * protocol::ShippedProtocols().size());
  for (const ProtocolVerdict& verdict : known) {
    EXPECT_EQ(verdict.verdict, verdict.expected) << verdict.name << " under " << verdict.memory;
    EXPECT_EQ(verdict.verdict == "loses", verdict.steps > 0) << verdict.name;
    EXPECT_EQ(verdict.verdict == "loses", verdict.property != "") << verdict.name;
    EXPECT_GT(verdict.states, 0u) << verdict.name;
    EXPECT_EQ(verdict.checker_version, protocol::kCheckerVersion);
    EXPECT_EQ(verdict.text_hash, ProtocolTextHash(protocol::ShippedProtocolNamed(verdict.name)->text));
  }
}

TEST(ShippedVerdicts, WhatIsKnownIsNotCheckedAgain) {
  auto known = All();
  ASSERT_GT(known.size(), 3u);
  for (ProtocolVerdict& verdict : known) verdict.states = 1;  // a mark of what was taken over
  known[0].checker_version = -1;
  known[1].text_hash = "another text";
  known[2].verdict = "unfinished";
  known.push_back({"gone", "sc", "safe", "", "", 1, 1, 0, protocol::kCheckerVersion, "h"});
  int kept = 0;
  ShippedVerdicts verdicts({.time_max = kPatience, .known = known, .keep = [&](const auto& all) {
                              ++kept;
                              EXPECT_EQ(all.size(), known.size() - 1) << "without that of a protocol that is gone";
                            }});
  verdicts.Wait({});
  const auto now = verdicts.Known();
  EXPECT_EQ(std::count_if(now.begin(), now.end(), [](const auto& verdict) { return verdict.states != 1; }), 3);
  EXPECT_TRUE(std::is_sorted(now.begin(), now.end(), [](const auto& a, const auto& b) { return a.name < b.name; }));
  EXPECT_EQ(kept, 1);
}

TEST(ShippedVerdicts, WithoutTimeNothingIsChecked) {
  ShippedVerdicts verdicts({});
  EXPECT_TRUE(verdicts.complete());
  EXPECT_TRUE(verdicts.Known().empty());
}

TEST(ShippedVerdicts, ItCanBeGivenUp) {
  ShippedVerdicts verdicts({.time_max = kPatience});
  verdicts.Stop();
  const auto known = verdicts.Known();
  EXPECT_LE(known.size(), 2 * protocol::ShippedProtocols().size());
  verdicts.Stop();
}

}  // namespace
}  // namespace wakewatch
