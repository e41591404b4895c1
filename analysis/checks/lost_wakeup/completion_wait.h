// Why: what is known of a thread that entered wait_for_completion(), for the classes that accuse its waker.
#pragma once

#include <cstdint>
#include <string>

#include "analysis/checks/lost_wakeup/verdict.h"

namespace wakewatch {

// A complete() or complete_all().
struct CompleteCall {
  uint64_t ns = 0;  // 0: none
  uint32_t cpu = 0;
  int32_t pid = -1;  // -1: an interrupt
  std::string comm;
  static void Fields(auto& self, auto& archive) { archive(self.ns, self.cpu, self.pid, self.comm); }
};

struct CompletionWait {
  uint64_t object = 0;
  uint64_t ns = 0;  // it entered
  uint32_t cpu = 0;
  int32_t pid = 0;
  uint64_t sleep_ns = 0;  // 0: it does not sleep yet
  bool wiped = false;     // `complete` came before, and its done was gone when it entered
  bool unlisted = false;  // `complete` came while it slept, and found an empty list
  bool told = false;      // as wiped, at its deadline
  CompleteCall complete;
  static void Fields(auto& self, auto& archive) {
    archive(self.object, self.ns, self.cpu, self.pid, self.sleep_ns, self.wiped, self.unlisted, self.told,
            self.complete);
  }
};

}  // namespace wakewatch
