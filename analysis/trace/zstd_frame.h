// Why: compressed input comes from outside, so its announced sizes are checked before any memory is taken for them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"

struct ZSTD_DCtx_s;

namespace wakewatch {

// Decompresses zstd frames one at a time, keeping its tables between calls.
class ZstdFrameReader {
 public:
  ZstdFrameReader();
  ~ZstdFrameReader();
  ZstdFrameReader(const ZstdFrameReader&) = delete;
  ZstdFrameReader& operator=(const ZstdFrameReader&) = delete;

  // True when `packed` may hold a frame of `unpacked_size` bytes: the frame's own header does not contradict it and the
  // ratio is one that zstd can reach. Cheap; call it before allocating `unpacked_size` bytes.
  static bool Plausible(Bytes packed, uint64_t unpacked_size);

  // Fills all of [to, to + size). Errors: kCorrupt with zstd's reason. Error::file and offset are the caller's to set.
  Status Read(Bytes packed, uint8_t* to, size_t size);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

// All frames of a whole .zst file, whose size need not be announced. Errors: kCorrupt, kTruncated, kTooLarge (more than
// `bytes_max` come out). Error::file and offset are the caller's to set.
Result<std::string> UnpackZstd(Bytes packed, uint64_t bytes_max);

}  // namespace wakewatch
