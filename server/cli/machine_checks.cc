#include "server/cli/machine_checks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "analysis/report/printable.h"
#include "collector/probe_definitions.h"

namespace wakewatch {
namespace {

constexpr const char* kRunAsRoot = "run it as root: sudo wakewatch doctor";

// The front of a file, at most `bytes_max`; nothing, with errno set, when it cannot be read.
std::optional<std::string> ReadFront(const std::string& path, size_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text(bytes_max, '\0');
  size_t size = 0;
  while (size < bytes_max) {
    const ssize_t got = ::read(fd, text.data() + size, bytes_max - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  ::close(fd);
  text.resize(size);
  return text;
}

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

MachineCheck KernelCheck() {
  utsname name = {};
  ::uname(&name);
  return {"kernel", Health::kOk, fmt::format("{} {} on {}", name.sysname, name.release, name.machine), ""};
}

MachineCheck PrivilegeCheck() {
  if (::geteuid() == 0) return {"privileges", Health::kOk, "root", ""};
  return {"privileges", Health::kFail, fmt::format("user id {}; tracefs is for root", ::geteuid()), kRunAsRoot};
}

MachineCheck TracefsCheck(const std::string& tracefs) {
  if (tracefs.empty()) {
    const auto known = ReadFront("/proc/filesystems", 1 << 16);
    if (known && known->find("tracefs") != std::string::npos) {
      return {"tracefs", Health::kWarn, "not mounted", "record mounts it at /sys/kernel/tracing when run as root"};
    }
    return {"tracefs", Health::kFail, "this kernel has no tracefs",
            "run a kernel with CONFIG_FTRACE and CONFIG_EVENT_TRACING; in a container, run on the host"};
  }
  if (::access((tracefs + "/instances").c_str(), F_OK) != 0) {
    const int saved = errno;
    return {"tracefs", Health::kFail, fmt::format("{}/instances: {}", tracefs, std::strerror(saved)),
            saved == EACCES || saved == EPERM ? kRunAsRoot : "mount tracefs, or name it with --tracefs"};
  }
  return {"tracefs", Health::kOk, tracefs, ""};
}

// Makes an instance and removes it: lockdown, a read-only mount and containers show here and nowhere else.
MachineCheck InstanceCheck(const std::string& tracefs) {
  const std::string path = fmt::format("{}/instances/wakewatch-doctor-{}", tracefs, ::getpid());
  if (::mkdir(path.c_str(), 0700) != 0) {
    const int saved = errno;
    std::string remedy = kRunAsRoot;
    if (saved == EROFS) remedy = "remount it: mount -o remount,rw " + tracefs;
    if (::geteuid() == 0 && (saved == EPERM || saved == EACCES)) {
      remedy = "see the lockdown line; in a container, run on the host or with the host's tracefs";
    }
    return {"instance", Health::kFail, fmt::format("cannot make a trace instance: {}", std::strerror(saved)), remedy};
  }
  if (::rmdir(path.c_str()) != 0) {
    return {"instance", Health::kWarn, fmt::format("{} cannot be removed: {}", path, std::strerror(errno)),
            "rmdir " + path};
  }
  return {"instance", Health::kOk, "a private trace instance can be made and removed", ""};
}

MachineCheck ClockCheck(const std::string& tracefs) {
  const auto clocks = ReadFront(tracefs + "/trace_clock", 4096);
  if (!clocks) return {"clock", Health::kFail, fmt::format("trace_clock: {}", std::strerror(errno)), kRunAsRoot};
  // The chosen clock stands in brackets.
  std::istringstream words(*clocks);
  for (std::string word; words >> word;) {
    if (word == "mono" || word == "[mono]") return {"clock", Health::kOk, "mono is available", ""};
  }
  return {"clock", Health::kFail, "this kernel has no mono trace clock: " + FirstLine(*clocks),
          "run kernel 4.1 or newer"};
}

MachineCheck EventsCheck(const std::string& tracefs) {
  std::string missing_needed, missing_useful;
  for (const char* event : {"sched/sched_switch", "sched/sched_waking", "sched/sched_wakeup"}) {
    if (!Exists(tracefs + "/events/" + event)) missing_needed += std::string(" ") + event;
  }
  for (const char* event : {"workqueue/workqueue_execute_start", "irq/softirq_raise", "irq/irq_handler_entry",
                            "timer/timer_start", "sched/sched_process_fork"}) {
    if (!Exists(tracefs + "/events/" + event)) missing_useful += std::string(" ") + event;
  }
  if (!missing_needed.empty()) {
    return {"events", Health::kFail, "missing:" + missing_needed, "run kernel 4.3 or newer with CONFIG_EVENT_TRACING"};
  }
  if (!missing_useful.empty()) {
    return {"events", Health::kWarn, "missing:" + missing_useful, "what rests on them is left out of reports"};
  }
  return {"events", Health::kOk, "scheduler, workqueue, interrupt and timer events are there", ""};
}

MachineCheck FeatureCheck(const std::string& name, const std::string& path, const std::string& with,
                          const std::string& without) {
  return Exists(path) ? MachineCheck{name, Health::kOk, with, ""} : MachineCheck{name, Health::kWarn, without, ""};
}

// Which probes `--evidence deep` would place. Whether the kernel then takes each shows only when it is tried.
MachineCheck EvidenceCheck(const std::string& tracefs) {
  const ProbePlan plan = PlanProbes({.tracefs = tracefs});
  if (!plan.refusal.empty()) {
    return {"deep-evidence", Health::kWarn, "tracepoints only: " + plan.refusal,
            "recording works without; what needs probes stays undecided"};
  }
  std::string found =
      fmt::format("{} of {} probes can be placed", plan.probes.size(), plan.probes.size() + plan.missing.size());
  for (const MissingProbe& probe : plan.missing) found += fmt::format("; {}: {}", probe.name, probe.cause);
  for (const std::string& remark : plan.remarks) found += "; " + remark;
  return {"deep-evidence", plan.missing.empty() && plan.remarks.empty() ? Health::kOk : Health::kWarn, found, ""};
}

MachineCheck SymbolsCheck() {
  const auto restrict_text = ReadFront("/proc/sys/kernel/kptr_restrict", 64);
  const std::string kptr = restrict_text ? FirstLine(*restrict_text) : "unknown";
  const auto symbols = ReadFront("/proc/kallsyms", 1 << 14);
  bool addresses = false;
  std::istringstream lines(symbols.value_or(""));
  for (std::string line; std::getline(lines, line) && !addresses;) {
    addresses = line.substr(0, line.find(' ')).find_first_not_of('0') != std::string::npos;
  }
  if (addresses) return {"symbols", Health::kOk, "kallsyms shows addresses (kptr_restrict " + kptr + ")", ""};
  return {"symbols", Health::kWarn,
          "kallsyms hides addresses (kptr_restrict " + kptr + "): work functions stay numbers",
          "run as root; with kptr_restrict 2 also: sysctl kernel.kptr_restrict=1"};
}

MachineCheck LockdownCheck() {
  const auto state = ReadFront("/sys/kernel/security/lockdown", 256);
  if (!state || state->empty()) return {"lockdown", Health::kOk, "not in use", ""};
  if (state->find("[confidentiality]") == std::string::npos) return {"lockdown", Health::kOk, FirstLine(*state), ""};
  return {"lockdown", Health::kFail, FirstLine(*state) + ": tracing is closed even to root",
          "boot without lockdown=confidentiality"};
}

MachineCheck DiskCheck(const std::string& folder) {
  constexpr uint64_t kLeast = uint64_t{64} << 20, kComfortable = uint64_t{1} << 30;
  struct statvfs fs = {};
  if (::statvfs(folder.c_str(), &fs) != 0) {
    return {"disk", Health::kFail, fmt::format("{}: {}", folder, std::strerror(errno)),
            "name another folder with --folder"};
  }
  const uint64_t free_bytes = static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize;
  const std::string found = fmt::format("{} MiB free in {}", CountText(free_bytes >> 20), folder);
  if (free_bytes < kLeast) return {"disk", Health::kFail, found, "free some space, or record elsewhere with -o"};
  if (free_bytes < kComfortable) return {"disk", Health::kWarn, found, "enough for short recordings only"};
  return {"disk", Health::kOk, found, ""};
}

// A wall-clock reading between two monotonic ones: how exactly a pair can be taken.
MachineCheck ClockPairCheck() {
  const auto now = [](clockid_t clock) {
    timespec time = {};
    ::clock_gettime(clock, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  };
  constexpr int kTries = 16;
  constexpr uint64_t kGood = 1'000'000;
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = now(CLOCK_MONOTONIC);
    now(CLOCK_REALTIME);
    best = std::min(best, now(CLOCK_MONOTONIC) - before);
  }
  const std::string found = "wall time is read within " + DurationText(best) + " of trace time";
  if (best < kGood) return {"clock-pairs", Health::kOk, found, ""};
  return {"clock-pairs", Health::kWarn, found, "wall times of this machine are only that exact"};
}

}  // namespace

std::string TracefsMount(const std::string& mounts) {
  std::istringstream lines(mounts);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string device, point, type;
    if (!(words >> device >> point >> type) || type != "tracefs") continue;
    if (found.empty() || found.find("/debug/") != std::string::npos) found = point;
  }
  return found;
}

std::vector<MachineCheck> CheckMachine(const MachineQuestion& question) {
  std::string tracefs = question.tracefs;
  if (tracefs.empty()) {
    std::ifstream mounts("/proc/self/mounts");
    tracefs = TracefsMount(std::string(std::istreambuf_iterator<char>(mounts), {}));
  }
  std::vector<MachineCheck> checks = {KernelCheck(), PrivilegeCheck(), LockdownCheck(), TracefsCheck(tracefs)};
  // What lies below is not visible without tracefs or root, and would only repeat that.
  const bool visible = checks[1].health == Health::kOk && checks.back().health == Health::kOk;
  if (visible) {
    checks.push_back(InstanceCheck(tracefs));
    checks.push_back(ClockCheck(tracefs));
    checks.push_back(EventsCheck(tracefs));
    checks.push_back(
        FeatureCheck("sub-buffers", tracefs + "/buffer_subbuf_size_kb", "large sub-buffers: fewer, larger reads",
                     "one page a sub-buffer (larger ones come with 6.8): recording costs about a third more"));
    checks.push_back(FeatureCheck("buffer-percent", tracefs + "/buffer_percent",
                                  "readers wake when little has been written",
                                  "no buffer_percent: the recorder polls on a timer"));
    checks.push_back(EvidenceCheck(tracefs));
    checks.push_back(FeatureCheck("probes", tracefs + "/kprobe_events", "kprobe events can be placed",
                                  "no kprobe events: only the kernel's own events are recorded"));
  }
  checks.push_back(FeatureCheck("btf", "/sys/kernel/btf/vmlinux", "types of this kernel are known",
                                "no BTF: probes cannot learn field offsets"));
  checks.push_back(SymbolsCheck());
  checks.push_back(DiskCheck(question.folder));
  checks.push_back(ClockPairCheck());
  return checks;
}

}  // namespace wakewatch
