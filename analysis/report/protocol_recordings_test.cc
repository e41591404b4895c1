#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/sight/diagnosability.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/shipped.h"
#include "analysis/report/protocol_match.h"
#include "analysis/trace/formats_list.h"

namespace wakewatch {
namespace {

struct Loss {
  int32_t pid = 0;
  uint64_t sleep_ns = 0;
};

// What the guest that was recorded wrote down of its own losses.
std::vector<Loss> LossesOf(const std::filesystem::path& folder) {
  std::vector<Loss> losses;
  std::ifstream in(folder / "truth.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto record = nlohmann::json::parse(line);
    if (record.value("rec", "") != "incident" || record.value("kind", "") != "lost_wakeup") continue;
    losses.push_back({record.at("victim_pid").get<int32_t>(), record.at("t_sleep").get<uint64_t>()});
  }
  return losses;
}

// As the analysis would find them: who lost a wakeup, and by what.
std::vector<Finding> FindingsOf(const std::vector<Loss>& losses, const std::string& cls) {
  std::vector<Finding> findings;
  for (const Loss& loss : losses) {
    Finding& finding = findings.emplace_back();
    finding.check = "lost-wakeup";
    finding.cls = cls;
    finding.pid = loss.pid;
  }
  return findings;
}

class ProtocolRecordings : public ::testing::Test {
 protected:
  void Match(const std::string& name, const std::filesystem::path& folder, uint8_t level,
             const std::vector<Finding>& findings) {
    const protocol::ShippedProtocol* const shipped = protocol::ShippedProtocolNamed(name);
    ASSERT_NE(shipped, nullptr) << name;
    const auto text = protocol::Parse(shipped->text, name);
    ASSERT_TRUE(text) << text.error().Text();
    const auto memory = protocol::MemoryThatLoses(*text);
    ASSERT_TRUE(memory) << name;
    const auto program = protocol::Compile(*text, name, *memory);
    ASSERT_TRUE(program) << program.error().Text();
    const auto input = OpenTrace(folder / "trace.dat");
    ASSERT_TRUE(input) << input.error().Text();
    auto match = MatchProtocol(**input, *program, {.explains = text->explains, .findings = findings, .level = level});
    ASSERT_TRUE(match) << match.error().Text();
    match_ = *std::move(match);
  }

  size_t Losing() const { return match_.Counts()[static_cast<size_t>(SleepVerdict::kLosing)]; }
  bool IsLosing(const Loss& loss) const {
    for (const MatchedSleep& sleep : match_.sleeps) {
      if (sleep.pid == loss.pid && sleep.start_ns <= loss.sleep_ns && loss.sleep_ns <= sleep.end_ns) {
        return sleep.verdict == SleepVerdict::kLosing;
      }
    }
    return false;
  }

  const std::filesystem::path lab_ = std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "tests/data/lab";
  ProtocolMatch match_;
};

// The threads are found by who was stopped.
TEST_F(ProtocolRecordings, LossesAgainstKthreadStopAreToldByTheTracepointsAlone) {
  const std::filesystem::path folder = lab_ / "shift_a-2008";
  const std::vector<Loss> losses = LossesOf(folder);
  ASSERT_EQ(losses.size(), 7u);
  for (const uint8_t level : {0, 1}) {
    ASSERT_NO_FATAL_FAILURE(Match("kthread_stop_check_before_set", folder, level, {}));
    EXPECT_FALSE(match_.guessed);
    EXPECT_EQ(Losing(), losses.size()) << "at E" << int{level};
    for (const Loss& loss : losses) EXPECT_TRUE(IsLosing(loss)) << loss.pid << " at E" << int{level};
  }
}

TEST_F(ProtocolRecordings, ACompletionThatIsMadeAnewIsToldByTheProbes) {
  const std::filesystem::path folder = lab_ / "form_a-1010";
  const std::vector<Loss> losses = LossesOf(folder);
  ASSERT_EQ(losses.size(), 5u);
  ASSERT_NO_FATAL_FAILURE(
      Match("completion_second_init", folder, 1, FindingsOf(losses, "completion-init-with-waiter")));
  EXPECT_EQ(Losing(), losses.size());
  for (const Loss& loss : losses) EXPECT_TRUE(IsLosing(loss)) << loss.sleep_ns;
  ASSERT_NO_FATAL_FAILURE(
      Match("completion_second_init", folder, 0, FindingsOf(losses, "completion-init-with-waiter")));
  EXPECT_EQ(Losing(), 0u) << "without probes a wait for a completion that does not come is only long";
}

TEST_F(ProtocolRecordings, AConditionThatIsCheckedTooEarlyCannotBeToldWithoutAVisibleAct) {
  const std::filesystem::path folder = lab_ / "mail_a-1000";
  const std::vector<Loss> losses = LossesOf(folder);
  ASSERT_FALSE(losses.empty());
  for (const uint8_t level : {0, 1}) {
    ASSERT_NO_FATAL_FAILURE(Match("kthread_check_before_set", folder, level, FindingsOf(losses, "check-before-sleep")));
    EXPECT_EQ(Losing(), 0u);
    EXPECT_GT(match_.Counts()[static_cast<size_t>(SleepVerdict::kBoth)], 0u);
  }
}

// None of these recordings holds a kthread_stop() that was lost.
TEST_F(ProtocolRecordings, NoLossAgainstKthreadStopIsSeenWhereThereIsNone) {
  for (const char* name : {"belt_a-1005", "form_a-1010", "form_b-1011", "form_c-1012", "mail_a-1000"}) {
    ASSERT_NO_FATAL_FAILURE(Match("kthread_stop_check_before_set", lab_ / name, 1, {}));
    EXPECT_GT(match_.sleeps.size(), 0u) << name;
    EXPECT_EQ(Losing(), 0u) << name;
  }
}

}  // namespace
}  // namespace wakewatch
