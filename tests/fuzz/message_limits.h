// Why: a batch's limits are far above what a fuzzer writes. These are within its reach, and one of the seeds lies at
// each. The first number that is too large differs from the last good one in a bit.
#pragma once

#include "proto/wire/batch_codec.h"

namespace wakewatch::fuzz {

inline constexpr BatchLimits kMessageLimits{.cpu_max = 62,
                                            .time_max_ns = (uint64_t{1} << 62) - 2,
                                            .text_bytes_max = 24,
                                            .format_bytes_max = 40,
                                            .list_max = 16};

}  // namespace wakewatch::fuzz
