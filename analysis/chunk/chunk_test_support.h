// Why: chunk tests need event formats of every shape and records to fill them with, without a kernel at hand.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "analysis/chunk/chunk.h"
#include "analysis/chunk/layout.h"

namespace wakewatch::chunk_test {

inline std::string FormatText(const std::string& name, int id, const std::string& fields) {
  return "name: " + name + "\nID: " + std::to_string(id) +
         "\nformat:\n"
         "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
         "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
         "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
         "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n" +
         fields + "\nprint fmt: \"x\"\n";
}

inline constexpr uint16_t kSwitchId = 319, kWakingId = 322, kExecId = 312, kTimerId = 379, kAllId = 901, kLocsId = 902;

// Formats 0 to 5, in the order of the ids above.
inline FormatTable MakeFormats(std::endian order = std::endian::little) {
  auto table = FormatTable::Create({order, 8}, "");
  EXPECT_TRUE(table.has_value());
  const auto add = [&](const std::string& system, const std::string& text) {
    const auto status = table->Add(system, text);
    EXPECT_TRUE(status.has_value()) << (status ? "" : status.error().Text());
  };
  add("sched", FormatText("sched_switch", kSwitchId,
                          "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:1;\n"
                          "\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
                          "\tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;\n"
                          "\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"
                          "\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:1;\n"
                          "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n"
                          "\tfield:int next_prio;\toffset:60;\tsize:4;\tsigned:1;\n"));
  add("sched", FormatText("sched_waking", kWakingId,
                          "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:1;\n"
                          "\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"
                          "\tfield:int prio;\toffset:28;\tsize:4;\tsigned:1;\n"
                          "\tfield:int target_cpu;\toffset:32;\tsize:4;\tsigned:1;\n"));
  add("sched", FormatText("sched_process_exec", kExecId,
                          "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:1;\n"
                          "\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n"
                          "\tfield:pid_t old_pid;\toffset:16;\tsize:4;\tsigned:1;\n"));
  add("timer", FormatText("hrtimer_start", kTimerId,
                          "\tfield:void * hrtimer;\toffset:8;\tsize:8;\tsigned:0;\n"
                          "\tfield:void * function;\toffset:16;\tsize:8;\tsigned:0;\n"
                          "\tfield:s64 expires;\toffset:24;\tsize:8;\tsigned:1;\n"
                          "\tfield:s64 softexpires;\toffset:32;\tsize:8;\tsigned:1;\n"));
  add("probes", FormatText("all_kinds", kAllId,
                           "\tfield:u8 a;\toffset:8;\tsize:1;\tsigned:0;\n"
                           "\tfield:s8 b;\toffset:9;\tsize:1;\tsigned:1;\n"
                           "\tfield:u16 c;\toffset:10;\tsize:2;\tsigned:0;\n"
                           "\tfield:s16 d;\toffset:12;\tsize:2;\tsigned:1;\n"
                           "\tfield:u32 e;\toffset:16;\tsize:4;\tsigned:0;\n"
                           "\tfield:s32 f;\toffset:20;\tsize:4;\tsigned:1;\n"
                           "\tfield:u64 g;\toffset:24;\tsize:8;\tsigned:0;\n"
                           "\tfield:s64 h;\toffset:32;\tsize:8;\tsigned:1;\n"
                           "\tfield:u32 words[3];\toffset:40;\tsize:12;\tsigned:0;\n"
                           "\tfield:char label[7];\toffset:52;\tsize:7;\tsigned:1;\n"));
  add("probes", FormatText("locs", kLocsId,
                           "\tfield:__data_loc char[] first;\toffset:8;\tsize:4;\tsigned:1;\n"
                           "\tfield:int n;\toffset:12;\tsize:4;\tsigned:1;\n"
                           "\tfield:__data_loc u8[] blob;\toffset:16;\tsize:4;\tsigned:0;\n"
                           "\tfield:__data_loc char[] second;\toffset:20;\tsize:4;\tsigned:1;\n"));
  return std::move(*table);
}

inline void PutInteger(std::vector<uint8_t>* record, size_t offset, size_t size, uint64_t value, std::endian order) {
  for (size_t i = 0; i < size; ++i) {
    (*record)[offset + (order == std::endian::little ? i : size - 1 - i)] = static_cast<uint8_t>(value >> (8 * i));
  }
}

// Events whose records it owns.
class Events {
 public:
  Events(const FormatTable& formats, uint32_t cpu) : formats_(&formats), cpu_(cpu) {}

