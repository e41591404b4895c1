#include "collector/kthread_inventory.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

template <typename T>
bool ParseField(std::string_view text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParsePid(std::string_view name, int32_t* pid) { return ParseField(name, pid) && *pid > 0; }

bool SameTask(const ThreadInfo& a, const ThreadInfo& b) {
  // Most PF_ bits come and go with what the task does (PF_MEMALLOC, PF_NOFREEZE …); only its nature counts as a change.
  constexpr uint32_t kNature = kPfKthread | kPfWqWorker;
  return a.start_ticks == b.start_ticks && a.comm == b.comm && (a.flags & kNature) == (b.flags & kNature) &&
         a.parent_pid == b.parent_pid && a.affinity == b.affinity && a.policy == b.policy &&
         a.rt_priority == b.rt_priority;
}

}  // namespace

std::optional<ProcStat> ParseProcStat(std::string_view text) {
  const size_t open = text.find(" (");
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) return std::nullopt;
  ProcStat stat;
  if (!ParsePid(text.substr(0, open), &stat.pid)) return std::nullopt;
  stat.comm = text.substr(open + 2, close - open - 2);

  constexpr size_t kFirstField = 3;  // what follows the comm
  constexpr size_t kLastField = 41;
  std::array<std::string_view, kLastField + 1> field{};
  std::string_view rest = text.substr(close + 1);
  for (size_t i = kFirstField; i <= kLastField; ++i) {
    const size_t begin = rest.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return std::nullopt;
    const size_t end = std::min(rest.find_first_of(" \n", begin), rest.size());
    field[i] = rest.substr(begin, end - begin);
    rest.remove_prefix(end);
  }
  const bool ok = ParseField(field[4], &stat.parent_pid) && ParseField(field[9], &stat.flags) &&
                  ParseField(field[22], &stat.start_ticks) && ParseField(field[40], &stat.rt_priority) &&
                  ParseField(field[41], &stat.policy);
  return ok ? std::optional(std::move(stat)) : std::nullopt;
}

std::string ParseAllowedCpus(std::string_view status_text) {
  // At a line's start, and after the Name: line, whose value is the task's own choice (the kernel escapes newlines in
  // it).
  constexpr std::string_view kKey = "\nCpus_allowed_list:";
  const size_t at = status_text.find(kKey);
  if (at == std::string_view::npos) return {};
  const std::string_view value = status_text.substr(at + kKey.size());
  return std::string(Trimmed(value.substr(0, value.find('\n'))));
}

std::string_view WithoutWorkSuffix(std::string_view comm, uint32_t flags) {
  constexpr std::string_view kPrefix = "kworker/";
  if ((flags & kPfWqWorker) == 0 || !comm.starts_with(kPrefix)) return comm;
  const size_t colon = comm.find(':');  // rescuers ("kworker/R-xfs") have none
  if (colon == std::string_view::npos) return comm;
  return comm.substr(0, comm.find_first_of("+-", colon));
}

bool ProcessLives(const std::string& proc, int32_t pid, uint64_t start_ticks) {
  const auto text = ReadTextFile(proc + "/" + std::to_string(pid) + "/stat");
  if (!text) return false;
  const auto stat = ParseProcStat(*text);
  return stat && stat->start_ticks == start_ticks;
}

void KthreadInventory::Visit(const std::string& folder, int32_t pid, uint64_t now_ns,
                             std::vector<ThreadInfo>* changed) {
  const auto text = ReadTextFile(folder + "/stat");
  if (!text) return;
  auto stat = ParseProcStat(*text);
  if (!stat || stat->pid != pid) return;
  ThreadInfo info;
  info.pid = pid;
  info.comm = WithoutWorkSuffix(stat->comm, stat->flags);
  info.start_ticks = stat->start_ticks;
  info.flags = stat->flags;
  info.parent_pid = stat->parent_pid;
  info.policy = stat->policy;
  info.rt_priority = stat->rt_priority;
  info.from_inventory = true;
  info.first_seen_ns = now_ns;
  if ((stat->flags & kPfKthread) != 0) {
    if (const auto status = ReadTextFile(folder + "/status")) info.affinity = ParseAllowedCpus(*status);
  }
  auto& known = folder.find("/task/") == std::string::npos ? processes_ : threads_;
  const auto [place, is_new] = known.try_emplace(pid, info);
  if (!is_new) {
    if (SameTask(place->second, info)) return;
    place->second = info;
  }
  changed->push_back(std::move(info));
}

void KthreadInventory::VisitThreads(int32_t pid, uint64_t now_ns, std::set<int32_t>* seen,
                                    std::vector<ThreadInfo>* changed) {
  const std::string folder = proc_ + "/" + std::to_string(pid) + "/task";
  const auto names = ListFolder(folder);
  if (!names) return;
  for (const std::string& name : *names) {
    int32_t tid = 0;
    if (!ParsePid(name, &tid) || tid == pid) continue;
    seen->insert(tid);
    Visit(folder + "/" + name, tid, now_ns, changed);
  }
}

void KthreadInventory::Forget(const std::vector<int32_t>& present) {
  std::erase_if(processes_,
                [&](const auto& item) { return !std::binary_search(present.begin(), present.end(), item.first); });
}

std::vector<ThreadInfo> KthreadInventory::Scan(Depth depth, uint64_t now_ns) {
  std::vector<ThreadInfo> changed;
  const auto names = ListFolder(proc_);
  if (!names) return changed;
  std::vector<int32_t> present;
  for (const std::string& name : *names) {
    int32_t pid = 0;
    if (ParsePid(name, &pid)) present.push_back(pid);
  }
  std::sort(present.begin(), present.end());
  Forget(present);  // before looking: a pid that was gone and is back is a new task
  std::set<int32_t> threads;
  for (const int32_t pid : present) {
    const auto known = processes_.find(pid);
    const bool is_kthread = known != processes_.end() && (known->second.flags & kPfKthread) != 0;
    const bool read =
        known == processes_.end() || depth == Depth::kEverything || (depth == Depth::kKernelThreads && is_kthread);
    if (read) Visit(proc_ + "/" + std::to_string(pid), pid, now_ns, &changed);
    if (depth == Depth::kEverything && !is_kthread) VisitThreads(pid, now_ns, &threads, &changed);
  }
  if (depth == Depth::kEverything) {
    std::erase_if(threads_, [&](const auto& item) { return !threads.contains(item.first); });
  }
  return changed;
}

}  // namespace wakewatch
