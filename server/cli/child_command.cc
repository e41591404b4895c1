#include "server/cli/child_command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "server/cli/interrupt.h"

namespace wakewatch {
namespace {

constexpr int kNotStarted = 127;  // as a shell answers for a command that cannot be run

// In the child, between fork and exec: only calls that are safe there. `program` is the message's subject.
[[noreturn]] void RunChild(int gate, char* const* arguments, const std::string& cannot_run) {
  char go = 0;
  ssize_t got;
  while ((got = ::read(gate, &go, 1)) < 0 && errno == EINTR) {
  }
  if (got != 1) _exit(kNotStarted);  // the recording did not start
  RestoreSignals();
  ::execvp(arguments[0], arguments);
  [[maybe_unused]] const ssize_t said = ::write(STDERR_FILENO, cannot_run.data(), cannot_run.size());
  _exit(kNotStarted);
}

}  // namespace

Result<std::unique_ptr<ChildCommand>> ChildCommand::Hold(std::vector<std::string> command, std::atomic<bool>* ended) {
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const std::string cannot_run = "wakewatch: error: cannot run " + command.front() + "\n";
  int gate[2];
  if (::pipe2(gate, O_CLOEXEC) != 0) return Fail(ErrnoError(errno, "cannot make a pipe", ""));
  const pid_t pid = ::fork();
  if (pid < 0) {
    const int saved = errno;
    ::close(gate[0]);
    ::close(gate[1]);
    return Fail(ErrnoError(saved, "cannot start a process", command.front()));
  }
  if (pid == 0) {
    ::close(gate[1]);
    RunChild(gate[0], arguments.data(), cannot_run);
  }
  ::close(gate[0]);
  return std::unique_ptr<ChildCommand>(new ChildCommand(pid, gate[1], ended));
}

ChildCommand::ChildCommand(pid_t pid, int gate, std::atomic<bool>* ended)
    : pid_(pid), gate_(gate), waiter_([this, ended] { Wait(ended); }) {}

void ChildCommand::Wait(std::atomic<bool>* ended) {
  // WNOWAIT keeps the pid ours until End() has seen exited_, so no signal can reach a stranger.
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  exited_ = true;
  *ended = true;
}

void ChildCommand::Release() {
  if (gate_ < 0) return;
  const char go = 1;
  [[maybe_unused]] const ssize_t written = ::write(gate_, &go, 1);  // fails only when the child is gone already
  ::close(gate_);
  gate_ = -1;
}

void ChildCommand::End() {
  if (!waiter_.joinable()) return;
  constexpr auto kStep = std::chrono::milliseconds(10);
  constexpr int kStepsBeforeKill = 200;
  if (gate_ >= 0) {  // never released: the child sees the end of the pipe and leaves
    ::close(gate_);
    gate_ = -1;
  } else if (!exited_) {
    terminated_ = true;
    ::kill(pid_, SIGTERM);
  }
  for (int step = 0; !exited_ && step < kStepsBeforeKill; ++step) std::this_thread::sleep_for(kStep);
  if (!exited_) ::kill(pid_, SIGKILL);
  waiter_.join();
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
}

ChildCommand::~ChildCommand() { End(); }

std::string ChildCommand::Outcome() const {
  if (terminated_) return "was still running and has been ended";
  if (WIFSIGNALED(status_)) return "was killed by signal " + std::to_string(WTERMSIG(status_));
  return "exited with status " + std::to_string(WEXITSTATUS(status_));
}

}  // namespace wakewatch
