#include "server/http/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

namespace wakewatch {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, in gzip's wrapper

// zlib counts in unsigned int; what comes here is bounded far below.
void SetInput(z_stream* stream, std::string_view bytes) {
  stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream->avail_in = static_cast<uInt>(bytes.size());
}

}  // namespace

std::string Gzip(std::string_view bytes, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  SetInput(&stream, bytes);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);  // always ends: deflateBound's space is enough
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Result<std::string> Gunzip(std::string_view bytes, size_t bytes_max) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  SetInput(&stream, bytes);
  // Grown step by step it would for a moment be there twice; memory that is not written to costs nothing.
  constexpr size_t kRatioMax = 1032;  // of deflate
  std::string out;
  out.reserve(std::min(bytes_max, std::min(bytes.size(), bytes_max) * kRatioMax));
  std::array<char, 32 * 1024> block;
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    const size_t made = block.size() - stream.avail_out;
    if (made > bytes_max - out.size()) {
      return Fail(ErrorCode::kTooLarge, fmt::format("more than {} bytes after decompression", bytes_max));
    }
    out.append(block.data(), made);
    if (code == Z_STREAM_END) break;
    if (code == Z_BUF_ERROR || (code == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      return Fail(ErrorCode::kTruncated, "the gzip data ends too early");
    }
    if (code != Z_OK) return Fail(ErrorCode::kCorrupt, "no valid gzip data");
  }
  if (stream.avail_in > 0) return Fail(ErrorCode::kCorrupt, "bytes after the end of the gzip data");
  return out;
}

}  // namespace wakewatch
