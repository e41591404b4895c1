// Why: a trace becomes a recording in one pass: every event is stored and analysed as it goes by, so that neither the
// file is read twice nor the recording read back. What is stored reads back to the report that is returned.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

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
// `bytes_read`, unless null, counts the bytes of the input's file that were read, as far as its readers tell.
Result<Report> ImportTrace(const TraceInput& input, RecordingWriter& writer, const EngineOptions& options,
                           const PipelineOptions& pipeline, std::atomic<uint64_t>* bytes_read = nullptr);

// A recording of its own, from an input to a closed file.
struct ImportJob {
  std::string path;      // of the recording that is made
  bool replace = false;  // an existing one
  EngineOptions engine = {};
  PipelineOptions pipeline = {};
  std::atomic<uint64_t>* bytes_read = nullptr;
  // What is known of the shipped protocols, asked when all else is stored.
  std::function<std::vector<ProtocolVerdict>()> verdicts;
};
// ImportTrace, with the report and the verdicts stored. Errors also those of RecordingWriter::Create; after another one
// the file holds what was stored until then.
Result<Report> ImportToFile(const TraceInput& input, const ImportJob& job);

// What whoever imports should be told of it, a sentence each; empty: nothing.
std::vector<std::string> ImportWarnings(const Report& report);

// AnalyseTrace over what `writer` has stored, of which `input` is the reader; the waits that it measures are stored
// too. Stopped early, they are those up to there.
Result<Report> AnalyseStored(const TraceInput& input, RecordingWriter& writer, const EngineOptions& options,
                             const PipelineOptions& pipeline);

}  // namespace wakewatch
