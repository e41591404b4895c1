#include "collector/tracefs_session.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "collector/file_io.h"
#include "collector/kthread_inventory.h"

namespace wakewatch {
namespace {

constexpr const char* kDefaultTracefs = "/sys/kernel/tracing";

// Adds what the user can do about it to an error of a tracefs file.
Error WithRemedy(Error error) {
  switch (error.code) {
    case ErrorCode::kPermission:
      error.remedy =
          "run as root with tracefs mounted read-write, and without a lockdown or a container policy that forbids "
          "tracing";
      break;
    case ErrorCode::kNotFound:
      error.remedy =
          "this kernel or mount lacks the file; it needs CONFIG_FTRACE, CONFIG_EVENT_TRACING and 4.8 or newer, "
          "and tracefs: mount -t tracefs nodev /sys/kernel/tracing";
      break;
    default: break;
  }
  return error;
}

Status WriteNeeded(const std::string& path, std::string_view text) {
  auto written = WriteTextFile(path, text);
  if (!written) return Fail(WithRemedy(written.error()));
  return {};
}

void WriteOptional(const std::string& path, std::string_view text, Warnings* warnings) {
  if (auto written = WriteTextFile(path, text); !written) warnings->push_back(written.error().Text());
}

Result<TraceClock> SetClock(const std::string& path) {
  Error last;
  for (const std::string_view name : {"mono", "boot"}) {
    auto written = WriteTextFile(path + "/trace_clock", name);
    if (written) return *TraceClock::Named(name);
    last = written.error();
  }
  if (last.code == ErrorCode::kIo)
    last.remedy = "the kernel offers neither of the clocks mono (3.17+) and boot (4.15+)";
  return Fail(WithRemedy(std::move(last)));
}

// Larger sub-buffers mean fewer reads; a kernel short of contiguous memory may refuse them, then smaller ones do.
uint32_t SetSubbufferKb(const std::string& path, uint32_t wanted_kb, Warnings* warnings) {
  const std::string file = path + "/buffer_subbuf_size_kb";
  const uint32_t page_kb = static_cast<uint32_t>(sysconf(_SC_PAGESIZE) / 1024);
  if (!FileExists(file)) return page_kb;  // before 6.8 a sub-buffer is one page
  for (uint32_t kb = wanted_kb; kb > page_kb; kb /= 2) {
    if (WriteTextFile(file, std::to_string(kb))) break;
    warnings->push_back(file + ": sub-buffers of " + std::to_string(kb) + " KiB were refused; trying smaller ones");
  }
  const auto text = ReadTextFile(file);
  uint64_t kb = 0;
  return text && ParseUnsigned(*text, &kb) && kb >= page_kb && kb <= (1u << 16) ? static_cast<uint32_t>(kb) : page_kb;
}

// The kernel grows a CPU's buffer from a worker thread of that CPU, unless the writer happens to run there. Behind a
// load that is pinned to the CPU that worker was seen to start four seconds late, so the buffers are grown from each
// CPU in turn. What fails here is done by the write to buffer_size_kb that follows.
void GrowBuffersInPlace(const std::string& path, const std::string& kb) {
  cpu_set_t before;
  if (sched_getaffinity(0, sizeof before, &before) != 0) return;  // more CPUs than fit the set
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    const std::string file = path + "/per_cpu/cpu" + std::to_string(cpu) + "/buffer_size_kb";
    if (!CPU_ISSET(cpu, &before) || !FileExists(file)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) (void)WriteTextFile(file, kb);
  }
  (void)sched_setaffinity(0, sizeof before, &before);
}

}  // namespace

std::string TracefsAmongMounts(std::string_view mounts) {
  std::string tracefs, debugfs;
  while (!mounts.empty()) {
    const std::string_view line = mounts.substr(0, mounts.find('\n'));
    mounts.remove_prefix(std::min(line.size() + 1, mounts.size()));
    const size_t point_at = line.find(' ');
    if (point_at == std::string_view::npos) continue;
    const std::string_view rest = line.substr(point_at + 1);
    const size_t type_at = rest.find(' ');
    if (type_at == std::string_view::npos) continue;
    const std::string_view point = rest.substr(0, type_at);
    const std::string_view type = rest.substr(type_at + 1, rest.find(' ', type_at + 1) - type_at - 1);
    if (type == "tracefs" && (tracefs.empty() || point == kDefaultTracefs)) tracefs = point;
    if (type == "debugfs" && debugfs.empty()) debugfs = std::string(point) + "/tracing";
  }
  return tracefs.empty() ? debugfs : tracefs;
}

