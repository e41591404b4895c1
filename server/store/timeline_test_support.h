// Why: the timeline's tests and benchmark need recordings with made-up schedules, in one file or in parts. For tests
// only.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "server/store/store_test_support.h"
#include "server/store/timeline_rows.h"

namespace wakewatch::store_test {

inline FormatTable TimelineFormats() {
  std::vector<FormatDelta> files = FormatFiles();
  files.resize(2);  // sched_switch and sched_waking
  files.push_back({"irq", FormatFile("irq_handler_entry", 140, "\tfield:int irq;\toffset:8;\tsize:4;\tsigned:1;\n")});
  files.push_back({"irq", FormatFile("irq_handler_exit", 141, "\tfield:int irq;\toffset:8;\tsize:4;\tsigned:1;\n")});
  const char* vec = "\tfield:unsigned int vec;\toffset:8;\tsize:4;\tsigned:0;\n";
  files.push_back({"irq", FormatFile("softirq_entry", 142, vec)});
  files.push_back({"irq", FormatFile("softirq_exit", 143, vec)});
  files.push_back({"irq", FormatFile("softirq_raise", 144, vec)});
  return MakeFormats(files);
}

// Gives an event, of which only the typed fields are set, its record.
class RecordMaker {
 public:
  explicit RecordMaker(const FormatTable& formats) : formats_(&formats) {}

  Event Make(Event event) {
    // Whatever has no format here changes nothing.
    const EventFormat* format = formats_->ByType(event.type);
    if (format == nullptr) format = formats_->ByType(EventType::kSoftirqRaise);
    std::vector<uint8_t>& record = records_.emplace_back((format->fixed_size + 3u) / 4 * 4);
    Put(&record, 0, format->id);
    record[2] = event.flags;
    Put(&record, 4, event.pid);
    if (event.type == EventType::kSchedSwitch) {
      PutText(&record, 8, CommOf(event.sw.prev_pid));
      Put(&record, 24, event.sw.prev_pid);
      Put(&record, 28, int32_t{event.sw.prev_prio});
      Put(&record, 32, uint64_t{event.sw.prev_state});
      PutText(&record, 40, CommOf(event.sw.next_pid));
      Put(&record, 56, event.sw.next_pid);
      Put(&record, 60, int32_t{event.sw.next_prio});
    } else if (event.type == EventType::kSchedWaking) {
      Put(&record, 24, event.wake.pid);
    }
    event.type = format->type;
    event.format = static_cast<uint16_t>(format - formats_->events().data());
    event.record = record.data();
    event.record_size = static_cast<uint16_t>(record.size());
    return event;
  }
  static std::string CommOf(int32_t pid) { return pid == 0 ? "swapper" : "task-" + std::to_string(pid); }
  void Forget() { records_.clear(); }

 private:
  template <typename T>
  static void Put(std::vector<uint8_t>* record, size_t offset, T value) {
    std::memcpy(record->data() + offset, &value, sizeof value);
  }
  static void PutText(std::vector<uint8_t>* record, size_t offset, const std::string& text) {
    std::memcpy(record->data() + offset, text.data(), std::min<size_t>(text.size(), 15));
  }

  const FormatTable* formats_;
  std::deque<std::vector<uint8_t>> records_;
};

// The events of any CPUs, each CPU's in order, as a batch with chunks of `chunk_events`. Gaps end with the next event;
// those that have not ended are told again in the next batch: *open_ns has when they began, by CPU.
inline Batch BatchOf(const FormatTable& formats, std::span<const Event> events, size_t chunk_events,
                     std::map<uint32_t, uint64_t>* open_ns, uint64_t sequence = 1) {
  Batch batch;
  batch.sequence = sequence;
  batch.session = SessionInfo{"box", "boot", "s1", "6.1.0", "mono", "0.1", 8};
  batch.formats = DeltaOf(formats);
  RecordMaker maker(formats);
  std::map<uint32_t, std::vector<Event>> pending;
  std::map<uint32_t, size_t> open_gaps;  // index into batch.gaps
  const auto begin_gap = [&](uint32_t cpu, uint64_t start_ns) {
    (*open_ns)[cpu] = start_ns;
    open_gaps[cpu] = batch.gaps.size();
    batch.gaps.push_back({cpu, start_ns, UINT64_MAX, kLostUnknown, GapCause::kOverrun});
  };
  for (const auto& [cpu, start_ns] : std::map(*open_ns)) begin_gap(cpu, start_ns);
  const auto cut = [&](uint32_t cpu) {
    if (!pending[cpu].empty()) batch.chunks.push_back(Encode(formats, cpu, pending[cpu]));
    pending[cpu].clear();
  };
  for (const Event& event : events) {
    if (event.type == EventType::kGap) {
      cut(event.cpu);
      begin_gap(event.cpu, event.ts_ns);
      continue;
    }
    if (const auto gap = open_gaps.find(event.cpu); gap != open_gaps.end()) {
      batch.gaps[gap->second].end_ns = event.ts_ns;
      open_gaps.erase(gap);
      open_ns->erase(event.cpu);
    }
    pending[event.cpu].push_back(maker.Make(event));
    if (pending[event.cpu].size() == chunk_events) cut(event.cpu);
  }
  for (const auto& [cpu, left] : std::map(pending)) cut(cpu);
  return batch;
}

inline void StoreRows(const std::string& path, const std::vector<TimelineRow>& rows) {
  const auto db = Database::Open(path, Database::Mode::kWrite);
  ASSERT_TRUE(db) << TextOf(db);
  const auto made = db->Exec(
      "CREATE TABLE IF NOT EXISTS timeline(cpu INTEGER NOT NULL, level INTEGER NOT NULL, first_bin INTEGER NOT NULL, "
      "bins INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(cpu, level, first_bin)) WITHOUT ROWID; BEGIN");
  ASSERT_TRUE(made) << TextOf(made);
  const auto written = WriteTimelineRows(*db, rows);
  ASSERT_TRUE(written) << TextOf(written);
  ASSERT_TRUE(db->Exec("COMMIT"));
}

}  // namespace wakewatch::store_test
