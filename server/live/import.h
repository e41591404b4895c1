// Why: a trace becomes a recording in one pass: every event is stored and analysed as it goes by, so that neither the
// file is read twice nor the recording read back. What is stored reads back to the report that is returned.
#pragma once

#include "analysis/base/result.h"
#include "analysis/report/engine.h"
#include "analysis/report/report.h"
#include "analysis/trace/reader.h"
#include "server/live/pipeline.h"
#include "server/store/recording.h"

namespace wakewatch {

// Stores `input`, and the waits that are measured in it, through `writer`, which must be new; the report is the
// caller's to store. Stopped early, what was read until then is stored, and each CPU that had more ends in a gap.
// Errors: those of AnalyseTrace and of the writer; what was handed to the writer before stays stored.
Result<Report> ImportTrace(const TraceInput& input, RecordingWriter& writer, const EngineOptions& options,
                           const PipelineOptions& pipeline);

// AnalyseTrace over what `writer` has stored, of which `input` is the reader; the waits that it measures are stored
// too. Stopped early, they are those up to there.
Result<Report> AnalyseStored(const TraceInput& input, RecordingWriter& writer, const EngineOptions& options,
                             const PipelineOptions& pipeline);

}  // namespace wakewatch
