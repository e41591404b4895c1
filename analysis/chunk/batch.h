// Why: the unit of delivery. A batch is one time slice of one collector session; it is at once a spool record, a
// message, a server transaction and an acknowledgement, so nothing can be half delivered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// One CPU's events in order, encoded. Never spans a gap.
struct Chunk {
  uint32_t cpu = 0;
  uint64_t first_ns = 0, last_ns = 0;  // of its first and last event
  uint32_t events = 0;
  uint64_t formats_hash = 0;  // FormatTable::Hash() it was written with
  std::vector<uint8_t> bytes;
};

struct GapRecord {
  uint32_t cpu = 0;
  // The last event before, or the session's frontier if that is later; 0: there is neither.
  uint64_t start_ns = 0;
  // The first event after, or a frontier by which none had come; UINT64_MAX: not known yet. Then a record with the same
  // cpu and start_ns follows, unless the session ends.
  uint64_t end_ns = 0;
  uint64_t lost = kLostUnknown;
  GapCause cause = GapCause::kUnknown;
};

// Everything this CPU wrote up to ts_ns has been read.
struct Frontier {
  uint32_t cpu = 0;
  uint64_t ts_ns = 0;
};

struct FormatDelta {
  std::string system, text;  // text of the format file
};
struct FormatsDelta {
  uint64_t hash = 0;
  uint8_t long_size = 8;
  bool big_endian = false;
  uint32_t page_size = 4096;
  std::string header_page;
  std::vector<FormatDelta> events;
};

struct Symbol {
  uint64_t address = 0;
  std::string name;
};

struct CpuInfo {
  uint32_t cpu = 0;
  bool online = true;
  int32_t package = -1, core = -1, node = -1;  // -1: unknown
  uint64_t since_ns = 0;                       // trace clock
};

struct ProfileChange {
  uint64_t ts_ns = 0;
  std::string profile;
  std::vector<std::string> events;  // "sched/sched_switch"
  std::string reason;
};

struct SessionInfo {
  std::string host, boot_id, session;  // session: unique per start of a collector
  std::string kernel, clock, collector_version;
  uint32_t cpus = 0;
  bool loss_marked = false;  // every loss of events is a gap record: the kernel's statistics add nothing to them
};

struct Batch {
  uint64_t sequence = 0;                // counts from 1 in a session, with holes where a collector had to drop
  std::optional<SessionInfo> session;   // in the first batch of a session
  std::optional<FormatsDelta> formats;  // travels before the first chunk that uses it
  std::vector<Symbol> symbols;
  std::vector<CpuInfo> cpus;
  std::vector<ThreadInfo> threads;
  std::vector<ClockPair> clock_pairs;
  std::vector<CpuStats> stats;
  std::vector<ProfileChange> profiles;
  std::vector<GapRecord> gaps;
  std::vector<Chunk> chunks;
  std::vector<Frontier> frontiers;  // one for each online CPU
  bool last = false;                // the session ends with this batch
};

}  // namespace wakewatch
