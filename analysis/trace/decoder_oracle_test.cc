// libtraceevent is the oracle: whatever it reads out of a record, FieldText, ReadInteger and RecordDecoder read as
// well.
#include <gtest/gtest.h>
#include <traceevent/event-parse.h>
#include <zstd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "analysis/trace/record_decoder.h"
#include "analysis/trace/trace_dat.h"
#include "analysis/trace/trace_dat_builder.h"
#include "analysis/trace/typed_fields_test.h"

namespace wakewatch {
namespace {

using trace_dat_test::ReadWhole;

const std::filesystem::path kSource = WAKEWATCH_SOURCE_DIR;

// libtraceevent with the full text of every format of a table.
class Oracle {
 public:
  explicit Oracle(const FormatTable& formats) : formats_(&formats), tep_(tep_alloc()) {
    tep_set_loglevel(TEP_LOG_NONE);
    const bool big = formats.machine().order == std::endian::big;
    tep_set_file_bigendian(tep_, big ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
    tep_set_long_size(tep_, formats.machine().long_size);
    for (const EventFormat& event : formats.events()) {
      EXPECT_EQ(tep_parse_event(tep_, event.text.c_str(), event.text.size(), event.system.c_str()), 0) << event.name;
    }
  }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;
  ~Oracle() { tep_free(tep_); }

  // Compares everything; answers the number of fields that were.
  size_t Check(const Event& event) {
    const EventFormat& format = formats_->events()[event.format];
    tep_record record{};
    record.data = const_cast<uint8_t*>(event.record);
    record.size = event.record_size;
    tep_event* known = tep_find_event_by_record(tep_, &record);
    EXPECT_NE(known, nullptr);
    if (known == nullptr) return 0;
    EXPECT_EQ(known->name, format.name);
    EXPECT_EQ(known->system, format.system);
    EXPECT_EQ(tep_data_pid(tep_, &record), event.pid);
    EXPECT_EQ(tep_data_flags(tep_, &record), event.flags);
    EXPECT_EQ(tep_data_preempt_count(tep_, &record), event.preempt_count);
    size_t fields = 0;
    for (tep_format_field* field = known->format.fields; field != nullptr; field = field->next) {
      fields += CheckField(event, format, *field, &record);
    }
    return fields + CheckTyped(event, known, &record);
  }

 private:
  static constexpr unsigned long kNoNumber = TEP_FIELD_IS_ARRAY | TEP_FIELD_IS_DYNAMIC;

  // As the kernel's own type has it; libtraceevent never extends a sign.
  static uint64_t NumberOf(tep_format_field* field, const void* record) {
    unsigned long long value = 0;
    EXPECT_EQ(tep_read_number_field(field, record, &value), 0);
    if ((field->flags & TEP_FIELD_IS_SIGNED) == 0) return value;
    switch (field->size) {
      case 1: return static_cast<uint64_t>(int64_t{static_cast<int8_t>(value)});
      case 2: return static_cast<uint64_t>(int64_t{static_cast<int16_t>(value)});
      case 4: return static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)});
      default: return value;
    }
  }

  static std::string TextOf(tep_event* event, const char* name, tep_record* record) {
    int size = 0;
    const auto* text = static_cast<const char*>(tep_get_field_raw(nullptr, event, name, record, &size, 0));
    return text == nullptr || size <= 0 ? std::string() : std::string(text, strnlen(text, static_cast<size_t>(size)));
  }

  size_t CheckField(const Event& event, const EventFormat& format, tep_format_field& field, tep_record* record) {
    const FieldSpec* spec = format.Find(field.name);
    EXPECT_NE(spec, nullptr) << format.name << "." << field.name;
    if (spec == nullptr) return 0;
    EXPECT_EQ(spec->offset, field.offset);
    EXPECT_EQ(spec->size, field.size);
    const std::string text = FieldText(*spec, {event.record, event.record_size}, formats_->machine().order);
    if ((field.flags & kNoNumber) == 0) {
      const uint64_t value = NumberOf(&field, event.record);
      EXPECT_EQ(ReadInteger(event.record, *spec, formats_->machine().order), value) << format.name << "." << field.name;
      const bool negative = (field.flags & TEP_FIELD_IS_SIGNED) != 0 && static_cast<int64_t>(value) < 0;
      char printed[32];
      snprintf(printed, sizeof printed,
               spec->pointer ? "0x%llx"
               : negative    ? "%lld"
                             : "%llu",
               static_cast<unsigned long long>(value));
      EXPECT_EQ(text, printed) << format.name << "." << field.name;
      return 1;
    }
    if (spec->kind != FieldKind::kText && spec->kind != FieldKind::kLocText) return 0;
    if (spec->size == 0) return 0;  // to the end of the record, which libtraceevent leaves to the print fmt
    EXPECT_EQ(text, TextOf(field.event, field.name, record)) << format.name << "." << field.name;
    return 1;
  }

