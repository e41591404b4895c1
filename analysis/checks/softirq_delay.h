// Why: a softirq that waits delays timers, packets, block completions. softirq_raise is per CPU and vector and
// coalesces: the first raise starts the clock, later ones join it. Where it then ran tells why it waited: at an
// interrupt's exit, at the end of a bottom-half section, or in ksoftirqd. Source: kernel/softirq.c:
// __raise_softirq_irqoff(), __do_softirq() (takes all pending vectors at once, then runs them in ascending order),
// irq_exit(), run_ksoftirqd().
#pragma once

#include <array>
#include <vector>

#include "analysis/checks/check.h"
#include "analysis/model/softirq_name.h"

namespace wakewatch {

class SoftirqDelay : public Check {
 public:
  explicit SoftirqDelay(const CheckInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Summarise(uint64_t end_ns, Summaries* summaries) const override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const CheckInfo kInfo;

 private:
  struct Raise {
    uint64_t ns = 0;  // 0: not pending
    WakeContext context = WakeContext::kUnknown;
    int32_t pid = 0;
    CpuUsage usage;
    static void Fields(auto& self, auto& archive) { archive(self.ns, self.context, self.pid, self.usage); }
  };
  struct Cpu {
    std::array<Raise, kSoftirqVectors> pending;  // raised since the last time all were taken
    std::array<Raise, kSoftirqVectors> taken;    // by the run that goes on
    bool in_ksoftirqd = false;                   // the run that goes on
    static void Fields(auto& self, auto& archive) { archive(self.pending, self.taken, self.in_ksoftirqd); }
  };
  struct Vector {
    Histogram raise_to_entry_ns;
    uint64_t in_ksoftirqd = 0, entries = 0, voided = 0;
    static void Fields(auto& self, auto& archive) {
      archive(self.raise_to_entry_ns, self.in_ksoftirqd, self.entries, self.voided);
    }
  };
  static void Fields(auto& self, auto& archive) { archive(self.cpus_, self.vectors_); }

  Cpu& Of(uint32_t cpu) {
    if (cpu >= cpus_.size()) [[unlikely]]
      cpus_.resize(cpu + 1);
    return cpus_[cpu];
  }
  void OnRaise(const Step& step, Cpu* cpu);
  void OnEntry(const Step& step, Cpu* cpu);
  void OnGap(Cpu* cpu);
  bool StartsInKsoftirqd(const Step& step) const;
  void Report(const Step& step, const Raise& raise, bool in_ksoftirqd);

  const CheckInput input_;
  std::vector<Cpu> cpus_;
  std::array<Vector, kSoftirqVectors> vectors_;
};

}  // namespace wakewatch
