// Why: what a column's bytes say, checked number by number, handed to whoever asks: a vector (one column wanted) or a
// field inside the records being rebuilt (all wanted), without an array in between. See layout.h for the encodings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/layout.h"
#include "analysis/chunk/quads.h"

struct ZSTD_DCtx_s;

namespace wakewatch::chunk {

// What a column refers to, resolved: for kPredicted codes below `code_count`, for kQuads with a field or time the
// bases.
struct ColumnInputs {
  size_t n = 0;  // values in the column
  std::span<const uint32_t> codes;
  size_t code_count = 0;
  std::span<const uint64_t> bases;
};

class ColumnReader {
 public:
  ColumnReader();
  ~ColumnReader();
  ColumnReader(ColumnReader&&) noexcept;
  ColumnReader& operator=(ColumnReader&&) noexcept;

  // The column's raw bytes, with kQuadsSlack readable bytes behind them; valid until the next call.
  Result<Bytes> Inflate(const StoredColumn& column);

  // Calls put(i, value) for every row of an integer column.
  template <typename Put>
  Status Ints(const StoredColumn& column, const ColumnInputs& inputs, Put&& put);
  // Reads a text column's dictionary (views into Inflate's bytes), calls begin(dictionary) -> Status, then
  // put(i, code) for every row, with codes below dictionary.size().
  template <typename Begin, typename Put>
  Status Texts(const StoredColumn& column, const ColumnInputs& inputs, Begin&& begin, Put&& put);
  // Times: plain differences, from first_ns to last_ns.
  Status Times(const StoredColumn& column, uint64_t first_ns, uint64_t last_ns, std::vector<uint64_t>* times);
  // The dictionary and the codes of an integer column that is stored as codes; kCorrupt for any other.
  Status IntCodes(const StoredColumn& column, size_t n, std::vector<uint64_t>* dictionary,
                  std::vector<uint32_t>* codes);

 private:
  Status IntDictionary(const StoredColumn& column, ByteCursor* cursor, std::vector<uint64_t>* values) const;
  Status TextDictionary(const StoredColumn& column, ByteCursor* cursor);
  Status CheckCodes(const StoredColumn& column, Bytes codes, size_t n, size_t size) const;
  template <typename Put>
  Status Codes(const StoredColumn& column, Bytes codes, size_t n, size_t size, Put&& put) const;
  template <typename Decode, typename Value, typename Put>
  Status Predicted(const StoredColumn& column, ByteCursor cursor, const ColumnInputs& inputs, std::vector<Value>* table,
                   Decode&& decode, Put&& put) const;
  template <typename Put>
  Status Quads(const StoredColumn& column, Bytes raw, const ColumnInputs& inputs, Put&& put) const;

