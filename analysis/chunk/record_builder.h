// Why: the way back from columns to records. The records of one format stand behind one another in the block's storage,
// so that writing a field is a walk with one stride; variable-length parts follow each record's fixed part.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/layout.h"
#include "analysis/chunk/view_columns.h"
#include "analysis/trace/format.h"

namespace wakewatch::chunk {

// Where the i-th row of a format is. A plain value, so that loops keep it in registers.
struct RowPlace {
  uint8_t* base = nullptr;
  size_t stride = 0;                  // bytes
  const uint32_t* offsets = nullptr;  // null: rows of one size
  uint8_t* operator()(size_t i) const { return base + (offsets == nullptr ? i * stride : offsets[i]); }
};

class RecordBuilder {
 public:
  RecordBuilder(ViewColumns* columns, const StoredFormat& stored, std::endian order);

  // Learns the size of every row; then bytes() of storage, zeroed, are needed.
  Status Measure();
  uint64_t bytes() const { return bytes_; }
  // Writes every field of every row into `storage`.
  Status Build(uint8_t* storage);

  RowPlace place() const { return place_; }
  uint32_t row_size(size_t i) const {
    return offsets_.empty() ? static_cast<uint32_t>(place_.stride) : offsets_[i + 1] - offsets_[i];
  }

 private:
  Status AddPayload(size_t column, bool terminated, std::vector<uint32_t>* sizes) const;
  Status BuildInteger(size_t column, const FieldSpec& field);
  template <typename T>
  Status BuildIntegerAs(size_t column, const FieldSpec& field);
  Status BuildFixed(size_t column, const FieldSpec& field);
  Status BuildComm(size_t column, const FieldSpec& field);
  Status BuildPayload(size_t column, const FieldSpec* field);

  ViewColumns* columns_;
  const StoredFormat* stored_;
  const EventFormat* format_;
  std::endian order_;
  uint64_t bytes_ = 0;
  RowPlace place_;
  std::vector<uint32_t> offsets_;  // of rows, when their sizes differ
  std::vector<uint32_t> filled_;   // of each row so far, when their sizes differ
};

}  // namespace wakewatch::chunk
