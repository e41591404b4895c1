#include "analysis/checks/lost_wakeup/completion_rule.h"

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/story_test_support.h"

namespace wakewatch {
namespace {

Story Waits(Story story, uint64_t ms, uint32_t done, uint64_t x = kDone) {
  story.script().On(0).Probe(ms * kMs, EventType::kProbeCompletionWait, kDrain, CompletionFields(x, done, true));
  return story;
}
Story Completes(Story story, uint64_t ms, uint32_t done, bool empty, uint64_t x = kDone) {
  story.script().On(1).Probe(ms * kMs, EventType::kProbeComplete, kFeed, CompletionFields(x, done, empty));
  return story;
}
// Rounds of 20 ms in which the drain waits for kDone and gets it 5 ms later; it runs at the end.
Story Learned(int rounds = 4) {
  Story story(kSleepD);
  story.Wake(10);
  for (uint64_t ms = 20; rounds > 0; --rounds, ms += 20) {
    story = Completes(Waits(std::move(story), ms, 0).Sleep(ms + 1), ms + 6, 0, false).Wake(ms + 7);
  }
  return story;
}

TEST(CompletionRule, Stories) {
  const struct {
    const char* name;
    Story story;
    const char* told;
  } rows[] = {
      {"completed while it waits, and nobody is in the list",
       Completes(Waits(Learned(), 110, 0).Sleep(111), 120, 0, true).Rescue(500),
       "completion-init-with-waiter proven 111..220 open; completion-init-with-waiter proven 111..500; "},
      {"no history is needed for that", Completes(Waits(Learned(0), 110, 0).Sleep(111), 120, 0, true).Rescue(500),
       "completion-init-with-waiter proven 111..220 open; completion-init-with-waiter proven 111..500; "},
      {"repaired before the deadline", Completes(Waits(Learned(), 110, 0).Sleep(111), 120, 0, true).Rescue(150), ""},
      {"completed before it stands in the list: it finds it done",
       Completes(Waits(Learned(), 110, 0), 111, 0, true).Sleep(112).Pass(500), ""},
      {"another completion", Completes(Waits(Learned(), 110, 0).Sleep(111), 120, 0, true, kDone + 64).Rescue(500), ""},
      {"completed, wiped, and waited for", Waits(Completes(Learned(), 105, 0, true), 110, 0).Sleep(111).Rescue(500),
       "completion-reinit strong 111..211 open; completion-reinit strong 111..500; "},
      {"wiped and told; but what it waits for comes later, and misses it",
       Completes(Waits(Completes(Learned(), 105, 0, true), 110, 0).Sleep(111), 300, 0, true).Rescue(600),
       "completion-reinit strong 111..211 open; completion-init-with-waiter proven 111..400 open; "
       "completion-init-with-waiter proven 111..600; "},
      {"the same, and too little is known of waits on it",
       Completes(Waits(Completes(Learned(1), 45, 0, true), 50, 0).Sleep(51), 200, 0, true).Rescue(600),
       "completion-init-with-waiter proven 51..300 open; completion-init-with-waiter proven 51..600; "},
      {"wiped, and completed once more in the usual time",
       Completes(Waits(Completes(Learned(), 105, 0, true), 110, 0).Sleep(111), 116, 0, false).Wake(117), ""},
      {"taken by a wait in between",
       Waits(Waits(Completes(Learned(), 105, 0, true), 107, 1), 110, 0).Sleep(111).Pass(500), ""},
      {"too little is known of waits on it", Waits(Completes(Learned(1), 105, 0, true), 110, 0).Sleep(111).Pass(500),
       ""},
      {"a gap",
       [] {
         Story story = Completes(Waits(Learned(), 110, 0).Sleep(111), 120, 0, true);
         story.script().On(2).Gap(130 * kMs, 140 * kMs);
         return story.Pass(500);
       }(),
       ""},
  };
  for (const auto& row : rows) EXPECT_EQ(row.told, ToldOf(row.story)) << row.name;
}

TEST(CompletionRule, WhatIsHeldForHistoryIsToldOnceItIsThere) {
  Story story = Waits(Completes(Learned(1), 45, 0, true), 50, 0).Sleep(51).Rescue(300);
  for (uint64_t ms = 310; ms < 400; ms += 20) {
    story = Completes(Waits(std::move(story), ms, 0).Sleep(ms + 1), ms + 6, 0, false).Wake(ms + 7);
  }
  EXPECT_EQ("completion-reinit strong 51..300; ", ToldOf(std::move(story)));
}

}  // namespace
}  // namespace wakewatch
