#include "collector/broker/syscall_filter.h"

#include <linux/sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>

namespace wakewatch {
namespace {

constexpr uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);

// A name that this architecture or this libseccomp does not have needs no rule.
constexpr const char* kBrokerAllowed[] = {
    // Files of tracefs and proc; answers.
    "read",
    "readv",
    "write",
    "writev",
    "pread64",
    "lseek",
    "open",
    "openat",
    "close",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "fstatat64",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents",
    "getdents64",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlinkat",
    "fcntl",
    "flock",
    "memfd_create",
    "ftruncate",
    "dup",
    "sendmsg",
    "recvmsg",
    "poll",
    "ppoll",
    // Memory, time, the end.
    "brk",
    "munmap",
    "mremap",
    "madvise",
    "futex",
    "sched_yield",
    "getrandom",
    "clock_gettime",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "restart_syscall",
    "exit",
    "exit_group",
    "getpid",
    "gettid",
    "getppid",
    "geteuid",
    "getuid",
    "uname",
    "sysinfo",
    // Buffers are grown from each CPU in turn.
    "sched_getaffinity",
    "setpriority",
    "sched_setaffinity",
    "getcpu",
    "rseq",
    "set_robust_list",
};
constexpr const char* kBrokerFatal[] = {
    "socket", "socketpair", "connect", "bind",   "listen", "accept", "accept4",    "execve",      "execveat",
    "fork",   "vfork",      "clone",   "clone3", "ptrace", "bpf",    "kexec_load", "init_module", "finit_module",
};
constexpr const char* kClientRefused[] = {
    // Programs and other processes.
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "kcmp",
    "process_madvise",
    // The system.
    "mount",
    "umount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "fsconfig",
    "fspick",
    "mount_setattr",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "swapon",
    "swapoff",
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "acct",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "personality",
    "vhangup",
    "nfsservctl",
    "lookup_dcookie",
    // Users and clocks.
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "capset",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "stime",
    // Large and seldom needed parts of the kernel.
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "keyctl",
    "add_key",
    "request_key",
    "name_to_handle_at",
    "open_by_handle_at",
    "fanotify_init",
    "mknod",
    "mknodat",
    "move_pages",
    "migrate_pages",
    "mbind",
    "set_mempolicy",
    "vmsplice",
    "modify_ldt",
    "uselib",
};

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

// Rules one behind the other; the first that fails is the error.
class Rules {
 public:
  explicit Rules(uint32_t otherwise) : filter_(seccomp_init(otherwise)) { failed_ = filter_ ? 0 : ENOMEM; }

  template <typename... Comparisons>
  void Add(uint32_t action, const char* name, Comparisons... comparisons) {
    const int number = seccomp_syscall_resolve_name(name);
    if (failed_ != 0 || number == __NR_SCMP_ERROR) return;
    failed_ = -seccomp_rule_add(filter_.get(), action, number, sizeof...(comparisons), comparisons...);
    if (failed_ != 0) what_ = name;
  }
  Status Load() {
    if (failed_ == 0) failed_ = -seccomp_load(filter_.get());
    if (failed_ == 0) return {};
    Error error = ErrnoError(failed_, "cannot confine system calls" + (what_.empty() ? "" : " (" + what_ + ")"), {});
    error.remedy = "the kernel needs CONFIG_SECCOMP_FILTER, and a container must allow seccomp; or use --no-drop";
    return Fail(std::move(error));
  }

 private:
  Filter filter_;
  int failed_ = 0;
  std::string what_;
};

}  // namespace

Status ConfineBroker() {
  Rules rules(kRefuse);
  for (const char* name : kBrokerAllowed) rules.Add(SCMP_ACT_ALLOW, name);
  for (const char* name : kBrokerFatal) rules.Add(SCMP_ACT_KILL_PROCESS, name);
  // No memory that can be both written and run, nor be made to run.
  for (const char* name : {"mmap", "mmap2", "mprotect"}) {
    rules.Add(SCMP_ACT_ALLOW, name, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  }
  return rules.Load();
}

Status ConfineClient() {
  Rules rules(SCMP_ACT_ALLOW);
  for (const char* name : kClientRefused) rules.Add(kRefuse, name);
  // A new user namespace would give its maker all capabilities in it. What clone3 takes cannot be looked into: the C
  // library falls back to clone where it is not there.
  rules.Add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  for (const uint64_t flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS}) {
    rules.Add(kRefuse, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
  }
  constexpr uint64_t kLastFamily = 64;  // there are fewer
  for (uint64_t family = 0; family <= kLastFamily; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    rules.Add(kRefuse, "socket", SCMP_A0(SCMP_CMP_EQ, family));
  }
  rules.Add(kRefuse, "socket", SCMP_A0(SCMP_CMP_GT, kLastFamily));
  for (const char* name : {"mmap", "mprotect"}) {
    rules.Add(kRefuse, name, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE));
  }
  return rules.Load();
}

}  // namespace wakewatch
