// Why: `wakewatch record -- COMMAND` records while a command runs. The command is forked before the recording begins
// and held back until events are being taken, so that nothing of it is missed.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

class ChildCommand {
 public:
  // Forks; the child waits for Release(). `ended` is set when it has exited; it must outlive this object.
  static Result<std::unique_ptr<ChildCommand>> Hold(std::vector<std::string> command, std::atomic<bool>* ended);
  // Ends the command if it still runs (SIGTERM, after two seconds SIGKILL).
  ~ChildCommand();
  ChildCommand(const ChildCommand&) = delete;
  ChildCommand& operator=(const ChildCommand&) = delete;

  // Lets it run. Further calls do nothing.
  void Release();
  // "exited with status 3", "was killed by signal 9", "was still running". After End().
  std::string Outcome() const;
  // Ends it as the destructor does.
  void End();

 private:
  ChildCommand(pid_t pid, int gate, std::atomic<bool>* ended);
  void Wait(std::atomic<bool>* ended);

  pid_t pid_;
  int gate_;  // -1 once released
  std::atomic<bool> exited_{false};
  bool terminated_ = false;
  int status_ = 0;
  std::thread waiter_;
};

}  // namespace wakewatch
