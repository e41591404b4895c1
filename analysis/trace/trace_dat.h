// Why: trace.dat is what trace-cmd records and what most people have. This reader is our own, for speed and for hostile
// input: versions 6 (one sequential header) and 7 (sections, zstd), named instance buffers included.
// Source: trace-cmd.dat.v6(5), trace-cmd.dat.v7(5).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// True when `path` is a regular file that begins as every trace.dat does, whatever its version.
bool SniffTraceDat(const std::string& path);

// Opens a trace.dat. metadata().buffers names the buffers that hold data; the readers read OpenOptions::buffer, or the
// main buffer when it holds data, or else the first that does.
// A file that was cut off (an interrupted recording) opens with what is there: Anomaly::kTruncatedInput is counted, and
// the events of a CPU whose data is short end in a kGap of cause kCorrupt (from its last event, or from 0 when it has
// none, to UINT64_MAX). Sections that decoding can do without are left out when they are broken
// (Anomaly::kBadSection). What became of the formats is in formats().anomalies(), not in the metadata.
// Timestamps are those of the trace clock; the offsets that `trace-cmd report` adds (--date, --ts-offset) are not
// applied, --date becomes a clock pair. Cycles are turned into nanoseconds where the file says how.
// Errors: kNotFound (no such file or buffer), kPermission, kIo, kTruncated (the file ends inside its header), kCorrupt
// (a header or section list that contradicts itself), kTooLarge (a section above 64 MiB), kUnsupported (another
// version, a latency text trace, a compression other than zstd).
Result<std::unique_ptr<TraceInput>> OpenTraceDat(const std::string& path, const OpenOptions& options);

// The same for a file that is in memory already; `name` stands for its path in messages.
Result<std::unique_ptr<TraceInput>> OpenTraceDatBytes(std::string name, std::vector<uint8_t> bytes,
                                                      const OpenOptions& options);

}  // namespace wakewatch
