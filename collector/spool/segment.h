// Why: the form of what lies in a spool's folder. A segment is one file: a header with what all its records need to be
// understood (the preamble), then records. Each carries its numbers and a checksum over all of itself, so that a torn
// tail, a flipped bit and a stale block are told from what was written. Numbers are in the byte order of the machine: a
// spool never leaves it.
//
//   segment: "WWSPOOL1" first:8 key:8 preamble bytes:8 xxh64:8 preamble
//   record:  "WRec" body bytes:4 first:8 last:8 xxh64:8 body
//
// A record covers the numbers [first, last]: one number as it is appended, more where several were cut into one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "collector/spool/files.h"

namespace wakewatch {

inline constexpr size_t kSegmentHeaderBytes = 40, kRecordHeaderBytes = 32;
inline constexpr size_t kRecordBytesMax = 64u << 20, kPreambleBytesMax = 16u << 20;

struct SegmentHead {
  uint64_t first = 0;  // number of its first record
  uint64_t key = 0;    // segments of one key belong together
  std::string preamble;
};
std::string SegmentHeadBytes(const SegmentHead& head);
// Errors: kCorrupt, and those of reading.
Result<SegmentHead> ReadSegmentHead(Files* files, const std::string& path);

struct StoredRecord {
  uint64_t first = 0, last = 0;
  std::string body;
  uint64_t end = 0;  // offset behind it
};
std::string RecordBytes(uint64_t first, uint64_t last, std::string_view body);

// The next whole record of a segment at or behind `offset` whose numbers lie in [at_least, at_most]; what is damaged is
// skipped byte by byte. Reads no further than `until`. None: there is no more. Errors: those of reading.
Result<std::optional<StoredRecord>> ReadRecord(Files* files, const std::string& path, uint64_t offset, uint64_t until,
                                               uint64_t at_least, uint64_t at_most);

// The acknowledged number, and what its user wants to know when it starts again.
struct SpoolPointer {
  uint64_t number = 0;
  std::string state;
};
std::string PointerBytes(const SpoolPointer& pointer);
// None: damaged.
std::optional<SpoolPointer> ParsePointer(std::string_view bytes);

}  // namespace wakewatch
