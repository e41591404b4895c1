// Why: the bytes of a chunk, in one place for the encoder and the view. Everything is little-endian; "varint" is
// LEB128.
//
//   header     kHeaderBytes, see ChunkHeader and kChecksumOffset; the checksum covers all other bytes of the chunk
//   directory  varint formats, then for each: varint common_type, varint events, varint fields, u8 has_tail
//              then for each column: u8 codec, varint ref, varint raw bytes, varint stored bytes
//   blobs      the columns' bytes in directory order; stored < raw: one zstd frame, stored == raw: as they are
//
// Column order: times, kinds, pids; then every field of every listed format, and its tail.
// A kind is what events have in common that repeats together: place of the format in the directory << 16 |
// common_flags << 8 | common_preempt_count. Three columns would cost three times as much to compress, and be larger.
// Times are plain differences, not zigzag: they do not go back. kinds and pids are kCodes* or kConstant.
// What a column's raw bytes hold (n = events of its format, or of the chunk):
//   kConstant  the value; a text column: its one text
//   kCodes*    a dictionary, then n codes of 1, 2 or 4 bytes
//   kQuads     n numbers (see quads.h), each the zigzag difference to a base that `ref` names
//   kPredicted what cannot be predicted: the value is taken to be the last one that stood beside the same code of the
//              column `ref` names (zero, or the dictionary's first text, before any did). Where that is wrong: varint
//              rows since the last such row, then the value (varint zigzag, or dictionary code). Most fields of
//              scheduler events follow from a pid, so most columns are nearly empty.
// A dictionary of numbers: varint count, then zigzag varints, each the difference to the one before. Of texts: varint
// count, varint length of each, then their bytes.
//
// Rejected: rows with a schema (28 bytes an event), raw pages (4.7 bytes, and nothing can be read without all of it),
// one zstd frame for the whole chunk (a single column would cost as much as everything), bit packing before zstd
// (hides the byte patterns that zstd finds).
#pragma once

#include <cstddef>
#include <cstdint>

#include "analysis/trace/format.h"

namespace wakewatch::chunk {

inline constexpr uint32_t kMagic = 0x4b435757;  // "WWCK"
inline constexpr size_t kMagicOffset = 0, kVersionOffset = 4, kCpuOffset = 8, kEventsOffset = 12, kFirstOffset = 16,
                        kLastOffset = 24, kFormatsHashOffset = 32, kDirectoryBytesOffset = 40, kColumnsOffset = 44,
                        kChecksumOffset = 48, kHeaderBytes = 56;

enum class Codec : uint8_t { kConstant, kCodes8, kCodes16, kCodes32, kQuads, kPredicted };
inline constexpr uint8_t kCodecMax = static_cast<uint8_t>(Codec::kPredicted);

// What a kQuads or kPredicted column refers to. Values from kRefField on name a field of the same format.
inline constexpr uint32_t kRefNone = 0;      // kQuads: the base is zero
inline constexpr uint32_t kRefPrevious = 1;  // kQuads: the value in front of it in the column
inline constexpr uint32_t kRefTime = 2;      // kQuads: the event's time
inline constexpr uint32_t kRefPid = 3;       // kPredicted: the event's common_pid
inline constexpr uint32_t kRefNextPid =
    4;  // kPredicted: common_pid of the chunk's next event (after a switch: next_pid)
inline constexpr uint32_t kRefField = 16;

inline constexpr size_t kCommonColumns = 3;
enum CommonColumn : size_t { kTimes, kKinds, kPids };
constexpr uint64_t KindKey(uint32_t format_code, uint8_t flags, uint8_t preempt_count) {
  return uint64_t{format_code} << 16 | uint64_t{flags} << 8 | preempt_count;
}

inline constexpr size_t kDictionaryMax = 8192;  // distinct integers; columns with more of them become kQuads
inline constexpr size_t kBaseChainMax = 8;      // columns that may stand between a column and one that refers to none
inline constexpr size_t kRecordBytesMax = 65535;

// How a field's bytes become a column.
enum class ColumnKind : uint8_t { kInteger, kFixedText, kFixedBytes, kLocText, kLocBytes, kTail };

inline ColumnKind KindOf(const FieldSpec& field) {
  switch (field.kind) {
    case FieldKind::kSigned:
    case FieldKind::kUnsigned: {
      const bool whole = field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8;
      return whole ? ColumnKind::kInteger : ColumnKind::kFixedBytes;
    }
    case FieldKind::kText: return ColumnKind::kFixedText;
    case FieldKind::kBytes: return ColumnKind::kFixedBytes;
    case FieldKind::kLocText: return ColumnKind::kLocText;
    case FieldKind::kLocBytes: return ColumnKind::kLocBytes;
  }
  return ColumnKind::kFixedBytes;
}

// `value` as the field would give it back: cut to its size, then sign- or zero-extended.
inline uint64_t Extend(uint64_t value, const FieldSpec& field) {
  if (field.size >= 8) return value;
  const unsigned shift = 64 - field.size * 8u;
  if (field.kind == FieldKind::kSigned) return static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
  return value << shift >> shift;
}

// Ring-buffer records are multiples of four bytes.
inline constexpr size_t PaddedSize(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

// A __data_loc or __rel_loc word: payload bytes in the high half, where it begins in the low half.
struct LocSpan {
  uint32_t offset, size;  // bytes from the record's start
};
inline LocSpan ReadLoc(const uint8_t* record, const FieldSpec& field, std::endian order) {
  const uint32_t word = Load<uint32_t>(record + field.offset, order);
  const uint32_t base = field.relative ? field.offset + field.size : 0u;
  return {(word & 0xffff) + base, word >> 16};
}
inline void WriteLoc(uint8_t* record, const FieldSpec& field, std::endian order, LocSpan span) {
  const uint32_t base = field.relative ? field.offset + field.size : 0u;
  uint32_t word = (span.size << 16) | ((span.offset - base) & 0xffff);
  if (order != std::endian::native) word = SwapBytes(word);
  std::memcpy(record + field.offset, &word, sizeof word);
}

}  // namespace wakewatch::chunk
