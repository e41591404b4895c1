// Why: a host has a hundred thousand waits a minute, and people ask for them by time, thread, kind and cause. They are
// stored a few thousand to a chunk, column by column, so that a wait takes some ten bytes and a question reads only the
// columns that it is about. The columns' encodings are those of analysis/chunk/layout.h.
//
//   header     kWaitHeaderBytes, little-endian: u32 magic, u16 version, u16 columns, u32 waits, u32 directory bytes,
//              u64 first_ns, u64 last_ns, u64 checksum of all other bytes
//   directory  for each column: u8 codec, varint ref, varint raw bytes, varint stored bytes
//   blobs      the columns' bytes in directory order
//
// Waits stand in the order in which they ended. Stored are in_ns; what the buckets do not sum to of the latency, and
// what the delivery bucket lacks of wakeup_ns - start_ns, both of which are zero where all of a wait is accounted for;
// and everything else as it is. A task's name, kind and priority are predicted from its pid, a waker's name from its.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/checks/measured_wait.h"
#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/column_encoder.h"
#include "analysis/chunk/column_reader.h"
#include "analysis/chunk/dictionary.h"

namespace wakewatch {

inline constexpr size_t kWaitChunkWaits = 4096;           // of a full chunk; one that announces more is refused
inline constexpr uint32_t kWaitChunkBytesMax = 4u << 20;  // decompressed, all columns together
inline constexpr size_t kWaitTextBytesMax = 64;           // of a name or a cause; what is behind is cut off

inline constexpr uint16_t kWaitChunkVersion = 1;
inline constexpr uint32_t kWaitMagic = 0x54575757;  // "WWWT"
inline constexpr size_t kWaitChecksumOffset = 32, kWaitHeaderBytes = 40;

// "wake", "new", "preempted"; empty for kNone.
std::string_view Name(WaitKind kind);

// What waits sum to. Times are nanoseconds of the trace clock.
struct WaitSummary {
  uint64_t n = 0;
  uint64_t first_ns = UINT64_MAX, last_ns = 0;  // the earliest begin and the latest end
  uint64_t latency_ns = 0, excess_ns = 0;
  uint64_t assumed = 0;  // where the task may run was not known
  DelayBuckets buckets;

  void Add(const MeasuredWait& wait);
  bool operator==(const WaitSummary&) const = default;
};

// The numbers of a wait, as they are read. The buckets follow kDelivery in the order of Bucket.
enum class WaitColumn : uint8_t {
  kStart,
  kWakeup,
  kIn,
  kLatency,
  kExcess,
  kSliceBound,
  kPid,     // int32_t, sign-extended; so are kPrio and kWakerPid
  kThread,  // ThreadKind
  kPrio,
  kCpu,
  kKind,     // WaitKind
  kContext,  // WakeContext
  kHasWaking,
  kAffinityKnown,
  kWakerPid,
  kDelivery,
};
inline constexpr size_t kWaitColumns = static_cast<size_t>(WaitColumn::kDelivery) + kBucketCount;
constexpr WaitColumn ColumnOf(Bucket bucket) {
  return static_cast<WaitColumn>(static_cast<size_t>(WaitColumn::kDelivery) + static_cast<size_t>(bucket));
}
enum class WaitText : uint8_t { kComm, kWakerComm, kCause };
inline constexpr size_t kWaitTexts = static_cast<size_t>(WaitText::kCause) + 1;

// The columns as they are stored, numbers first.
enum class StoredWaitColumn : uint8_t {
  kIn,
  kLatencyRest,
  kWakeupRest,
  kExcess,
  kSliceBound,
  kDelivery,  // and the other buckets
  kPid = kDelivery + kBucketCount,
  kThread,
  kPrio,
  kCpu,
  kShape,  // WaitKind | WakeContext << 2 | has_waking << 4 | affinity_known << 5
  kWakerPid,
  kComm,
  kWakerComm,
  kCause,
};
inline constexpr size_t kStoredWaitColumns = static_cast<size_t>(StoredWaitColumn::kCause) + 1;

// Collects waits and writes them. Not thread-safe. Holds some 160 bytes a wait, and what compressing takes only while
// it writes: a server has one for each host.
class WaitEncoder {
 public:
  // `compression` is a zstd level.
  explicit WaitEncoder(int compression = 1) : compression_(compression) {}

  // A wait with a kind. Not when full().
  void Add(const MeasuredWait& wait);
  size_t waits() const { return numbers_[0].size(); }
  bool full() const { return waits() >= kWaitChunkWaits; }
  const WaitSummary& summary() const { return summary_; }
  // What was added, of which there is some. It can go on after that.
  std::vector<uint8_t> Encode() const;
  // Forgets what was added.
  void Clear();

