#include "analysis/report/timeline_row.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace wakewatch {
namespace {

constexpr uint64_t kBinNs = TimelineBinNs(0);

TimelineBin Idle() {
  TimelineBin bin;
  bin.Of(TimelineUse::kIdle) = kBinNs;
  return bin;
}

TimelineBin Busy(int32_t pid, uint64_t ns) {
  TimelineBin bin;
  bin.Of(TimelineUse::kFair) = ns;
  bin.Of(TimelineUse::kHardirq) = kBinNs - ns;
  bin.switches = 3;
  bin.busiest_pid = pid;
  bin.busiest_ns = ns - 1;
  return bin;
}

std::vector<TimelineBin> BinsOf(const TimelineRow& row) {
  std::vector<TimelineBin> bins;
  auto reader = TimelineRowReader::Open(row);
  if (!reader) ADD_FAILURE() << reader.error().Text();
  TimelineRowReader::Run run;
  while (reader) {
    const auto more = reader->Next(&run);
    if (!more) ADD_FAILURE() << more.error().Text();
    if (!more || !*more) break;
    bins.insert(bins.end(), run.bins, run.bin);
  }
  return bins;
}

TEST(TimelineRow, GivesBackWhatWasAppended) {
  std::vector<TimelineBin> bins;
  std::vector<TimelineRow> rows;
  TimelineRowWriter writer(5, 0, 1000);
  std::mt19937_64 random(3);
  while (bins.size() < 3000) {
    const TimelineBin bin = random() % 2 == 0 ? Idle() : Busy(static_cast<int32_t>(random()), 1 + random() % kBinNs);
    const uint64_t count = random() % 40 == 0 ? 600 : 1 + random() % 3;
    writer.Append(bin, count, &rows);
    bins.insert(bins.end(), count, bin);
  }
  TimelineBin open;
  open.Of(TimelineUse::kSoftirq) = 17;
  rows.push_back(writer.Current(open));
  bins.push_back(open);
  std::vector<TimelineBin> read;
  for (const TimelineRow& row : rows) {
    EXPECT_EQ(row.first_bin, 1000 + read.size());
    const auto own = BinsOf(row);
    EXPECT_EQ(own.size(), row.bins);
    read.insert(read.end(), own.begin(), own.end());
  }
  EXPECT_EQ(read, bins);
}

struct BadRow {
  std::string name;
  TimelineRow row;
  ErrorCode code;
  std::string says;
};

TEST(TimelineRow, RefusesWhatCannotBe) {
  const auto row = [](std::vector<uint8_t> bytes, uint32_t bins = 1) {
    return TimelineRow{0, 0, 0, bins, std::move(bytes)};
  };
  // In the bytes: 1 is the version, 0x01 an idle bin, 0x03 one of idle and fair, 0x81 an idle one that ends early.
  const BadRow table[] = {
      {"CPU", {70'000, 0, 0, 1, {1, 1, 0}}, ErrorCode::kCorrupt, "CPU 70000"},
      {"level", {0, kTimelineLevels, 0, 1, {1, 1, 0}}, ErrorCode::kCorrupt, "level"},
      {"no bins", {0, 0, 0, 0, {1}}, ErrorCode::kCorrupt, "0 bins"},
      {"after all time", {0, 0, UINT64_MAX, 1, {1, 1, 0}}, ErrorCode::kCorrupt, "ends after all time"},
      {"no bytes", row({}), ErrorCode::kCorrupt, "is empty"},
      {"version", row({9, 1, 0}), ErrorCode::kUnsupported, "version 9"},
      {"many bytes", row(std::vector<uint8_t>(70'000, 1)), ErrorCode::kTooLarge, "70000 bytes"},
      {"cut short", row({1, 1}), ErrorCode::kCorrupt, "is cut short"},
      {"cut in a number", row({1, 3, 0x80}), ErrorCode::kCorrupt, "is cut short"},
      {"fewer bins", row({1, 1, 0}, 2), ErrorCode::kCorrupt, "fewer bins"},
      {"more bins", row({1, 1, 0, 1, 0}), ErrorCode::kCorrupt, "more bins"},
      {"a run of more bins", row({1, 0x41, 5, 0}, 6), ErrorCode::kCorrupt, "more bins"},
      {"endless run", row({1, 0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0}), ErrorCode::kCorrupt,
       "more bins"},
      {"too long", row({1, 3, 0xff, 0xff, 0xff, 0xff, 1, 0, 2, 0}), ErrorCode::kCorrupt, "longer than its time"},
      {"no time", row({1, 0, 0}), ErrorCode::kCorrupt, "without time"},
      {"repeats its end", row({1, 0xc1, 0, 5, 0}, 2), ErrorCode::kCorrupt, "without time"},
      {"goes on after its end", row({1, 0x81, 5, 0, 1, 0}, 2), ErrorCode::kCorrupt, "ends early"},
      {"busier than all", row({1, 3, 5, 0, 2, 6}), ErrorCode::kCorrupt, "longer than all tasks"},
  };
  for (const BadRow& bad : table) {
    SCOPED_TRACE(bad.name);
    auto reader = TimelineRowReader::Open(bad.row);
    Result<bool> more = true;
    TimelineRowReader::Run run;
    while (reader && more && *more) more = reader->Next(&run);
    const Error* error = !reader ? &reader.error() : !more ? &more.error() : nullptr;
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(error->code, bad.code);
    EXPECT_NE(error->cause.find(bad.says), std::string::npos) << error->cause;
  }
}

TEST(TimelineRow, ChangedBytesNeverGiveMoreThanTheRowHasTimeFor) {
  std::vector<TimelineRow> rows;
  TimelineRowWriter writer(0, 0, 0);
  std::mt19937_64 random(11);
  for (int i = 0; i < 200; ++i) writer.Append(random() % 2 == 0 ? Idle() : Busy(i, 1 + random() % kBinNs), 1, &rows);
  const TimelineRow good = writer.Current({});
  for (int i = 0; i < 20'000; ++i) {
    TimelineRow changed = good;
    for (uint64_t n = 1 + random() % 3; n > 0; --n) {
      changed.bytes[random() % changed.bytes.size()] = static_cast<uint8_t>(random());
    }
    auto reader = TimelineRowReader::Open(changed);
    if (!reader) continue;
    TimelineRowReader::Run run;
    uint64_t bins = 0;
    while (const auto more = reader->Next(&run)) {
      if (!*more) break;
      bins += run.bins;
      ASSERT_LE(run.bin.TotalNs(), kBinNs);
      ASSERT_LE(run.bin.busiest_ns, run.bin.TaskNs());
      ASSERT_LE(bins, changed.bins);
    }
  }
}

}  // namespace
}  // namespace wakewatch
