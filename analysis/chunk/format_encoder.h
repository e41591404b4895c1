// Why: which encoding is smallest depends on the data, not on the field's type: a pid column is empty where the task on
// the CPU predicts it, a pointer repeats, an expiry follows the clock. For each field of one format this tries, in
// order of cost to the reader: constant, predicted by a pid, predicted by the format's own key field (a timer's or a
// work item's address decides its function), codes, numbers relative to a base. Choices rest on the rows at hand only,
// so equal events give equal chunks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/chunk/column_encoder.h"
#include "analysis/chunk/format_rows.h"

namespace wakewatch::chunk {

// What stands beside each row of a format: the codes of its own event's common_pid and of the next event's, and its
// time.
struct RowSides {
  std::span<const uint32_t> pids, next_pids;
  size_t pid_count = 0;
  std::span<const uint64_t> times;
};

class FormatEncoder {
 public:
  explicit FormatEncoder(ColumnEncoder* columns);
  // Appends a column for each field of the format, and one for the tail if there is one.
  void Encode(const FormatRows& rows, const RowSides& sides, std::vector<Column>* out);

 private:
  struct Work {                        // one column to be
    const FieldSpec* field = nullptr;  // null: the tail
    ColumnKind kind = ColumnKind::kTail;
    Column column;
    bool done = false;
    bool wide = false;    // an integer that repeats too little for codes
    size_t distinct = 0;  // in the sample; integers only
    uint32_t base = kRefNone;
    double bits = 0;  // an estimate, for one value
  };

  void TrySides(Work* work);
  void ChooseKey();
  void TryKey(Work* work, size_t key);
  void EncodeTexts(Work* work);
  void EncodeInts(Work* work);
  void EncodeWide();
  void EncodeQuads(Work* work);

  bool ConstantText(const Work& work) const;
  bool Predict(const Reference& reference, Work* work);
  bool Same(const Work& work, size_t a, size_t b) const;
  uint32_t TextCode(const Work& work, size_t row);
  bool IntCodes();
  void Sample();
  size_t DistinctInSample();
  // Bits a value would take as a difference to `base`, by the sample.
  double EstimateBits(uint32_t base);
  uint64_t BaseAt(uint32_t base, size_t row) const;

  ColumnEncoder* columns_;
  IntDictionary ints_, sampled_;
  TextDictionary texts_;
  std::vector<Work> works_;
  std::vector<uint64_t> values_, base_values_;
  std::vector<uint32_t> codes_, key_codes_, sample_;
  size_t key_size_ = 0;
  const FormatRows* rows_ = nullptr;
  const RowSides* sides_ = nullptr;
};

}  // namespace wakewatch::chunk
