#include "analysis/model/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace wakewatch {
namespace {

TEST(Rules, EachIsNamedOnceAndExplained) {
  std::set<std::string_view> names;
  for (const RuleInfo& rule : Rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_EQ(RuleNamed(rule.name), &rule);
    EXPECT_EQ(std::count(rule.title.begin(), rule.title.end(), '\n'), 0) << rule.name;
    EXPECT_GE(std::count(rule.explanation.begin(), rule.explanation.end(), ' '), 150) << rule.name;
    for (const char* const part : {"What is none: ", "What to do: "}) {
      if (!rule.negative_control && rule.name != "switch-continuity" && rule.name != "acting-task") {
        EXPECT_NE(rule.explanation.find(part), std::string_view::npos) << rule.name << " lacks " << part;
      }
    }
    EXPECT_FALSE(rule.finding && rule.negative_control) << rule.name;
  }
  EXPECT_EQ(names.size(), kRuleCount);
  EXPECT_EQ(RuleNamed("no-such-rule"), nullptr);
  EXPECT_EQ(Info(Rule::kWwnr).name, "wwnr");
  EXPECT_EQ(Info(Rule::kTaskPlacement).name, "task-placement");
}

}  // namespace
}  // namespace wakewatch
