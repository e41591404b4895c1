#include "server/store/retention.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "server/store/part_files.h"
#include "server/store/part_rewriter.h"
#include "server/store/recording_row.h"
#include "server/store/schema.h"
#include "server/store/session_store.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kOverdueMax{24};
constexpr const char* kHeldNote = "/retention-held";

struct PartFile {
  std::string path;
  uint64_t bytes = 0;
  uint64_t written_real_ns = 0;  // when it was last written into, by this machine's clock; not later than now
};

// What decides over a part.
struct PartState {
  uint64_t since_real_ns = 0;  // its age counts from here
  bool trimmed = false, stripped = false;
  std::vector<KeptSpan> spans;  // around the findings that are still to be kept
};

PartFile Look(const std::string& path, uint64_t now_real_ns) {
  PartFile part{path, BytesOf(path), WrittenAt(path)};
  if (part.written_real_ns <= now_real_ns) return part;
  // This machine's clock was ahead when the file was written. It must not live for as long as that: its age counts from
  // now on.
  SetWrittenAt(path, now_real_ns);
  part.written_real_ns = now_real_ns;
  return part;
}

uint64_t Before(uint64_t now_ns, std::chrono::nanoseconds age) {
  const auto ns = static_cast<uint64_t>(age.count());
  return now_ns > ns ? now_ns - ns : 0;
}

class Retention {
 public:
  Retention(Catalogue* catalogue, const RetentionOptions& options, uint64_t now_real_ns,
            const std::set<std::string>& folders_in_use, HeldHosts* held)
      : catalogue_(catalogue), options_(options), now_ns_(now_real_ns), held_(held) {
    for (const std::string& folder : folders_in_use) in_use_.insert(fs::path(folder).lexically_normal().string());
  }

  std::vector<RetentionStep> Run();

 private:
  using Action = RetentionStep::Action;

  bool InUse(const std::string& folder) const { return in_use_.contains(fs::path(folder).lexically_normal().string()); }
  std::vector<PartFile> Candidates(const std::string& folder) const;
  Result<PartState> Inspect(const PartFile& part) const;
  bool Overdue(const PartFile& part, const Result<PartState>& state) const;
  // Whether nothing of this host is removed by age, so many of its parts being overdue.
  bool HoldBack(const std::string& host, size_t parts, size_t overdue);
  void ApplyAge(const std::string& host, const std::string& host_folder);
  void ApplySize(const std::string& host_folder);
  // Removes the part, or trims it when findings keep it; `strip`: of all its events. Answers the bytes that became
  // free.
  uint64_t Expire(const PartFile& part, const PartState& state, const std::string& reason, bool strip);
  uint64_t Remove(const PartFile& part, const std::string& reason);
  void Follow(const std::string& folder);

  Catalogue* catalogue_;
  const RetentionOptions options_;
  const uint64_t now_ns_;
  HeldHosts* const held_;
  std::set<std::string> in_use_;
  std::set<std::string> changed_;  // folders
  std::vector<RetentionStep> steps_;
};

// All parts but the one that may be written at the moment, oldest first.
std::vector<PartFile> Retention::Candidates(const std::string& folder) const {
  std::vector<PartFile> parts;
  for (const std::string& path : Parts(folder)) parts.push_back(Look(path, now_ns_));
  if (!parts.empty() && InUse(folder)) parts.pop_back();
  return parts;
}

Result<PartState> Retention::Inspect(const PartFile& part) const {
  auto db = OpenRecordingFile(part.path);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  const auto summary = SummarisePart(*db);
  if (!summary) return tl::unexpected<Error>(summary.error());
  PartState state;
  state.trimmed = summary->trimmed;
  state.stripped = summary->trimmed && summary->events == 0;
  // A host's clock may be wrong by any amount, and an imported trace may be of any age: neither makes a part older than
  // its file. Where this machine's own clock was behind, as before it has the time from its network, the host's helps.
  state.since_real_ns = part.written_real_ns;
  if (summary->end_real_ns <= now_ns_) state.since_real_ns = std::max(part.written_real_ns, summary->end_real_ns);
  if (state.since_real_ns < Before(now_ns_, options_.findings_age)) return state;
  const auto margin_ns = static_cast<uint64_t>(options_.findings_margin.count());
  auto findings = db->Prepare("SELECT start_ns, end_ns FROM main.finding");
  if (!findings) return tl::unexpected<Error>(std::move(findings.error()));
  for (auto row = findings->Step();; row = findings->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return state;
    const uint64_t start_ns = findings->Unsigned(0), end_ns = findings->Unsigned(1);
    state.spans.push_back({Before(start_ns, options_.findings_margin),
                           end_ns > UINT64_MAX - margin_ns ? UINT64_MAX : end_ns + margin_ns});
  }
}