Result<std::string> FindTracefs(const std::string& wanted, Warnings* warnings) {
  const auto usable = [](const std::string& path) { return IsFolder(path + "/instances"); };
  if (!wanted.empty()) {
    if (usable(wanted)) return wanted;
    errno = 0;
    if (access(wanted.c_str(), X_OK) != 0 && errno == EACCES) {
      return Fail(WithRemedy(ErrnoError(errno, "cannot enter the tracing folder", wanted)));
    }
    return Fail(Error{ErrorCode::kNotFound,
                      "this is not a tracing folder: it has no instances/",
                      wanted,
                      {},
                      "mount -t tracefs nodev /sys/kernel/tracing, or leave the option out"});
  }
  if (const auto mounts = ReadTextFile("/proc/self/mounts", 16u << 20)) {
    const std::string found = TracefsAmongMounts(*mounts);
    if (!found.empty()) {
      if (usable(found)) return found;
      if (access(found.c_str(), X_OK) != 0 && (errno == EACCES || errno == EPERM)) {
        return Fail(WithRemedy(ErrnoError(errno, "cannot enter the tracing folder", found)));
      }
    }
  }
  if (mount("nodev", kDefaultTracefs, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    Error error = WithRemedy(ErrnoError(errno, "tracefs is not mounted and cannot be mounted", kDefaultTracefs));
    if (error.code == ErrorCode::kNotFound) error.remedy = "the kernel has no tracefs: it needs CONFIG_FTRACE";
    return Fail(std::move(error));
  }
  warnings->push_back(std::string(kDefaultTracefs) + ": tracefs was not mounted; it is now, and stays so");
  if (usable(kDefaultTracefs)) return std::string(kDefaultTracefs);
  return Fail(Error{ErrorCode::kNotFound,
                    "the mounted tracefs has no instances/",
                    kDefaultTracefs,
                    {},
                    "the kernel needs CONFIG_FTRACE and CONFIG_EVENT_TRACING"});
}

Result<InstanceOwner> ThisProcess() {
  const auto self = ReadTextFile("/proc/self/stat");
  const auto stat = self ? ParseProcStat(*self) : std::nullopt;
  if (!stat) return Fail(Error{ErrorCode::kNotFound, "cannot be read or parsed", "/proc/self/stat", {}, "mount /proc"});
  return InstanceOwner{stat->pid, stat->start_ticks};
}

std::string InstanceName(const std::string& prefix, InstanceOwner owner, unsigned n) {
  std::string name = prefix + "-" + std::to_string(owner.pid) + "-" + std::to_string(owner.start_ticks);
  if (n > 0) name += "-" + std::to_string(n);
  return name;
}

std::optional<InstanceOwner> ParseInstanceName(const std::string& prefix, std::string_view name) {
  if (!name.starts_with(prefix + "-")) return std::nullopt;
  name.remove_prefix(prefix.size() + 1);
  uint64_t number[3] = {};
  size_t count = 0;
  while (count < 3) {
    const size_t dash = name.find('-');
    if (!ParseUnsigned(name.substr(0, dash), &number[count++])) return std::nullopt;
    if (dash == std::string_view::npos) break;
    name.remove_prefix(dash + 1);
    if (count == 3) return std::nullopt;
  }
  if (count < 2 || number[0] == 0 || number[0] > INT32_MAX) return std::nullopt;
  return InstanceOwner{static_cast<int32_t>(number[0]), number[1]};
}

std::vector<LeftOver> ReadLeftOver(const std::string& instance) {
  std::vector<LeftOver> left;
  const auto names = ListFolder(instance + "/per_cpu");
  if (!names) return left;
  for (const std::string& name : *names) {
    uint64_t cpu = 0;
    if (!name.starts_with("cpu") || !ParseUnsigned(std::string_view(name).substr(3), &cpu) || cpu > UINT16_MAX)
      continue;
    const auto text = ReadTextFile(instance + "/per_cpu/" + name + "/stats");
    const auto stats = text ? ParseCpuStats(static_cast<uint32_t>(cpu), *text) : std::nullopt;
    if (!stats) continue;
    const uint64_t overwritten = stats->overrun + stats->commit_overrun + stats->dropped;
    if (stats->entries + overwritten > 0) left.push_back({stats->cpu, stats->entries, overwritten});
  }
  std::sort(left.begin(), left.end(), [](const LeftOver& a, const LeftOver& b) { return a.cpu < b.cpu; });
  return left;
}

std::string TextOf(const std::vector<LeftOver>& left) {
  uint64_t unread = 0, overwritten = 0;
  std::string cpus;
  for (const LeftOver& cpu : left) {
    unread += cpu.unread;
    overwritten += cpu.overwritten;
    if (cpu.unread == 0) continue;
    cpus += (cpus.empty() ? " (CPU " : ", CPU ") + std::to_string(cpu.cpu) + ": " + std::to_string(cpu.unread);
  }
  return std::to_string(unread) + " events were never read" + cpus + (cpus.empty() ? "" : ")") + " and " +
         std::to_string(overwritten) + " were overwritten or freed";
}

void ReapInstances(const std::string& tracefs, const std::string& prefix, const std::string& proc, Warnings* warnings,
                   std::vector<LeftOver>* left) {
  const auto names = ListFolder(tracefs + "/instances");
  if (!names) return;
  for (const std::string& name : *names) {
    const auto owner = ParseInstanceName(prefix, name);
    if (!owner || ProcessLives(proc, owner->pid, owner->start_ticks)) continue;
    const std::string path = tracefs + "/instances/" + name;
    const std::vector<LeftOver> held = ReadLeftOver(path);
    if (rmdir(path.c_str()) != 0) {
      warnings->push_back(ErrnoError(errno, "left by another process and not removed", path).Text());
      continue;
    }
    warnings->push_back(path + ": left by process " + std::to_string(owner->pid) +
                        ", which has ended, and removed; in it " + TextOf(held));
    if (left != nullptr) left->insert(left->end(), held.begin(), held.end());
  }
}

Result<BufferSetup> ConfigureBuffers(const std::string& path, const BufferSettings& settings, Warnings* warnings) {
  // Sizes come first, while the instance still is as the kernel made it: on, but without an event. Resizing a buffer
  // that is off makes the kernel check it, behind an RCU grace period, and on a busy machine each of those can take
  // seconds. Sub-buffers come before the whole, which the kernel rounds up to whole sub-buffers.
  const uint32_t subbuffer_kb = SetSubbufferKb(path, settings.subbuffer_kb, warnings);
  const std::string kb = std::to_string(settings.buffer_kb_per_cpu);
  GrowBuffersInPlace(path, kb);
  if (auto sized = WriteTextFile(path + "/buffer_size_kb", kb); !sized) {
    Error error = WithRemedy(sized.error());
    if (error.code == ErrorCode::kIo) error.remedy = "the kernel may be short of memory: ask for a smaller buffer";
    return Fail(std::move(error));
  }
  if (auto stopped = WriteNeeded(path + "/tracing_on", "0"); !stopped) return Fail(stopped.error());
  auto clock = SetClock(path);
  if (!clock) return Fail(clock.error());
  // poll() on trace_pipe_raw wakes at this fill. The default of 50 leaves half a buffer of slack and would let a batch
  // wait; 0 wakes at every event.
  WriteOptional(path + "/buffer_percent", "1", warnings);
  // Overwrite mode makes loss exact: what is overwritten is the oldest unread sub-buffers, and the next page that is
  // read carries a mark with their event count, so the gap's place and size are known. Without it the kernel drops the
  // newest events, counts them in stats only ("dropped events"), and no page says where.
  if (auto mode = WriteNeeded(path + "/options/overwrite", "1"); !mode) return Fail(mode.error());
  return BufferSetup{*clock, subbuffer_kb * 1024, uint64_t{settings.buffer_kb_per_cpu} * 1024};
}

std::optional<CpuStats> ParseCpuStats(uint32_t cpu, std::string_view text) {
  CpuStats stats;
  stats.cpu = cpu;
  unsigned found = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    uint64_t* const place = key == "entries"          ? &stats.entries
                            : key == "overrun"        ? &stats.overrun
                            : key == "commit overrun" ? &stats.commit_overrun
                            : key == "dropped events" ? &stats.dropped
                            : key == "read events"    ? &stats.read
                                                      : nullptr;
    if (place != nullptr && ParseUnsigned(line.substr(colon + 1), place)) ++found;
  }
  return found == 5 ? std::optional(stats) : std::nullopt;
}

