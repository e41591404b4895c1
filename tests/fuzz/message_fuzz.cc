// Any bytes as a batch that a collector sends. What gets past is within the limits, and is the same batch when it has
// been written and read again.
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <wakewatch/v1/batch.pb.h>

#include "proto/wire/batch_codec.h"
#include "tests/fuzz/message_limits.h"

namespace {

using namespace wakewatch;

std::string BytesOf(const Batch& batch) {
  v1::Batch message;
  BatchToMessage(batch, &message);
  return message.SerializeAsString();
}

constexpr const BatchLimits& kLimits = fuzz::kMessageLimits;

void Require(bool good) {
  if (!good) std::abort();
}
void CheckCpu(uint32_t cpu) { Require(cpu <= kLimits.cpu_max); }
void CheckTime(uint64_t ns) { Require(ns <= kLimits.time_max_ns); }
void CheckText(const std::string& text) { Require(text.size() <= kLimits.text_bytes_max); }
template <typename List>
void CheckList(const List& list) {
  Require(list.size() <= kLimits.list_max);
}

// What becomes a part of a file's name.
void CheckName(const std::string& name) {
  Require(!name.empty() && name.size() <= 253 && name.front() != '.' && name.front() != '-');
  for (const unsigned char c : name) Require(std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-');
}

void CheckSession(const SessionInfo& session) {
  for (const std::string* const name : {&session.host, &session.boot_id, &session.session}) CheckName(*name);
  for (const std::string* const text :
       {&session.boot_id, &session.session, &session.kernel, &session.clock, &session.collector_version}) {
    CheckText(*text);
  }
  Require(session.cpus <= kLimits.cpu_max + 1);
}

void CheckFormats(const FormatsDelta& formats) {
  CheckList(formats.events);
  Require(formats.long_size == 4 || formats.long_size == 8);
  Require(formats.header_page.size() <= kLimits.format_bytes_max);
  for (const FormatDelta& format : formats.events) {
    CheckText(format.system);
    Require(format.text.size() <= kLimits.format_bytes_max);
  }
}

void CheckEvents(const Batch& batch) {
  CheckList(batch.chunks);
  CheckList(batch.gaps);
  CheckList(batch.frontiers);
  for (const Chunk& chunk : batch.chunks) {
    CheckCpu(chunk.cpu);
    CheckTime(chunk.last_ns);
    Require(chunk.first_ns <= chunk.last_ns && chunk.events > 0 && !chunk.bytes.empty());
  }
  for (const GapRecord& gap : batch.gaps) {
    CheckCpu(gap.cpu);
    CheckTime(gap.start_ns);
    if (gap.end_ns == UINT64_MAX) continue;  // not known yet
    CheckTime(gap.end_ns);
    Require(gap.start_ns <= gap.end_ns);
  }
  for (const Frontier& frontier : batch.frontiers) {
    CheckCpu(frontier.cpu);
    CheckTime(frontier.ts_ns);
  }
}

void CheckMachine(const Batch& batch) {
  CheckList(batch.symbols);
  CheckList(batch.threads);
  CheckList(batch.cpus);
  CheckList(batch.clock_pairs);
  CheckList(batch.stats);
  CheckList(batch.profiles);
  for (const Symbol& symbol : batch.symbols) CheckText(symbol.name);
  for (const ThreadInfo& thread : batch.threads) {
    CheckText(thread.comm);
    CheckText(thread.affinity);
    CheckTime(thread.first_seen_ns);
  }
  for (const CpuInfo& cpu : batch.cpus) {
    CheckCpu(cpu.cpu);
    CheckTime(cpu.since_ns);
  }
  for (const ClockPair& pair : batch.clock_pairs) {
    CheckTime(pair.trace_ns);
    CheckTime(pair.real_ns);
  }
  for (const CpuStats& stats : batch.stats) CheckCpu(stats.cpu);
  for (const ProfileChange& change : batch.profiles) {
    CheckTime(change.ts_ns);
    CheckText(change.profile);
    CheckText(change.reason);
    for (const std::string& event : change.events) CheckText(event);
  }
}

void CheckLimits(const Batch& batch) {
  Require(batch.sequence != 0);
  if (batch.session) CheckSession(*batch.session);
  if (batch.formats) CheckFormats(*batch.formats);
  CheckMachine(batch);
  CheckEvents(batch);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  v1::Batch message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  auto batch = BatchFromMessage(&message, kLimits);
  if (!batch) {
    if (batch.error().code != ErrorCode::kInvalidArgument || batch.error().cause.empty()) std::abort();
    return 0;
  }
  CheckLimits(*batch);
  const std::string bytes = BytesOf(*batch);
  v1::Batch again;
  if (!again.ParseFromString(bytes)) std::abort();
  const auto read = BatchFromMessage(&again, kLimits);
  if (!read || BytesOf(*read) != bytes) std::abort();
  return 0;
}
