// Why: the rules keep state of kernel threads, which are few among all tasks. It is found by Task::index in one step
// and takes memory for those only of which something is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "analysis/model/task.h"

namespace wakewatch {

template <typename Slot>
class TaskSlots {
 public:
  // Made when there is none. Valid until the task is forgotten.
  Slot& Of(const Task& task) {
    if (task.index >= slots_.size()) slots_.resize(task.index + size_t{1});
    auto& slot = slots_[task.index];
    if (slot == nullptr) slot = std::make_unique<Slot>();
    return *slot;
  }
  // Null when nothing is kept of the task with this Task::index.
  Slot* Find(uint64_t index) const { return index < slots_.size() ? slots_[index].get() : nullptr; }
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& slot : slots_) {
      if (slot != nullptr) visit(*slot);
    }
  }
  void Forget(const Task& task) {
    if (task.index < slots_.size()) slots_[task.index] = nullptr;
  }
  static void Fields(auto& self, auto& archive) {
    size_t count = self.slots_.size();
    archive(count);
    if constexpr (std::remove_reference_t<decltype(archive)>::kReads) {
      self.slots_.clear();
      for (; count > 0 && archive.ok(); --count) {
        bool kept = false;
        archive(kept);
        self.slots_.push_back(kept ? std::make_unique<Slot>() : nullptr);
        if (kept) archive(*self.slots_.back());
      }
    } else {
      for (const auto& slot : self.slots_) {
        archive(slot != nullptr);
        if (slot != nullptr) archive(*slot);
      }
    }
  }

 private:
  std::vector<std::unique_ptr<Slot>> slots_;  // by Task::index
};

}  // namespace wakewatch
