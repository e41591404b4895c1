#include "server/live/uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using store_test::Folder;
using store_test::TextOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class UploadsTest : public testing::Test {
 protected:
  UploadsTest() { fs::create_directories(data_); }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    if (!fs::exists(data_ + "/uploads")) return names;
    for (const auto& entry : fs::directory_iterator(data_ + "/uploads")) names.push_back(entry.path().filename());
    return names;
  }
  static UploadAbout About(uint64_t bytes, const std::string& owner = "ann") {
    return {.file_name = "trace.dat", .host = "box", .owner = owner, .bytes = bytes};
  }
  static std::string TextIn(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const Folder folder_;
  const std::string data_ = folder_.File("data");
  static constexpr UploadLimits kSmall{
      .at_once = 2, .bytes_max = 100, .idle_max = std::chrono::seconds(10), .part_bytes_max = 8};
};

TEST_F(UploadsTest, PartsInOrderBecomeTheFileAndItGoesWithItsTaker) {
  Uploads uploads(data_, kSmall);
  const auto id = uploads.Begin(About(10));
  ASSERT_TRUE(id) << TextOf(id);
  const struct {
    const char* story;
    uint64_t offset;
    std::string part;
    uint64_t received;
  } rows[] = {
      {"the first", 0, "abcd", 4},     {"the first again", 0, "abcd", 4},
      {"nothing", 4, "", 4},           {"what is there already, in other pieces", 1, "bc", 4},
      {"the second", 4, "efghij", 10}, {"the last again", 4, "efghij", 10},
  };
  for (const auto& row : rows) {
    const auto received = uploads.Append(*id, "ann", row.offset, row.part);
    ASSERT_TRUE(received) << row.story << ": " << TextOf(received);
    EXPECT_EQ(*received, row.received) << row.story;
  }
  {
    const auto upload = uploads.Take(*id, "ann");
    ASSERT_TRUE(upload) << TextOf(upload);
    EXPECT_EQ(TextIn((*upload)->path()), "abcdefghij");
    EXPECT_EQ(fs::status((*upload)->path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_FALSE(uploads.Take(*id, "ann")) << "a second taker";
    std::ofstream((*upload)->recording_path()) << "x";
    uploads.Remove(*id);
    EXPECT_THAT(Files(), SizeIs(2)) << "while it is used";
  }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(UploadsTest, PartsThatDoNotFitAreRefusedAndTheUploadGoesOn) {
  Uploads uploads(data_, kSmall);
  const std::string id = *uploads.Begin(About(10));
  ASSERT_TRUE(uploads.Append(id, "ann", 0, "abcd"));
  const struct {
    const char* story;
    std::string id, owner;
    uint64_t offset;
    std::string part;
    ErrorCode code;
    const char* says;
  } rows[] = {
      {"a hole", id, "ann", 5, "x", ErrorCode::kUnsupported, "ends at byte 4"},
      {"half of it is there", id, "ann", 2, "cdef", ErrorCode::kUnsupported, "ends at byte 4"},
      {"far out", id, "ann", UINT64_MAX, "x", ErrorCode::kUnsupported, "ends at byte 4"},
      {"more than was announced", id, "ann", 4, "efghijk", ErrorCode::kInvalidArgument, "10 bytes"},
      {"a part that is too large", id, "ann", 4, "123456789", ErrorCode::kTooLarge, "at most 8"},
      {"somebody else's", id, "bob", 4, "x", ErrorCode::kNotFound, "no such upload"},
      {"one that never was", "../../tokens", "ann", 0, "x", ErrorCode::kNotFound, "no such upload"},
  };
  for (const auto& row : rows) {
    const auto refused = uploads.Append(row.id, row.owner, row.offset, row.part);
    ASSERT_FALSE(refused) << row.story;
    EXPECT_EQ(refused.error().code, row.code) << row.story;
    EXPECT_THAT(refused.error().Text(), HasSubstr(row.says)) << row.story;
  }
  const auto early = uploads.Take(id, "ann");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(early.error().Text(), HasSubstr("4 of 10"));
  EXPECT_FALSE(uploads.Take(id, "bob"));
  EXPECT_FALSE(uploads.Cancel(id, "bob"));
  ASSERT_TRUE(uploads.Append(id, "ann", 4, "efghij"));
  EXPECT_TRUE(uploads.Take(id, "ann"));
}

TEST_F(UploadsTest, ThereIsRoomForSoMany) {
  Uploads uploads(data_, kSmall);
  const auto refused = [&](uint64_t bytes) {
    const auto id = uploads.Begin(About(bytes));
    EXPECT_FALSE(id);
    return id ? std::string() : std::string(Name(id.error().code)) + ": " + id.error().Text();
  };
  EXPECT_THAT(refused(0), HasSubstr("invalid-argument: trace.dat: the file is empty"));
  EXPECT_THAT(refused(101), HasSubstr("too-large"));
  const auto first = uploads.Begin(About(60));
  ASSERT_TRUE(first);
  EXPECT_THAT(refused(41), HasSubstr("room for 40"));
  ASSERT_TRUE(uploads.Begin(About(40)));
  EXPECT_THAT(refused(1), HasSubstr("2 uploads at once"));
  ASSERT_TRUE(uploads.Cancel(*first, "ann"));
  EXPECT_THAT(Files(), SizeIs(1));
  EXPECT_TRUE(uploads.Begin(About(60))) << "its room is free again";

  Uploads closed(folder_.File("other"), {.bytes_max = 0});
  const auto none = closed.Begin(About(1));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().Text(), HasSubstr("takes no uploads"));
  Uploads large(data_, {.bytes_max = UINT64_MAX});
  const auto full = large.Begin(About(uint64_t{1} << 62));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kNoSpace);
}

TEST_F(UploadsTest, WhatIsLeftAloneGoesButNotWhatIsRead) {
  Uploads uploads(data_, kSmall);
  const auto before = std::chrono::steady_clock::now();
  const std::string idle = *uploads.Begin(About(4)), read = *uploads.Begin(About(4));
  ASSERT_TRUE(uploads.Append(read, "ann", 0, "abcd"));
  const auto upload = uploads.Take(read, "ann");
  ASSERT_TRUE(upload);
  uploads.RemoveIdle(before + std::chrono::seconds(5));
  EXPECT_THAT(Files(), SizeIs(2));
  uploads.RemoveIdle(std::chrono::steady_clock::now() + std::chrono::seconds(60));
  EXPECT_THAT(Files(), SizeIs(1));
  EXPECT_FALSE(uploads.Append(idle, "ann", 0, "a"));
  EXPECT_FALSE((*upload)->cancelled().load());
  ASSERT_TRUE(uploads.Cancel(read, "ann"));
  EXPECT_TRUE((*upload)->cancelled().load()) << "its taker sees it";
}

TEST_F(UploadsTest, WhatAnEarlierProcessLeftIsRemovedAndNothingElse) {
  fs::create_directories(data_ + "/uploads");
  for (const char* name : {"0a.upload", "0a.upload.db", "0a.upload.db-wal", "mine.txt"}) {
    std::ofstream(data_ + "/uploads/" + name) << "x";
  }
  const Uploads uploads(data_, kSmall);
  EXPECT_THAT(Files(), testing::ElementsAre("mine.txt"));
}

TEST_F(UploadsTest, TwoWhoSendTheSamePartAgree) {
  Uploads uploads(data_, {.bytes_max = 1 << 20, .part_bytes_max = 1 << 10});
  const std::string id = *uploads.Begin(About(100 << 10));
  std::string whole;
  for (int i = 0; i < 100; ++i) whole += std::string(1 << 10, static_cast<char>('a' + i % 26));
  const auto send = [&] {
    for (uint64_t at = 0; at < whole.size(); at += 1 << 10) {
      const auto received = uploads.Append(id, "ann", at, std::string_view(whole).substr(at, 1 << 10));
      ASSERT_TRUE(received) << TextOf(received);
    }
  };
  std::thread other(send);
  send();
  other.join();
  const auto upload = uploads.Take(id, "ann");
  ASSERT_TRUE(upload) << TextOf(upload);
  EXPECT_EQ(TextIn((*upload)->path()), whole);
}

}  // namespace
}  // namespace wakewatch
