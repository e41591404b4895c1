#include "analysis/report/protocol_diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/protocol/shipped.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

protocol::Diagnosability DiagnosisOf(const std::string& name) {
  const protocol::ShippedProtocol* const shipped = protocol::ShippedProtocolNamed(name);
  EXPECT_NE(shipped, nullptr) << name;
  auto diagnosis = protocol::DiagnoseText(shipped->text, name, protocol::Memory::kSc, {});
  EXPECT_TRUE(diagnosis) << diagnosis.error().Text();
  return *std::move(diagnosis);
}

TEST(ProtocolDiagnosis, TheTableHasARowAProtocol) {
  const std::vector<protocol::Diagnosability> rows = {DiagnosisOf("kthread_stop_check_before_set"),
                                                      DiagnosisOf("kthread_check_before_set")};
  const std::string text = DiagnosisTableText(rows);
  EXPECT_THAT(text, testing::ContainsRegex("kthread_stop_check_before_set +sc +[0-9]+ +yes +yes +kthread-stop\n"));
  EXPECT_THAT(text, testing::ContainsRegex("kthread_check_before_set +sc +[0-9]+ +no +no +check-before-sleep\n"));
  EXPECT_THAT(DiagnosisTableText({}), HasSubstr("none"));
}

TEST(ProtocolDiagnosis, OneProtocolIsArguedByTwoRunsThatLookTheSame) {
  const std::string told = DiagnosisText(DiagnosisOf("kthread_stop_check_before_set"));
  EXPECT_THAT(told, HasSubstr("E0: yes (every losing run can be told from every healthy one)\n"));
  EXPECT_THAT(told, HasSubstr("    stopper: sched_kthread_stop(worker)\n"));
  EXPECT_THAT(told, Not(HasSubstr("A HEALTHY RUN")));
  const std::string silent = DiagnosisText(DiagnosisOf("kthread_check_before_set"));
  EXPECT_THAT(silent, HasSubstr("E0: no (no losing run can be told"));
  EXPECT_THAT(silent, HasSubstr("A LOSING RUN that it may be of\n"));
  EXPECT_THAT(silent, HasSubstr("A HEALTHY RUN that it may be of\n"));
}

TEST(ProtocolDiagnosis, JsonHoldsBothRuns) {
  const std::vector<protocol::Diagnosability> rows = {DiagnosisOf("kthread_check_before_set")};
  const auto json = nlohmann::json::parse(DiagnosisJson(rows));
  EXPECT_EQ(json["schema_version"], 1);
  const auto& e0 = json["protocols"][0]["levels"][0];
  EXPECT_EQ(e0["level"], "E0");
  EXPECT_EQ(e0["tell"], "no");
  EXPECT_TRUE(e0["telling"].is_null());
  EXPECT_FALSE(e0["same"]["losing"].empty());
  EXPECT_FALSE(e0["same"]["healthy"].empty());
  EXPECT_TRUE(e0["same"]["losing"][0].contains("kernel_function"));
}

}  // namespace
}  // namespace wakewatch