Result<std::unique_ptr<TracefsSession>> TracefsSession::Create(const std::string& tracefs, const std::string& prefix,
                                                               Warnings* warnings, std::optional<InstanceOwner> owner,
                                                               std::vector<LeftOver>* left) {
  if (prefix.empty() || prefix.find('/') != std::string::npos || prefix.front() == '.') {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "\"" + prefix + "\" cannot be the beginning of an instance's name",
                      {},
                      {},
                      "use letters, digits and dashes"});
  }
  ReapInstances(tracefs, prefix, "/proc", warnings, left);
  if (!owner) {
    const auto self = ThisProcess();
    if (!self) return Fail(self.error());
    owner = *self;
  }
  constexpr unsigned kInstancesMax = 64;
  for (unsigned n = 0; n < kInstancesMax; ++n) {
    const std::string path = tracefs + "/instances/" + InstanceName(prefix, *owner, n);
    if (mkdir(path.c_str(), 0750) == 0) return std::unique_ptr<TracefsSession>(new TracefsSession(path));
    if (errno == EEXIST) continue;  // another recorder of this process
    Error error = WithRemedy(ErrnoError(errno, "cannot make a tracing instance", path));
    if (errno == ENOMEM) error.remedy = "the kernel is short of memory for another instance";
    return Fail(std::move(error));
  }
  return Fail(Error{ErrorCode::kTooLarge,
                    "this process has too many tracing instances",
                    tracefs + "/instances",
                    {},
                    "end some of its recordings"});
}

