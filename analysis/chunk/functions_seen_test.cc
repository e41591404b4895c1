#include "analysis/chunk/functions_seen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wakewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FunctionOf, ReadsTheFieldOfEachKindOfEvent) {
  Event event{};
  event.type = EventType::kHrtimerExpireEntry;
  event.timer = {1, 0xa1, 0, 0};
  EXPECT_EQ(FunctionOf(event), 0xa1u);
  event.type = EventType::kTaskletEntry;
  event.tasklet = {2, 0xa2};
  EXPECT_EQ(FunctionOf(event), 0xa2u);
  event.type = EventType::kKthreadWorkQueue;
  event.kwork = {3, 0xa3, 4};
  EXPECT_EQ(FunctionOf(event), 0xa3u);
  event.type = EventType::kCsdFunctionEntry;
  event.ipi = {0, 0xa4};
  EXPECT_EQ(FunctionOf(event), 0xa4u);
  event.type = EventType::kSchedSwitch;
  EXPECT_EQ(FunctionOf(event), 0u);
}

TEST(FunctionsSeen, EachAddressOnceInTheOrderOfItsFirstEvent) {
  FunctionsSeen functions;
  Event event{};
  event.type = EventType::kWorkStart;
  for (const uint64_t function : {0xb0, 0x0, 0xa0, 0xb0, 0xa0}) {
    event.work = {0x1234, function, 0, 0, {}};
    functions.See(event);
  }
  EXPECT_THAT(functions.TakeNew(), ElementsAre(0xb0, 0xa0));
  functions.See(event);
  EXPECT_THAT(functions.TakeNew(), IsEmpty());
}

TEST(FunctionsSeen, MadeUpAddressesDoNotFillTheMemory) {
  FunctionsSeen functions;
  Event event{};
  event.type = EventType::kWorkStart;
  for (uint64_t function = 1; function <= 100'000; ++function) {
    event.work = {0x1234, function * 8, 0, 0, {}};
    functions.See(event);
  }
  EXPECT_EQ(functions.TakeNew().size(), 65536u);
}

}  // namespace
}  // namespace wakewatch
