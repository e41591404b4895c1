// Crashes and failing disks, from seeds. More of them: WAKEWATCH_SPOOL_SEEDS=100000 spool_test
// --gtest_filter=SpoolPower.* One of them: WAKEWATCH_SPOOL_SEED=N, with the same filter.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "collector/spool/spool_run_test.h"

namespace wakewatch {
namespace {

using spool_test::RunOptions;
using spool_test::SpoolRun;

constexpr uint64_t kSeeds = 9'000;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

RunOptions OptionsOf(uint64_t seed) {
  RunOptions options;
  options.bytes_max = seed % 3 == 0 ? 40'000 : 1u << 20;
  options.errors = seed % 5 == 0;
  options.flips = seed % 7 == 0;
  options.operations_max = seed % 2 == 0 ? 60 : 300;
  return options;
}

TEST(SpoolPower, WhatIsDurableIsThereAfterEveryCrashAndWhatIsMissingIsTold) {
  const uint64_t one = FromEnvironment("WAKEWATCH_SPOOL_SEED", 0);
  const uint64_t seeds = one != 0 ? one : FromEnvironment("WAKEWATCH_SPOOL_SEEDS", kSeeds);
  for (uint64_t seed = one != 0 ? one : 1; seed <= seeds; ++seed) {
    SpoolRun(seed, OptionsOf(seed)).Live(4);
    if (!HasFailure()) continue;
    std::cerr << "replay: WAKEWATCH_SPOOL_SEED=" << seed << " spool_test --gtest_filter=SpoolPower.What*\n";
    return;
  }
}

// The same run, cut off at each operation in turn.
TEST(SpoolPower, ACrashAtEveryOperationOfOneRun) {
  constexpr uint64_t kOperations = 400;
  for (uint64_t at = 0; at < kOperations; ++at) {
    RunOptions options;
    options.bytes_max = 40'000;
    SpoolRun run(77, options);
    run.files().power_fails_after = at;
    run.Start(0);
    while (run.files().power()) run.Step();
    run.Crash();
    run.Start(1);
    run.ReadAll();
    ASSERT_FALSE(HasFailure()) << "the power failed in front of operation " << at;
  }
}

}  // namespace
}  // namespace wakewatch
