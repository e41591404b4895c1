#include "analysis/checks/premature_completion.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

constexpr uint64_t kDone = 0x2000;

Script& All(Script& script, uint64_t ns, uint32_t done) {
  return script.On(1).Probe(ns, EventType::kProbeCompleteAll, 5, {kDone, kDone + 16, 0, 0, 0, done});
}
Script& Wait(Script& script, uint64_t ns, uint32_t done, int32_t pid = 7) {
  return script.On(0).Probe(ns, EventType::kProbeCompletionWait, pid, {kDone, 0, 0, 0, 0, done});
}

TEST(PrematureCompletion, Stories) {
  const auto begin = [] { return Script().On(0).Switch(1, 0, kRunnable, 7); };
  Script reused = begin(), gate = begin(), initialised = begin(), user = begin(), gap = begin();
  All(reused, 10, 0), Wait(reused, 20, UINT32_MAX), All(reused, 30, UINT32_MAX), Wait(reused, 40, UINT32_MAX);
  All(gate, 10, 0), Wait(gate, 20, UINT32_MAX), Wait(gate, 30, UINT32_MAX);
  All(initialised, 10, 0), Wait(initialised, 20, 0), All(initialised, 30, 0), Wait(initialised, 40, UINT32_MAX);
  user.Switch(5, 7, kSleepS, 8);
  All(user, 10, 0), Wait(user, 20, UINT32_MAX, 8), All(user, 30, UINT32_MAX);
  All(gap, 10, 0), Wait(gap, 20, UINT32_MAX).Gap(22, 25), All(gap, 30, UINT32_MAX);
  const struct {
    const char* name;
    const Script& script;
    const char* told;
  } rows[] = {
      {"completed once more behind the pass", reused, "completion-reinit 7 20..30; "},
      {"a gate that is open for good", gate, ""},
      {"initialised again between the rounds", initialised, ""},
      {"a user task", user, ""},
      {"a gap: it may have been initialised in it", gap, ""},
  };
  for (const auto& row : rows) {
    CheckRun run(PrematureCompletion::kInfo);
    run.input().AddThread(7, "loader", kPfKthreadFlag);
    EXPECT_EQ(row.told, run.Play(row.script).Told()) << row.name;
  }
}

}  // namespace
}  // namespace wakewatch
