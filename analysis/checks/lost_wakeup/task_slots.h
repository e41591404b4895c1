// Why: the rules keep state of kernel threads, which are few among all tasks. It is found by Task::index in one step
// and takes memory for those only of which something is kept.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "analysis/model/task.h"

namespace wakewatch {

template <typename Slot>
class TaskSlots {
 public:
  // Made when there is none. Valid until the next Of.
  Slot& Of(const Task& task) {
    if (task.index >= places_.size()) places_.resize(task.index + size_t{1});
    uint32_t& place = places_[task.index];
    if (place == 0) {
      if (free_.empty()) {
        slots_.emplace_back();
        place = static_cast<uint32_t>(slots_.size());
      } else {
        place = free_.back();
        free_.pop_back();
      }
    }
    return slots_[place - 1];
  }
  // Null when nothing is kept of the task with this Task::index.
  Slot* Find(uint64_t index) {
    return index < places_.size() && places_[index] != 0 ? &slots_[places_[index] - 1] : nullptr;
  }
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const Slot& slot : slots_) visit(slot);
  }
  void Forget(const Task& task) {
    if (task.index >= places_.size() || places_[task.index] == 0) return;
    slots_[places_[task.index] - 1] = Slot{};
    free_.push_back(places_[task.index]);
    places_[task.index] = 0;
  }
  static void Fields(auto& self, auto& archive) {
    archive(self.places_, self.slots_, self.free_);
    if constexpr (std::remove_reference_t<decltype(archive)>::kReads) self.Verify(archive);
  }

 private:
  void Verify(auto& archive) const {
    for (const uint32_t place : places_) {
      if (place > slots_.size()) archive.Spoil();
    }
    for (const uint32_t place : free_) {
      if (place == 0 || place > slots_.size()) archive.Spoil();
    }
  }

  std::vector<uint32_t> places_;  // by Task::index: 1 + the place in slots_; 0: none
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;  // places as in places_ that nobody has
};

}  // namespace wakewatch
