#include "collector/event_profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/trace/event.h"
#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

TEST(EventProfiles, NameEventsThatTheAnalysisKnows) {
  for (const EventProfile& profile : EventProfiles()) {
    EXPECT_FALSE(profile.description.empty()) << profile.name;
    for (const std::string& event : profile.events) {
      const size_t slash = event.find('/');
      if (slash == std::string::npos) continue;
      EXPECT_NE(EventTypeOf(event.substr(0, slash), event.substr(slash + 1)), EventType::kGeneric)
          << profile.name << " has " << event << ", which would not be typed";
    }
  }
}

TEST(EventProfiles, TheDefaultOfTheOptionsExists) {
  EXPECT_TRUE(FindEventProfile(RecorderOptions().profile));
  const auto missing = FindEventProfile("everything");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(missing.error().Text(), HasSubstr("standard, light, full"));
}

TEST(SelectEvents, SplitsWhatThereIsFromWhatIsMissing) {
  TestFolder events;
  for (const char* event : {"sched/sched_switch", "sched/sched_waking", "irq/softirq_raise"}) {
    events.Write(std::string(event) + "/format", "name: x\n");
  }
  events.Write("sched/enable", "0\n");
  events.Folder("empty");
  const struct {
    const char* story;
    std::vector<std::string> wanted, present, missing;
  } rows[] = {
      {"single events", {"sched/sched_waking", "irq/softirq_raise"}, {"sched/sched_waking", "irq/softirq_raise"}, {}},
      {"perf's way to write it", {"sched:sched_waking"}, {"sched/sched_waking"}, {}},
      {"a whole system", {"sched"}, {"sched/sched_switch", "sched/sched_waking"}, {}},
      {"one event twice", {"sched/sched_switch", "sched"}, {"sched/sched_switch", "sched/sched_waking"}, {}},
      {"newer events on an older kernel", {"ipi/ipi_send_cpu", "csd"}, {}, {"ipi/ipi_send_cpu", "csd"}},
      {"a file that is no event", {"sched/enable"}, {}, {"sched/enable"}},
      {"a way out of the folder", {"sched/../../x", "..", ""}, {}, {"sched/../../x", "..", ""}},
      {"a system without events", {"empty"}, {}, {}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const auto selection = SelectEvents(events.path(), row.wanted);
    ASSERT_TRUE(selection);
    EXPECT_EQ(selection->present, row.present);
    EXPECT_EQ(selection->missing, row.missing);
  }
}

TEST(SelectEvents, SaysSoWhenThereIsNoEventsFolder) {
  TestFolder folder;
  const auto selection = SelectEvents(folder.path() + "/events", {"sched"});
  ASSERT_FALSE(selection);
  EXPECT_EQ(selection.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(selection.error().file, folder.path() + "/events");
  EXPECT_FALSE(selection.error().remedy.empty());
}

TEST(SmallerProfile, LightIsTheLeast) {
  EXPECT_TRUE(SmallerProfile("light", "standard"));
  EXPECT_TRUE(SmallerProfile("standard", "full"));
  EXPECT_FALSE(SmallerProfile("standard", "standard"));
  EXPECT_FALSE(SmallerProfile("full", "light"));
}

}  // namespace
}  // namespace wakewatch