  static size_t CheckTyped(const Event& event, tep_event* known, tep_record* record) {
    const typed_fields_test::TypedFields typed = typed_fields_test::Of(event);
    for (const auto& [name, value] : typed.numbers) {
      tep_format_field* field = tep_find_field(known, name.c_str());
      if (field == nullptr || (field->flags & kNoNumber) != 0) {
        EXPECT_EQ(value, typed_fields_test::AbsentValue(name)) << known->name << "." << name;
        continue;
      }
      // A member may be narrower than the kernel's type; then it holds the low bits.
      const uint64_t wanted = NumberOf(field, event.record);
      const auto got = static_cast<uint64_t>(value);
      const bool whole = got == wanted || got == static_cast<uint64_t>(int64_t{static_cast<int32_t>(wanted)}) ||
                         got == static_cast<uint32_t>(wanted) ||
                         (name.ends_with("_prio") && value == static_cast<int16_t>(wanted));
      EXPECT_TRUE(whole) << known->name << "." << name << ": " << value << " for " << wanted;
    }
    for (const auto& [name, value] : typed.texts) {
      const tep_format_field* field = tep_find_field(known, name.c_str());
      const bool text = field != nullptr && (field->flags & TEP_FIELD_IS_STRING) != 0;
      EXPECT_EQ(value, text ? TextOf(known, name.c_str(), record) : "") << known->name << "." << name;
    }
    return typed.numbers.size() + typed.texts.size();
  }

  const FormatTable* formats_;
  tep_handle* tep_;
};

std::vector<uint8_t> Recording(const std::string& name) {
  const std::string bytes = ReadWhole(kSource / "tests/data/traces" / name);
  if (!name.ends_with(".zst")) return {bytes.begin(), bytes.end()};
  std::vector<uint8_t> unpacked(ZSTD_getFrameContentSize(bytes.data(), bytes.size()));
  EXPECT_EQ(ZSTD_decompress(unpacked.data(), unpacked.size(), bytes.data(), bytes.size()), unpacked.size());
  return unpacked;
}

// Holds every event of a recording against the oracle; answers how many there were.
uint64_t CheckAll(const std::string& name, std::vector<uint8_t> bytes) {
  SCOPED_TRACE(name);
  const auto input = OpenTraceDatBytes(name, std::move(bytes), {});
  if (!input) {
    ADD_FAILURE() << input.error().Text();
    return 0;
  }
  EXPECT_EQ((*input)->formats().anomalies().Of(Anomaly::kFormatNotUsable), 0u);
  Oracle oracle((*input)->formats());
  const auto readers = (*input)->OpenCpus();
  if (!readers) {
    ADD_FAILURE() << readers.error().Text();
    return 0;
  }
  uint64_t events = 0, fields = 0;
  for (const auto& reader : *readers) {
    EventBlock block;
    while (reader->Fill(&block, 4096).value_or(false)) {
      for (const Event& event : block.events) {
        if (event.type == EventType::kGap) continue;
        ++events;
        fields += oracle.Check(event);
        if (testing::Test::HasFailure()) return events;
      }
    }
  }
  EXPECT_GT(events, 1000u);
  EXPECT_GT(fields, events);
  return events;
}

TEST(DecoderOracle, AgreesOnEveryFieldOfEveryRecordedEvent) {
  for (const char* name : {"tiny_lost-174-A.dat", "wq_hog-141-A.dat.zst"}) CheckAll(name, Recording(name));
}

// A million real events and more, where the lab's recordings are at hand: $WAKEWATCH_LAB, or ../shared/lab.
TEST(DecoderOracle, AgreesOnTheLabsRecordings) {
  const char* const named = std::getenv("WAKEWATCH_LAB");
  const std::filesystem::path traces =
      (named != nullptr ? named : kSource / "../shared/lab") / std::filesystem::path("traces");
  if (!std::filesystem::is_directory(traces)) GTEST_SKIP() << "no lab at " << traces << "; set WAKEWATCH_LAB";
  uint64_t events = 0;
  for (const auto& folder : std::filesystem::directory_iterator(traces)) {
    const auto file = folder.path() / "trace.dat";
    if (!std::filesystem::exists(file)) continue;
    const std::string bytes = ReadWhole(file);
    events += CheckAll(folder.path().filename(), {bytes.begin(), bytes.end()});
  }
  EXPECT_GE(events, 1'000'000u);
  std::cout << events << " events of the lab agree\n";
}

FormatTable RealFormats(std::endian order) {
  auto table = FormatTable::Create({order, 8}, ReadWhole(kSource / "tests/data/formats/header_page"));
  EXPECT_TRUE(table);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSource / "tests/data/formats/events")) {
    if (entry.path().filename() != "format") continue;
    const std::string system = entry.path().parent_path().parent_path().filename();
    EXPECT_TRUE(table->Add(system, ReadWhole(entry.path()))) << entry.path();
  }
  return std::move(*table);
}

