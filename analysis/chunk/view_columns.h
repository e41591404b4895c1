// Why: columns refer to one another (a comm is predicted from a pid, an expiry is relative to a time). This resolves
// what a column refers to, decodes each referred-to column once, and keeps it for the life of the view.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/chunk/chunk.h"
#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/column_reader.h"

namespace wakewatch::chunk {

class ViewColumns {
 public:
  ViewColumns(Directory directory, const FormatTable& formats);

  const Directory& directory() const { return directory_; }
  const ChunkHeader& header() const { return directory_.header; }
  const EventFormat& format(const StoredFormat& stored) const { return formats_->events()[stored.index]; }
  const StoredColumn& column(const StoredFormat& stored, size_t field) const {
    return directory_.columns[stored.first_column + field];
  }
  ColumnReader& reader() { return reader_; }
  bool IsInteger(const StoredFormat& stored, size_t field) const;

  // Over all events.
  Result<std::span<const uint64_t>> Times();
  Result<std::span<const uint16_t>> FormatIndexes();
  Result<std::span<const uint8_t>> Flags();
  Result<std::span<const uint8_t>> PreemptCounts();
  Result<std::span<const int32_t>> Pids();
  // As they are stored: a code an event, and what each code stands for. See KindKey; pids are sign-extended.
  struct Coded {
    std::span<const uint32_t> codes;
    std::span<const uint64_t> values;
  };
  Result<Coded> KindCodes();
  Result<Coded> PidCodes();

  // Over the rows of one format.
  Result<std::span<const uint64_t>> Integers(const StoredFormat& stored, size_t field) {
    return IntegersAt(stored, field, 0);
  }
  // `field` may be the tail.
  Result<const ChunkView::TextColumn*> Texts(const StoredFormat& stored, size_t field);
  // What the column of `field` refers to. `field` may be the tail.
  Result<ColumnInputs> Inputs(const StoredFormat& stored, size_t field) { return InputsAt(stored, field, 0); }

 private:
  struct Cached {
    std::vector<uint64_t> integers;
    std::vector<uint32_t> codes;
    size_t code_count = 0;
    ChunkView::TextColumn text;
    std::vector<uint8_t> text_bytes;  // what the text's dictionary points into
  };

  // `depth` counts the columns between the one asked for and this one.
  Result<ColumnInputs> InputsAt(const StoredFormat& stored, size_t field, size_t depth);
  Result<std::span<const uint64_t>> IntegersAt(const StoredFormat& stored, size_t field, size_t depth);
  // The column's codes, to predict another column from.
  Result<const Cached*> KeyCodes(const StoredFormat& stored, size_t field);
  // A vector of what `of(kind)` says of each event's kind.
  template <typename T, typename Of>
  Result<std::span<const T>> FromKinds(std::vector<T>* kept, Of&& of);
  Status LoadSides();
  Status LoadRowTimes();
  size_t IndexOf(const StoredFormat& stored) const { return static_cast<size_t>(&stored - directory_.formats.data()); }
  Cached& CachedAt(const StoredFormat& stored, size_t field) { return cached_[stored.first_column + field]; }

  Directory directory_;
  const FormatTable* formats_;
  ColumnReader reader_;
  std::vector<Cached> cached_;  // as directory_.columns
  std::vector<uint64_t> times_, row_times_, pid_values_;
  std::vector<uint64_t> kinds_;
  std::vector<uint32_t> kind_codes_, pid_codes_;
  std::vector<uint16_t> format_indexes_;
  std::vector<uint8_t> flags_, preempt_counts_;
  std::vector<int32_t> pids_;
  // Beside the rows of one format after another; starts_ says where each begins.
  std::vector<uint32_t> own_pids_, next_pids_;
  std::vector<size_t> starts_;
};

}  // namespace wakewatch::chunk
