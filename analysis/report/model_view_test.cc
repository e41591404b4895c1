#include "analysis/report/model_view.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <string>

#include "analysis/model/rules.h"

namespace wakewatch {
namespace {

Report Sample() {
  Report report;
  report.rules = {{"sleep-until-woken",
                   1200,
                   2,
                   1,
                   0,
                   0,
                   {{RuleVerdict::kMissing, 0, 5, 7, "not in the text"},
                    {RuleVerdict::kViolation, 1, 1'500'000'000, 7, "sched_switch of \x1b[2J"},
                    {RuleVerdict::kViolation, 1, 2'000'000'000, 8, "the second"}}},
                  {"wwnr", 1000, 60, 0, 0, 0, {{RuleVerdict::kViolation, 0, 3, 9, "a control"}}}};
  return report;
}

TEST(ModelView, TextHasTheTableAndTheFirstPlacesOfViolations) {
  const std::string text = ModelText(Sample(), 1);
  EXPECT_NE(text.find("sleep-until-woken    1,200           2        1"), std::string::npos) << text;
  EXPECT_NE(text.find("1.500000  CPU 1  pid 7  sched_switch of \\x1b[2J"), std::string::npos) << text;
  EXPECT_NE(text.find("wwnr is a negative control"), std::string::npos) << text;
  for (const char* const absent : {"the second", "not in the text", "a control"}) {
    EXPECT_EQ(text.find(absent), std::string::npos) << text;
  }
}

TEST(ModelView, JsonHasAllOfARule) {
  const auto json = nlohmann::json::parse(ModelJson(Sample()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["model_version"], kModelVersion);
  ASSERT_EQ(json["rules"].size(), 2u);
  const auto& rule = json["rules"][0];
  EXPECT_EQ(rule["name"], "sleep-until-woken");
  EXPECT_EQ(rule["checked"], 1200);
  EXPECT_EQ(rule["violations"], 2);
  EXPECT_EQ(rule["missing"], 1);
  EXPECT_EQ(rule["artefacts"], 0);
  EXPECT_EQ(rule["voided"], 0);
  EXPECT_FALSE(rule["negative_control"]);
  EXPECT_EQ(rule["title"], Info(Rule::kSleepUntilWoken).title);
  EXPECT_GT(rule["explanation"].get<std::string>().size(), 500u);
  ASSERT_EQ(rule["places"].size(), 3u);
  EXPECT_EQ(rule["places"][0]["verdict"], "missing");
  EXPECT_EQ(rule["places"][1]["cpu"], 1);
  EXPECT_EQ(rule["places"][1]["ts_ns"], 1'500'000'000);
  EXPECT_EQ(rule["places"][1]["pid"], 7);
  EXPECT_TRUE(json["rules"][1]["negative_control"]);
}

TEST(ModelView, TheRulesAlone) {
  const auto json = nlohmann::json::parse(RulesJson());
  EXPECT_EQ(json["rules"].size(), kRuleCount);
  EXPECT_FALSE(json["rules"][0].contains("checked"));
  for (const RuleInfo& rule : Rules()) {
    EXPECT_NE(RulesText().find(std::string(rule.name) + ": " + std::string(rule.title)), std::string::npos);
  }
}

}  // namespace
}  // namespace wakewatch
