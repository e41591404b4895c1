#include "analysis/chunk/column_reader.h"

#include <zstd.h>

#include <string>

namespace wakewatch::chunk {
namespace {

template <typename T>
uint32_t Largest(Bytes codes) {
  T largest = 0;
  for (size_t at = 0; at < codes.size(); at += sizeof(T)) {
    largest = std::max(largest, LoadNative<T>(codes.data() + at));
  }
  return largest;
}

}  // namespace

ColumnReader::ColumnReader() : zstd_(ZSTD_createDCtx(), ZSTD_freeDCtx) {}
ColumnReader::~ColumnReader() = default;
ColumnReader::ColumnReader(ColumnReader&&) noexcept = default;
ColumnReader& ColumnReader::operator=(ColumnReader&&) noexcept = default;

Result<Bytes> ColumnReader::Inflate(const StoredColumn& column) {
  const size_t size = column.raw_bytes;
  if (raw_.size() < size + kQuadsSlack) raw_.resize(size + kQuadsSlack);
  if (column.stored.size() == size) {
    std::copy(column.stored.begin(), column.stored.end(), raw_.begin());
  } else {
    const size_t got = ZSTD_decompressDCtx(zstd_.get(), raw_.data(), size, column.stored.data(), column.stored.size());
    if (ZSTD_isError(got)) {
      return BadChunk(column.at, std::string("a column cannot be decompressed: ") + ZSTD_getErrorName(got));
    }
    if (got != size) return BadChunk(column.at, "a column is shorter than announced once decompressed");
  }
  return Bytes(raw_.data(), size);
}

Status ColumnReader::Times(const StoredColumn& column, uint64_t first_ns, uint64_t last_ns,
                           std::vector<uint64_t>* times) {
  const auto raw = Inflate(column);
  if (!raw) return Fail(raw.error());
  if (column.codec != Codec::kQuads || column.ref != kRefPrevious || !QuadsFit(*raw, times->size())) {
    return BadChunk(column.at, "the column of times is not as long as its events");
  }
  uint64_t at = first_ns;
  bool wrapped = false;
  uint64_t* out = times->data();
  ReadQuads(raw->data(), times->size(), [&](size_t i, uint64_t delta) {
    at += delta;
    wrapped |= at < delta;
    out[i] = at;
  });
  if (wrapped || times->front() != first_ns || at != last_ns) {
    return BadChunk(column.at, "its times do not run from its first to its last one");
  }
  return {};
}

Status ColumnReader::IntDictionary(const StoredColumn& column, ByteCursor* cursor,
                                   std::vector<uint64_t>* values) const {
  const uint64_t count = cursor->Varint();
  if (!cursor->ok() || count == 0 || count > cursor->left() || count > kChunkEventsMax) {
    return BadChunk(column.at, "a dictionary of numbers has an impossible size");
  }
  values->resize(count);
  uint64_t last = 0;
  for (uint64_t& value : *values) {
    last += static_cast<uint64_t>(Unzigzag(cursor->Varint()));
    value = last;
  }
  if (!cursor->ok()) return BadChunk(column.at, "a dictionary of numbers is cut off");
  return {};
}

Status ColumnReader::TextDictionary(const StoredColumn& column, ByteCursor* cursor) {
  const uint64_t count = cursor->Varint();
  if (!cursor->ok() || count == 0 || count > cursor->left() || count > kChunkEventsMax) {
    return BadChunk(column.at, "a dictionary of texts has an impossible size");
  }
  ints_.resize(count);
  for (uint64_t& size : ints_) size = cursor->Varint();
  texts_.clear();
  for (const uint64_t size : ints_) {
    const Bytes text = cursor->Span(size);
    texts_.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
  }
  if (!cursor->ok()) return BadChunk(column.at, "a dictionary of texts is cut off");
  return {};
}

Status ColumnReader::CheckCodes(const StoredColumn& column, Bytes codes, size_t n, size_t size) const {
  size_t width = 1;
  if (column.codec == Codec::kCodes16) width = 2;
  if (column.codec == Codec::kCodes32) width = 4;
  const bool is_codes = width > 1 || column.codec == Codec::kCodes8;
  if (!is_codes) return BadChunk(column.at, "a column that must be codes is not");
  if (codes.size() != n * width) return BadChunk(column.at, "a column of codes is not as long as its rows");
  uint32_t largest = 0;
  if (width == 1 && size < 0x100) largest = Largest<uint8_t>(codes);
  if (width == 2 && size < 0x10000) largest = Largest<uint16_t>(codes);
  if (width == 4) largest = Largest<uint32_t>(codes);
  if (largest >= size) return BadChunk(column.at, "a column has a code that its dictionary does not have");
  return {};
}

Status ColumnReader::IntCodes(const StoredColumn& column, size_t n, std::vector<uint64_t>* dictionary,
                              std::vector<uint32_t>* codes) {
  const auto raw = Inflate(column);
  if (!raw) return Fail(raw.error());
  ByteCursor cursor(*raw);
  codes->resize(n);
  if (column.codec == Codec::kConstant) {
    dictionary->assign(1, static_cast<uint64_t>(Unzigzag(cursor.Varint())));
    codes->assign(n, 0);
    if (!cursor.ok() || cursor.left() != 0) return BadChunk(column.at, "a constant column is not one number");
    return {};
  }
  if (auto status = IntDictionary(column, &cursor, dictionary); !status) return status;
  uint32_t* out = codes->data();
  return Codes(column, raw->subspan(cursor.at()), n, dictionary->size(),
               [&](size_t i, uint32_t code) { out[i] = code; });
}

}  // namespace wakewatch::chunk
