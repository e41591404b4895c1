#include "analysis/trace/trace_dat_cpu.h"

#include <algorithm>
#include <vector>

#include "analysis/trace/page_stream.h"
#include "analysis/trace/zstd_frame.h"

namespace wakewatch::trace_dat {
namespace {

// What an event with its header takes in a page, about; turns a number of events into a number of chunks.
constexpr uint64_t kEventBytes = 56;
// Unless one chunk is larger, a block's records take no more than this.
constexpr uint64_t kBlockBytesMax = 8 << 20;

class ChunkReader final : public PageStreamReader {
 public:
  ChunkReader(const FileView& view, const RecordDecoder& decoder, const PageRun& run)
      : PageStreamReader(view, decoder, run), in_(data(), order()), chunks_left_(in_.U32()) {}

 private:
  struct Chunk {
    Bytes packed;
    uint32_t size = 0;   // bytes when unpacked
    bool sound = false;  // its sizes are believable
  };

  bool FillSome(EventBlock* block, size_t target) override {
    if (chunks_left_ == 0) return false;
    const uint64_t total = TakeChunks(target);
    block->storage.resize(total);
    uint8_t* to = block->storage.data();
    for (const Chunk& chunk : chunks_) {
      if (chunk.sound && zstd_.Read(chunk.packed, to, chunk.size))
        DecodePages(Bytes(to, chunk.size), block);
      else
        Skip(Anomaly::kBadSection);
      to += chunk.size;
    }
    // Nothing behind a chunk that runs past the end can be found.
    if (!in_.ok()) {
      chunks_left_ = 0;
      if (!truncated()) Skip(Anomaly::kBadSection);
    }
    set_consumed(in_.at());
    return true;
  }

  // The next chunks, as many as `target` events take; the answer is their size when unpacked, in bytes.
  uint64_t TakeChunks(size_t target) {
    chunks_.clear();
    const uint64_t wanted = std::min<uint64_t>(target, kBlockBytesMax / kEventBytes) * kEventBytes;
    uint64_t total = 0;
    while (chunks_left_ > 0 && (chunks_.empty() || total < wanted)) {
      const ByteCursor before = in_;
      Chunk chunk;
      const uint32_t packed_size = in_.U32();
      chunk.size = in_.U32();
      chunk.packed = in_.Span(packed_size);
      if (!in_.ok()) break;
      chunk.sound = chunk.size <= kChunkBytesMax && ZstdFrameReader::Plausible(chunk.packed, chunk.size);
      if (!chunk.sound) chunk.size = 0;
      if (total != 0 && total + chunk.size > kBlockBytesMax) {
        in_ = before;
        break;
      }
      total += chunk.size;
      --chunks_left_;
      chunks_.push_back(chunk);
    }
    return total;
  }

  ByteCursor in_;
  uint32_t chunks_left_;
  std::vector<Chunk> chunks_;
  ZstdFrameReader zstd_;
};

}  // namespace

std::unique_ptr<CpuReader> OpenStream(const FileView& view, const RecordDecoder& decoder, const Buffer& buffer,
                                      const CpuStream& stream, CycleScale cycles) {
  const PageRun run{stream.cpu, stream.offset, stream.size, stream.truncated, buffer.page_size, cycles};
  if (buffer.compressed) return std::make_unique<ChunkReader>(view, decoder, run);
  return OpenPlainPages(view, decoder, run);
}

}  // namespace wakewatch::trace_dat
