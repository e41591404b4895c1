#include "server/live/finding_feed.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace wakewatch {

std::vector<FoundFinding> FindingFeed::Watcher::Wait(std::chrono::milliseconds timeout, uint64_t* missed) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return !waiting_.empty(); });
  *missed = std::exchange(missed_, 0);
  std::vector<FoundFinding> found(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  return found;
}

std::shared_ptr<FindingFeed::Watcher> FindingFeed::Watch(const Wanted& wanted, size_t backlog) {
  auto watcher = std::make_shared<Watcher>();
  watcher->wanted_ = wanted;
  const std::lock_guard lock(mutex_);
  for (auto at = recent_.rbegin(); at != recent_.rend() && watcher->waiting_.size() < backlog; ++at) {
    if (wanted.Matches(*at)) watcher->waiting_.push_front(*at);
  }
  watchers_.push_back(watcher);
  return watcher;
}

void FindingFeed::Publish(const std::vector<FoundFinding>& found) {
  if (found.empty()) return;
  const std::lock_guard lock(mutex_);
  // New watchers get the newest form of a finding only.
  for (const FoundFinding& newer : found) {
    if (!newer.update) continue;
    std::erase_if(recent_, [&](const FoundFinding& other) {
      return other.finding.id == newer.finding.id && other.host == newer.host;
    });
  }
  recent_.insert(recent_.end(), found.begin(), found.end());
  if (recent_.size() > kRecentMax) {
    recent_.erase(recent_.begin(), recent_.end() - static_cast<ptrdiff_t>(kRecentMax));
  }
  std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
  for (const auto& entry : watchers_) {
    const auto watcher = entry.lock();
    if (watcher == nullptr) continue;
    const std::lock_guard watching(watcher->mutex_);
    for (const FoundFinding& finding : found) {
      if (!watcher->wanted_.Matches(finding)) continue;
      watcher->waiting_.push_back(finding);
      if (watcher->waiting_.size() <= kWaitingMax) continue;
      watcher->waiting_.pop_front();
      ++watcher->missed_;
    }
    watcher->changed_.notify_one();
  }
}

}  // namespace wakewatch