  // A record of format `index`, zeroed but for its common fields.
  std::vector<uint8_t> Blank(uint16_t index, uint8_t flags, uint8_t preempt_count, int32_t pid) const {
    const EventFormat& format = formats_->events()[index];
    std::vector<uint8_t> record(chunk::PaddedSize(format.fixed_size));
    Put(&record, 0, 2, format.id);
    record[2] = flags;
    record[3] = preempt_count;
    Put(&record, 4, 4, static_cast<uint64_t>(static_cast<int64_t>(pid)));
    return record;
  }
  void Put(std::vector<uint8_t>* record, size_t offset, size_t size, uint64_t value) const {
    PutInteger(record, offset, size, value, formats_->machine().order);
  }
  // Appends `payload` as the loc field at `offset`; text gets its NUL.
  void PutLoc(std::vector<uint8_t>* record, size_t offset, std::string payload, bool text) const {
    if (text && !payload.empty()) payload.push_back('\0');
    Put(record, offset, 4, payload.size() << 16 | at_);
    record->resize(at_);
    record->insert(record->end(), payload.begin(), payload.end());
    at_ += payload.size();
  }
  // Call before the first PutLoc of a record, and after the last.
  void BeginLocs(uint16_t index) const { at_ = formats_->events()[index].fixed_size; }
  void EndLocs(std::vector<uint8_t>* record) const { record->resize(chunk::PaddedSize(at_)); }

  void Add(uint64_t ts_ns, uint16_t index, std::vector<uint8_t> record) {
    records_.push_back(std::move(record));
    const std::vector<uint8_t>& kept = records_.back();
    Event event{};
    event.ts_ns = ts_ns;
    event.record = kept.data();
    event.record_size = static_cast<uint16_t>(kept.size());
    event.format = index;
    event.cpu = static_cast<uint16_t>(cpu_);
    event.flags = kept[2];
    event.preempt_count = kept[3];
    event.pid = static_cast<int32_t>(Load<uint32_t>(&kept[4], formats_->machine().order));
    events_.push_back(event);
  }
  const std::vector<Event>& all() const { return events_; }

