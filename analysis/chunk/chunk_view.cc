#include <algorithm>
#include <string>
#include <utility>

#include "analysis/chunk/chunk.h"
#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/record_builder.h"
#include "analysis/chunk/view_columns.h"

namespace wakewatch {
namespace {

using chunk::RecordBuilder;
using chunk::StoredFormat;

// Writes the four common fields of a record.
class CommonWriter {
 public:
  explicit CommonWriter(const FormatTable& formats) : layout_(formats.common()), order_(formats.machine().order) {
    usual_ = order_ == std::endian::native && Is(layout_.type, 0, 2) && Is(layout_.flags, 2, 1) &&
             Is(layout_.preempt_count, 3, 1) && Is(layout_.pid, 4, 4);
    for (const FieldSpec* field : {&layout_.type, &layout_.flags, &layout_.preempt_count, &layout_.pid}) {
      end_ = std::max<size_t>(end_, size_t{field->offset} + field->size);
    }
  }
  size_t end() const { return end_; }  // bytes that a record must have
  void Write(uint8_t* record, uint16_t id, uint8_t flags, uint8_t preempt_count, int32_t pid) const {
    if (usual_) {
      const uint64_t all = uint64_t{id} | uint64_t{flags} << 16 | uint64_t{preempt_count} << 24 |
                           uint64_t{static_cast<uint32_t>(pid)} << 32;
      std::memcpy(record, &all, sizeof all);
      return;
    }
    Put(record, layout_.type, id);
    Put(record, layout_.flags, flags);
    Put(record, layout_.preempt_count, preempt_count);
    Put(record, layout_.pid, static_cast<uint64_t>(static_cast<int64_t>(pid)));
  }

 private:
  static bool Is(const FieldSpec& field, size_t offset, size_t size) {
    return field.offset == offset && field.size == size;
  }
  void Put(uint8_t* record, const FieldSpec& field, uint64_t value) const {
    for (size_t i = 0; i < field.size && i < 8; ++i) {
      const size_t at = order_ == std::endian::little ? i : field.size - 1 - i;
      record[field.offset + at] = static_cast<uint8_t>(value >> (i * 8));
    }
  }

  const CommonLayout& layout_;
  std::endian order_;
  bool usual_ = false;
  size_t end_ = 0;
};

}  // namespace

struct ChunkView::Impl {
  Impl(chunk::Directory directory, const FormatTable& table, uint32_t limit)
      : formats(&table), bytes_max(limit), columns(std::move(directory), table) {}

  // Null when the chunk has no events of that format.
  const StoredFormat* Find(uint16_t format_index) const {
    for (const StoredFormat& stored : columns.directory().formats) {
      if (stored.index == format_index) return &stored;
    }
    return nullptr;
  }
  Status BuildRecords(std::vector<RecordBuilder>* builders, std::vector<uint8_t>* storage);
  Status AppendEvents(const RecordDecoder& decoder, const std::vector<RecordBuilder>& builders, EventBlock* block,
                      AnomalyCounts* anomalies);

