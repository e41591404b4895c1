// Why: rules keep what they know of a task by Task::index, and of most tasks they know nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "analysis/base/archive.h"

namespace wakewatch {

template <typename Record>
class Records {
 public:
  // Null: there is none.
  Record* Find(uint32_t index) const { return index < records_.size() ? records_[index].get() : nullptr; }
  Record* Make(uint32_t index) {
    if (index >= records_.size()) records_.resize(index + size_t{1});
    auto& record = records_[index];
    if (record == nullptr) record = std::make_unique<Record>();
    return record.get();
  }
  void Erase(uint32_t index) {
    if (index < records_.size()) records_[index] = nullptr;
  }
  // visit(Record*), in the order of their indices.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& record : records_) {
      if (record != nullptr) visit(record.get());
    }
  }
  void Save(ArchiveWriter& archive) const {
    archive(records_.size());
    for (const auto& record : records_) {
      archive(record != nullptr);
      if (record != nullptr) archive(*record);
    }
  }
  void Load(ArchiveReader& archive) {
    size_t count = 0;
    records_.clear();
    for (archive(count); count > 0 && archive.ok(); --count) {
      bool present = false;
      archive(present);
      records_.push_back(present ? std::make_unique<Record>() : nullptr);
      if (present) archive(*records_.back());
    }
  }

 private:
  std::vector<std::unique_ptr<Record>> records_;
};

}  // namespace wakewatch
