#include "analysis/trace/zstd_frame.h"

#include <zstd.h>

#include <string>

namespace wakewatch {
namespace {

// A zstd block of at most 128 KiB takes four bytes when all its bytes are equal; nothing packs tighter.
constexpr uint64_t kRatioMax = 32768;

}  // namespace

ZstdFrameReader::ZstdFrameReader() : context_(ZSTD_createDCtx()) {}
ZstdFrameReader::~ZstdFrameReader() = default;
void ZstdFrameReader::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

bool ZstdFrameReader::Plausible(Bytes packed, uint64_t unpacked_size) {
  if (unpacked_size / kRatioMax > packed.size()) return false;
  const unsigned long long said = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (said == ZSTD_CONTENTSIZE_ERROR) return false;
  return said == ZSTD_CONTENTSIZE_UNKNOWN || said == unpacked_size;
}

Status ZstdFrameReader::Read(Bytes packed, uint8_t* to, size_t size) {
  if (context_ == nullptr) return Fail(ErrorCode::kInternal, "no memory for decompression");
  const size_t got = ZSTD_decompressDCtx(context_.get(), to, size, packed.data(), packed.size());
  if (ZSTD_isError(got) != 0) {
    return Fail(ErrorCode::kCorrupt, std::string("zstd cannot decompress: ") + ZSTD_getErrorName(got));
  }
  if (got != size) {
    return Fail(ErrorCode::kCorrupt,
                "zstd gave " + std::to_string(got) + " bytes where " + std::to_string(size) + " were announced");
  }
  return {};
}

Result<std::string> UnpackZstd(Bytes packed, uint64_t bytes_max) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (context == nullptr) return Fail(ErrorCode::kInternal, "no memory for decompression");
  std::string text, part(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{part.data(), part.size(), 0};
    const size_t wanted = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(wanted) != 0) {
      return Fail(ErrorCode::kCorrupt, std::string("zstd cannot decompress: ") + ZSTD_getErrorName(wanted));
    }
    if (out.pos > bytes_max - text.size()) {
      return Fail(ErrorCode::kTooLarge, "more than " + std::to_string(bytes_max) + " bytes are packed in it");
    }
    text.append(part, 0, out.pos);
    if (in.pos < in.size || out.pos == out.size) continue;
    if (wanted == 0) return text;
    return Fail(ErrorCode::kTruncated, "the compressed data ends inside a frame");
  }
}

}  // namespace wakewatch