// What recent kernels changed: located comm, fields that moved, narrow fields, new events.
constexpr const char* kNewer[][4] = {
    {"sched", "sched_process_free", "901",
     "\tfield:__data_loc char[] comm;\toffset:8;\tsize:4;\tsigned:0;\n"
     "\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n"
     "\tfield:int prio;\toffset:16;\tsize:4;\tsigned:1;\n"},
    {"sched", "sched_pi_setprio", "902",
     "\tfield:__rel_loc char[] comm;\toffset:8;\tsize:4;\tsigned:0;\n"
     "\tfield:short oldprio;\toffset:12;\tsize:2;\tsigned:1;\n"
     "\tfield:s8 newprio;\toffset:14;\tsize:1;\tsigned:1;\n"
     "\tfield:pid_t pid;\toffset:16;\tsize:4;\tsigned:1;\n"},
    {"ipi", "ipi_send_cpu", "903",
     "\tfield:unsigned int cpu;\toffset:8;\tsize:4;\tsigned:0;\n"
     "\tfield:void * callsite;\toffset:16;\tsize:8;\tsigned:0;\n"
     "\tfield:void * callback;\toffset:24;\tsize:8;\tsigned:0;\n"},
    {"csd", "csd_queue_cpu", "904",
     "\tfield:unsigned int cpu;\toffset:8;\tsize:4;\tsigned:0;\n"
     "\tfield:void * func;\toffset:16;\tsize:8;\tsigned:0;\n"},
    {"workqueue", "workqueue_activate_work", "905",
     "\tfield:void * work;\toffset:8;\tsize:8;\tsigned:0;\n"
     "\tfield:void * function;\toffset:16;\tsize:8;\tsigned:0;\n"},
    {"timer", "timer_expire_entry", "906",
     "\tfield:void * timer;\toffset:8;\tsize:8;\tsigned:0;\n"
     "\tfield:unsigned long now;\toffset:16;\tsize:8;\tsigned:0;\n"
     "\tfield:void * function;\toffset:24;\tsize:8;\tsigned:0;\n"},
    {"probes", "every_width", "907",
     "\tfield:u8 a;\toffset:8;\tsize:1;\tsigned:0;\n\tfield:s8 b;\toffset:9;\tsize:1;\tsigned:1;\n"
     "\tfield:u16 c;\toffset:10;\tsize:2;\tsigned:0;\n\tfield:s16 d;\toffset:13;\tsize:2;\tsigned:1;\n"
     "\tfield:u32 e;\toffset:15;\tsize:4;\tsigned:0;\n\tfield:s32 f;\toffset:19;\tsize:4;\tsigned:1;\n"
     "\tfield:u64 g;\toffset:23;\tsize:8;\tsigned:0;\n\tfield:s64 h;\toffset:31;\tsize:8;\tsigned:1;\n"
     "\tfield:char i[5];\toffset:39;\tsize:5;\tsigned:0;\n"},
};

std::string NewerText(const char* const (&row)[4]) {
  return std::string("name: ") + row[1] + "\nID: " + row[2] +
         "\nformat:\n"
         "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
         "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
         "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
         "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n" +
         row[3] + "\nprint fmt: \"x\"\n";
}

// A record of any bytes, but of this format, and with locations that lie inside it.
std::vector<uint8_t> RandomRecord(const EventFormat& format, std::endian order, std::mt19937* random) {
  constexpr size_t kTail = 24;
  std::vector<uint8_t> record(format.fixed_size + kTail);
  for (uint8_t& byte : record) byte = static_cast<uint8_t>((*random)() % 5 == 0 ? 0 : (*random)());
  const auto put = [&](size_t offset, size_t size, uint32_t value) {
    for (size_t i = 0; i < size; ++i) {
      record[offset + (order == std::endian::little ? i : size - 1 - i)] = static_cast<uint8_t>(value >> (8 * i));
    }
  };
  put(0, 2, format.id);
  for (const FieldSpec& field : format.fields) {
    if (field.kind != FieldKind::kLocText) continue;
    const uint32_t begin = (*random)() % kTail, size = (*random)() % (kTail - begin + 1);
    const uint32_t base = field.relative ? field.offset + field.size : 0u;
    put(field.offset, 4, size << 16 | (format.fixed_size + begin - base));
  }
  return record;
}

TEST(DecoderOracle, AgreesOnRecordsOfAnyContentInBothByteOrders) {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    SCOPED_TRACE(order == std::endian::little ? "little" : "big");
    FormatTable table = RealFormats(order);
    for (const auto& row : kNewer) ASSERT_TRUE(table.Add(row[0], NewerText(row))) << row[1];
    Oracle oracle(table);
    const RecordDecoder decoder(table);
    std::mt19937 random(7);
    AnomalyCounts anomalies;
    for (const EventFormat& format : table.events()) {
      for (int i = 0; i < 200; ++i) {
        const std::vector<uint8_t> record = RandomRecord(format, order, &random);
        Event event{};
        ASSERT_TRUE(decoder.Decode(record.data(), static_cast<uint32_t>(record.size()), &event, &anomalies));
        ASSERT_EQ(&table.events()[event.format], &format);
        oracle.Check(event);
        ASSERT_FALSE(HasFailure()) << format.name;
      }
    }
    EXPECT_EQ(anomalies.all(), AnomalyCounts().all());
  }
}

}  // namespace
}  // namespace wakewatch
