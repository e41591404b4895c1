// Why: complete_all() leaves a completion complete for good. Who uses it for another round without reinit_completion()
// waits for nothing: the waiter passes before the work is done. No sleep shows it; the probes of the waits do. A
// completion that is completed once and then passed by everybody is a gate and no mistake, so a pass is told when the
// same completion is completed by complete_all() once more behind it: there was a next round to wait for. Source:
// kernel/sched/completion.c: complete_all() sets done to UINT_MAX, wait_for_common() leaves that as it is.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/checks/check.h"

namespace wakewatch {

class PrematureCompletion : public Check {
 public:
  explicit PrematureCompletion(const CheckInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Save(ArchiveWriter& archive) const override { archive(objects_); }
  void Load(ArchiveReader& archive) override { archive(objects_); }

  static const CheckInfo kInfo;

 private:
  // A wait that was over before it began.
  struct Pass {
    uint64_t ns = 0;
    uint32_t cpu = 0;
    int32_t pid = 0;
    std::string comm;
    static void Fields(auto& self, auto& archive) { archive(self.ns, self.cpu, self.pid, self.comm); }
  };
  struct Object {
    uint64_t completed_ns = 0;  // the last complete_all()
    uint32_t cpu = 0;
    std::vector<Pass> passes;  // since then
    static void Fields(auto& self, auto& archive) { archive(self.completed_ns, self.cpu, self.passes); }
  };
  static constexpr size_t kObjectsMax = 4096, kPassesMax = 8;

  void OnWait(const Step& step);
  void OnCompleteAll(const Event& event);
  void Report(const Pass& pass, const Object& object, const Event& event);

  const CheckInput input_;
  std::map<uint64_t, Object> objects_;
};

}  // namespace wakewatch
