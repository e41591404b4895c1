// Why: a chunk of kilobytes that announces, truthfully, that one of its columns becomes many mebibytes. Whoever reads
// it must refuse it before it has cost that memory.
#pragma once

#include <cstddef>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/format.h"

namespace wakewatch::faults {

// `chunk`, of these formats, with a column of times that inflates to `bytes`. Errors: the chunk cannot be read.
Result<Chunk> BombOf(const Chunk& chunk, const FormatTable& formats, size_t bytes);

}  // namespace wakewatch::faults
