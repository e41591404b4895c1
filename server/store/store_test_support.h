// Why: the store's tests need recordings that were made without a kernel: formats, events of several CPUs, chunks,
// batches.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

#include "analysis/chunk/chunk.h"
#include "server/store/recording.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"

namespace wakewatch::store_test {

using wakewatch::DeltaOf;

template <typename T>
std::string TextOf(const Result<T>& result) {
  return result ? std::string("no error") : result.error().Text();
}

// A folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "wakewatch-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// As Folder. For tests that make hundreds of files durable: in memory that costs nothing.
class MemoryFolder {
 public:
  MemoryFolder() {
    const std::filesystem::path shared = "/dev/shm";
    const bool there = std::filesystem::is_directory(shared);
    std::string name = ((there ? shared : std::filesystem::temp_directory_path()) / "wakewatch-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~MemoryFolder() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string FormatFile(const std::string& name, int id, const std::string& fields,
                              const std::string& print = "\"x\"") {
  return "name: " + name + "\nID: " + std::to_string(id) +
         "\nformat:\n"
         "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
         "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
         "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
         "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n" +
         fields + "\nprint fmt: " + print + "\n";
}

enum FormatIndex : uint16_t { kSwitch, kWaking, kRaise, kQueueWork, kProbe };

inline std::vector<FormatDelta> FormatFiles() {
  return {
      {"sched", FormatFile("sched_switch", 319,
                           "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:1;\n"
                           "\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
                           "\tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;\n"
                           "\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"
                           "\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:1;\n"
                           "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n"
                           "\tfield:int next_prio;\toffset:60;\tsize:4;\tsigned:1;\n")},
      {"sched", FormatFile("sched_waking", 322,
                           "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:1;\n"
                           "\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"
                           "\tfield:int prio;\toffset:28;\tsize:4;\tsigned:1;\n"
                           "\tfield:int target_cpu;\toffset:32;\tsize:4;\tsigned:1;\n")},
      {"irq", FormatFile("softirq_raise", 150, "\tfield:unsigned int vec;\toffset:8;\tsize:4;\tsigned:0;\n")},
      {"workqueue", FormatFile("workqueue_queue_work", 180,
                               "\tfield:void * work;\toffset:8;\tsize:8;\tsigned:0;\n"
                               "\tfield:void * function;\toffset:16;\tsize:8;\tsigned:0;\n"
                               "\tfield:__data_loc char[] workqueue;\toffset:24;\tsize:4;\tsigned:1;\n"
                               "\tfield:int req_cpu;\toffset:28;\tsize:4;\tsigned:1;\n"
                               "\tfield:int cpu;\toffset:32;\tsize:4;\tsigned:1;\n")},
      // An event that takes a table's name, with fields that take the names of common columns.
      {"probes", FormatFile("gap", 2001,
                            "\tfield:u64 id;\toffset:8;\tsize:8;\tsigned:0;\n"
                            "\tfield:s32 ts;\toffset:16;\tsize:4;\tsigned:1;\n"
                            "\tfield:u8 raw[4];\toffset:20;\tsize:4;\tsigned:0;\n")},
  };
}

inline FormatTable MakeFormats(const std::vector<FormatDelta>& files = FormatFiles()) {
  auto table = FormatTable::Create({std::endian::little, 8}, "");
  EXPECT_TRUE(table) << TextOf(table);
  for (const FormatDelta& file : files) {
    const auto status = table->Add(file.system, file.text);
    EXPECT_TRUE(status) << TextOf(status);
  }
  return std::move(*table);
}

// Events that own their records.
class EventMaker {
 public:
  explicit EventMaker(const FormatTable& formats) : formats_(&formats) {}

  // A random event of format `index` at `ts_ns`; the task that acts is one of five.
  Event Make(uint16_t index, uint32_t cpu, uint64_t ts_ns) {
    const EventFormat& format = formats_->events()[index];
    std::vector<uint8_t>& record = records_.emplace_back((format.fixed_size + 7u) / 8 * 8);
    Put(&record, 0, 2, format.id);
    Put(&record, 2, 1, random_() % 4);
    Put(&record, 3, 1, random_() % 3);
    Put(&record, 4, 4, 100 + random_() % 5);
    for (const FieldSpec& field : format.fields) {
      if (field.kind == FieldKind::kText || field.kind == FieldKind::kBytes) {
        std::memcpy(&record[field.offset], random_() % 2 == 0 ? "kworker" : "rcu", 4);
      } else if (field.kind == FieldKind::kLocText) {
        Put(&record, field.offset, 4, (7u << 16) | static_cast<unsigned>(record.size()));
        record.resize(record.size() + 8);
        std::memcpy(&record[record.size() - 8], "events", 7);
      } else if (field.pointer || field.name == "function" || field.name == "work") {
        Put(&record, field.offset, field.size, 0xffffffff81000000ull + random_() % 3 * 0x100);
      } else {
        Put(&record, field.offset, field.size, field.name == "prev_state" ? random_() % 3 : random_() % 9 - 2);
      }
    }
    Event event{};
    event.ts_ns = ts_ns;
    event.cpu = static_cast<uint16_t>(cpu);
    event.format = index;
    event.type = format.type;
    event.record = record.data();
    event.record_size = static_cast<uint16_t>(record.size());
    event.flags = record[2];
    event.preempt_count = record[3];
    event.pid = static_cast<int32_t>(LoadNative<uint32_t>(&record[4]));
    return event;
  }
  std::mt19937_64& random() { return random_; }

 private:
  static void Put(std::vector<uint8_t>* record, size_t offset, size_t size, uint64_t value) {
    std::memcpy(record->data() + offset, &value, size);
  }

  const FormatTable* formats_;
  std::mt19937_64 random_{42};
  std::deque<std::vector<uint8_t>> records_;
};

inline Chunk Encode(const FormatTable& formats, uint32_t cpu, std::span<const Event> events) {
  ChunkEncoder encoder(formats, cpu);
  for (const Event& event : events) encoder.Add(event);
  auto chunk = encoder.Finish();
  EXPECT_TRUE(chunk) << TextOf(chunk);
  return std::move(*chunk);
}

// `cpus` streams of `per_cpu` events whose times interleave, often on the very same nanosecond.
struct Streams {
  std::vector<std::vector<Event>> by_cpu;
  static Streams Make(EventMaker* maker, uint32_t cpus, size_t per_cpu) {
    Streams streams;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
      std::vector<Event>& events = streams.by_cpu.emplace_back();
      uint64_t now = 1000;
      for (size_t i = 0; i < per_cpu; ++i) {
        now += maker->random()() % 3;
        events.push_back(maker->Make(static_cast<uint16_t>(maker->random()() % 5), cpu, now));
      }
    }
    return streams;
  }
};

// A first batch with session and formats, and all of `streams` in chunks of `chunk_events`.
inline Batch MakeBatch(const FormatTable& formats, const Streams& streams, size_t chunk_events) {
  Batch batch;
  batch.sequence = 1;
  batch.session = SessionInfo{"box", "boot", "s1", "6.1.0", "mono", "0.1", 8};
  batch.formats = DeltaOf(formats);
  for (uint32_t cpu = 0; cpu < streams.by_cpu.size(); ++cpu) {
    const std::span<const Event> events(streams.by_cpu[cpu]);
    for (size_t at = 0; at < events.size(); at += chunk_events) {
      batch.chunks.push_back(Encode(formats, cpu, events.subspan(at, std::min(chunk_events, events.size() - at))));
    }
  }
  return batch;
}

inline void MakeRecording(const std::string& path, const std::vector<Batch>& batches) {
  auto writer = RecordingWriter::Create(path, false);
  ASSERT_TRUE(writer) << TextOf(writer);
  for (const Batch& batch : batches) {
    const auto status = (*writer)->Append(batch);
    ASSERT_TRUE(status) << TextOf(status);
  }
  const auto status = (*writer)->Close();
  ASSERT_TRUE(status) << TextOf(status);
}

// One line an event, for comparing streams: what it is, when, and every byte of it that has a meaning.
inline std::string LineOf(const Event& event, const FormatTable& formats) {
  std::string line = std::to_string(event.cpu) + " " + std::to_string(event.ts_ns) + " ";
  if (event.type == EventType::kGap) {
    return line + "gap to " + std::to_string(event.gap.end_ns) + " lost " + std::to_string(event.gap.lost) + " " +
           std::string(Name(event.gap.cause));
  }
  const EventFormat& format = formats.events()[event.format];
  line += format.name + " " + std::to_string(event.pid) + " " + std::to_string(event.flags);
  for (const FieldSpec& field : format.fields) {
    line += " " + FieldText(field, {event.record, event.record_size}, formats.machine().order);
  }
  return line;
}

// All lines of a recording, CPU by CPU, read in blocks of about `target` events.
inline std::vector<std::string> Lines(const TraceInput& input, size_t target, AnomalyCounts* anomalies = nullptr) {
  std::vector<std::string> lines;
  auto readers = input.OpenCpus();
  EXPECT_TRUE(readers) << TextOf(readers);
  for (auto& reader : *readers) {
    // Two blocks in turn: the one before must stay readable while the next is filled.
    std::array<EventBlock, 2> blocks;
    uint64_t last_ns = 0;
    const auto add = [&](const EventBlock& block) {
      for (const Event& event : block.events) {
        EXPECT_GE(event.ts_ns, last_ns);
        last_ns = event.ts_ns;
        lines.push_back(LineOf(event, input.formats()));
      }
    };
    for (size_t turn = 0;; ++turn) {
      const auto more = reader->Fill(&blocks[turn % 2], target);
      EXPECT_TRUE(more) << TextOf(more);
      if (turn > 0) add(blocks[(turn + 1) % 2]);
      if (!more || !*more) break;
    }
    if (anomalies != nullptr) anomalies->Merge(reader->anomalies());
  }
  return lines;
}

}  // namespace wakewatch::store_test
