// Why: a dashboard on the far side of an ssh tunnel is fast when answers are small. What a client sends compressed is
// hostile: 16 KiB can announce 16 MiB, so decompression stops at a limit instead of asking afterwards.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "analysis/base/result.h"

namespace wakewatch {

inline constexpr size_t kGzipFromBytes = 1024;  // what is smaller gains nothing

// `level`: 1 (fast) to 9 (small).
std::string Gzip(std::string_view bytes, int level);
// One gzip member. Errors: kTooLarge: more than bytes_max come out; kCorrupt, kTruncated.
Result<std::string> Gunzip(std::string_view bytes, size_t bytes_max);

}  // namespace wakewatch
