#include "server/live/caretaker.h"

#include <chrono>
#include <utility>
#include <vector>

#include "server/store/part_files.h"
#include "server/store/part_rewriter.h"
#include "server/store/session_store.h"

namespace wakewatch {
namespace {

constexpr std::chrono::seconds kRound{5};
constexpr std::chrono::minutes kRetentionEvery{10};

std::string_view NameOf(RetentionStep::Action action) {
  switch (action) {
    case RetentionStep::Action::kRemoved: return "removed";
    case RetentionStep::Action::kTrimmed: return "trimmed";
    case RetentionStep::Action::kStripped: return "stripped";
    case RetentionStep::Action::kRemovedRecording: return "removed recording";
    case RetentionStep::Action::kHeldBack: return "holds back";
    case RetentionStep::Action::kFailed: return "failed on";
  }
  return "failed on";
}

}  // namespace

Caretaker::Caretaker(Options options) : options_(std::move(options)) {
  // What an earlier process left: of a session that has not ended the newest part may yet grow.
  for (const RecordingRow& row : options_.catalogue->List("")) {
    const auto parts = Parts(FolderOf(row));
    if (parts.empty()) continue;
    const auto newest = SummarisePart(parts.back());
    if (newest && newest->ended) complete_.push_back(row);
  }
  held_ = ReadHeldHosts(options_.catalogue->data_folder());
  thread_ = std::thread([this] { Loop(); });
}

Caretaker::~Caretaker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Caretaker::Take(const RecordingRow& complete) {
  {
    const std::lock_guard lock(mutex_);
    complete_.push_back(complete);
  }
  changed_.notify_one();
}

std::string Caretaker::FolderOf(const RecordingRow& row) const {
  return RecordingFolder(options_.catalogue->data_folder(), row.host, row.id);
}

void Caretaker::Loop() {
  auto retention_at = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    SealComplete();
    for (const std::string& folder : options_.folders_in_use()) Seal(folder, false);
    if (std::chrono::steady_clock::now() >= retention_at) {
      ApplyRetentionNow();
      retention_at = std::chrono::steady_clock::now() + kRetentionEvery;
    }
    lock.lock();
    changed_.wait_for(lock, kRound, [this] { return stopping_; });
  }
}

void Caretaker::SealComplete() {
  std::deque<RecordingRow> rows;
  {
    const std::lock_guard lock(mutex_);
    rows = std::exchange(complete_, {});
  }
  for (RecordingRow& row : rows) {
    const std::string folder = FolderOf(row);
    // Its row may have changed since, or have gone with its files.
    const auto known = options_.catalogue->Find(row.host, row.id);
    if (!known) continue;
    row = *known;
    // Its collector may come back after all; then the session goes on, and will end again.
    const std::unique_lock files(*options_.files);
    if (options_.folders_in_use().contains(folder)) continue;
    if (!Seal(folder, true)) {
      const std::lock_guard lock(mutex_);
      complete_.push_back(row);
      continue;
    }
    row.bytes = 0;
    for (const std::string& part : Parts(folder)) {
      row.bytes += BytesOf(part);
      sealed_.erase(part);
    }
    if (auto status = options_.catalogue->Update(row); !status) options_.log(status.error().Text(), true);
  }
}

bool Caretaker::Seal(const std::string& folder, bool whole) {
  std::vector<std::string> parts = Parts(folder);
  if (!whole && !parts.empty()) parts.pop_back();
  bool all = true;
  for (const std::string& part : parts) {
    if (sealed_.contains(part)) continue;
    const auto status = SealPart(part);
    if (status) {
      sealed_.insert(part);
      continue;
    }
    all = false;
    // Somebody reads it: it is tried again.
    if (status.error().code != ErrorCode::kIo) {
      options_.log(status.error().Text(), true);
      sealed_.insert(part);
    }
  }
  return all;
}

void Caretaker::ApplyRetentionNow() {
  // No session may be opened meanwhile: it could be one whose files are about to go.
  const std::unique_lock files(*options_.files);
  HeldHosts held = held_;
  for (const RetentionStep& step : ApplyRetention(options_.catalogue, options_.retention, options_.now_real_ns(),
                                                  options_.folders_in_use(), options_.holds_back ? &held : nullptr)) {
    const bool holds = step.action == RetentionStep::Action::kHeldBack;
    if (holds && !held_said_.insert(step.path).second) continue;
    options_.log("retention: " + std::string(NameOf(step.action)) + " " + step.path + ": " + step.reason +
                     (holds ? " (see that the clock is right; then start the server once with --remove-overdue)" : ""),
                 holds || step.action == RetentionStep::Action::kFailed);
  }
  if (!options_.holds_back) held.clear();
  if (held == held_) return;
  held_ = std::move(held);
  if (auto noted = NoteHeldHosts(options_.catalogue->data_folder(), held_); !noted) {
    options_.log(noted.error().Text(), true);
  }
}

}  // namespace wakewatch
