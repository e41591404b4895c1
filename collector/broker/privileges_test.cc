#include "collector/broker/privileges.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

#include "collector/broker/broker_process.h"
#include "collector/broker/syscall_filter.h"
#include "collector/file_io.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

// The wait status of a process that does `what` and ends with its answer.
template <typename What>
int InAnotherProcess(What what) {
  const pid_t child = fork();
  if (child == 0) _exit(what());
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// The value behind `key` in the text of a status file.
std::string Value(const std::string& status, const std::string& key) {
  const size_t at = status.find("\n" + key + ":\t");
  if (at == std::string::npos) return "missing";
  const size_t begin = at + key.size() + 3;
  return status.substr(begin, status.find('\n', begin) - begin);
}

TEST(FindUser, TakesThePreparedOneOrNobodyAndNeverRoot) {
  const auto nobody = FindUser("");
  ASSERT_TRUE(nobody) << nobody.error().Text();
  EXPECT_NE(nobody->uid, 0u);
  const auto root = FindUser("root");
  ASSERT_FALSE(root);
  EXPECT_THAT(root.error().Text(), HasSubstr("all privileges"));
  const auto missing = FindUser("no-such-user");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().Text(), HasSubstr("useradd"));
}

TEST(GiveUpPrivileges, LeavesNothingAndNoWayBack) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to drop it";
  const int status = InAnotherProcess([] {
    if (!GiveUpPrivileges({"nobody", 65534, 65534})) return 1;
    const std::string text = ReadTextFile("/proc/self/status").value_or("");
    if (Value(text, "Uid") != "65534\t65534\t65534\t65534" || Value(text, "Gid") != "65534\t65534\t65534\t65534")
      return 2;
    if (Value(text, "Groups").find_first_not_of(' ') != std::string::npos) return 3;
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
      if (Value(text, set) != "0000000000000000") return 4;
    }
    if (Value(text, "NoNewPrivs") != "1" || Value(text, "Seccomp") != "2") return 5;
    if (setresuid(0, 0, 0) == 0 || open("/sys/kernel/tracing/trace", O_RDONLY) >= 0) return 6;
    return 0;
  });
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
}

