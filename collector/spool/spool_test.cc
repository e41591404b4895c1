#include "collector/spool/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "collector/spool/spool_run_test.h"

namespace wakewatch {
namespace {

using spool_test::CutCount;
using spool_test::SimulatedFiles;
using spool_test::SmallSpool;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "1", "2" or, for what was cut, "3-9"; in front of it "!N " where N numbers are missing.
std::vector<std::string> ReadAll(Spool* spool) {
  std::vector<std::string> items;
  while (true) {
    const auto item = spool->Next();
    EXPECT_TRUE(item) << item.error().Text();
    if (!item || !*item) return items;
    std::string text = (*item)->missing == 0 ? "" : "!" + std::to_string((*item)->missing) + " ";
    text += std::to_string((*item)->first);
    if ((*item)->last != (*item)->first) text += "-" + std::to_string((*item)->last);
    items.push_back(text);
  }
}

void Fill(Spool* spool, int records, size_t bytes = 1000) {
  for (int i = 0; i < records; ++i) {
    const auto number = spool->Append(std::string(bytes, 'x'));
    EXPECT_TRUE(number) << number.error().Text();
  }
}

std::vector<std::string> NamesEndingWith(SimulatedFiles* files, const std::string& ending) {
  auto names = files->List("spool").value_or(std::vector<std::string>());
  std::erase_if(names, [&](const std::string& name) { return !name.ends_with(ending); });
  return names;
}

TEST(Spool, RecordsAreReadInOrderWithTheirPreamble) {
  SimulatedFiles files(1);
  Spool spool(&files, SmallSpool(1u << 20));
  spool.Begin(7, "seven");
  Fill(&spool, 6);
  spool.Begin(8, "eight");
  ASSERT_EQ(spool.Append("last"), 7u);
  EXPECT_FALSE(spool.caught_up());
  for (uint64_t number = 1; number <= 7; ++number) {
    const auto item = spool.Next();
    ASSERT_TRUE(item && *item);
    EXPECT_EQ((*item)->first, number);
    EXPECT_EQ((*item)->head->preamble, number < 7 ? "seven" : "eight");
    EXPECT_EQ((*item)->head->key, number < 7 ? 7u : 8u);
  }
  EXPECT_TRUE(spool.caught_up());
  EXPECT_EQ(spool.Next(), std::nullopt);
}

TEST(Spool, WhatIsTakenAtOnceIsNotReadAgain) {
  SimulatedFiles files(1);
  Spool spool(&files, SmallSpool(1u << 20));
  Fill(&spool, 1);
  EXPECT_EQ(spool.TakeLast(), 0u);
  Fill(&spool, 1);
  EXPECT_THAT(ReadAll(&spool), ElementsAre("2"));
}

TEST(Spool, ARestartGoesOnBehindWhatWasAcknowledged) {
  SimulatedFiles files(1);
  {
    Spool spool(&files, SmallSpool(1u << 20));
    Fill(&spool, 10);
    ReadAll(&spool);
    spool.Acknowledge(7, "seven");
    EXPECT_TRUE(spool.Trim());
    EXPECT_THAT(NamesEndingWith(&files, ".seg"), ElementsAre(HasSubstr("07.seg"), HasSubstr("10.seg")));
  }
  files.Kill();
  Spool spool(&files, SmallSpool(1u << 20));
  EXPECT_EQ(spool.state(), "seven");
  EXPECT_EQ(spool.Append("x"), 11u) << "no number is used twice";
  EXPECT_THAT(ReadAll(&spool), ElementsAre("8", "9", "10", "11"));
}

TEST(Spool, OverItsCapTheOldestAreCutAndTheNewestStay) {
  SimulatedFiles files(1);
  Spool spool(&files, SmallSpool(40'000));
  ASSERT_TRUE(spool.Append("first"));
  ASSERT_TRUE(spool.Next());  // under way: it stays
  Fill(&spool, 100);
  EXPECT_LE(spool.stats().bytes, 40'000u);
  const uint64_t cut = spool.stats().cut_records;
  EXPECT_GT(cut, 60u);
  uint64_t events = 0, records = 0, last = 1;
  while (true) {
    const auto item = spool.Next();
    ASSERT_TRUE(item);
    if (!*item) break;
    EXPECT_EQ((*item)->missing, 0u);
    EXPECT_EQ((*item)->first, last + 1);
    last = (*item)->last;
    const CutCount count = CutCount::Of(**item);
    records += count.records;
    events += count.events;
  }
  EXPECT_EQ(records, 100u);
  uint64_t all = 0;
  for (uint64_t number = 2; number <= 101; ++number) all += spool_test::EventsOfNumber(number);
  EXPECT_EQ(events, all);
}

TEST(Spool, WhatBelongsToDifferentKeysIsNotCutIntoOne) {
  SimulatedFiles files(1);
  Spool spool(&files, SmallSpool(40'000));
  for (uint64_t key = 1; key <= 3; ++key) {
    spool.Begin(key, "preamble " + std::to_string(key));
    Fill(&spool, 25);
  }
  std::vector<uint64_t> keys;
  uint64_t last = 0;
  while (true) {
    const auto item = spool.Next();
    ASSERT_TRUE(item);
    if (!*item) break;
    EXPECT_EQ(((*item)->first - 1) / 25, ((*item)->last - 1) / 25);
    EXPECT_EQ((*item)->head->key, ((*item)->first - 1) / 25 + 1);
    last = (*item)->last;
  }
  EXPECT_EQ(last, 75u);
}

TEST(Spool, AFullDiskMakesTheOldestGoAndNothingFails) {
  SimulatedFiles files(1);
  files.capacity = 30'000;
  Spool spool(&files, SmallSpool(1u << 20));
  Fill(&spool, 100);
  EXPECT_GT(spool.stats().cut_records, 60u);
  EXPECT_TRUE(spool.Sync());
}

TEST(Spool, OnAFullDiskTheAcknowledgementHasRoomAndMakesRoom) {
  SimulatedFiles files(1);
  Spool spool(&files, SmallSpool(1u << 20));
  Fill(&spool, 20);
  ReadAll(&spool);
  files.capacity = UINT64_MAX - files.FreeBytes("spool").value();
  EXPECT_FALSE(spool.Append("x")) << "all of it is under way";
  spool.Acknowledge(20, "state");
  EXPECT_TRUE(spool.SavePointer()) << "the reserve has made way";
  EXPECT_TRUE(spool.Trim());
  files.capacity = 1u << 20;
  EXPECT_EQ(spool.Append("x"), 21u);
}

TEST(Spool, TheAcknowledgementIsDurableBeforeAnythingIsRemoved) {
  SimulatedFiles files(1);
  Spool spool(&files, SmallSpool(1u << 20));
  Fill(&spool, 20);
  ReadAll(&spool);
  const size_t segments = NamesEndingWith(&files, ".seg").size();
  files.error_rate = 1;
  spool.Acknowledge(20, "state");
  EXPECT_FALSE(spool.Trim());
  files.error_rate = 0;
  EXPECT_EQ(NamesEndingWith(&files, ".seg").size(), segments);
}

TEST(Spool, ADamagedRecordIsMissingAndItsFileIsKept) {
  SimulatedFiles files(1);
  std::string bytes;
  {
    Spool spool(&files, SmallSpool(1u << 20));
    Fill(&spool, 10);
    EXPECT_TRUE(spool.Sync());
  }
  // The second record of the first segment.
  const std::string path = "spool/" + NamesEndingWith(&files, ".seg").front();
  bytes = files.Read(path, 0, 1u << 20).value();
  bytes[kSegmentHeaderBytes + 1032 + 500] ^= 1;
  auto file = files.Create(path);
  ASSERT_TRUE(file && (*file)->Append(bytes) && (*file)->Sync());
  Spool spool(&files, SmallSpool(1u << 20));
  EXPECT_THAT(ReadAll(&spool), ElementsAre("1", "!1 3", "4", "5", "6", "7", "8", "9", "10"));
  EXPECT_EQ(spool.stats().missing, 1u);
  spool.Acknowledge(10, "ten");
  EXPECT_TRUE(spool.Trim());
  EXPECT_THAT(NamesEndingWith(&files, ".bad"), ElementsAre(HasSubstr("01.seg.bad")));
}

TEST(Spool, ADamagedHeaderCostsItsSegmentAndNoMore) {
  for (const bool newest : {false, true}) {
    SimulatedFiles files(1);
    {
      Spool spool(&files, SmallSpool(1u << 20));
      Fill(&spool, 6);
      EXPECT_TRUE(spool.Sync());
    }
    const auto names = NamesEndingWith(&files, ".seg");
    const std::string path = "spool/" + (newest ? names.back() : names.front());
    std::string bytes = files.Read(path, 0, 1u << 20).value();
    bytes[9] ^= 1;
    auto file = files.Create(path);
    ASSERT_TRUE(file && (*file)->Append(bytes) && (*file)->Sync());
    Spool spool(&files, SmallSpool(1u << 20));
    EXPECT_EQ(spool.Append("x"), 7u);
    if (newest) {
      EXPECT_THAT(ReadAll(&spool), ElementsAre("1", "2", "3", "!3 7"));
    } else {
      EXPECT_THAT(ReadAll(&spool), ElementsAre("!3 4", "5", "6", "7"));
    }
    EXPECT_EQ(NamesEndingWith(&files, ".bad").size(), 1u);
  }
}

TEST(Spool, ADamagedPointerOnlyDeliversAgain) {
  SimulatedFiles files(1);
  {
    Spool spool(&files, SmallSpool(1u << 20));
    Fill(&spool, 5);
    ReadAll(&spool);
    spool.Acknowledge(4, "four");
    EXPECT_TRUE(spool.SavePointer());
  }
  ASSERT_TRUE(files.FlipBit("pointer"));
  Spool spool(&files, SmallSpool(1u << 20));
  EXPECT_EQ(spool.state(), "");
  EXPECT_THAT(ReadAll(&spool), ElementsAre("1", "2", "3", "4", "5"));
}

TEST(Spool, StartsWithoutAFolderAndRefusesOnlyToKeep) {
  RealFiles files;
  SpoolOptions options = SmallSpool(1u << 20);
  options.folder = "/proc/self/no-folder-can-be-made-here";
  Spool spool(&files, options);
  EXPECT_FALSE(spool.Append("x"));
  EXPECT_THAT(ReadAll(&spool), IsEmpty());
}

TEST(Spool, FindsForeignFilesAndNamesThatLie) {
  SimulatedFiles files(1);
  for (const char* name :
       {"x", "1.seg", "99999999999999999999999.seg", "2-1.cut", "0.seg", "pointer.new", ".seg", "-.cut", "3-9.cut"}) {
    auto file = files.Create(std::string("spool/") + name);
    ASSERT_TRUE(file && (*file)->Append("nonsense"));
  }
  Spool spool(&files, SmallSpool(1u << 20));
  ASSERT_TRUE(spool.Append("x"));
  EXPECT_EQ(ReadAll(&spool).size(), 1u);
}

}  // namespace
}  // namespace wakewatch
