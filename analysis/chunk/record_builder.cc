#include "analysis/chunk/record_builder.h"

#include <array>
#include <cstring>
#include <string_view>

namespace wakewatch::chunk {
namespace {

constexpr size_t kCommBytes = 16;  // TASK_COMM_LEN, by far the most frequent text

// As the ring buffer pads it, unless a record's size could then not be said in 16 bits.
size_t RecordSize(size_t bytes) { return PaddedSize(bytes) > kRecordBytesMax ? bytes : PaddedSize(bytes); }

bool IsPayload(ColumnKind kind) { return kind == ColumnKind::kLocText || kind == ColumnKind::kLocBytes; }

}  // namespace

RecordBuilder::RecordBuilder(ViewColumns* columns, const StoredFormat& stored, std::endian order)
    : columns_(columns), stored_(&stored), format_(&columns->format(stored)), order_(order) {
  place_.stride = RecordSize(format_->fixed_size);
}

Status RecordBuilder::AddPayload(size_t column, bool terminated, std::vector<uint32_t>* sizes) const {
  const auto text = columns_->Texts(*stored_, column);
  if (!text) return Fail(text.error());
  for (const std::string_view value : (*text)->dictionary) {
    if (value.size() > kRecordBytesMax) {
      return BadChunk(columns_->column(*stored_, column).at, "a variable-length field is longer than a record");
    }
  }
  for (size_t i = 0; i < sizes->size(); ++i) {
    const size_t size = (*text)->dictionary[(*text)->codes[i]].size();
    (*sizes)[i] += static_cast<uint32_t>(size + (terminated && size != 0));
    if ((*sizes)[i] > kRecordBytesMax) {
      return BadChunk(columns_->column(*stored_, column).at, "a record is longer than records can be");
    }
  }
  return {};
}

Status RecordBuilder::Measure() {
  bytes_ = uint64_t{place_.stride} * stored_->events;
  if (!format_->has_loc && !stored_->has_tail) return {};
  std::vector<uint32_t> sizes(stored_->events, format_->fixed_size);
  for (size_t i = 0; i < format_->fields.size(); ++i) {
    const ColumnKind kind = KindOf(format_->fields[i]);
    if (!IsPayload(kind)) continue;
    if (auto status = AddPayload(i, kind == ColumnKind::kLocText, &sizes); !status) return status;
  }
  if (stored_->has_tail) {
    if (auto status = AddPayload(format_->fields.size(), false, &sizes); !status) return status;
  }
  offsets_.resize(sizes.size() + 1);
  bytes_ = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    offsets_[i] = static_cast<uint32_t>(bytes_);
    // A tail's size was exact, and is no business of the padding.
    bytes_ += stored_->has_tail && sizes[i] > format_->fixed_size ? sizes[i] : RecordSize(sizes[i]);
    if (bytes_ > kChunkBytesMax) {
      return Fail(Error{ErrorCode::kTooLarge,
                        "the chunk's records take more than " + std::to_string(kChunkBytesMax) + " bytes",
                        {},
                        columns_->column(*stored_, 0).at});
    }
  }
  offsets_.back() = static_cast<uint32_t>(bytes_);
  filled_.assign(stored_->events, format_->fixed_size);
  return {};
}

Status RecordBuilder::Build(uint8_t* storage) {
  place_.base = storage;
  if (!offsets_.empty()) place_.offsets = offsets_.data();
  for (size_t i = 0; i < format_->fields.size(); ++i) {
    const FieldSpec& field = format_->fields[i];
    const ColumnKind kind = KindOf(field);
    Status status;
    if (kind == ColumnKind::kInteger) {
      status = BuildInteger(i, field);
    } else if (IsPayload(kind)) {
      status = BuildPayload(i, &field);
    } else {
      status = field.size == kCommBytes ? BuildComm(i, field) : BuildFixed(i, field);
    }
    if (!status) return status;
  }
  return stored_->has_tail ? BuildPayload(format_->fields.size(), nullptr) : Status();
}

