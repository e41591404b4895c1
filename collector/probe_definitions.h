// Why: what the tracepoints cannot show (a wake that was refused, a queue that was empty, a completion nobody waited
// for) is seen by probes on the functions themselves. This is the one list of them: which function, which fields. It
// places nothing. Source: Documentation/trace/kprobetrace.rst and fprobetrace.rst,
// kernel/sched/{core,wait,completion}.c, kernel/workqueue.c, kernel/kthread.c.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "collector/btf_layout.h"

namespace wakewatch {

inline constexpr std::string_view kProbeGroup = "wakewatch";

struct ProbeDefinition {
  std::string name, function;
  bool on_return = false;
  std::string fields;  // "wq=$arg1:x64 mode=$arg2:x32"

  static void Fields(auto& self, auto& archive) { archive(self.name, self.function, self.on_return, self.fields); }
  std::string event() const;       // "wakewatch/ttwu"
  std::string KprobeText() const;  // a line for kprobe_events
  std::string FprobeText() const;  // a line for dynamic_events
};

// A probe that is not there, and why.
struct MissingProbe {
  std::string name, cause;
  static void Fields(auto& self, auto& archive) { archive(self.name, self.cause); }
};

// How a function's arguments are named in a definition.
class ArgumentNames {
 public:
  // `readme` is the text of README in tracefs, `machine` that of uname. Errors: kUnsupported (neither the kernel nor we
  // know where this architecture passes arguments).
  static Result<ArgumentNames> For(std::string_view readme, const std::string& machine);
  const std::string& operator[](size_t argument) const { return names_[argument]; }  // from 0

 private:
  std::vector<std::string> names_;
};

struct ProbePlan {
  std::vector<ProbeDefinition> probes;
  std::vector<MissingProbe> missing;
  std::vector<std::string> remarks;       // what a reader of the events must know
  std::string refusal;                    // why none at all can be placed; empty: some can
  bool kprobes = false, fprobes = false;  // the kernel takes such definitions
};

// Where what a plan rests on is looked up.
struct ProbeHost {
  std::string tracefs;
  std::string btf = "/sys/kernel/btf/vmlinux";
  std::string kallsyms = "/proc/kallsyms";
  std::string machine = {};  // empty: this one's
};

// Reads only.
ProbePlan PlanProbes(const ProbeHost& host);

// Names of all probes that any kernel may have.
std::vector<std::string> AllProbeNames();

}  // namespace wakewatch
