#include "server/live/live_input.h"

#include <gtest/gtest.h>

#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using store_test::MakeSession;
using store_test::TextOf;

TEST(LiveInput, LearnsBatchByBatchAndRepeatingChangesNothing) {
  const store_test::LiveTrace trace;
  const Batch first = trace.Batches(3)[0];
  FormatSets sets;
  LiveInput input(MakeSession(), &sets);
  EXPECT_EQ(input.RealTime(5), 0u);
  EXPECT_EQ(input.FindFormats(first.formats->hash), nullptr);
  for (int i = 0; i < 2; ++i) {
    const auto status = input.Learn(first);
    ASSERT_TRUE(status) << TextOf(status);
    ASSERT_NE(input.FindFormats(first.formats->hash), nullptr);
    EXPECT_EQ(input.formats().events().size(), first.formats->events.size());
    EXPECT_EQ(input.metadata().stats.size(), 1u);
    EXPECT_EQ(input.metadata().threads.all().size(), first.threads.size());
    EXPECT_EQ(input.symbols().exact().size(), first.symbols.size());
    input.DropThreads();
  }
  Batch stats;
  stats.stats = {{0, 7, 0, 0, 0, 9}, {3, 8, 0, 0, 0, 9}};
  stats.clock_pairs = {{100, 1000}, {200, 2000}};
  ASSERT_TRUE(input.Learn(stats));
  ASSERT_EQ(input.metadata().stats.size(), 2u);
  EXPECT_EQ(input.metadata().stats[0].entries, 7u);
  EXPECT_EQ(input.RealTime(150), 1950u) << "before the newest pair";
  EXPECT_EQ(input.RealTime(250), 2050u);
  EXPECT_FALSE(input.OpenCpus());
}

TEST(LiveInput, FormatsAreSharedAndCheckedAgainstTheirHash) {
  const store_test::LiveTrace trace;
  const Batch first = trace.Batches(3)[0];
  FormatSets sets;
  LiveInput a(MakeSession("a"), &sets), b(MakeSession("b"), &sets);
  ASSERT_TRUE(a.Learn(first));
  ASSERT_TRUE(b.Learn(first));
  EXPECT_EQ(a.FindFormats(first.formats->hash)->table, b.FindFormats(first.formats->hash)->table);
  // Somebody who claims a hash that is known already.
  Batch claims = first;
  claims.formats->events.pop_back();
  LiveInput c(MakeSession("c"), &sets);
  const auto refused = c.Learn(claims);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(c.FindFormats(first.formats->hash), nullptr);
  EXPECT_TRUE(c.metadata().threads.all().empty()) << "nothing of the batch is learnt";
}

}  // namespace
}  // namespace wakewatch
