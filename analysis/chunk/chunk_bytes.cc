#include "analysis/chunk/chunk_bytes.h"

#include <xxhash.h>

#include <string>

namespace wakewatch::chunk {
namespace {

static_assert(std::endian::native == std::endian::little, "chunks are little-endian and written by plain stores");

template <typename T>
void Store(std::vector<uint8_t>& bytes, size_t at, T value) {
  std::memcpy(&bytes[at], &value, sizeof value);
}

Status CheckColumnRef(const StoredColumn& column, size_t fields) {
  const auto refuse = [&] { return BadChunk(column.at, "a column refers to something that its encoding cannot use"); };
  const bool is_field = column.ref >= kRefField && column.ref - kRefField < fields;
  switch (column.codec) {
    case Codec::kQuads:
      if (column.ref <= kRefTime || is_field) return {};
      return refuse();
    case Codec::kPredicted:
      if (column.ref == kRefPid || column.ref == kRefNextPid || is_field) return {};
      return refuse();
    default:
      if (column.ref == kRefNone) return {};
      return refuse();
  }
}

class DirectoryReader {
 public:
  DirectoryReader(Bytes bytes, uint32_t directory_bytes, const FormatTable& formats, uint32_t bytes_max, Directory* out)
      : bytes_(bytes),
        bytes_max_(bytes_max),
        cursor_(bytes.subspan(kHeaderBytes, directory_bytes)),
        blobs_at_(kHeaderBytes + uint64_t{directory_bytes}),
        formats_(formats),
        out_(out) {}

  Status Formats();
  Status Columns(uint32_t announced);

 private:
  uint64_t At() const { return kHeaderBytes + cursor_.at(); }
  Status Column(size_t fields);

  Bytes bytes_;
  const uint32_t bytes_max_;
  ByteCursor cursor_;
  uint64_t blobs_at_;
  uint64_t raw_bytes_ = 0;
  const FormatTable& formats_;
  Directory* out_;
};

Status DirectoryReader::Formats() {
  const uint64_t count = cursor_.Varint();
  if (count > out_->header.events) return BadChunk(At(), "it lists more event formats than it has events");
  std::vector<bool> seen(formats_.events().size());
  uint64_t events = 0;
  size_t column = kCommonColumns;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = At();
    const uint64_t id = cursor_.Varint(), format_events = cursor_.Varint(), fields = cursor_.Varint();
    const uint8_t has_tail = cursor_.U8();
    if (!cursor_.ok()) return BadChunk(at, "the list of event formats is cut off");
    const int index = id <= UINT16_MAX ? formats_.IndexById(static_cast<uint16_t>(id)) : -1;
    if (index < 0) return BadChunk(at, "it lists the unknown event id " + std::to_string(id));
    if (seen[static_cast<size_t>(index)]) return BadChunk(at, "it lists event id " + std::to_string(id) + " twice");
    seen[static_cast<size_t>(index)] = true;
    if (fields != formats_.events()[static_cast<size_t>(index)].fields.size() || has_tail > 1) {
      return BadChunk(at, "the columns of event id " + std::to_string(id) + " are not its format's");
    }
    if (format_events == 0 || format_events > out_->header.events) {
      return BadChunk(at, "the count of event id " + std::to_string(id) + " is impossible");
    }
    out_->formats.push_back(
        {static_cast<uint16_t>(index), static_cast<uint32_t>(format_events), column, has_tail != 0});
    events += format_events;
    column += fields + has_tail;
  }
  if (events != out_->header.events) return BadChunk(At(), "the counts of its formats do not add up to its events");
  return {};
}

Status DirectoryReader::Column(size_t fields) {
  const uint64_t entry_at = At();
  const uint8_t codec = cursor_.U8();
  const uint64_t ref = cursor_.Varint(), raw = cursor_.Varint(), stored = cursor_.Varint();
  if (!cursor_.ok()) return BadChunk(entry_at, "the list of columns is cut off");
  if (codec > kCodecMax) return BadChunk(entry_at, "a column has the unknown encoding " + std::to_string(codec));
  raw_bytes_ += raw < bytes_max_ ? raw : uint64_t{bytes_max_} + 1;
  if (raw_bytes_ > bytes_max_) {
    return Fail(Error{ErrorCode::kTooLarge,
                      "its columns announce more than " + std::to_string(bytes_max_) + " bytes",
                      {},
                      entry_at});
  }
  if (stored > raw || stored > bytes_.size() - blobs_at_) {
    return BadChunk(entry_at, "a column announces more stored bytes than there are");
  }
  StoredColumn column{static_cast<Codec>(codec), static_cast<uint32_t>(ref < UINT32_MAX ? ref : UINT32_MAX),
                      static_cast<uint32_t>(raw), blobs_at_, bytes_.subspan(blobs_at_, stored)};
  if (auto status = CheckColumnRef(column, fields); !status) return status;
  blobs_at_ += stored;
  out_->columns.push_back(column);
  return {};
}

Status DirectoryReader::Columns(uint32_t announced) {
  for (size_t i = 0; i < kCommonColumns; ++i) {
    if (auto status = Column(0); !status) return status;
  }
  for (const StoredFormat& format : out_->formats) {
    const size_t fields = formats_.events()[format.index].fields.size();
    for (size_t i = 0; i < fields + format.has_tail; ++i) {
      if (auto status = Column(fields); !status) return status;
    }
  }
  if (out_->columns.size() != announced) return BadChunk(kColumnsOffset, "its number of columns is not its formats'");
  if (cursor_.left() != 0) return BadChunk(At(), "bytes follow the list of columns");
  if (blobs_at_ != bytes_.size()) return BadChunk(blobs_at_, "bytes follow the last column");
  return {};
}

}  // namespace

