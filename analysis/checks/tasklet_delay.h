// Why: a tasklet waits for its softirq and then for the tasklets in front of it. Every tasklet_schedule() appends to
// its CPU's list and raises the vector, so the n-th raise belongs to the n-th tasklet that runs. A tasklet that is
// disabled or runs elsewhere is put back and raised again: then the numbers of a run differ, and none of its pairs is
// believed. Source: kernel/softirq.c: __tasklet_schedule_common(), tasklet_action_common(). Events
// tasklet_entry/exit: 6.5+.
#pragma once

#include <array>
#include <vector>

#include "analysis/checks/check.h"
#include "analysis/checks/function_table.h"

namespace wakewatch {

class TaskletDelay : public Check {
 public:
  explicit TaskletDelay(const CheckInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Summarise(uint64_t end_ns, Summaries* summaries) const override;
  void Save(ArchiveWriter& archive) const override { Fields(*this, archive); }
  void Load(ArchiveReader& archive) override { Fields(*this, archive); }

  static const CheckInfo kInfo;

 private:
  static constexpr size_t kLists = 2;         // HI and TASKLET
  static constexpr size_t kRaisesMax = 4096;  // in one list, and entries of one run; beyond it they are void

  struct Raise {
    uint64_t ns = 0;
    WakeContext context = WakeContext::kUnknown;
    int32_t pid = 0;
    static void Fields(auto& self, auto& archive) { archive(self.ns, self.context, self.pid); }
  };
  struct Entry {
    uint64_t ns = 0, exit_ns = 0, tasklet = 0, function = 0;
    int32_t pid = 0;  // on whose top it ran
    std::string comm;
    static void Fields(auto& self, auto& archive) {
      archive(self.ns, self.exit_ns, self.tasklet, self.function, self.pid, self.comm);
    }
  };
  struct List {
    std::vector<Raise> waiting;  // for the next run
    std::vector<Raise> taken;    // by the run that goes on
    std::vector<Entry> entered;  // in the run that goes on
    bool running = false;
    bool whole = false;  // every raise since the last run was seen
    static void Fields(auto& self, auto& archive) {
      archive(self.waiting, self.taken, self.entered, self.running, self.whole);
    }
  };
  struct Function {
    Histogram raise_to_entry_ns, run_ns;
    static void Fields(auto& self, auto& archive) { archive(self.raise_to_entry_ns, self.run_ns); }
  };
  static void Fields(auto& self, auto& archive) { archive(self.cpus_, self.functions_); }

  void OnRaise(const Event& event, List* list);
  void OnRunEnd(const Event& event, List* list);
  void OnEntry(const Step& step, List* list);
  void OnExit(const Event& event, List* list);
  List* Running(uint32_t cpu);
  void Report(uint32_t cpu, const Raise& raise, const List& list, size_t at);

  const CheckInput input_;
  std::vector<std::array<List, kLists>> cpus_;
  FunctionTable<Function> functions_;
};

}  // namespace wakewatch
