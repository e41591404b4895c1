#include "server/store/chunk_loader.h"

#include <string>

namespace wakewatch {

ChunkRow ReadChunkRow(const Statement& statement) {
  const auto narrow = [&](int column) {
    const uint64_t value = statement.Unsigned(column);
    return value > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(value);
  };
  return ChunkRow{statement.Integer(0), narrow(1), narrow(4), statement.Unsigned(2), statement.Unsigned(3),
                  statement.Unsigned(5)};
}

Result<ChunkLoader> ChunkLoader::Create(const Database& db, const ChunkFormatsList* formats) {
  auto fetch = db.Prepare("SELECT formats_hash, bytes FROM main.chunk WHERE id = ?1");
  if (!fetch) return tl::unexpected<Error>(std::move(fetch.error()));
  return ChunkLoader(std::move(*fetch), formats);
}

bool ChunkLoader::ConcernsOneChunk(const Error& error) {
  return error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kTruncated ||
         error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kTooLarge;
}

Status ChunkLoader::Load(const ChunkRow& row, LoadedChunk* chunk) {
  chunk->view.reset();
  chunk->row = row;
  fetch_.Reset();
  fetch_.Bind(row.id);
  const auto found = fetch_.Step();
  if (!found) return tl::unexpected<Error>(found.error());
  Status status;
  if (!*found) {
    status = Fail(ErrorCode::kCorrupt, "it is in the index only");
  } else if (const Bytes bytes = fetch_.Blob(1); bytes.size() > kChunkBytesMax) {
    status = Fail(ErrorCode::kTooLarge, "it has " + std::to_string(bytes.size()) + " bytes");
  } else {
    chunk->formats = formats_->Find(fetch_.Unsigned(0));
    chunk->bytes.assign(bytes.begin(), bytes.end());
    status = Validate(chunk);
  }
  fetch_.Reset();
  if (!status) {
    status.error().cause =
        "chunk " + std::to_string(row.id) + " of CPU " + std::to_string(row.cpu) + ": " + status.error().cause;
  }
  return status;
}

Status ChunkLoader::Validate(LoadedChunk* chunk) const {
  if (chunk->formats == nullptr) return Fail(ErrorCode::kUnsupported, "the recording lacks the formats it needs");
  auto view = ChunkView::Open(chunk->bytes, *chunk->formats->table);
  if (!view) return tl::unexpected<Error>(std::move(view.error()));
  const ChunkHeader& header = view->header();
  const ChunkRow& row = chunk->row;
  if (header.cpu != row.cpu || header.events != row.events || header.first_ns != row.first_ns ||
      header.last_ns != row.last_ns || row.first_event_no >> kEventIdCpuShift != 0) {
    return Fail(ErrorCode::kCorrupt, "its row says other things about it than its header");
  }
  chunk->view.emplace(std::move(*view));
  return {};
}

}  // namespace wakewatch