tl::unexpected<Error> BadChunk(uint64_t offset, std::string cause) {
  return Fail(Error{ErrorCode::kCorrupt,
                    "the chunk does not validate: " + std::move(cause),
                    {},
                    offset,
                    "its events count as lost; restore the file it came from, or record again"});
}

uint64_t ChecksumOf(Bytes bytes) {
  const uint64_t head = XXH3_64bits(bytes.data(), kChecksumOffset);
  return XXH3_64bits_withSeed(bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes, head);
}

void PutHeader(const Chunk& chunk, uint32_t directory_bytes, uint32_t columns, std::vector<uint8_t>& bytes) {
  Store(bytes, kMagicOffset, kMagic);
  Store(bytes, kVersionOffset, kChunkVersion);
  Store(bytes, kCpuOffset, chunk.cpu);
  Store(bytes, kEventsOffset, chunk.events);
  Store(bytes, kFirstOffset, chunk.first_ns);
  Store(bytes, kLastOffset, chunk.last_ns);
  Store(bytes, kFormatsHashOffset, chunk.formats_hash);
  Store(bytes, kDirectoryBytesOffset, directory_bytes);
  Store(bytes, kColumnsOffset, columns);
  Store(bytes, kChecksumOffset, ChecksumOf(bytes));
}

Result<ChunkHeader> ParseHeader(Bytes bytes) {
  if (bytes.size() < kHeaderBytes) {
    return Fail(Error{ErrorCode::kTruncated,
                      "the chunk ends inside its header",
                      {},
                      bytes.size(),
                      "its events count as lost; restore the file it came from, or record again"});
  }
  const uint8_t* at = bytes.data();
  if (LoadNative<uint32_t>(at + kMagicOffset) != kMagic)
    return BadChunk(kMagicOffset, "it does not begin as chunks do");
  ChunkHeader header;
  header.version = LoadNative<uint16_t>(at + kVersionOffset);
  if (header.version != kChunkVersion) {
    return Fail(Error{ErrorCode::kUnsupported,
                      "the chunk has version " + std::to_string(header.version) + ", this program reads version " +
                          std::to_string(kChunkVersion),
                      {},
                      kVersionOffset,
                      "read it with the program that wrote it, or a newer one"});
  }
  header.cpu = LoadNative<uint32_t>(at + kCpuOffset);
  header.events = LoadNative<uint32_t>(at + kEventsOffset);
  header.first_ns = LoadNative<uint64_t>(at + kFirstOffset);
  header.last_ns = LoadNative<uint64_t>(at + kLastOffset);
  header.formats_hash = LoadNative<uint64_t>(at + kFormatsHashOffset);
  if (header.events == 0) return BadChunk(kEventsOffset, "it has no events");
  if (header.events > kChunkEventsMax) {
    return Fail(Error{ErrorCode::kTooLarge,
                      "the chunk announces " + std::to_string(header.events) + " events, the limit is " +
                          std::to_string(kChunkEventsMax),
                      {},
                      kEventsOffset});
  }
  if (header.last_ns < header.first_ns) return BadChunk(kLastOffset, "it ends before it begins");
  return header;
}

Result<Directory> ParseDirectory(Bytes bytes, const FormatTable& formats, uint32_t bytes_max) {
  auto header = ParseHeader(bytes);
  if (!header) return Fail(header.error());
  const uint32_t directory_bytes = LoadNative<uint32_t>(bytes.data() + kDirectoryBytesOffset);
  if (directory_bytes > bytes.size() - kHeaderBytes) {
    return Fail(Error{ErrorCode::kTruncated,
                      "the chunk ends inside its directory",
                      {},
                      bytes.size(),
                      "its events count as lost; restore the file it came from, or record again"});
  }
  if (ChecksumOf(bytes) != LoadNative<uint64_t>(bytes.data() + kChecksumOffset)) {
    return BadChunk(kChecksumOffset, "its checksum is not that of its bytes");
  }
  if (header->formats_hash != formats.Hash()) {
    return Fail(Error{ErrorCode::kUnsupported,
                      "the chunk was written with other event formats",
                      {},
                      kFormatsHashOffset,
                      "open it with the formats that were stored with it"});
  }
  Directory directory{*header, {}, {}};
  DirectoryReader reader(bytes, directory_bytes, formats, bytes_max, &directory);
  if (auto status = reader.Formats(); !status) return Fail(status.error());
  if (auto status = reader.Columns(LoadNative<uint32_t>(bytes.data() + kColumnsOffset)); !status) {
    return Fail(status.error());
  }
  return directory;
}

}  // namespace wakewatch::chunk
