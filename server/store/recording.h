// Why: a recording is one SQLite file that holds column chunks and everything needed to read them again: threads, cpus,
// formats, symbols, gaps, clock pairs, and the summaries and findings drawn from them. RecordingWriter is the only
// writer and commits batch by batch; RecordingInput reads one back as a TraceInput, so every command takes either.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/report/report.h"
#include "analysis/report/wait_builder.h"
#include "analysis/trace/formats_list.h"
#include "analysis/trace/reader.h"
#include "server/store/protocol_verdicts.h"

namespace wakewatch {

inline constexpr int kRecordingSchemaVersion = 5;

class RecordingWriter {
 public:
  // Creates `path`; an existing file is an error (kInvalidArgument) unless `replace`.
  static Result<std::unique_ptr<RecordingWriter>> Create(const std::string& path, bool replace);
  virtual ~RecordingWriter() = default;

  // Stores a batch in one durable transaction (journal WAL, synchronous FULL). A sequence already stored for its
  // session is ignored. On error nothing of the batch is stored and what was stored before stays readable.
  virtual Status Append(const Batch& batch) = 0;
  // Stores measured waits, each chunk in the place of one of its name, in one durable transaction. A call, also with
  // none, says that the recording keeps its waits.
  virtual Status StoreWaits(std::span<const WaitChunk> waits) = 0;
  // Replaces the summaries and findings.
  virtual Status StoreReport(const Report& report) = 0;
  // Replaces what the checker says of the protocols it ships with.
  virtual Status StoreVerdicts(std::span<const ProtocolVerdict> verdicts) = 0;
  // Checkpoints the log into the file, so that one file can be copied. No Append after it.
  virtual Status Close() = 0;
};

// For analysis/trace's list-driven OpenTrace cannot know SQLite; this opens either kind: recordings here, all else
// there.
Result<std::unique_ptr<TraceInput>> OpenTraceOrRecording(const std::string& path, const OpenOptions& options = {});
bool IsRecording(const std::string& path);  // a file
// A file, or the folder of a session with its parts.
Result<std::unique_ptr<TraceInput>> OpenRecording(const std::string& path);

}  // namespace wakewatch
