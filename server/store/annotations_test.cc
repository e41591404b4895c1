#include "server/store/annotations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "server/store/backup.h"
#include "server/store/part_files.h"
#include "server/store/quarantine.h"
#include "server/store/store_check.h"
#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using store_test::Folder;
using store_test::TextOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kAll = 1u << 20;

Annotation Say(const std::string& host, const std::string& group, Triage triage, const std::string& note = "",
               uint64_t at_ns = 1) {
  return {host, group, triage, note, "ops", at_ns};
}

class AnnotationsTest : public testing::Test {
 protected:
  AnnotationsTest() { fs::create_directories(HostsFolder(data_)); }
  std::vector<Annotation> ListOf(const Annotations& annotations, const std::string& host = "",
                                 const std::string& group = "") {
    const auto list = annotations.List(host, group, kAll);
    EXPECT_TRUE(list) << TextOf(list);
    return list.value_or(std::vector<Annotation>());
  }

  const Folder folder_;
  const std::string data_ = folder_.File("data");
};

TEST_F(AnnotationsTest, WhatIsSaidIsThereAgainAfterARestart) {
  const Annotation first = Say("a", "0011223344556677", Triage::kMuted, "known: the ticket is \xe2\x98\x83 42", 5);
  const Annotation second = Say("b", "0011223344556677", Triage::kAcknowledged, "", 7);
  {
    const auto annotations = Annotations::Open(data_);
    ASSERT_THAT(annotations->warnings(), IsEmpty());
    ASSERT_TRUE(annotations->Put(first));
    ASSERT_TRUE(annotations->Put(second));
  }
  const auto annotations = Annotations::Open(data_);
  EXPECT_THAT(ListOf(*annotations), ElementsAre(second, first));  // the newest first
  EXPECT_THAT(ListOf(*annotations, "a"), ElementsAre(first));
  EXPECT_THAT(ListOf(*annotations, "", "0011223344556677"), SizeIs(2));
  EXPECT_THAT(ListOf(*annotations, "c"), IsEmpty());
  EXPECT_THAT(annotations->Muted("a"), ElementsAre("0011223344556677"));
  EXPECT_THAT(annotations->Muted("b"), IsEmpty()) << "muted on another host only";
}

TEST_F(AnnotationsTest, WhatIsSaidLaterTakesThePlaceAndNothingIsForgetting) {
  const auto annotations = Annotations::Open(data_, 1);
  ASSERT_TRUE(annotations->Put(Say("a", "1", Triage::kMuted, "first")));
  const Annotation later = Say("a", "1", Triage::kNone, "only a note", 2);
  ASSERT_TRUE(annotations->Put(later));
  EXPECT_THAT(ListOf(*annotations), ElementsAre(later));
  EXPECT_THAT(annotations->Muted("a"), IsEmpty());
  const auto refused = annotations->Put(Say("a", "2", Triage::kMuted));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_THAT(refused.error().Text(), HasSubstr("as many annotations as are kept, 1"));
  ASSERT_TRUE(annotations->Put(Say("a", "1", Triage::kNone)));
  ASSERT_TRUE(annotations->Put(Say("a", "1", Triage::kNone))) << "forgetting twice";
  EXPECT_THAT(ListOf(*annotations), IsEmpty());
  EXPECT_TRUE(annotations->Put(Say("a", "2", Triage::kMuted))) << "there is room again";
}

TEST_F(AnnotationsTest, WhatMakesNoSenseIsRefusedAndNothingIsKept) {
  const auto annotations = Annotations::Open(data_);
  const struct {
    const char* story;
    Annotation annotation;
    const char* says;
  } rows[] = {
      {"no host", Say("", "1", Triage::kMuted), "names its host"},
      {"a host that is too long", Say(std::string(254, 'a'), "1", Triage::kMuted), "no name of a host"},
      {"no group", Say("a", "", Triage::kMuted), "no id of a group"},
      {"a group that is SQL", Say("a", "1' OR '1'='1", Triage::kMuted), "no id of a group"},
      {"a group that is JSON", Say("a", "1\",\"2", Triage::kMuted), "no id of a group"},
      {"one byte too many", Say("a", "1", Triage::kNone, std::string(kNoteBytesMax + 1, 'x')), "4097 bytes"},
      {"half a character", Say("a", "1", Triage::kNone, "\xe2\x98"), "not UTF-8"},
      {"a character the long way", Say("a", "1", Triage::kNone, "\xc0\xaf"), "not UTF-8"},
      {"half a pair of UTF-16", Say("a", "1", Triage::kNone, "\xed\xa0\x80"), "not UTF-8"},
      {"beyond Unicode", Say("a", "1", Triage::kNone, "\xf4\x90\x80\x80"), "not UTF-8"},
      {"a NUL", Say("a", "1", Triage::kNone, std::string("x\0y", 3)), "NUL"},
  };
  for (const auto& row : rows) {
    const auto status = annotations->Put(row.annotation);
    ASSERT_FALSE(status) << row.story;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument) << row.story;
    EXPECT_THAT(status.error().Text(), HasSubstr(row.says)) << row.story;
  }
  EXPECT_THAT(ListOf(*annotations), IsEmpty());
  EXPECT_TRUE(annotations->Put(Say("a", "1", Triage::kNone, std::string(kNoteBytesMax, 'x')))) << "as long as may be";
  EXPECT_TRUE(
      annotations->Put(Say("a", "2", Triage::kNone, "\xf4\x8f\xbf\xbf \xf0\x90\x80\x80 \xed\x9f\xbf \xc2\x80")));
}