// Where a kernel has not got this, a killed recording goes on into its own buffers, and is reaped like any other.
TracefsSession::TracefsSession(std::string path) : path_(std::move(path)) {
  if (!WriteTextFile(path_ + "/options/disable_on_free", "1")) return;
  free_buffer_ = Descriptor(open((path_ + "/free_buffer").c_str(), O_WRONLY | O_CLOEXEC));
}

TracefsSession::~TracefsSession() { (void)Remove(); }

Status TracefsSession::Remove() {
  if (removed_) return {};
  // Best effort: whatever fails here, removing the instance turns its events off.
  (void)WriteTextFile(path_ + "/tracing_on", "0");
  (void)WriteTextFile(path_ + "/events/enable", "0");
  free_buffer_.Close();
  if (rmdir(path_.c_str()) != 0) {
    Error error = ErrnoError(errno, "cannot remove the tracing instance", path_);
    error.remedy = "rmdir it when nothing reads from it any more; the next recording tries so too";
    return Fail(std::move(error));
  }
  removed_ = true;
  return {};
}

Result<std::vector<std::string>> TracefsSession::EnableEvents(const std::vector<std::string>& events,
                                                              Warnings* warnings) {
  std::vector<std::string> enabled;
  Error last{ErrorCode::kInvalidArgument,
             "no event was asked for that this kernel has",
             events_folder(),
             {},
             "name events as system/name; the folder lists them"};
  for (const std::string& event : events) {
    auto written = SetEvent(event, true);
    if (written) {
      enabled.push_back(event);
    } else {
      last = WithRemedy(written.error());
      warnings->push_back(written.error().Text());
    }
  }
  if (enabled.empty()) return Fail(std::move(last));
  return enabled;
}

Status TracefsSession::SetEvent(const std::string& event, bool on) {
  return WriteTextFile(events_folder() + "/" + event + "/enable", on ? "1" : "0");
}

Status TracefsSession::Start() { return WriteNeeded(path_ + "/tracing_on", "1"); }
Status TracefsSession::Stop() { return WriteNeeded(path_ + "/tracing_on", "0"); }

Result<std::vector<uint32_t>> TracefsSession::Cpus() const {
  const auto names = ListFolder(path_ + "/per_cpu");
  if (!names) return Fail(WithRemedy(names.error()));
  std::vector<uint32_t> cpus;
  for (const std::string& name : *names) {
    uint64_t cpu = 0;
    if (name.starts_with("cpu") && ParseUnsigned(std::string_view(name).substr(3), &cpu) && cpu <= UINT16_MAX) {
      cpus.push_back(static_cast<uint32_t>(cpu));
    }
  }
  std::sort(cpus.begin(), cpus.end());
  if (cpus.empty()) {
    return Fail(
        Error{ErrorCode::kNotFound, "there is no CPU buffer in it", path_ + "/per_cpu", {}, "check the tracefs mount"});
  }
  return cpus;
}

Result<CpuStats> TracefsSession::ReadStats(uint32_t cpu) const {
  const std::string path = path_ + "/per_cpu/cpu" + std::to_string(cpu) + "/stats";
  const auto text = ReadTextFile(path);
  if (!text) return Fail(WithRemedy(text.error()));
  const auto stats = ParseCpuStats(cpu, *text);
  if (!stats) return Fail(Error{ErrorCode::kUnsupported, "a counter is missing", path});
  return *stats;
}

}  // namespace wakewatch
