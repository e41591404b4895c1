#include "collector/spool/segment.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace wakewatch {
namespace {

constexpr std::string_view kSegmentMagic = "WWSPOOL1", kRecordMagic = "WRec", kPointerMagic = "WWPOINT1";
constexpr size_t kPointerHeadBytes = 32;
constexpr size_t kScanBytes = 1u << 20;

template <typename T>
void Put(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <typename T>
T Get(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Of what stands in front of the checksum and of what follows the header.
uint64_t HashOf(std::string_view head, std::string_view body) {
  return XXH64(body.data(), body.size(), XXH64(head.data(), head.size(), 0));
}

}  // namespace

std::string SegmentHeadBytes(const SegmentHead& head) {
  std::string bytes(kSegmentMagic);
  Put(head.first, &bytes);
  Put(head.key, &bytes);
  Put(static_cast<uint64_t>(head.preamble.size()), &bytes);
  Put(HashOf(bytes, head.preamble), &bytes);
  return bytes + head.preamble;
}

Result<SegmentHead> ReadSegmentHead(Files* files, const std::string& path) {
  const Error corrupt{ErrorCode::kCorrupt, "the header of the spool's segment is damaged", path};
  auto bytes = files->Read(path, 0, kSegmentHeaderBytes);
  if (!bytes) return tl::unexpected<Error>(std::move(bytes.error()));
  if (bytes->size() < kSegmentHeaderBytes || !bytes->starts_with(kSegmentMagic)) return Fail(corrupt);
  SegmentHead head;
  head.first = Get<uint64_t>(*bytes, 8);
  head.key = Get<uint64_t>(*bytes, 16);
  const auto length = Get<uint64_t>(*bytes, 24);
  if (length > kPreambleBytesMax) return Fail(corrupt);
  auto preamble = files->Read(path, kSegmentHeaderBytes, length);
  if (!preamble) return tl::unexpected<Error>(std::move(preamble.error()));
  head.preamble = std::move(*preamble);
  const std::string_view hashed(bytes->data(), 32);
  if (head.preamble.size() != length || HashOf(hashed, head.preamble) != Get<uint64_t>(*bytes, 32)) {
    return Fail(corrupt);
  }
  return head;
}

std::string RecordBytes(uint64_t first, uint64_t last, std::string_view body) {
  std::string bytes;
  bytes.reserve(kRecordHeaderBytes + body.size());
  bytes += kRecordMagic;
  Put(static_cast<uint32_t>(body.size()), &bytes);
  Put(first, &bytes);
  Put(last, &bytes);
  Put(HashOf(bytes, body), &bytes);
  bytes += body;
  return bytes;
}

namespace {

// The record whose header stands at `offset`, if it is whole.
Result<std::optional<StoredRecord>> RecordAt(Files* files, const std::string& path, uint64_t offset, uint64_t until) {
  if (until < kRecordHeaderBytes || offset > until - kRecordHeaderBytes) return std::nullopt;
  auto head = files->Read(path, offset, kRecordHeaderBytes);
  if (!head) return tl::unexpected<Error>(std::move(head.error()));
  if (head->size() < kRecordHeaderBytes || !head->starts_with(kRecordMagic)) return std::nullopt;
  const auto length = Get<uint32_t>(*head, 4);
  const uint64_t body_at = offset + kRecordHeaderBytes;
  if (length > kRecordBytesMax || length > until - body_at) return std::nullopt;
  auto body = files->Read(path, body_at, length);
  if (!body) return tl::unexpected<Error>(std::move(body.error()));
  if (body->size() != length) return std::nullopt;
  StoredRecord record;
  record.first = Get<uint64_t>(*head, 8);
  record.last = Get<uint64_t>(*head, 16);
  record.body = std::move(*body);
  record.end = body_at + length;
  if (HashOf(std::string_view(*head).substr(0, 24), record.body) != Get<uint64_t>(*head, 24)) return std::nullopt;
  return record;
}

// Where the next magic stands at or behind `offset`; `until`: nowhere.
Result<uint64_t> FindMagic(Files* files, const std::string& path, uint64_t offset, uint64_t until) {
  while (offset < until) {
    auto bytes = files->Read(path, offset, std::min<uint64_t>(kScanBytes, until - offset));
    if (!bytes) return tl::unexpected<Error>(std::move(bytes.error()));
    const size_t at = bytes->find(kRecordMagic);
    if (at != std::string::npos) return offset + at;
    if (bytes->size() < kRecordMagic.size()) break;
    offset += bytes->size() - (kRecordMagic.size() - 1);
  }
  return until;
}

}  // namespace

Result<std::optional<StoredRecord>> ReadRecord(Files* files, const std::string& path, uint64_t offset, uint64_t until,
                                               uint64_t at_least, uint64_t at_most) {
  while (offset < until) {
    auto record = RecordAt(files, path, offset, until);
    if (!record) return record;
    if (*record) {
      const StoredRecord& found = **record;
      if (found.first >= at_least && found.last >= found.first && found.last <= at_most) return record;
      offset = found.end;
      continue;
    }
    auto next = FindMagic(files, path, offset + 1, until);
    if (!next) return tl::unexpected<Error>(std::move(next.error()));
    offset = *next;
  }
  return std::nullopt;
}

std::string PointerBytes(const SpoolPointer& pointer) {
  std::string bytes(kPointerMagic);
  Put(pointer.number, &bytes);
  Put(static_cast<uint64_t>(pointer.state.size()), &bytes);
  Put(HashOf(bytes, pointer.state), &bytes);
  return bytes + pointer.state;
}

std::optional<SpoolPointer> ParsePointer(std::string_view bytes) {
  if (bytes.size() < kPointerHeadBytes || !bytes.starts_with(kPointerMagic)) return std::nullopt;
  SpoolPointer pointer;
  pointer.number = Get<uint64_t>(bytes, 8);
  pointer.state = bytes.substr(kPointerHeadBytes);
  if (pointer.state.size() != Get<uint64_t>(bytes, 16)) return std::nullopt;
  if (HashOf(bytes.substr(0, 24), pointer.state) != Get<uint64_t>(bytes, 24)) return std::nullopt;
  return pointer;
}

}  // namespace wakewatch