 private:
  // A column of few different values.
  struct Coded {
    chunk::IntDictionary dictionary{kWaitChunkWaits};
    std::vector<uint32_t> codes;
    void Add(uint64_t value) { codes.push_back(dictionary.CodeOf(value)); }
    uint64_t At(size_t i) const { return dictionary.values()[codes[i]]; }
    void Clear();
  };
  struct CodedText {
    chunk::TextDictionary dictionary;
    std::vector<uint32_t> codes;
    void Add(std::string_view text);
    void Clear();
  };
  static constexpr size_t kNumbers = static_cast<size_t>(StoredWaitColumn::kPid);
  static constexpr size_t kCoded = static_cast<size_t>(StoredWaitColumn::kComm) - kNumbers;

  std::vector<uint64_t>& Numbers(StoredWaitColumn column) { return numbers_[static_cast<size_t>(column)]; }
  Coded& Codes(StoredWaitColumn column) { return coded_[static_cast<size_t>(column) - kNumbers]; }
  const Coded& Codes(StoredWaitColumn column) const { return coded_[static_cast<size_t>(column) - kNumbers]; }
  CodedText& Text(WaitText text) { return texts_[static_cast<size_t>(text)]; }
  const CodedText& Text(WaitText text) const { return texts_[static_cast<size_t>(text)]; }
  std::array<chunk::Column, kStoredWaitColumns> EncodeColumns(chunk::ColumnEncoder* encoder) const;
  static chunk::Column EncodeCodes(const Coded& column, const chunk::Reference* reference,
                                   chunk::ColumnEncoder* encoder);
  static chunk::Column EncodeText(const CodedText& column, const chunk::Reference* reference,
                                  chunk::ColumnEncoder* encoder);

  int compression_;
  WaitSummary summary_;
  std::array<std::vector<uint64_t>, kNumbers> numbers_;
  std::array<Coded, kCoded> coded_;
  std::array<CodedText, kWaitTexts> texts_;
};

// A validated chunk. Columns are decompressed and checked when they are first asked for.
class WaitView {
 public:
  // Validates header, directory and checksum; `bytes` must outlive the view. Errors: kCorrupt, kTruncated, kTooLarge,
  // kUnsupported (another version). What a column says wrong is kCorrupt when it is read.
  static Result<WaitView> Open(Bytes bytes);

  size_t waits() const { return waits_; }
  uint64_t first_ns() const { return first_ns_; }
  uint64_t last_ns() const { return last_ns_; }

  // Of every wait, in order. Valid while the view lives.
  Result<std::span<const uint64_t>> Numbers(WaitColumn column);
  struct Texts {
    std::vector<std::string_view> dictionary;
    std::vector<uint32_t> codes;
    std::string_view At(size_t i) const { return dictionary[codes[i]]; }
    std::vector<char> bytes;  // what the dictionary points into
  };
  Result<const Texts*> Text(WaitText text);
  // Reads all columns; then WaitAt answers wait i, whose views are valid while this lives.
  Status ReadAll();
  MeasuredWait WaitAt(size_t i) const;

 private:
  WaitView() = default;
  Status ReadDirectory(Bytes bytes, uint32_t directory_bytes);
  Result<std::span<const uint64_t>> Stored(StoredWaitColumn column);
  Result<std::span<const uint64_t>> Plain(WaitColumn column);
  Status LoadCodes(StoredWaitColumn column);
  Result<chunk::ColumnInputs> InputsOf(const chunk::StoredColumn& column);
  Status FillTimes();
  Status FillShape();
  const chunk::StoredColumn& ColumnAt(StoredWaitColumn column) const { return columns_[static_cast<size_t>(column)]; }
  std::vector<uint64_t>& Kept(WaitColumn column) { return numbers_[static_cast<size_t>(column)]; }
  uint64_t At(WaitColumn column, size_t i) const { return numbers_[static_cast<size_t>(column)][i]; }

  size_t waits_ = 0;
  uint64_t first_ns_ = 0, last_ns_ = 0;
  std::vector<chunk::StoredColumn> columns_;
  chunk::ColumnReader reader_;
  // Of pids and of wakers' pids: what other columns are predicted from.
  struct Key {
    std::vector<uint64_t> values;
    std::vector<uint32_t> codes;
  };
  std::array<Key, 2> keys_;
  std::array<std::vector<uint64_t>, kStoredWaitColumns> stored_;
  std::array<std::vector<uint64_t>, kWaitColumns> numbers_;  // empty: not read yet
  std::array<Texts, kWaitTexts> texts_;
};

}  // namespace wakewatch
