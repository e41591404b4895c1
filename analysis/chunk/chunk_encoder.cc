#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "analysis/chunk/chunk.h"
#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/column_encoder.h"
#include "analysis/chunk/format_encoder.h"
#include "analysis/chunk/format_rows.h"
#include "analysis/chunk/layout.h"

namespace wakewatch {
namespace {

using chunk::Column;
using chunk::ColumnEncoder;
using chunk::FormatRows;

constexpr size_t kSideBytes = 20;                        // what an event takes besides its row
constexpr size_t kPendingBytesMax = kChunkBytesMax / 2;  // its columns must stay below kChunkBytesMax
constexpr size_t kKeptBytesMax = 12u << 20;              // row memory that is kept from chunk to chunk

}  // namespace

struct ChunkEncoder::Impl {
  Impl(const FormatTable& table, uint32_t cpu_number, int compression)
      : formats(&table), formats_hash(table.Hash()), cpu(cpu_number), columns(compression), format_encoder(&columns) {
    rows.resize(table.events().size());
    codes.resize(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) rows[i].Bind(table.events()[i], table.machine().order);
  }

  void Grow();
  uint32_t PidCode(int32_t pid) {
    if (pid != last_pid || n == 0) {
      last_pid = pid;
      last_pid_code = pids.CodeOf(static_cast<uint64_t>(static_cast<int64_t>(pid)));
    }
    return last_pid_code;
  }
  void EncodeCommon(std::vector<Column>* out);
  void EncodeFormats(std::vector<Column>* out);
  void SortEvents();
  Chunk Assemble(const std::vector<Column>& column_list);
  void Clear();

  const FormatTable* formats;
  uint64_t formats_hash;
  uint32_t cpu;
  uint32_t n = 0;
  size_t row_bytes = 0;
  bool refused = false;

  // One element an event; sized ahead, only the first n count.
  std::vector<uint64_t> times;
  std::vector<uint32_t> format_codes, pid_codes;
  std::vector<uint8_t> flags, preempt_counts;
  int32_t last_pid = 0;
  uint32_t last_pid_code = 0;
  chunk::IntDictionary pids{kChunkEventsMax}, kinds{kChunkEventsMax};

  std::vector<FormatRows> rows;  // by format index
  std::vector<uint32_t> codes;   // by format index: its code in this chunk, when it has rows
  std::vector<uint16_t> used;    // format indexes, by code

