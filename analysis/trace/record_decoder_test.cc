#include "analysis/trace/record_decoder.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "analysis/trace/typed_fields_test.h"

namespace wakewatch {
namespace {

constexpr uint16_t kId = 777;
constexpr size_t kCommonBytes = 8;

struct Field {
  const char* declaration;  // "pid_t pid"
  uint16_t offset, size;
  bool is_signed;
};

FormatTable Table(std::string_view system, const std::string& name, const std::vector<Field>& fields,
                  FormatTable::Machine machine = {}) {
  std::string text = "name: " + name + "\nID: " + std::to_string(kId) +
                     "\nformat:\n"
                     "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
                     "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
                     "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
                     "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";
  for (const Field& field : fields) {
    text += "\tfield:" + std::string(field.declaration) + ";\toffset:" + std::to_string(field.offset) +
            ";\tsize:" + std::to_string(field.size) + ";\tsigned:" + (field.is_signed ? "1" : "0") + ";\n";
  }
  auto table = FormatTable::Create(machine, "");
  EXPECT_TRUE(table);
  const auto status = table->Add(system, text + "\nprint fmt: \"x\"\n");
  EXPECT_TRUE(status) << (status ? "" : status.error().Text());
  return std::move(*table);
}

// A record of the exact size, so that a sanitizer sees a read behind it.
class Record {
 public:
  Record(size_t size, std::endian order) : bytes_(new uint8_t[size]()), size_(size), order_(order) {
    Put(0, 2, kId);
    Put(2, 1, kFlagIrqsOff | kFlagHardirq);
    Put(3, 1, 0x21);
    Put(4, 4, 4711);
  }
  Record& Put(size_t offset, size_t size, uint64_t value) {
    for (size_t i = 0; i < size; ++i) {
      bytes_[offset + (order_ == std::endian::little ? i : size - 1 - i)] = static_cast<uint8_t>(value >> (8 * i));
    }
    return *this;
  }
  Record& Put(size_t offset, std::string_view text) {
    std::copy(text.begin(), text.end(), bytes_.get() + offset);
    return *this;
  }
  const uint8_t* data() const { return bytes_.get(); }
  uint32_t size() const { return static_cast<uint32_t>(size_); }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
  std::endian order_;
};

using Values = std::map<std::string, int64_t>;

struct Row {
  const char *story, *system, *name;
  std::vector<Field> fields;
  Values values;  // by the record's field names
  Values typed;   // what they become, when that is not the same
};

// Values at the edges of their width; absent fields are in `typed` alone.
const std::vector<Row> kRows = {
    {"a switch as most kernels have it",
     "sched",
     "sched_switch",
     {{"char prev_comm[16]", 8, 16, false},
      {"pid_t prev_pid", 24, 4, true},
      {"int prev_prio", 28, 4, true},
      {"long prev_state", 32, 8, true},
      {"char next_comm[16]", 40, 16, false},
      {"pid_t next_pid", 56, 4, true},
      {"int next_prio", 60, 4, true}},
     {{"prev_pid", 0}, {"prev_prio", 120}, {"prev_state", 256}, {"next_pid", 4194304}, {"next_prio", -1}},
     {}},
    {"a switch of a 32-bit kernel, fields moved and narrowed",
     "sched",
     "sched_switch",
     {{"short next_prio", 8, 2, true},
      {"signed char prev_prio", 10, 1, true},
      {"pid_t next_pid", 12, 4, true},
      {"pid_t prev_pid", 16, 4, true},
      {"long prev_state", 20, 4, true}},
     {{"prev_pid", 1}, {"prev_prio", -1}, {"prev_state", 1}, {"next_pid", 2}, {"next_prio", 139}},
     {}},
    {"a wake",
     "sched",
     "sched_waking",
     {{"pid_t pid", 8, 4, true}, {"int prio", 12, 4, true}, {"int target_cpu", 16, 4, true}},
     {{"pid", 77}, {"prio", 98}, {"target_cpu", 3}},
     {}},
    {"a wake that does not say where to",
     "sched",
     "sched_wakeup",
     {{"pid_t pid", 8, 4, true}},
     {{"pid", 77}},
     {{"pid", 77}, {"prio", kPrioUnknown}, {"target_cpu", -1}}},
    {"a wake whose pid is not a number",
     "sched",
     "sched_wakeup_new",
     {{"char pid[4]", 8, 4, false}},
     {},
     {{"pid", -1}, {"prio", kPrioUnknown}, {"target_cpu", -1}}},
    {"a migration",
     "sched",
     "sched_migrate_task",
     {{"pid_t pid", 8, 4, true},
      {"int prio", 12, 4, true},
      {"int orig_cpu", 16, 4, true},
      {"int dest_cpu", 20, 4, true}},
     {{"pid", 77}, {"prio", 120}, {"orig_cpu", 0}, {"dest_cpu", 1023}},
     {}},
    {"a fork",
     "sched",
     "sched_process_fork",
     {{"pid_t parent_pid", 8, 4, true}, {"pid_t child_pid", 12, 4, true}},
     {{"parent_pid", 2}, {"child_pid", 99}},
     {}},
    {"the end of a task",
     "sched",
     "sched_process_exit",
     {{"pid_t pid", 8, 4, true}, {"int prio", 12, 4, true}},
     {{"pid", 77}, {"prio", 120}},
     {}},
    {"a stopped thread: no prio is told",
     "sched",
     "sched_kthread_stop",
     {{"pid_t pid", 8, 4, true}},
     {{"pid", 77}},
     {{"pid", 77}, {"prio", kPrioUnknown}}},
    {"the answer to a stop", "sched", "sched_kthread_stop_ret", {{"int ret", 8, 4, true}}, {{"ret", -4}}, {}},
    {"an exec",
     "sched",
     "sched_process_exec",
     {{"__data_loc char[] filename", 8, 4, false}, {"pid_t pid", 12, 4, true}, {"pid_t old_pid", 16, 4, true}},
     {{"pid", 77}, {"old_pid", 78}},
     {{"pid", 77}, {"prio", kPrioUnknown}, {"old_pid", 78}}},
    {"CPU time",
     "sched",
     "sched_stat_runtime",
     {{"pid_t pid", 8, 4, true}, {"u64 runtime", 16, 8, false}},
     {{"pid", 77}, {"runtime", -2}},
     {{"pid", 77}, {"prio", kPrioUnknown}, {"runtime", -2}}},
    {"a boosted priority",
     "sched",
     "sched_pi_setprio",
     {{"pid_t pid", 8, 4, true}, {"int oldprio", 12, 4, true}, {"int newprio", 16, 4, true}},
     {{"pid", 77}, {"oldprio", 120}, {"newprio", -1}},
     {}},
    {"kthread work",
     "sched",
     "sched_kthread_work_queue_work",
     {{"void * work", 8, 8, false}, {"void * function", 16, 8, false}, {"void * worker", 24, 8, false}},
     {{"work", -64}, {"function", -4096}, {"worker", -128}},
     {}},
    {"kthread work begins: the worker is not told",
     "sched",
     "sched_kthread_work_execute_start",
     {{"void * work", 8, 8, false}, {"void * function", 16, 8, false}},
     {{"work", -64}, {"function", -4096}},
     {{"work", -64}, {"function", -4096}, {"worker", 0}}},
    {"an idle CPU that polls", "sched", "sched_wake_idle_without_ipi", {{"int cpu", 8, 4, true}}, {{"cpu", 5}}, {}},
    {"an interrupt ends",
     "irq",
     "irq_handler_exit",
     {{"int irq", 8, 4, true}, {"int ret", 12, 4, true}},
     {{"irq", 19}, {"ret", 1}},
     {}},
    {"a softirq", "irq", "softirq_raise", {{"unsigned int vec", 8, 4, false}}, {{"vec", 0xffffffff}}, {}},
    {"a tasklet",
     "irq",
     "tasklet_entry",
     {{"void * tasklet", 8, 8, false}, {"void * func", 16, 8, false}},
     {{"tasklet", -8}, {"func", -16}},
     {}},
    {"work on a 32-bit kernel: addresses are not negative",
     "workqueue",
     "workqueue_queue_work",
     {{"void * work", 8, 4, false},
      {"void * function", 12, 4, false},
      {"unsigned int req_cpu", 16, 4, false},
      {"unsigned int cpu", 20, 4, false}},
     {{"work", 0xc0001000}, {"function", 0xc0002000}, {"req_cpu", 8192}, {"cpu", 1}},
     {}},
    {"activated work before 6.12: no function",
     "workqueue",
     "workqueue_activate_work",
     {{"void * work", 8, 8, false}},
     {{"work", -64}},
     {{"work", -64}, {"function", 0}, {"req_cpu", -1}, {"cpu", -1}}},
    {"a timer starts",
     "timer",
     "timer_start",
     {{"void * timer", 8, 8, false},
      {"void * function", 16, 8, false},
      {"unsigned long expires", 24, 8, false},
      {"unsigned long now", 32, 8, false}},
     {{"timer", -8}, {"function", -16}, {"expires", 4294967296}, {"now", 4294967295}},
     {}},
    {"a timer is cancelled: nothing else is told",
     "timer",
     "timer_cancel",
     {{"void * timer", 8, 8, false}},
     {{"timer", -8}},
     {{"timer", -8}, {"function", 0}, {"expires", 0}, {"now", 0}}},
    {"an hrtimer expires",
     "timer",
     "hrtimer_expire_entry",
     {{"void * hrtimer", 8, 8, false}, {"s64 now", 16, 8, true}, {"void * function", 24, 8, false}},
     {{"hrtimer", -8}, {"now", 5}, {"function", -16}},
     {{"hrtimer", -8}, {"function", -16}, {"expires", 0}, {"now", 5}}},
    {"an IPI",
     "ipi",
     "ipi_send_cpu",
     {{"unsigned int cpu", 8, 4, false}, {"void * callsite", 16, 8, false}, {"void * callback", 24, 8, false}},
     {{"cpu", 3}, {"callsite", -32}, {"callback", -16}},
     {{"cpu", 3}, {"callback", -16}}},
    {"a call is queued",
     "csd",
     "csd_queue_cpu",
     {{"unsigned int cpu", 8, 4, false}, {"void * callsite", 16, 8, false}, {"void * func", 24, 8, false}},
     {{"cpu", 0}, {"func", -16}},
     {}},
    {"a call begins: the CPU is the one it is on",
     "csd",
     "csd_function_entry",
     {{"void * func", 8, 8, false}},
     {{"func", -16}},
     {{"cpu", -1}, {"func", -16}}},
};

TEST(RecordDecoder, ReadsEveryFieldWhateverItsWidthAndByteOrder) {
  for (const Row& row : kRows) {
    for (const std::endian order : {std::endian::little, std::endian::big}) {
      SCOPED_TRACE(std::string(row.story) + (order == std::endian::little ? ", little" : ", big"));
      const FormatTable table = Table(row.system, row.name, row.fields, {order, 8});
      const EventFormat& format = table.events()[0];
      ASSERT_NE(format.type, EventType::kGeneric);
      Record record(format.fixed_size, order);
      for (const auto& [name, value] : row.values) {
        const FieldSpec* field = format.Find(name);
        ASSERT_NE(field, nullptr) << name;
        record.Put(field->offset, field->size, static_cast<uint64_t>(value));
      }
      const RecordDecoder decoder(table);
      AnomalyCounts anomalies;
      Event event{};
      ASSERT_TRUE(decoder.Decode(record.data(), record.size(), &event, &anomalies));
      EXPECT_EQ(typed_fields_test::Of(event).numbers, row.typed.empty() ? row.values : row.typed);
      EXPECT_EQ(event.record, record.data());
      EXPECT_EQ(event.record_size, record.size());
      EXPECT_EQ(event.format, 0);
      EXPECT_EQ(event.type, format.type);
      EXPECT_EQ(event.pid, 4711);
      EXPECT_EQ(event.flags, kFlagIrqsOff | kFlagHardirq);
      EXPECT_EQ(event.preempt_count, 0x21);
      EXPECT_EQ(anomalies.all(), AnomalyCounts().all());
      // One byte less is not this record.
      EXPECT_FALSE(decoder.Decode(record.data(), record.size() - 1, &event, &anomalies));
      EXPECT_EQ(anomalies.Of(Anomaly::kShortRecord), 1u);
    }
  }
}

TEST(RecordDecoder, FindsTextWhereverTheKernelPutIt) {
  const struct {
    const char* story;
    Field comm;
    uint32_t word;  // of a located text
    const char* text;
    uint64_t bad;
  } rows[] = {
      {"in the record", {"char comm[16]", 12, 16, false}, 0, "kworker/0:1", 0},
      {"behind it", {"__data_loc char[] comm", 8, 4, false}, 12 << 16 | 12, "kworker/0:1", 0},
      {"behind it, relative", {"__rel_loc char[] comm", 8, 4, false}, 12 << 16 | 0, "kworker/0:1", 0},
      {"shorter than its NUL says", {"__data_loc char[] comm", 8, 4, false}, 3 << 16 | 12, "kwo", 0},
      {"empty", {"__data_loc char[] comm", 8, 4, false}, 0, "", 0},
      {"to the record's last byte", {"__data_loc char[] comm", 8, 4, false}, 16 << 16 | 12, "kworker/0:1", 0},
      {"one byte too far", {"__data_loc char[] comm", 8, 4, false}, 17 << 16 | 12, "", 1},
      {"far behind the record", {"__data_loc char[] comm", 8, 4, false}, 0xffffffff, "", 1},
      {"far behind the record, relative", {"__rel_loc char[] comm", 8, 4, false}, 0xffffffff, "", 1},
      {"an address, on a kernel that stores one", {"void * comm", 8, 8, false}, 0x41414141, "", 0},
      {"bytes that are no text", {"u8 comm[16]", 12, 16, false}, 0, "", 0},
  };
  for (const auto& row : rows) {
    for (const std::endian order : {std::endian::little, std::endian::big}) {
      SCOPED_TRACE(row.story);
      const FormatTable table = Table("sched", "sched_waking", {row.comm}, {order, 8});
      Record record(kCommonBytes + 20, order);
      if (row.comm.size == 4) record.Put(8, 4, row.word);
      record.Put(12, "kworker/0:1");
      Event event{};
      AnomalyCounts anomalies;
      ASSERT_TRUE(RecordDecoder(table).Decode(record.data(), record.size(), &event, &anomalies));
      EXPECT_EQ(event.Text(event.wake.comm), row.text);
      EXPECT_EQ(anomalies.Of(Anomaly::kBadDataLoc), row.bad);
    }
  }
}

TEST(RecordDecoder, TellsTheTextsOfAnEventApart) {
  const FormatTable forks = Table("sched", "sched_process_fork",
                                  {{"char parent_comm[4]", 8, 4, false}, {"char child_comm[4]", 12, 4, false}});
  Record record(16, std::endian::little);
  record.Put(8, "sh").Put(12, "ls");
  Event event{};
  AnomalyCounts anomalies;
  ASSERT_TRUE(RecordDecoder(forks).Decode(record.data(), record.size(), &event, &anomalies));
  EXPECT_EQ(event.Text(event.fork.parent_comm), "sh");
  EXPECT_EQ(event.Text(event.fork.child_comm), "ls");

  const FormatTable switches =
      Table("sched", "sched_switch", {{"char next_comm[4]", 8, 4, false}, {"char prev_comm[4]", 12, 4, false}});
  ASSERT_TRUE(RecordDecoder(switches).Decode(record.data(), record.size(), &event, &anomalies));
  EXPECT_EQ(event.Text(event.sw.next_comm), "sh");
  EXPECT_EQ(event.Text(event.sw.prev_comm), "ls");

  const FormatTable execs = Table("sched", "sched_process_exec", {{"char filename[4]", 8, 4, false}});
  ASSERT_TRUE(RecordDecoder(execs).Decode(record.data(), record.size(), &event, &anomalies));
  EXPECT_EQ(event.Text(event.task.comm), "") << "a file name is not a comm";

  const FormatTable interrupts = Table("irq", "irq_handler_entry", {{"char name[4]", 8, 4, false}});
  ASSERT_TRUE(RecordDecoder(interrupts).Decode(record.data(), record.size(), &event, &anomalies));
  EXPECT_EQ(event.Text(event.irq.name), "sh");

  const FormatTable works = Table("workqueue", "workqueue_queue_work", {{"char workqueue[4]", 8, 4, false}});
  ASSERT_TRUE(RecordDecoder(works).Decode(record.data(), record.size(), &event, &anomalies));
  EXPECT_EQ(event.Text(event.work.workqueue), "sh");
}

TEST(RecordDecoder, RefusesWhatItCannotRead) {
  const FormatTable table = Table("probes", "mine", {{"u64 n", 8, 8, false}});
  const RecordDecoder decoder(table);
  Record other(16, std::endian::little);
  other.Put(0, 2, kId + 1);
  Record beyond(16, std::endian::little);
  beyond.Put(0, 2, 65535);
  const Record mine(16, std::endian::little);
  const struct {
    const char* story;
    const Record* record;
    uint32_t size;
    Anomaly anomaly;
  } rows[] = {
      {"an event without a format", &other, 16, Anomaly::kUnknownEventId},
      {"the highest number an event can have", &beyond, 16, Anomaly::kUnknownEventId},
      {"nothing", &mine, 0, Anomaly::kShortRecord},
      {"a part of the common fields", &mine, 7, Anomaly::kShortRecord},
      {"the common fields alone", &mine, 8, Anomaly::kShortRecord},
      {"a part of the last field", &mine, 15, Anomaly::kShortRecord},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    AnomalyCounts anomalies;
    Event event{};
    EXPECT_FALSE(decoder.Decode(row.record->data(), row.size, &event, &anomalies));
    EXPECT_EQ(anomalies.Of(row.anomaly), 1u);
  }
  AnomalyCounts anomalies;
  Event event{};
  EXPECT_TRUE(decoder.Decode(mine.data(), 16, &event, &anomalies));
  EXPECT_EQ(event.type, EventType::kGeneric);
}

TEST(RecordDecoder, OfAHugeRecordItSeesWhatAnEventCanHold) {
  const FormatTable table = Table("ftrace", "print", {{"char buf[]", 8, 0, false}});
  const Record record(100000, std::endian::little);
  AnomalyCounts anomalies;
  Event event{};
  ASSERT_TRUE(RecordDecoder(table).Decode(record.data(), record.size(), &event, &anomalies));
  EXPECT_EQ(event.record_size, 65535);
}

TEST(RecordDecoder, WithoutFormatsEveryEventIsUnknown) {
  const FormatTable table;
  const Record record(16, std::endian::little);
  AnomalyCounts anomalies;
  Event event{};
  EXPECT_FALSE(RecordDecoder(table).Decode(record.data(), record.size(), &event, &anomalies));
  EXPECT_EQ(anomalies.Of(Anomaly::kUnknownEventId), 1u);
}

}  // namespace
}  // namespace wakewatch
