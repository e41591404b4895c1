#include "analysis/checks/worker_pool.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(WorkerPool, Names) {
  struct Row {
    const char* comm;
    int32_t cpu;  // -1: none
    bool high_priority;
  };
  const Row rows[] = {
      {"kworker/1:2", 1, false},
      {"kworker/12:34H", 12, true},
      {"kworker/1:2H-kbl", 1, true},
      {"kworker/1:2-even", 1, false},
      {"kworker/u8:3", -1, false},
      {"kworker/R-mm_pe", -1, false},
      {"kworker/dying", -1, false},
      {"kworker/1:", -1, false},
      {"kworker/-1:2", -1, false},
      {"ksoftirqd/1", -1, false},
      {"", -1, false},
  };
  for (const Row& row : rows) {
    const auto pool = BoundPoolOf(row.comm);
    ASSERT_EQ(row.cpu >= 0, pool.has_value()) << row.comm;
    if (!pool) continue;
    EXPECT_EQ(row.cpu, pool->cpu) << row.comm;
    EXPECT_EQ(row.high_priority, pool->high_priority) << row.comm;
  }
}

}  // namespace
}  // namespace wakewatch
