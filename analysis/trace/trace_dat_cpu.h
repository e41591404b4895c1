// Why: a CPU's pages lie in the file plain or in compressed chunks; either way a reader makes blocks of events of them.
// Plain pages are decoded where they are mapped, compressed ones a few chunks at a time, so memory stays flat.
// Private to the trace.dat reader.
#pragma once

#include <memory>

#include "analysis/trace/file_view.h"
#include "analysis/trace/record_decoder.h"
#include "analysis/trace/trace_dat_sections.h"

namespace wakewatch::trace_dat {

// All arguments must outlive the reader. `stream` lies inside the file (ClipStream).
std::unique_ptr<CpuReader> OpenStream(const FileView& view, const RecordDecoder& decoder, const Buffer& buffer,
                                      const CpuStream& stream, CycleScale cycles);

}  // namespace wakewatch::trace_dat