 private:
  const FormatTable* formats_;
  uint32_t cpu_;
  mutable size_t at_ = 0;
  std::deque<std::vector<uint8_t>> records_;
  std::vector<Event> events_;
};

// Two tasks and a few others that switch, wake and set timers: what a CPU's events look like.
inline Events Workload(const FormatTable& formats, size_t n, uint32_t seed) {
  Events events(formats, 3);
  std::mt19937_64 random(seed);
  const auto comm = [](std::vector<uint8_t>* record, size_t at, int pid) {
    const std::string text = pid == 0 ? "swapper/3" : "worker/" + std::to_string(pid);
    std::memcpy(record->data() + at, text.data(), text.size());
  };
  int pid = 0;
  uint64_t now = 5'000'000'000;
  while (events.all().size() < n) {
    now += 100 + random() % 3000;
    const int other = random() % 4 == 0 ? static_cast<int>(100 + random() % 40) : (pid == 0 ? 77 : 0);
    auto waking = events.Blank(1, 1, 2, pid);
    comm(&waking, 8, other);
    events.Put(&waking, 24, 4, static_cast<uint64_t>(other));
    events.Put(&waking, 28, 4, 120);
    events.Put(&waking, 32, 4, random() % 4);
    events.Add(now, 1, std::move(waking));
    if (random() % 5 == 0) {
      auto timer = events.Blank(3, 0, 0, pid);
      const uint64_t which = random() % 300;
      events.Put(&timer, 8, 8, 0xffff888000000000ull + which * 320);
      events.Put(&timer, 16, 8, 0xffffffff81000000ull + which % 7 * 4096);
      events.Put(&timer, 24, 8, now + random() % 10'000'000);
      events.Put(&timer, 32, 8, now + random() % 1000);
      events.Add(now, 3, std::move(timer));
    }
    now += 300 + random() % 900;
    auto sw = events.Blank(0, 1, 1, pid);
    comm(&sw, 8, pid);
    events.Put(&sw, 24, 4, static_cast<uint64_t>(pid));
    events.Put(&sw, 28, 4, 120);
    events.Put(&sw, 32, 8, random() % 3 == 0 ? 256 : 1);
    comm(&sw, 40, other);
    events.Put(&sw, 56, 4, static_cast<uint64_t>(other));
    events.Put(&sw, 60, 4, 120);
    events.Add(now, 0, std::move(sw));
    pid = other;
  }
  return events;
}

// Records of every format with random fields; `spread` bounds how many different values a field has.
inline Events RandomRecords(const FormatTable& formats, size_t n, uint64_t spread, uint32_t seed) {
  Events events(formats, 0);
  std::mt19937_64 random(seed);
  const auto number = [&] { return (random() % spread) * 0x9e3779b97f4a7c15ull >> (random() % 2 * 40); };
  const auto text = [&](size_t most) {
    std::string made(random() % spread % (most + 1), 'a');
    if (!made.empty()) made[0] = static_cast<char>('a' + random() % spread % 26);
    return made;
  };
  uint64_t now = random() % 1000;
  for (size_t i = 0; i < n; ++i) {
    const auto index = static_cast<uint16_t>(random() % formats.events().size());
    const EventFormat& format = formats.events()[index];
    now += random() % 3 == 0 ? 0 : number() >> (20 + random() % 44);
    auto record = events.Blank(index, static_cast<uint8_t>(random() % spread), static_cast<uint8_t>(random() % spread),
                               static_cast<int32_t>(random() % spread));
    events.BeginLocs(index);
    for (const FieldSpec& field : format.fields) {
      switch (field.kind) {
        case FieldKind::kSigned:
        case FieldKind::kUnsigned: events.Put(&record, field.offset, field.size, number()); break;
        case FieldKind::kText: {
          const std::string made = text(field.size);
          std::copy(made.begin(), made.end(), record.begin() + field.offset);
          break;
        }
        case FieldKind::kBytes:
          for (size_t at = 0; at < field.size; at += 4) events.Put(&record, field.offset + at, 4, number());
          break;
        case FieldKind::kLocText: events.PutLoc(&record, field.offset, text(40), true); break;
        case FieldKind::kLocBytes: events.PutLoc(&record, field.offset, text(9) + std::string(1, '\0'), false); break;
      }
    }
    if (format.has_loc) events.EndLocs(&record);
    events.Add(now, index, std::move(record));
  }
  return events;
}

inline Chunk Encode(const FormatTable& formats, const Events& events) {
  ChunkEncoder encoder(formats, 3);
  for (const Event& event : events.all()) encoder.Add(event);
  auto chunk = encoder.Finish();
  EXPECT_TRUE(chunk.has_value()) << (chunk ? "" : chunk.error().Text());
  return chunk ? *chunk : Chunk();
}

inline std::string Hex(const uint8_t* bytes, size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

// Empty, or the first difference.
inline std::string Difference(const std::vector<Event>& want, const std::vector<Event>& got) {
  if (want.size() != got.size()) return "sizes " + std::to_string(want.size()) + " and " + std::to_string(got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    const Event &a = want[i], &b = got[i];
    const std::string at = "event " + std::to_string(i) + " of format " + std::to_string(a.format) + ": ";
    if (a.ts_ns != b.ts_ns || a.format != b.format || a.flags != b.flags || a.preempt_count != b.preempt_count ||
        a.pid != b.pid) {
      return at + "time or a common field";
    }
    if (Hex(a.record, a.record_size) != Hex(b.record, b.record_size)) {
      return at + "record\n" + Hex(a.record, a.record_size) + "\n" + Hex(b.record, b.record_size);
    }
  }
  return "";
}

}  // namespace wakewatch::chunk_test
