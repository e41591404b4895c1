#include "collector/probe_cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/fake_probe_host_test.h"

namespace wakewatch {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

TEST(MeasureProbeCost, LeavesNothingBehind) {
  FakeProbeHost fake;
  const std::string instance = "instances/own/";
  fake.folder.Write(instance + "events/wakewatch/cost/enable", "0");
  fake.folder.Write(instance + "tracing_on", "0");
  fake.folder.Write(instance + "trace", "events of it");
  // Nothing hits the probe here, so there is no difference to be measured.
  EXPECT_EQ(MeasureProbeCost(fake.folder.path(), fake.folder.path() + "/instances/own"), std::nullopt);
  EXPECT_EQ(fake.folder.Read(instance + "events/wakewatch/cost/enable"), "0");
  EXPECT_EQ(fake.folder.Read(instance + "tracing_on"), "0");
  EXPECT_EQ(fake.folder.Read(instance + "trace"), "") << "events that nothing can decode";
  EXPECT_THAT(fake.placed(), StartsWith(FakeProbeHost::kSomebodyElses));
  EXPECT_THAT(fake.placed(), EndsWith("d=$comm\n-:wakewatch/cost\n"));
}

TEST(MeasureProbeCost, WithoutKprobesThereIsNone) {
  TestFolder folder;
  EXPECT_EQ(MeasureProbeCost(folder.path(), folder.path()), std::nullopt);
}

}  // namespace
}  // namespace wakewatch
