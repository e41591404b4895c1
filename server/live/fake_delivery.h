// Why: tests of hosts without a network need somebody who takes what a collector would be told.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/live/host.h"

namespace wakewatch::live_test {

// Thread-safe.
class FakeDelivery : public Delivery {
 public:
  void Welcome(uint64_t committed_sequence) override {
    Change([&] { welcomes_.push_back(committed_sequence); });
  }
  void Ack(uint64_t sequence) override {
    Change([&] {
      EXPECT_GE(sequence, acked_);
      acked_ = sequence;
    });
  }
  void Refuse(uint64_t sequence, const std::string& cause, const std::string&) override {
    Change([&] { refused_.emplace_back(sequence, cause); });
  }
  void RequestSnapshot(uint64_t request_id, int32_t pid) override {
    Change([&] { snapshots_.emplace_back(request_id, pid); });
  }
  void End(const Error& error) override {
    Change([&] { ends_.push_back(error); });
  }

  std::vector<uint64_t> welcomes() const { return Get(welcomes_); }
  uint64_t acked() const { return Get(acked_); }
  std::vector<std::pair<uint64_t, std::string>> refused() const { return Get(refused_); }
  std::vector<Error> ends() const { return Get(ends_); }
  // Request id and pid.
  std::vector<std::pair<uint64_t, int32_t>> snapshots() const { return Get(snapshots_); }

  // Until `sequence` is acknowledged; false when the stream ended instead, or when nothing happens for minutes.
  bool UntilAck(uint64_t sequence) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return acked_ >= sequence || !ends_.empty(); });
    return acked_ >= sequence;
  }
  std::optional<uint64_t> UntilWelcome() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return !welcomes_.empty() || !ends_.empty(); });
    return welcomes_.empty() ? std::nullopt : std::optional(welcomes_.back());
  }

 private:
  static constexpr std::chrono::minutes kPatience{3};
  template <typename Action>
  void Change(const Action& action) {
    const std::lock_guard lock(mutex_);
    action();
    changed_.notify_all();
  }
  template <typename T>
  T Get(const T& member) const {
    const std::lock_guard lock(mutex_);
    return member;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<uint64_t> welcomes_;
  uint64_t acked_ = 0;
  std::vector<std::pair<uint64_t, std::string>> refused_;
  std::vector<Error> ends_;
  std::vector<std::pair<uint64_t, int32_t>> snapshots_;
};

}  // namespace wakewatch::live_test
