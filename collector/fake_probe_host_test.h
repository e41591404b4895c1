// Why: a folder that looks like a kernel with kprobe events, BTF and symbols, for tests of what is placed there. Its
// files only take what is written: a definition that is removed is still in the list, with a "-:" behind it.
#pragma once

#include <string>

#include "collector/btf_builder_test.h"
#include "collector/probe_definitions.h"
#include "collector/test_folder.h"

namespace wakewatch {

class FakeProbeHost {
 public:
  static constexpr char kReadme[] =
      "tracing mini-HOWTO:\n\t   Format: p[:[<group>/][<event>]] <place> [<args>]\n"
      "\t           f[:[<group>/][<event>]] <func-name>[%return] [<args>]\n"
      "\t           $stack<index>, $stack, $retval, $comm, $arg<N>,\n";
  static constexpr char kSomebodyElses[] = "p:lab/mine schedule\np:wakewatch/not_ours schedule\n";

  explicit FakeProbeHost(const SmallKernel& kernel = {}) {
    folder.Folder("instances/own/events");
    folder.Write("README", kReadme);
    folder.Write("kprobe_events", kSomebodyElses);
    folder.Write("vmlinux", SmallKernelTypes(kernel));
    std::string symbols;
    for (const char* function :
         {"try_to_wake_up", "__wake_up", "complete", "complete_all", "wait_for_completion",
          "wait_for_completion_timeout", "wait_for_completion_interruptible", "wait_for_completion_killable",
          "prepare_to_wait_event", "prepare_to_wait", "prepare_to_wait_exclusive", "finish_wait", "add_wait_queue",
          "add_wait_queue_exclusive", "remove_wait_queue", "kthread_stop", "__queue_work"}) {
      symbols += std::string("ffffffff81000000 T ") + function + "\n";
    }
    folder.Write("kallsyms", symbols);
  }

  ProbeHost host(const std::string& machine = "x86_64") const {
    return {folder.path(), folder.path() + "/vmlinux", folder.path() + "/kallsyms", machine};
  }
  std::string placed() const { return folder.Read("kprobe_events"); }

  TestFolder folder;
};

}  // namespace wakewatch