  ColumnEncoder columns;
  chunk::FormatEncoder format_encoder;
  // What stands beside the rows, for the rows of one format after another.
  std::vector<uint32_t> own_pids, next_pids;
  std::vector<uint64_t> row_times;
  std::vector<size_t> starts;
  std::vector<uint32_t> scratch;
};

ChunkEncoder::ChunkEncoder(const FormatTable& formats, uint32_t cpu, int compression)
    : impl_(std::make_unique<Impl>(formats, cpu, compression)) {}
ChunkEncoder::~ChunkEncoder() = default;
ChunkEncoder::ChunkEncoder(ChunkEncoder&&) noexcept = default;
ChunkEncoder& ChunkEncoder::operator=(ChunkEncoder&&) noexcept = default;

void ChunkEncoder::Impl::Grow() {
  const size_t size = std::max<size_t>(times.size() * 2, 1024);
  times.resize(size);
  format_codes.resize(size);
  pid_codes.resize(size);
  flags.resize(size);
  preempt_counts.resize(size);
}

void ChunkEncoder::Add(const Event& event) {
  Impl& state = *impl_;
  const uint32_t n = state.n;
  if (n >= kChunkEventsMax || state.row_bytes >= kPendingBytesMax) {
    state.refused = true;
    return;
  }
  if (n == state.times.size()) state.Grow();
  FormatRows& rows = state.rows[event.format];
  if (rows.count() == 0) {
    state.codes[event.format] = static_cast<uint32_t>(state.used.size());
    state.used.push_back(event.format);
  }
  state.row_bytes += rows.Add(event.record, event.record_size);
  state.times[n] = n > 0 ? std::max(event.ts_ns, state.times[n - 1]) : event.ts_ns;
  state.format_codes[n] = state.codes[event.format];
  state.pid_codes[n] = state.PidCode(event.pid);
  state.flags[n] = event.flags;
  state.preempt_counts[n] = event.preempt_count;
  state.n = n + 1;
}

uint32_t ChunkEncoder::events() const { return impl_->n; }
size_t ChunkEncoder::pending_bytes() const { return impl_->row_bytes + impl_->n * kSideBytes; }
bool ChunkEncoder::full() const {
  return impl_->n >= kChunkEventsTarget || pending_bytes() >= kChunkPendingBytesTarget;
}

void ChunkEncoder::Impl::EncodeCommon(std::vector<Column>* out) {
  scratch.resize(n);
  kinds.Clear();
  for (size_t i = 0; i < n; ++i) {
    scratch[i] = kinds.CodeOf(chunk::KindKey(format_codes[i], flags[i], preempt_counts[i]));
  }
  out->push_back(columns.Quads(chunk::kRefPrevious, n, [at = times.data(), last = times[0]](size_t i) mutable {
    const uint64_t delta = at[i] - last;
    last = at[i];
    return delta;
  }));
  out->push_back(columns.IntCodes(kinds, {scratch.data(), n}));
  out->push_back(columns.IntCodes(pids, {pid_codes.data(), n}));
}

// Puts pids and times into the order of the rows: by format, then by time.
void ChunkEncoder::Impl::SortEvents() {
  own_pids.resize(n);
  next_pids.resize(n);
  row_times.resize(n);
  starts.assign(used.size() + 1, 0);
  for (size_t code = 0; code < used.size(); ++code) starts[code + 1] = starts[code] + rows[used[code]].count();
  std::vector<size_t> at(starts.begin(), starts.end() - 1);
  for (uint32_t i = 0; i < n; ++i) {
    const size_t to = at[format_codes[i]]++;
    own_pids[to] = pid_codes[i];
    next_pids[to] = pid_codes[i + 1 < n ? i + 1 : i];
    row_times[to] = times[i];
  }
}

void ChunkEncoder::Impl::EncodeFormats(std::vector<Column>* out) {
  SortEvents();
  for (size_t code = 0; code < used.size(); ++code) {
    const FormatRows& format_rows = rows[used[code]];
    const size_t start = starts[code], count = format_rows.count();
    const chunk::RowSides sides{
        {&own_pids[start], count}, {&next_pids[start], count}, pids.size(), {&row_times[start], count}};
    format_encoder.Encode(format_rows, sides, out);
  }
}

Chunk ChunkEncoder::Impl::Assemble(const std::vector<Column>& column_list) {
  std::vector<uint8_t> directory;
  chunk::PutVarint(&directory, used.size());
  for (const uint16_t index : used) {
    const EventFormat& format = formats->events()[index];
    chunk::PutVarint(&directory, format.id);
    chunk::PutVarint(&directory, rows[index].count());
    chunk::PutVarint(&directory, format.fields.size());
    directory.push_back(rows[index].has_tail() ? 1 : 0);
  }
  for (const Column& column : column_list) {
    directory.push_back(static_cast<uint8_t>(column.codec));
    chunk::PutVarint(&directory, column.ref);
    chunk::PutVarint(&directory, column.raw_bytes);
    chunk::PutVarint(&directory, column.stored_bytes);
  }
  Chunk result{cpu, times[0], times[n - 1], n, formats_hash, {}};
  result.bytes.reserve(chunk::kHeaderBytes + directory.size() + columns.blobs().size());
  result.bytes.resize(chunk::kHeaderBytes);
  result.bytes.insert(result.bytes.end(), directory.begin(), directory.end());
  for (const Column& column : column_list) {
    const auto from = columns.blobs().begin() + static_cast<ptrdiff_t>(column.at);
    result.bytes.insert(result.bytes.end(), from, from + column.stored_bytes);
  }
  chunk::PutHeader(result, static_cast<uint32_t>(directory.size()), static_cast<uint32_t>(column_list.size()),
                   result.bytes);
  return result;
}

void ChunkEncoder::Impl::Clear() {
  n = 0;
  row_bytes = 0;
  refused = false;
  for (const uint16_t index : used) rows[index].Clear();
  used.clear();
  pids.Clear();
  columns.Clear();
  size_t kept = 0;
  for (const FormatRows& format_rows : rows) kept += format_rows.capacity();
  if (kept > kKeptBytesMax) {
    for (FormatRows& format_rows : rows) format_rows.Release();
  }
}

Result<Chunk> ChunkEncoder::Finish() {
  Impl& state = *impl_;
  if (state.n == 0) return Fail(ErrorCode::kInvalidArgument, "a chunk without events cannot be encoded");
  std::vector<Column> column_list;
  if (!state.refused) {
    state.EncodeCommon(&column_list);
    state.EncodeFormats(&column_list);
  }
  uint64_t raw_bytes = 0;
  for (const Column& column : column_list) raw_bytes += column.raw_bytes;
  if (state.refused || raw_bytes > kChunkBytesMax) {
    const std::string cause = std::to_string(state.n) + " events with " + std::to_string(state.row_bytes) +
                              " bytes of records are more than a chunk holds; they were dropped";
    state.Clear();
    return Fail(Error{ErrorCode::kTooLarge, cause, {}, {}, "end chunks when ChunkEncoder::full() says so"});
  }
  Chunk result = state.Assemble(column_list);
  state.Clear();
  return result;
}

}  // namespace wakewatch
