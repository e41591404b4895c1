// Why: the TraceInput behind OpenRecording, for a file and for a folder of parts. What it says about itself comes from
// the newest part, into which all that still holds was carried; what held at other times comes from every part.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "analysis/trace/reader.h"
#include "server/store/part_chain.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"

namespace wakewatch {

class RecordingInput : public TraceInput {
 public:
  // `parts`: at least one file, oldest first; `path` is the name that it goes by.
  static Result<std::unique_ptr<RecordingInput>> Open(const std::string& path, std::vector<std::string> parts);

  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override { return OpenCpusFrom({}); }
  // From the event with this number on, by CPU; 0 when absent.
  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpusFrom(const std::map<uint32_t, uint64_t>& numbers) const;
  const ChunkFormatsList& chunk_formats() const { return chunk_formats_; }

 private:
  explicit RecordingInput(std::vector<std::string> parts) : parts_(std::make_unique<PartSet>(std::move(parts))) {}
  Status Load(const std::string& path);
  Status LoadFormatSets(const Database& db);
  Status LoadSession(const Database& db);
  Status LoadTasks(const Database& db);
  Status LoadSymbols(const Database& db);
  Status LoadClockPairs(const Database& db);
  Status LoadStats(const Database& db);
  Result<std::vector<uint32_t>> Cpus() const;

  std::unique_ptr<PartSet> parts_;
  ChunkFormatsList chunk_formats_;
};

}  // namespace wakewatch
