#include "server/live/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace wakewatch {
namespace {

TEST(WorkerPool, EveryPieceIsDoneOnce) {
  for (const unsigned threads : {0u, 1u, 2u, 5u}) {
    WorkerPool pool(threads);
    for (const size_t n : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{1000}}) {
      std::vector<std::atomic<int>> done(n);
      pool.Run(n, [&](size_t i) { ++done[i]; });
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(done[i], 1) << threads << " threads, piece " << i << " of " << n;
    }
  }
}

TEST(WorkerPool, ManySmallRoundsFollowOneAnother) {
  WorkerPool pool(3);
  size_t sum = 0;
  std::vector<size_t> values(3);
  for (size_t round = 0; round < 5000; ++round) {
    pool.Run(values.size(), [&](size_t i) { values[i] = round + i; });
    for (const size_t value : values) sum += value;
  }
  EXPECT_EQ(sum, 3 * (4999 * 5000 / 2) + 5000 * 3);
}

TEST(WorkerPool, WhatAPieceThrowsArrivesAndThePoolWorksOn) {
  WorkerPool pool(4);
  EXPECT_THROW(pool.Run(100,
                        [](size_t i) {
                          if (i == 50) throw std::runtime_error("no");
                        }),
               std::runtime_error);
  std::atomic<int> done = 0;
  pool.Run(10, [&](size_t) { ++done; });
  EXPECT_EQ(done, 10);
}

}  // namespace
}  // namespace wakewatch
