#include "collector/probe_set.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

std::string ListFile(const std::string& tracefs) {
  const std::string dynamic = tracefs + "/dynamic_events";  // 5.0+; it has the kprobes too
  return FileExists(dynamic) ? dynamic : tracefs + "/kprobe_events";
}

std::vector<DefinedProbe> OurDefinedProbes(const std::string& tracefs) {
  constexpr size_t kListMax = 64u << 20;
  auto defined = ParseDefinedProbes(ReadTextFile(ListFile(tracefs), kListMax).value_or(""));
  std::vector<std::string> ours;
  for (const std::string& name : AllProbeNames()) ours.push_back(std::string(kProbeGroup) + "/" + name);
  std::erase_if(defined, [&](const DefinedProbe& probe) {
    return std::find(ours.begin(), ours.end(), probe.event) == ours.end();
  });
  return defined;
}

// The kernel removes by name, but each of its files removes only what it defines.
Status RemoveDefinition(const std::string& tracefs, const DefinedProbe& probe) {
  const bool kprobe = probe.text.starts_with('p') || probe.text.starts_with('r');
  const std::string file = kprobe ? tracefs + "/kprobe_events" : tracefs + "/dynamic_events";
  return AppendTextFile(file, "-:" + probe.event + "\n");
}

// What the kernel says about a definition it refused: error_log has it in words, behind the time.
std::string KernelsReason(const std::string& tracefs, const std::string& definition) {
  const std::string log = ReadTextFile(tracefs + "/error_log").value_or("");
  const size_t command_at = log.rfind("Command: " + definition);
  if (command_at == std::string::npos) return {};
  const size_t error_at = log.rfind("error: ", command_at);
  if (error_at == std::string::npos) return {};
  return std::string(Trimmed(std::string_view(log).substr(error_at + 7, log.find('\n', error_at) - error_at - 7)));
}

Status DefineIn(const std::string& tracefs, const std::string& file, const std::string& definition) {
  auto written = AppendTextFile(tracefs + "/" + file, definition + "\n");
  if (written) return {};
  Error error = written.error();
  error.cause = "the kernel refuses it";
  if (const std::string reason = KernelsReason(tracefs, definition); !reason.empty()) {
    error.cause += ": " + reason;
  } else {
    error.cause += ": " + written.error().cause.substr(written.error().cause.rfind(": ") + 2);
  }
  error.file.clear();
  return Fail(std::move(error));
}

}  // namespace

std::vector<DefinedProbe> ParseDefinedProbes(std::string_view text) {
  std::vector<DefinedProbe> defined;
  while (!text.empty()) {
    const std::string_view line = Trimmed(text.substr(0, text.find('\n')));
    text.remove_prefix(
        std::min(text.find('\n') == std::string_view::npos ? text.size() : text.find('\n') + 1, text.size()));
    const size_t colon = line.find(':'), blank = line.find(' ');
    if (colon == std::string_view::npos || blank == std::string_view::npos || blank < colon) continue;
    defined.push_back({std::string(line.substr(colon + 1, blank - colon - 1)), std::string(line)});
  }
  return defined;
}

class ProbeSet::Lock {
 public:
  explicit Lock(const std::string& tracefs)
      : fd_(open((tracefs + "/instances").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  ~Lock() {
    if (fd_ >= 0) close(fd_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // True when no other collector with probes runs; none can begin to place some until Share.
  bool Alone() const { return fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) == 0; }
  // Others hold it alone only while they place or remove. Going on without it could only cost us a probe, later.
  void Share() const {
    constexpr std::chrono::milliseconds kPatience{30'000}, kPause{20};
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (fd_ >= 0 && flock(fd_, LOCK_SH | LOCK_NB) != 0 && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kPause);
    }
  }

 private:
  const int fd_;
};

ProbeSet::ProbeSet(std::string tracefs, std::unique_ptr<Lock> lock)
    : tracefs_(std::move(tracefs)), lock_(std::move(lock)) {}

ProbeSet::~ProbeSet() { (void)Remove(); }

std::unique_ptr<ProbeSet> ProbeSet::Place(const std::string& tracefs, const ProbePlan& plan, Warnings* warnings) {
  std::unique_ptr<ProbeSet> set(new ProbeSet(tracefs, std::make_unique<Lock>(tracefs)));
  set->missing_ = plan.missing;
  const bool alone = set->lock_->Alone();
  if (!alone) set->lock_->Share();
  auto defined = OurDefinedProbes(tracefs);
  if (alone && !defined.empty()) {
    // What nobody holds was left by a collector that was killed. What is as it would be placed stays.
    warnings->push_back("probes left by a collector that has ended: " + std::to_string(defined.size()) +
                        "; they are used again or removed");
    std::erase_if(defined, [&](const DefinedProbe& left) {
      const bool wanted = std::any_of(plan.probes.begin(), plan.probes.end(), [&](const ProbeDefinition& probe) {
        return left.text == probe.KprobeText() || left.text == probe.FprobeText();
      });
      return !wanted && RemoveDefinition(tracefs, left).has_value();
    });
  }
  for (const ProbeDefinition& probe : plan.probes) set->PlaceOne(probe, plan, defined);
  if (alone) set->lock_->Share();
  return set;
}

void ProbeSet::PlaceOne(const ProbeDefinition& probe, const ProbePlan& plan, const std::vector<DefinedProbe>& defined) {
  const auto same_name = std::find_if(defined.begin(), defined.end(),
                                      [&](const DefinedProbe& other) { return other.event == probe.event(); });
  if (same_name != defined.end()) {
    if (same_name->text == probe.KprobeText() || same_name->text == probe.FprobeText()) {
      placed_.push_back(probe);
    } else {
      missing_.push_back({probe.name, "somebody uses a probe of this name that is defined otherwise"});
    }
    return;
  }
  if (const auto defined_now = Define(probe, plan)) {
    placed_.push_back(probe);
  } else {
    missing_.push_back({probe.name, defined_now.error().Text()});
  }
}

Status ProbeSet::Define(const ProbeDefinition& probe, const ProbePlan& plan) const {
  Status defined = Fail(ErrorCode::kUnsupported, "this kernel has no kprobe events");
  if (plan.kprobes) defined = DefineIn(tracefs_, "kprobe_events", probe.KprobeText());
  if (defined || !plan.fprobes) return defined;
  const Status instead = DefineIn(tracefs_, "dynamic_events", probe.FprobeText());
  if (instead) return instead;
  return defined.error().code == ErrorCode::kUnsupported ? instead : defined;
}

Warnings ProbeSet::Remove() {
  Warnings left;
  if (removed_) return left;
  removed_ = true;
  if (!lock_->Alone()) return left;  // the last one removes them
  for (const DefinedProbe& probe : OurDefinedProbes(tracefs_)) {
    if (auto done = RemoveDefinition(tracefs_, probe); !done) {
      left.push_back(probe.event + " stays defined, since somebody uses it: " + done.error().Text());
    }
  }
  lock_.reset();
  return left;
}

void ReapProbes(const std::string& tracefs, Warnings* warnings) {
  const auto defined = OurDefinedProbes(tracefs);
  if (defined.empty()) return;
  const auto nothing = ProbeSet::Place(tracefs, {}, warnings);
}

}  // namespace wakewatch