uint64_t Retention::Remove(const PartFile& part, const std::string& reason) {
  for (const char* suffix : {"-wal", "-shm", ""}) {
    std::error_code error;
    if (!fs::remove(part.path + suffix, error) && error) {
      steps_.push_back({Action::kFailed, part.path, 0, "removing it: " + error.message()});
      return 0;
    }
  }
  steps_.push_back({Action::kRemoved, part.path, part.bytes, reason});
  return part.bytes;
}

uint64_t Retention::Expire(const PartFile& part, const PartState& state, const std::string& reason, bool strip) {
  const std::string folder = fs::path(part.path).parent_path().string();
  if (state.spans.empty()) {
    changed_.insert(folder);
    return Remove(part, reason);
  }
  if (strip ? state.stripped : state.trimmed) return 0;
  const auto trimmed = TrimPart(part.path, strip ? std::vector<KeptSpan>() : state.spans);
  if (!trimmed) {
    steps_.push_back({Action::kFailed, part.path, 0, trimmed.error().Text()});
    return 0;
  }
  changed_.insert(folder);
  const uint64_t bytes = BytesOf(part.path);
  const uint64_t freed = part.bytes > bytes ? part.bytes - bytes : 0;
  steps_.push_back({strip ? Action::kStripped : Action::kTrimmed, part.path, freed, reason});
  return freed;
}

// A part that was trimmed for its findings waits for their age.
bool Retention::Overdue(const PartFile& part, const Result<PartState>& state) const {
  const uint64_t since_ns = state ? state->since_real_ns : part.written_real_ns;
  const auto age = state && state->trimmed ? std::max(options_.age, options_.findings_age) : options_.age;
  return since_ns < Before(now_ns_, age + kOverdueMax);
}

bool Retention::HoldBack(const std::string& host, size_t parts, size_t overdue) {
  if (held_ == nullptr) return false;
  if (overdue == 0 || (2 * overdue <= parts && !held_->contains(host))) {
    held_->erase(host);
    return false;
  }
  held_->insert(host);
  steps_.push_back({Action::kHeldBack, HostsFolder(catalogue_->data_folder()) + "/" + host, 0,
                    std::to_string(overdue) + " of its " + std::to_string(parts) +
                        " files are past their age by more than a day: the server was away for long, or its clock is "
                        "ahead"});
  return true;
}

void Retention::ApplyAge(const std::string& host, const std::string& host_folder) {
  const uint64_t kept_from_ns = Before(now_ns_, options_.age);
  std::vector<std::pair<PartFile, Result<PartState>>> past;
  size_t parts = 0, overdue = 0;
  for (const std::string& id : FoldersIn(host_folder)) {
    for (PartFile& part : Candidates(host_folder + "/" + id)) {
      ++parts;
      if (part.written_real_ns >= kept_from_ns) continue;
      auto state = Inspect(part);
      if (state && state->since_real_ns >= kept_from_ns) continue;
      if (Overdue(part, state)) ++overdue;
      past.emplace_back(std::move(part), std::move(state));
    }
  }
  if (HoldBack(host, parts, overdue)) return;
  for (const auto& [part, state] : past) {
    if (state) {
      Expire(part, *state, "it is past its age", false);
      continue;
    }
    changed_.insert(fs::path(part.path).parent_path().string());
    Remove(part, "it is past its age and cannot be read: " + state.error().Text());
  }
}