TEST(ConfineClient, RefusesWhatAClientOfTheNetworkDoesNotNeed) {
  const int status = InAnotherProcess([] {
    if (!KeepCapabilities({}) || !ConfineClient()) return 1;
    const auto refused = [](long answer) { return answer < 0 && errno == EPERM; };
    char* const nothing[] = {nullptr};
    if (!refused(execve("/bin/true", nothing, nothing))) return 2;
    if (!refused(unshare(CLONE_NEWUSER)) || !refused(socket(AF_PACKET, SOCK_RAW, 0))) return 3;
    if (!refused(socket(AF_VSOCK, SOCK_STREAM, 0)) || !refused(socket(4711, SOCK_STREAM, 0))) return 4;
    if (!refused(mount("none", "/mnt", "tmpfs", 0, nullptr))) return 5;
    if (mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 6;
    for (const int family : {AF_UNIX, AF_INET}) {
      if (socket(family, SOCK_STREAM, 0) < 0) return 7;
    }
    bool ran = false;
    std::thread([&ran] { ran = true; }).join();
    return ran ? 0 : 8;
  });
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
}

TEST(ConfineBroker, AllowsItsVerbsOnlyAndEndsWhoTriesMore) {
  const int status = InAnotherProcess([] {
    if (!KeepCapabilities({}) || !ConfineBroker()) return 1;
    if (!ReadTextFile("/proc/self/status") || !ListFolder("/proc")) return 2;
    if (chmod("/no/such/file", 0) == 0 || errno != EPERM) return 3;
    if (mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 4;
    return 0;
  });
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);

  const auto ends = [](auto what) {
    const int ended = InAnotherProcess([&] {
      const rlimit no_core{0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      if (!KeepCapabilities({}) || !ConfineBroker()) return 1;
      what();
      return 0;
    });
    return WIFSIGNALED(ended) && WTERMSIG(ended) == SIGSYS;
  };
  EXPECT_TRUE(ends([] { (void)socket(AF_INET, SOCK_STREAM, 0); }));
  EXPECT_TRUE(ends([] { (void)connect(0, nullptr, 0); }));
  EXPECT_TRUE(ends([] { (void)fork(); }));
  EXPECT_TRUE(ends([] {
    char* const nothing[] = {nullptr};
    (void)execve("/bin/true", nothing, nothing);
  }));
}

TEST(BrokerProcess, HasOneSocketFewCapabilitiesAndEndsWithItsClient) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Warnings warnings;
  const auto tracefs = FindTracefs("", &warnings);
  if (!tracefs) GTEST_SKIP() << tracefs.error().Text();
  BrokerStart start;
  start.tracefs = *tracefs;
  start.instance_prefix = "wakewatch-test";
  start.limits.buffers = {64, 4};
  auto broker = BrokerProcess::Start(start);
  ASSERT_TRUE(broker) << broker.error().Text();
  const auto setup = (*broker)->access()->Prepare({.buffers = {64, 4}});
  ASSERT_TRUE(setup) << setup.error().Text();
  EXPECT_FALSE(setup->cpus.empty());
  const std::string owner = "wakewatch-test-" + std::to_string(getpid()) + "-";
  const auto instances = [&] {
    const auto names = *ListFolder(*tracefs + "/instances");
    return std::count_if(names.begin(), names.end(), [&](const auto& name) { return name.starts_with(owner); });
  };
  EXPECT_EQ(instances(), 1) << "it bears the pid of the client";
  EXPECT_FALSE((*broker)->access()->Prepare({.buffers = {64, 4}})) << "one is enough";
  Status raised, others;
  std::thread([&] {
    raised = (*broker)->access()->RaisePriority(gettid());
    others = (*broker)->access()->RaisePriority(getppid());
    EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())), -10);
  }).join();
  EXPECT_TRUE(raised) << raised.error().Text();
  EXPECT_FALSE(others) << "the thread of another process";

  const std::string folder = "/proc/" + std::to_string((*broker)->pid());
  const std::string status = *ReadTextFile(folder + "/status");
  EXPECT_EQ(Value(status, "Seccomp"), "2");
  EXPECT_EQ(Value(status, "NoNewPrivs"), "1");
  EXPECT_EQ(Value(status, "CapBnd"), "0000000000000000");
  EXPECT_EQ(Value(status, "CapEff"), "0000000400a80004") << "syslog, sys_nice, sys_admin, sys_ptrace, dac_read_search";
  int sockets = 0, buffers = 0, all = 0;
  const auto descriptors = ListFolder(folder + "/fd");
  ASSERT_TRUE(descriptors);
  for (const std::string& fd : *descriptors) {
    if (std::stoi(fd) <= 2) continue;
    char target[64] = {};
    ASSERT_GT(readlink((folder + "/fd/" + fd).c_str(), target, sizeof target - 1), 0);
    sockets += std::string_view(target).starts_with("socket:");
    buffers += std::string_view(target).starts_with(*tracefs + "/instances/" + owner);
    EXPECT_EQ(sockets + buffers, ++all) << target;
  }
  EXPECT_EQ(sockets, 1);
  EXPECT_LE(buffers, 1) << "free_buffer, which the kernel closes when the broker is killed";
  broker->reset();
  EXPECT_EQ(instances(), 0) << "it was removed when the client hung up";
}

TEST(BrokerProcess, TellsWhyItCannotStart) {
  BrokerStart start;
  start.tracefs = "/proc";
  const auto broker = BrokerProcess::Start(start);
  ASSERT_FALSE(broker);
  EXPECT_THAT(broker.error().Text(), HasSubstr("not a tracing folder"));
}

}  // namespace
}  // namespace wakewatch
