#include "collector/broker/broker_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>

#include "collector/broker/broker_client.h"
#include "collector/broker/packet_socket.h"
#include "collector/broker/syscall_filter.h"
#include "collector/file_io.h"
#include "collector/local_access.h"

namespace wakewatch {
namespace {

// The first word of the broker: what was said while it started, or why it did not.
struct Greeting {
  bool failed = false;
  ErrorMessage error;
  Warnings warnings;
  static void Fields(auto& self, auto& archive) { archive(self.failed, self.error, self.warnings); }
};

void Say(const std::string& text) { (void)std::fprintf(stderr, "wakewatch-collector (broker): %s\n", text.c_str()); }

// What the parent had open is none of the broker's business. Standard error stays, for what it has to say at its end.
void CloseAllBut(int kept) {
  const auto open_ones = ListFolder("/proc/self/fd").value_or(std::vector<std::string>());
  for (const std::string& name : open_ones) {
    uint64_t fd = 0;
    if (ParseUnsigned(name, &fd) && fd > 2 && static_cast<int>(fd) != kept) close(static_cast<int>(fd));
  }
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0) return;
  (void)dup2(nothing, STDIN_FILENO);
  (void)dup2(nothing, STDOUT_FILENO);
  if (nothing > 2) close(nothing);
}

// Signals of the terminal and the service's reach both halves; the broker ends with the other one, behind it.
void IgnoreSignals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) signal(number, SIG_IGN);
}

// The other half may have been killed: its pipes are closed one by one, behind its socket.
void RemoveAll(LocalAccess* access) {
  constexpr std::chrono::milliseconds kPatience{10'000}, kPause{10};
  const auto until = std::chrono::steady_clock::now() + kPatience;
  Warnings left = access->Remove();
  while (!left.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kPause);
    left = access->Remove();
  }
  for (const std::string& text : left) Say(text);
}

Result<std::unique_ptr<LocalAccess>> Ready(const BrokerStart& start, InstanceOwner owner, Warnings* warnings) {
  auto tracefs = FindTracefs(start.tracefs, warnings);
  if (!tracefs) return Fail(tracefs.error());
  // tracefs belongs to root, who the broker still is; stacks, wchan, the addresses in kallsyms and the reader's nice
  // value need the rest.
  if (auto kept = KeepCapabilities({CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYSLOG, CAP_SYS_NICE, CAP_DAC_READ_SEARCH});
      !kept) {
    return Fail(kept.error());
  }
  if (auto confined = ConfineBroker(); !confined) return Fail(confined.error());
  return std::make_unique<LocalAccess>(*std::move(tracefs), start.instance_prefix, owner);
}

int RunBroker(const BrokerStart& start, InstanceOwner owner, int socket) {
  Greeting greeting;
  auto access = Ready(start, owner, &greeting.warnings);
  greeting.failed = !access;
  if (!access) greeting.error = ErrorMessage{access.error()};
  ArchiveWriter packet;
  packet(greeting);
  const auto greeted = SendPacket(socket, packet.Take(), -1);
  if (!access || !greeted) return 1;
  BrokerLimits limits = start.limits;
  limits.client = owner.pid;
  Broker broker(limits, access->get());
  broker.Serve(socket);
  if (const auto left = broker.StopAndCount(); !left.empty()) {
    Say("the other half has ended before its recording had; in the instance " + TextOf(left));
  }
  RemoveAll(access->get());
  if (broker.refused() > 0) Say(std::to_string(broker.refused()) + " requests made no sense and were refused");
  return 0;
}

}  // namespace

Result<std::unique_ptr<BrokerProcess>> BrokerProcess::Start(const BrokerStart& start) {
  const auto owner = ThisProcess();
  if (!owner) return Fail(owner.error());
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return Fail(ErrnoError(errno, "cannot make a pair of sockets", {}));
  }
  Descriptor ours(pair[0]), theirs(pair[1]);
  const pid_t pid = fork();
  if (pid < 0) return Fail(ErrnoError(errno, "cannot start the privileged half of the collector", {}));
  if (pid == 0) {
    int code = 1;
    try {
      IgnoreSignals();
      CloseAllBut(theirs.get());
      (void)prctl(PR_SET_NAME, "wakewatch-brokr", 0, 0, 0);
      code = RunBroker(start, *owner, theirs.get());
    } catch (const std::exception& exception) {
      Say(exception.what());
    }
    _exit(code);
  }
  theirs.Close();
  constexpr std::chrono::milliseconds kPatience{60'000};
  constexpr size_t kGreetingBytesMax = 64u << 10;
  const auto packet = ReceivePacket(ours.get(), kGreetingBytesMax, false, kPatience);
  Greeting greeting;
  if (packet) {
    ArchiveReader reader(packet->bytes);
    reader(greeting);
  }
  if (!packet || greeting.failed) {
    ours.Close();
    (void)waitpid(pid, nullptr, 0);
    return Fail(packet ? static_cast<const Error&>(greeting.error) : packet.error());
  }
  auto access = std::make_unique<BrokerClient>(std::move(ours), std::move(greeting.warnings));
  return std::unique_ptr<BrokerProcess>(new BrokerProcess(pid, std::move(access)));
}

BrokerProcess::~BrokerProcess() {
  access_.reset();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status GiveUpPrivileges(const UserIds& user) {
  if (auto became = BecomeUser(user); !became) return became;
  return ConfineClient();
}

}  // namespace wakewatch
