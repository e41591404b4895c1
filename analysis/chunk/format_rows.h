// Why: an event is added in a few nanoseconds and encoded later, column by column. Until then the records of one format
// stand as rows behind one another, so that a column is a walk with one stride.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/chunk/layout.h"
#include "analysis/trace/event.h"
#include "analysis/trace/format.h"

namespace wakewatch::chunk {

// The rows of one format. Fixed fields stand at the same place in every row; payloads of kLoc* fields and a tail follow
// the fixed part, and then rows differ in size.
class FormatRows {
 public:
  void Bind(const EventFormat& format, std::endian order);

  // Answers the bytes that the row takes.
  size_t Add(const uint8_t* record, size_t record_size) {
    const size_t before = used_;
    if (variable_ || record_size > stride_) {
      AddVariable(record, record_size);
    } else {
      if (used_ + stride_ > bytes_.size()) Grow(stride_);
      CopyFixed(record, record_size, bytes_.data() + used_);
      used_ += stride_;
    }
    ++count_;
    return used_ - before;
  }
  void Clear();
  // Gives the memory back as well.
  void Release();

  const EventFormat& format() const { return *format_; }
  std::endian order() const { return order_; }
  uint32_t count() const { return count_; }
  size_t capacity() const { return bytes_.size() + offsets_.capacity() * sizeof offsets_[0]; }  // bytes
  // True when a row had bytes that no field covers, behind the fixed part.
  bool has_tail() const { return variable_ && !has_loc_; }
  // Rows of one size; 0 when they differ.
  size_t stride() const { return variable_ ? 0 : stride_; }
  const uint8_t* row(size_t i) const { return bytes_.data() + (variable_ ? offsets_[i] : i * stride_); }
  size_t row_size(size_t i) const {
    if (!variable_) return stride_;
    return (i + 1 < count_ ? offsets_[i + 1] : used_) - offsets_[i];
  }
  // The bytes of text, array, kLoc* and tail columns.
  Bytes Cell(size_t i, const FieldSpec* field) const;
  // Integers of a column, sign- or zero-extended, into out[0, count()).
  void Gather(const FieldSpec& field, uint64_t* out) const;
  uint64_t IntegerAt(size_t i, const FieldSpec& field) const { return ReadInteger(row(i), field, order_); }

 private:
  void CopyFixed(const uint8_t* record, size_t record_size, uint8_t* to) const {
    if (record_size < fixed_size_ || fixed_size_ < 16) {
      std::memcpy(to, record, record_size < fixed_size_ ? record_size : fixed_size_);
      if (record_size < fixed_size_) std::memset(to + record_size, 0, fixed_size_ - record_size);
      return;
    }
    // Blocks of a known size become plain moves; the last one overlaps the one before it.
    for (size_t at = 0; at + 16 < fixed_size_; at += 16) std::memcpy(to + at, record + at, 16);
    std::memcpy(to + fixed_size_ - 16, record + fixed_size_ - 16, 16);
  }
  void AddVariable(const uint8_t* record, size_t record_size);
  void BecomeVariable();
  bool AddOneLoc(const uint8_t* record, size_t record_size);
  void AppendLocs(const uint8_t* record, size_t record_size, size_t row);
  void Grow(size_t more);
  template <typename T>
  void GatherAs(const FieldSpec& field, uint64_t* out) const;

  const EventFormat* format_ = nullptr;
  std::vector<const FieldSpec*> locs_;
  std::endian order_ = std::endian::little;
  size_t fixed_size_ = 0, stride_ = 0, used_ = 0;  // bytes
  uint32_t count_ = 0;
  bool has_loc_ = false, variable_ = false;
  std::vector<uint8_t> bytes_;
  std::vector<uint32_t> offsets_;
};

}  // namespace wakewatch::chunk