template <typename T>
Status RecordBuilder::BuildIntegerAs(size_t column, const FieldSpec& field) {
  const auto inputs = columns_->Inputs(*stored_, column);
  if (!inputs) return Fail(inputs.error());
  const bool swap = order_ != std::endian::native;
  RowPlace to = place_;
  to.base += field.offset;
  return columns_->reader().Ints(columns_->column(*stored_, column), *inputs, [=](size_t i, uint64_t value) {
    auto narrow = static_cast<T>(value);
    if constexpr (sizeof(T) > 1) {
      if (swap) narrow = SwapBytes(narrow);
    }
    std::memcpy(to(i), &narrow, sizeof narrow);
  });
}

Status RecordBuilder::BuildInteger(size_t column, const FieldSpec& field) {
  switch (field.size) {
    case 1: return BuildIntegerAs<uint8_t>(column, field);
    case 2: return BuildIntegerAs<uint16_t>(column, field);
    case 4: return BuildIntegerAs<uint32_t>(column, field);
    default: return BuildIntegerAs<uint64_t>(column, field);
  }
}

Status RecordBuilder::BuildComm(size_t column, const FieldSpec& field) {
  const auto inputs = columns_->Inputs(*stored_, column);
  if (!inputs) return Fail(inputs.error());
  std::vector<std::array<uint8_t, kCommBytes>> padded;
  const auto begin = [&](const std::vector<std::string_view>& dictionary) -> Status {
    padded.resize(dictionary.size());
    for (size_t i = 0; i < dictionary.size(); ++i) {
      if (dictionary[i].size() > kCommBytes) {
        return BadChunk(columns_->column(*stored_, column).at, "a text is longer than its field");
      }
      std::copy(dictionary[i].begin(), dictionary[i].end(), padded[i].begin());
    }
    return {};
  };
  RowPlace to = place_;
  to.base += field.offset;
  return columns_->reader().Texts(
      columns_->column(*stored_, column), *inputs, begin,
      [to, &padded](size_t i, uint32_t code) { std::memcpy(to(i), padded[code].data(), kCommBytes); });
}

Status RecordBuilder::BuildFixed(size_t column, const FieldSpec& field) {
  const auto inputs = columns_->Inputs(*stored_, column);
  if (!inputs) return Fail(inputs.error());
  const std::vector<std::string_view>* texts = nullptr;
  const auto begin = [&](const std::vector<std::string_view>& dictionary) -> Status {
    texts = &dictionary;
    for (const std::string_view text : dictionary) {
      if (text.size() > field.size) {
        return BadChunk(columns_->column(*stored_, column).at, "a text is longer than its field");
      }
    }
    return {};
  };
  RowPlace to = place_;
  to.base += field.offset;
  return columns_->reader().Texts(columns_->column(*stored_, column), *inputs, begin, [&](size_t i, uint32_t code) {
    const std::string_view text = (*texts)[code];
    if (!text.empty()) std::memcpy(to(i), text.data(), text.size());
    std::memset(to(i) + text.size(), 0, field.size - text.size());
  });
}

// A variable-length part, behind those that are there already; the tail when `field` is null.
Status RecordBuilder::BuildPayload(size_t column, const FieldSpec* field) {
  const auto text = columns_->Texts(*stored_, column);
  if (!text) return Fail(text.error());
  for (size_t i = 0; i < stored_->events; ++i) {
    const std::string_view value = (*text)->dictionary[(*text)->codes[i]];
    uint8_t* row = place_(i);
    if (!value.empty()) std::memcpy(row + filled_[i], value.data(), value.size());
    auto size = static_cast<uint32_t>(value.size());
    if (field != nullptr) {
      if (field->kind == FieldKind::kLocText && size != 0) ++size;  // its NUL
      WriteLoc(row, *field, order_, {filled_[i], size});
    }
    filled_[i] += size;
  }
  return {};
}

}  // namespace wakewatch::chunk