  std::unique_ptr<ZSTD_DCtx_s, size_t (*)(ZSTD_DCtx_s*)> zstd_;
  std::vector<uint8_t> raw_;
  std::vector<uint64_t> ints_, last_values_;
  std::vector<uint32_t> last_codes_;
  std::vector<std::string_view> texts_;
};

template <typename Put>
Status ColumnReader::Codes(const StoredColumn& column, Bytes codes, size_t n, size_t size, Put&& put) const {
  if (auto status = CheckCodes(column, codes, n, size); !status) return status;
  const uint8_t* at = codes.data();
  if (column.codec == Codec::kCodes8) {
    for (size_t i = 0; i < n; ++i) put(i, uint32_t{at[i]});
  } else if (column.codec == Codec::kCodes16) {
    for (size_t i = 0; i < n; ++i) put(i, uint32_t{LoadNative<uint16_t>(at + i * 2)});
  } else {
    for (size_t i = 0; i < n; ++i) put(i, LoadNative<uint32_t>(at + i * 4));
  }
  return {};
}

template <typename Decode, typename Value, typename Put>
Status ColumnReader::Predicted(const StoredColumn& column, ByteCursor cursor, const ColumnInputs& inputs,
                               std::vector<Value>* table, Decode&& decode, Put&& put) const {
  if (inputs.codes.size() != inputs.n) return BadChunk(column.at, "a column is predicted from one that has no codes");
  table->assign(inputs.code_count, Value{});
  const uint32_t* codes = inputs.codes.data();
  Value* last = table->data();
  size_t row = 0;
  while (cursor.left() != 0) {
    const uint64_t gap = cursor.Varint(), stored = cursor.Varint();
    const size_t first = row == 0 ? 0 : row - 1;
    if (!cursor.ok() || (gap == 0 && row != 0) || gap >= inputs.n - first) {
      return BadChunk(column.at, "a predicted column's exceptions run past its rows");
    }
    Value value{};
    if (!decode(stored, &value)) return BadChunk(column.at, "a predicted column names a text that it does not have");
    const size_t miss = first + gap;
    for (; row < miss; ++row) put(row, last[codes[row]]);
    last[codes[miss]] = value;
    put(miss, value);
    row = miss + 1;
  }
  for (; row < inputs.n; ++row) put(row, last[codes[row]]);
  return {};
}

template <typename Put>
Status ColumnReader::Quads(const StoredColumn& column, Bytes raw, const ColumnInputs& inputs, Put&& put) const {
  if (!QuadsFit(raw, inputs.n)) return BadChunk(column.at, "a column of numbers is not as long as its numbers");
  if (column.ref == kRefNone) {
    ReadQuads(raw.data(), inputs.n, [&](size_t i, uint64_t q) { put(i, static_cast<uint64_t>(Unzigzag(q))); });
  } else if (column.ref == kRefPrevious) {
    ReadQuads(raw.data(), inputs.n, [&, last = uint64_t{0}](size_t i, uint64_t q) mutable {
      last += static_cast<uint64_t>(Unzigzag(q));
      put(i, last);
    });
  } else {
    if (inputs.bases.size() != inputs.n) return BadChunk(column.at, "a column is relative to one without numbers");
    ReadQuads(raw.data(), inputs.n,
              [&](size_t i, uint64_t q) { put(i, static_cast<uint64_t>(Unzigzag(q)) + inputs.bases[i]); });
  }
  return {};
}

template <typename Put>
Status ColumnReader::Ints(const StoredColumn& column, const ColumnInputs& inputs, Put&& put) {
  const auto raw = Inflate(column);
  if (!raw) return Fail(raw.error());
  ByteCursor cursor(*raw);
  switch (column.codec) {
    case Codec::kConstant: {
      const auto value = static_cast<uint64_t>(Unzigzag(cursor.Varint()));
      if (!cursor.ok() || cursor.left() != 0) return BadChunk(column.at, "a constant column is not one number");
      for (size_t i = 0; i < inputs.n; ++i) put(i, value);
      return {};
    }
    case Codec::kCodes8:
    case Codec::kCodes16:
    case Codec::kCodes32: {
      if (auto status = IntDictionary(column, &cursor, &ints_); !status) return status;
      const uint64_t* values = ints_.data();
      return Codes(column, raw->subspan(cursor.at()), inputs.n, ints_.size(),
                   [&](size_t i, uint32_t code) { put(i, values[code]); });
    }
    case Codec::kQuads: return Quads(column, *raw, inputs, put);
    case Codec::kPredicted: break;
  }
  const auto decode = [](uint64_t stored, uint64_t* value) {
    *value = static_cast<uint64_t>(Unzigzag(stored));
    return true;
  };
  return Predicted(column, cursor, inputs, &last_values_, decode, put);
}

template <typename Begin, typename Put>
Status ColumnReader::Texts(const StoredColumn& column, const ColumnInputs& inputs, Begin&& begin, Put&& put) {
  const auto raw = Inflate(column);
  if (!raw) return Fail(raw.error());
  ByteCursor cursor(*raw);
  if (auto status = TextDictionary(column, &cursor); !status) return status;
  if (Status status = begin(texts_); !status) return status;
  switch (column.codec) {
    case Codec::kConstant:
      if (cursor.left() != 0) return BadChunk(column.at, "a constant column is not one text");
      for (size_t i = 0; i < inputs.n; ++i) put(i, 0u);
      return {};
    case Codec::kCodes8:
    case Codec::kCodes16:
    case Codec::kCodes32: return Codes(column, raw->subspan(cursor.at()), inputs.n, texts_.size(), put);
    case Codec::kQuads: return BadChunk(column.at, "a text column is encoded as numbers");
    case Codec::kPredicted: break;
  }
  const auto decode = [texts = texts_.size()](uint64_t stored, uint32_t* code) {
    *code = static_cast<uint32_t>(stored);
    return stored < texts;
  };
  return Predicted(column, cursor, inputs, &last_codes_, decode, put);
}

}  // namespace wakewatch::chunk
