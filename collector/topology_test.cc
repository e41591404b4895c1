#include "collector/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Topology, DescribesEveryPossibleCpuOnce) {
  TestFolder sys;
  sys.Write("online", "0-1\n");
  sys.Write("possible", "0-2\n");
  sys.Write("cpu0/topology/physical_package_id", "0\n");
  sys.Write("cpu0/topology/core_id", "4\n");
  sys.Folder("cpu0/node1");
  sys.Write("cpu1/topology/core_id", "-1\n");
  Topology topology(sys.path());
  EXPECT_EQ(topology.Possible(), 3u);
  const auto cpus = topology.Changes(topology.Online(), 10);
  ASSERT_THAT(cpus, SizeIs(3));
  EXPECT_EQ(cpus[0].package, 0);
  EXPECT_EQ(cpus[0].core, 4);
  EXPECT_EQ(cpus[0].node, 1);
  EXPECT_EQ(cpus[1].core, -1);
  EXPECT_EQ(cpus[1].node, -1);
  EXPECT_TRUE(cpus[1].online);
  EXPECT_FALSE(cpus[2].online);
  EXPECT_EQ(cpus[2].since_ns, 10u);
  EXPECT_THAT(topology.Changes(topology.Online(), 20), IsEmpty());
}

TEST(Topology, HotplugIsAChange) {
  TestFolder sys;
  sys.Write("online", "0-1\n");
  Topology topology(sys.path());
  (void)topology.Changes(topology.Online(), 10);
  sys.Write("online", "0\n");
  const auto gone = topology.Changes(topology.Online(), 20);
  ASSERT_THAT(gone, SizeIs(1));
  EXPECT_EQ(gone[0].cpu, 1u);
  EXPECT_FALSE(gone[0].online);
  EXPECT_EQ(gone[0].since_ns, 20u);
  sys.Write("online", "0-1\n");
  const auto back = topology.Changes(topology.Online(), 30);
  ASSERT_THAT(back, SizeIs(1));
  EXPECT_TRUE(back[0].online);
}

TEST(Topology, WithoutSysfsAllConfiguredCpusCountAsOnline) {
  TestFolder sys;
  EXPECT_FALSE(Topology(sys.path()).Online().empty());
  sys.Write("online", "nonsense\n");
  EXPECT_FALSE(Topology(sys.path()).Online().empty());
}

}  // namespace
}  // namespace wakewatch
