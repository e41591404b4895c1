#include "analysis/model/kernel_version.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(KernelVersion, IsReadFromTheFrontOfTheRelease) {
  struct Row {
    const char* release;
    int version;
    bool stale_sleeps;
  };
  for (const Row& row : {Row{"6.1.0-18-amd64", 601, true}, Row{"5.17.15", 517, false}, Row{"5.18", 518, true},
                         Row{"6.15.9+", 615, true}, Row{"6.16-rc1", 616, false}, Row{"7.2.13", 702, false},
                         Row{"", 0, true}, Row{"6", 0, true}, Row{"6.x", 0, true}, Row{"next", 0, true}}) {
    EXPECT_EQ(KernelVersion(row.release), row.version) << row.release;
    EXPECT_EQ(PrintsStaleSleeps(KernelVersion(row.release)), row.stale_sleeps) << row.release;
  }
}

}  // namespace
}  // namespace wakewatch