TEST_F(AnnotationsTest, OneAnswerHoldsOnlySoMuch) {
  const auto annotations = Annotations::Open(data_);
  for (const char* group : {"1", "2", "3"}) {
    ASSERT_TRUE(annotations->Put(Say("a", group, Triage::kNone, std::string(1000, 'x'))));
  }
  const auto list = annotations->List("a", "", 2500);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(annotations->List("a", "2", 2500));
}

TEST_F(AnnotationsTest, ManyMaySpeakAtOnce) {
  const auto annotations = Annotations::Open(data_);
  std::vector<std::thread> people;
  for (int person = 0; person < 4; ++person) {
    people.emplace_back([&, person] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(annotations->Put(Say("shared", "1", Triage::kMuted, "by " + std::to_string(person))));
        EXPECT_TRUE(annotations->Put(Say("own", std::to_string(person * 100 + i), Triage::kAcknowledged)));
        EXPECT_THAT(annotations->Muted("shared"), SizeIs(1));
      }
    });
  }
  for (std::thread& person : people) person.join();
  EXPECT_THAT(ListOf(*annotations, "shared"), SizeIs(1));
  EXPECT_THAT(ListOf(*annotations, "own"), SizeIs(80));
}

TEST_F(AnnotationsTest, ADamagedFileIsPutAwayAndTheServerStarts) {
  const std::string path = AnnotationsPath(data_);
  const struct {
    const char* story;
    void (*damage)(const std::string& path);
  } rows[] = {
      {"no database at all", [](const std::string& path) { std::ofstream(path) << std::string(9000, 'x'); }},
      {"cut off", [](const std::string& path) { fs::resize_file(path, fs::file_size(path) - 4096); }},
      {"a flipped bit",
       [](const std::string& path) {
         std::fstream file(path, std::ios::in | std::ios::out);
         file.seekg(3 * 4096 / 2);
         const char byte = static_cast<char>(file.get() ^ 1);
         file.seekp(3 * 4096 / 2);
         file.put(byte);
       }},
  };
  for (const auto& row : rows) {
    {
      const auto annotations = Annotations::Open(data_);
      for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(annotations->Put(Say("a", std::to_string(i), Triage::kMuted, std::string(500, 'n'))));
      }
    }
    const size_t before = Quarantined(data_).size();
    ASSERT_TRUE(CheckAnnotations(data_, true)) << row.story;
    row.damage(path);
    EXPECT_THAT(CheckStore(data_, CheckDepth::kFull).damaged, SizeIs(1)) << row.story;
    const auto annotations = Annotations::Open(data_);
    ASSERT_THAT(annotations->warnings(), SizeIs(1)) << row.story;
    EXPECT_THAT(annotations->warnings()[0], HasSubstr("quarantine/annotations.db")) << row.story;
    EXPECT_THAT(Quarantined(data_), SizeIs(before + 1)) << row.story;
    EXPECT_THAT(ListOf(*annotations), IsEmpty()) << row.story;
    EXPECT_TRUE(annotations->Put(Say("a", "1", Triage::kMuted))) << row.story;
  }
}

TEST_F(AnnotationsTest, AFileOfANewerVersionIsLeftAlone) {
  ASSERT_TRUE(Annotations::Open(data_)->Put(Say("a", "1", Triage::kMuted)));
  ASSERT_TRUE(Database::Open(AnnotationsPath(data_), Database::Mode::kWrite)->Exec("PRAGMA user_version = 9"));
  const auto annotations = Annotations::Open(data_);
  ASSERT_THAT(annotations->warnings(), SizeIs(1));
  EXPECT_THAT(annotations->warnings()[0], HasSubstr("newer wakewatch"));
  const auto put = annotations->Put(Say("a", "2", Triage::kMuted));
  ASSERT_FALSE(put);
  EXPECT_THAT(put.error().Text(), HasSubstr("annotations are not kept"));
  EXPECT_FALSE(annotations->List("", "", kAll));
  EXPECT_THAT(annotations->Muted("a"), IsEmpty());
  EXPECT_THAT(Quarantined(data_), IsEmpty());
  EXPECT_THAT(CheckStore(data_, CheckDepth::kFull).unreadable, SizeIs(1));
}

TEST_F(AnnotationsTest, ABackupHasThemWhileTheServerRuns) {
  const auto annotations = Annotations::Open(data_);
  const Annotation said = Say("a", "1", Triage::kMuted, "kept");
  ASSERT_TRUE(annotations->Put(said));
  const std::string to = folder_.File("copy");
  const auto report = BackUp(data_, to);
  ASSERT_TRUE(report) << TextOf(report);
  EXPECT_THAT(report->failed, IsEmpty());
  EXPECT_FALSE(fs::exists(AnnotationsPath(to) + "-wal"));
  EXPECT_THAT(ListOf(*Annotations::Open(to)), ElementsAre(said));
}

}  // namespace
}  // namespace wakewatch