void Retention::ApplySize(const std::string& host_folder) {
  if (options_.bytes_per_host_max == 0) return;
  uint64_t bytes = 0;
  std::vector<PartFile> candidates;
  for (const std::string& id : FoldersIn(host_folder)) {
    const std::string folder = host_folder + "/" + id;
    for (const std::string& path : Parts(folder)) bytes += BytesOf(path);
    for (PartFile& part : Candidates(folder)) candidates.push_back(std::move(part));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const PartFile& a, const PartFile& b) { return a.written_real_ns < b.written_real_ns; });
  for (const bool strip : {false, true}) {
    for (PartFile& part : candidates) {
      if (bytes <= options_.bytes_per_host_max) return;
      if (!fs::exists(part.path)) continue;  // removed the first time round
      part.bytes = BytesOf(part.path);
      const auto state = Inspect(part);
      if (!state) {
        if (!strip) steps_.push_back({Action::kFailed, part.path, 0, state.error().Text()});
        continue;
      }
      bytes -= std::min(bytes, Expire(part, *state, "its host is over its limit of bytes", strip));
    }
  }
}

// The catalogue says what is left; a recording without parts goes.
void Retention::Follow(const std::string& folder) {
  if (InUse(folder)) return;
  std::vector<PartSummary> summaries;
  const auto parts = Parts(folder);
  for (const std::string& part : parts) {
    if (auto summary = SummarisePart(part)) summaries.push_back(std::move(*summary));
  }
  RecordingRow row = MakeRow(folder, summaries);
  for (const RecordingRow& known : catalogue_->List("")) {
    if (known.id != row.id || RecordingFolder(catalogue_->data_folder(), known.host, known.id) != folder) continue;
    row.host = known.host;
    row.live = known.live;
  }
  const auto status = parts.empty() ? catalogue_->Remove(row.host, row.id) : catalogue_->Update(row);
  if (!status) steps_.push_back({Action::kFailed, folder, 0, status.error().Text()});
  if (!parts.empty()) return;
  RemoveUnfinished(folder);
  std::error_code error;
  fs::remove(folder, error);
  steps_.push_back({error ? Action::kFailed : Action::kRemovedRecording, folder, 0,
                    error ? "removing it: " + error.message() : "no part of it is left"});
  if (!error) fs::remove(fs::path(folder).parent_path(), error);  // only when this was the host's last recording
}

std::vector<RetentionStep> Retention::Run() {
  const std::string hosts = HostsFolder(catalogue_->data_folder());
  if (held_ != nullptr) std::erase_if(*held_, [&](const std::string& host) { return !fs::exists(hosts + "/" + host); });
  for (const std::string& host : FoldersIn(hosts)) {
    const std::string host_folder = hosts + "/" + host;
    if (options_.age.count() != 0) ApplyAge(host, host_folder);
    ApplySize(host_folder);
  }
  for (const std::string& folder : changed_) Follow(folder);
  return std::move(steps_);
}

}  // namespace

std::vector<RetentionStep> ApplyRetention(Catalogue* catalogue, const RetentionOptions& options, uint64_t now_real_ns,
                                          const std::set<std::string>& folders_in_use, HeldHosts* held) {
  return Retention(catalogue, options, now_real_ns, folders_in_use, held).Run();
}

HeldHosts ReadHeldHosts(const std::string& data_folder) {
  std::ifstream note(data_folder + kHeldNote);
  HeldHosts held;
  for (std::string host; std::getline(note, host);) {
    if (!host.empty()) held.insert(host);
  }
  return held;
}

Status NoteHeldHosts(const std::string& data_folder, const HeldHosts& held) {
  const std::string path = data_folder + kHeldNote, fresh = path + ".new";
  std::error_code error;
  if (held.empty()) {
    fs::remove(path, error);
    return error ? Fail(ErrnoError(error.value(), "removing the note of hosts that are held back", path)) : Status();
  }
  std::ofstream note(fresh);
  for (const std::string& host : held) note << host << '\n';
  note.close();
  if (!note) return Fail(ErrnoError(errno, "noting the hosts that are held back", fresh));
  fs::rename(fresh, path, error);
  return error ? Fail(ErrnoError(error.value(), "noting the hosts that are held back", path)) : Status();
}

}  // namespace wakewatch
