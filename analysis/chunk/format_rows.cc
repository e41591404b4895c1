#include "analysis/chunk/format_rows.h"

#include <algorithm>
#include <type_traits>

namespace wakewatch::chunk {

void FormatRows::Bind(const EventFormat& format, std::endian order) {
  format_ = &format;
  order_ = order;
  fixed_size_ = format.fixed_size;
  stride_ = PaddedSize(fixed_size_);
  locs_.clear();
  for (const FieldSpec& field : format.fields) {
    if (field.kind == FieldKind::kLocText || field.kind == FieldKind::kLocBytes) locs_.push_back(&field);
  }
  has_loc_ = !locs_.empty();
  variable_ = has_loc_;
}

void FormatRows::Grow(size_t more) { bytes_.resize(std::max({bytes_.size() * 2, used_ + more, size_t{4096}})); }

void FormatRows::BecomeVariable() {
  variable_ = true;
  offsets_.resize(count_);
  for (uint32_t i = 0; i < count_; ++i) offsets_[i] = static_cast<uint32_t>(i * stride_);
}

void FormatRows::AddVariable(const uint8_t* record, size_t record_size) {
  if (!variable_) BecomeVariable();
  const size_t row = used_;
  offsets_.push_back(static_cast<uint32_t>(row));
  // A row never outgrows a record by more than its padding: locs that would are emptied.
  if (used_ + kRecordBytesMax + 4 > bytes_.size()) Grow(kRecordBytesMax + 4);
  CopyFixed(record, record_size, bytes_.data() + row);
  std::memset(bytes_.data() + row + fixed_size_, 0, stride_ - fixed_size_);
  used_ = row + fixed_size_;
  if (has_loc_) {
    if (AddOneLoc(record, record_size)) return;
    AppendLocs(record, record_size, row);
  } else if (record_size > stride_) {
    std::memcpy(bytes_.data() + used_, record + fixed_size_, record_size - fixed_size_);
    used_ = row + record_size;
  } else {
    used_ = row + stride_;
  }
}

// A record with one loc that stands where it would be put: nearly every record that has any.
bool FormatRows::AddOneLoc(const uint8_t* record, size_t record_size) {
  if (locs_.size() != 1 || record_size < fixed_size_) return false;
  const LocSpan span = ReadLoc(record, *locs_[0], order_);
  if (span.offset != fixed_size_ || span.size > record_size - fixed_size_ || record_size + 8 > kRecordBytesMax)
    return false;
  std::memcpy(bytes_.data() + used_, record + fixed_size_, span.size);
  used_ += span.size;
  return true;
}

void FormatRows::AppendLocs(const uint8_t* record, size_t record_size, size_t row) {
  for (const FieldSpec* field : locs_) {
    LocSpan span{0, 0};
    if (record_size >= fixed_size_) span = ReadLoc(record, *field, order_);
    const uint8_t* from = record + span.offset;
    if (span.offset > record_size || span.size > record_size - span.offset) span.size = 0;
    // A rebuilt text always has a NUL behind it; room for those and for padding is counted here.
    const size_t at = used_ - row;
    if (at + span.size + locs_.size() + 4 > kRecordBytesMax) span.size = 0;
    if (span.size != 0) std::memcpy(bytes_.data() + used_, from, span.size);
    WriteLoc(bytes_.data() + row, *field, order_, {static_cast<uint32_t>(at), span.size});
    used_ += span.size;
  }
}

void FormatRows::Clear() {
  used_ = 0;
  count_ = 0;
  variable_ = has_loc_;
  offsets_.clear();
}

void FormatRows::Release() {
  Clear();
  bytes_ = {};
  offsets_ = {};
}

Bytes FormatRows::Cell(size_t i, const FieldSpec* field) const {
  const uint8_t* at = row(i);
  if (field == nullptr) {
    const size_t size = row_size(i);
    return size > stride_ ? Bytes(at + fixed_size_, size - fixed_size_) : Bytes();
  }
  if (field->kind == FieldKind::kLocText || field->kind == FieldKind::kLocBytes) {
    const LocSpan span = ReadLoc(at, *field, order_);
    // Loc words that overlap one another have overwritten each other: then this one says nothing.
    const size_t size = row_size(i);
    if (span.offset > size || span.size > size - span.offset) return {};
    return {at + span.offset, span.size};
  }
  return {at + field->offset, field->size};
}

template <typename T>
void FormatRows::GatherAs(const FieldSpec& field, uint64_t* out) const {
  using Unsigned = std::make_unsigned_t<T>;
  const bool swap = order_ != std::endian::native;
  for (size_t i = 0; i < count_; ++i) {
    auto value = LoadNative<Unsigned>(row(i) + field.offset);
    if constexpr (sizeof(T) > 1) {
      if (swap) value = SwapBytes(value);
    }
    out[i] = static_cast<uint64_t>(static_cast<int64_t>(static_cast<T>(value)));
  }
}

void FormatRows::Gather(const FieldSpec& field, uint64_t* out) const {
  const bool is_signed = field.kind == FieldKind::kSigned;
  switch (field.size) {
    case 1: return is_signed ? GatherAs<int8_t>(field, out) : GatherAs<uint8_t>(field, out);
    case 2: return is_signed ? GatherAs<int16_t>(field, out) : GatherAs<uint16_t>(field, out);
    case 4: return is_signed ? GatherAs<int32_t>(field, out) : GatherAs<uint32_t>(field, out);
    default: return is_signed ? GatherAs<int64_t>(field, out) : GatherAs<uint64_t>(field, out);
  }
}

}  // namespace wakewatch::chunk