  const FormatTable* formats;
  uint32_t bytes_max;
  chunk::ViewColumns columns;
};

ChunkView::ChunkView(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChunkView::~ChunkView() = default;
ChunkView::ChunkView(ChunkView&&) noexcept = default;
ChunkView& ChunkView::operator=(ChunkView&&) noexcept = default;

Result<ChunkView> ChunkView::Open(Bytes bytes, const FormatTable& formats, uint32_t bytes_max) {
  auto directory = chunk::ParseDirectory(bytes, formats, bytes_max);
  if (!directory) return Fail(directory.error());
  return ChunkView(std::make_unique<Impl>(std::move(*directory), formats, bytes_max));
}

Result<ChunkHeader> ChunkView::ReadHeader(Bytes bytes) { return chunk::ParseHeader(bytes); }

const ChunkHeader& ChunkView::header() const { return impl_->columns.header(); }

Status ChunkView::Impl::BuildRecords(std::vector<RecordBuilder>* builders, std::vector<uint8_t>* storage) {
  uint64_t bytes = 0;
  for (const StoredFormat& stored : columns.directory().formats) {
    RecordBuilder& builder = builders->emplace_back(&columns, stored, formats->machine().order);
    if (auto status = builder.Measure(); !status) return status;
    bytes += builder.bytes();
    if (bytes > bytes_max) {
      return Fail(Error{ErrorCode::kTooLarge,
                        "the chunk's records take more than " + std::to_string(bytes_max) + " bytes",
                        {},
                        chunk::kEventsOffset});
    }
  }
  storage->resize(bytes);
  uint64_t at = 0;
  for (RecordBuilder& builder : *builders) {
    if (auto status = builder.Build(storage->data() + at); !status) return status;
    at += builder.bytes();
  }
  return {};
}

Status ChunkView::Impl::AppendEvents(const RecordDecoder& decoder, const std::vector<RecordBuilder>& builders,
                                     EventBlock* block, AnomalyCounts* anomalies) {
  const auto times = columns.Times();
  if (!times) return Fail(times.error());
  const auto kinds = columns.KindCodes();
  if (!kinds) return Fail(kinds.error());
  const auto pids = columns.PidCodes();
  if (!pids) return Fail(pids.error());

  const CommonWriter common(*formats);
  struct Next {
    chunk::RowPlace place;
    size_t row;
    uint16_t id;
  };
  std::vector<Next> next;
  for (size_t i = 0; i < builders.size(); ++i) {
    const EventFormat& format = columns.format(columns.directory().formats[i]);
    if (format.fixed_size < common.end()) {
      return Fail(ErrorCode::kUnsupported, "records of " + format.name + " are shorter than their common fields");
    }
    next.push_back({builders[i].place(), 0, format.id});
  }
  block->events.reserve(block->events.size() + times->size());
  const auto cpu = static_cast<uint16_t>(columns.header().cpu);
  for (size_t i = 0; i < times->size(); ++i) {
    const uint64_t kind = kinds->values[kinds->codes[i]];
    const auto pid = static_cast<int32_t>(pids->values[pids->codes[i]]);
    Next& from = next[kind >> 16];
    uint8_t* record = from.place(from.row);
    const uint32_t size = from.place.offsets == nullptr ? static_cast<uint32_t>(from.place.stride)
                                                        : builders[kind >> 16].row_size(from.row);
    ++from.row;
    common.Write(record, from.id, static_cast<uint8_t>(kind >> 8), static_cast<uint8_t>(kind), pid);
    Event& event = block->events.emplace_back();
    if (!decoder.Decode(record, size, &event, anomalies)) {
      return chunk::BadChunk(chunk::kFormatsHashOffset, "a rebuilt record was refused by the record decoder");
    }
    event.ts_ns = (*times)[i];
    event.cpu = cpu;
  }
  return {};
}

Status ChunkView::Decode(const RecordDecoder& decoder, EventBlock* block, AnomalyCounts* anomalies) const {
  if (!block->storage.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a chunk can only be decoded into a block without records of its own");
  }
  const size_t before = block->events.size();
  std::vector<RecordBuilder> builders;
  builders.reserve(impl_->columns.directory().formats.size());
  Status status = impl_->BuildRecords(&builders, &block->storage);
  if (status) status = impl_->AppendEvents(decoder, builders, block, anomalies);
  if (!status) {
    block->events.resize(before);
    block->storage.clear();
  }
  return status;
}

Result<std::span<const uint64_t>> ChunkView::Times() const { return impl_->columns.Times(); }

Result<std::span<const uint16_t>> ChunkView::FormatIndexes() const { return impl_->columns.FormatIndexes(); }
Result<std::span<const uint8_t>> ChunkView::Flags() const { return impl_->columns.Flags(); }
Result<std::span<const uint8_t>> ChunkView::PreemptCounts() const { return impl_->columns.PreemptCounts(); }
Result<std::span<const int32_t>> ChunkView::Pids() const { return impl_->columns.Pids(); }

uint32_t ChunkView::Count(uint16_t format_index) const {
  const StoredFormat* stored = impl_->Find(format_index);
  return stored == nullptr ? 0 : stored->events;
}

Result<std::span<const uint64_t>> ChunkView::Integers(uint16_t format_index, size_t field) const {
  const StoredFormat* stored = impl_->Find(format_index);
  if (stored == nullptr) return std::span<const uint64_t>();
  return impl_->columns.Integers(*stored, field);
}

Result<const ChunkView::TextColumn*> ChunkView::Texts(uint16_t format_index, size_t field) const {
  static const TextColumn kNone;
  const StoredFormat* stored = impl_->Find(format_index);
  if (stored == nullptr) return &kNone;
  return impl_->columns.Texts(*stored, field);
}

}  // namespace wakewatch
