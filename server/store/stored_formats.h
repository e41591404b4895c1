// Why: a chunk names the hash of the formats it was written with, and a recording may hold several sets of them (a
// probe was added, a module loaded). Each set is rebuilt as it was, and where one table must stand for all of them the
// sets are merged.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/format.h"
#include "analysis/trace/record_decoder.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// The format sets of a recording, as they were stored, by hash.
Result<std::vector<FormatsDelta>> LoadFormats(const Database& db);

// A table as batches carry it.
FormatsDelta DeltaOf(const FormatTable& table);

// Rebuilds the table. Errors: kCorrupt when it does not come out with the hash it was stored under.
Result<FormatTable> BuildFormats(const FormatsDelta& stored, const std::string& file);

// One table for all of `tables` (at least one): the events of the first, then those of the others that it lacks.
// Errors: kUnsupported when two of them give one event number to different events, or differ in byte order, word size
// or page.
Result<FormatTable> MergeFormats(const std::vector<const FormatTable*>& tables, const std::string& file);

// What is needed to read the chunks of one set.
struct ChunkFormats {
  uint64_t hash = 0;
  const FormatTable* table = nullptr;
  std::unique_ptr<FormatTable> owned;  // when `table` is not someone else's
  std::unique_ptr<RecordDecoder> decoder;
  std::vector<uint16_t> to_merged;  // format index here to index in the merged table; empty: the same
};

class ChunkFormatsList {
 public:
  void Add(ChunkFormats formats) { list_.push_back(std::move(formats)); }
  // nullptr when no chunk with this hash can be read.
  const ChunkFormats* Find(uint64_t hash) const;
  const std::vector<ChunkFormats>& all() const { return list_; }

 private:
  std::vector<ChunkFormats> list_;
};

}  // namespace wakewatch
