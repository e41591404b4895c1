#include "server/live/trace_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "server/live/fake_delivery.h"
#include "server/live/recordings.h"
#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using store_test::Folder;
using store_test::TextOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const std::string kTrace = std::string(WAKEWATCH_SOURCE_DIR) + "/tests/data/traces/tiny_lost-174-A.dat";

TEST(ImportNames, AFileNameBecomesAHost) {
  const struct {
    const char* file;
    const char* host;
    const char* shown;
  } rows[] = {
      {"trace.dat", "trace", "trace.dat"},
      {"/home/ann/Trace of 7.dat", "Trace-of-7", "Trace of 7.dat"},
      {"C:\\traces\\x.y.dat", "x.y", "x.y.dat"},
      {"..", "imported", ".."},
      {"", "imported", "upload"},
      {".hidden", "hidden", ".hidden"},
      {"---.dat", "imported", "---.dat"},
      {"\xc3\xbc"
       "ber.dat",
       "ber",
       "\xc3\xbc"
       "ber.dat"},
      {"a\x1b[31mb.dat", "a-31mb", "a\\x1b[31mb.dat"},
      {"../../tokens", "tokens", "tokens"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(HostNameOf(row.file), row.host) << row.file;
    EXPECT_EQ(ShownFileName(row.file), row.shown) << row.file;
  }
  EXPECT_THAT(HostNameOf(std::string(1000, 'a')), SizeIs(64));
}

class TraceImportTest : public testing::Test {
 protected:
  TraceImportTest() {
    if (!fs::exists(kTrace)) return;
    std::ifstream file(kTrace, std::ios::binary);
    trace_.assign(std::istreambuf_iterator<char>(file), {});
    FleetOptions options;
    options.data_folder = folder_.File("data");
    options.log = [](const std::string&, bool) {};
    fleet_ = std::move(*Fleet::Open(options));
  }
  ~TraceImportTest() override {
    if (fleet_ != nullptr) fleet_->Stop();
  }
  Result<ImportedTrace> Import(
      const std::string& bytes, const std::string& host,
      const std::function<bool(const ImportProgress&)>& go_on = [](const auto&) { return true; }) {
    const auto id = fleet_->uploads().Begin({.file_name = "my.dat", .host = host, .owner = "", .bytes = bytes.size()});
    EXPECT_TRUE(id) << TextOf(id);
    for (size_t at = 0; at < bytes.size(); at += 1 << 20) {
      EXPECT_TRUE(fleet_->uploads().Append(*id, "", at, std::string_view(bytes).substr(at, 1 << 20)));
    }
    const auto upload = fleet_->uploads().Take(*id, "");
    EXPECT_TRUE(upload) << TextOf(upload);
    auto imported = ImportUpload(fleet_.get(), **upload, go_on);
    EXPECT_FALSE(fs::exists((*upload)->recording_path()));
    fleet_->uploads().Remove(*id);
    return imported;
  }
  bool HasHost(const std::string& host) { return fs::exists(folder_.File("data") + "/hosts/" + host); }

  const Folder folder_;
  std::string trace_;
  std::unique_ptr<Fleet> fleet_;
};

TEST_F(TraceImportTest, AGoodFileBecomesARecordingThatIsThereAfterARestart) {
  if (trace_.empty()) GTEST_SKIP() << "no " << kTrace;
  uint64_t bytes_read = 0;
  const auto imported = Import(trace_, "lab", [&](const ImportProgress& progress) {
    bytes_read = progress.bytes_read;
    return true;
  });
  ASSERT_TRUE(imported) << TextOf(imported);
  EXPECT_GT(imported->events, 0u);
  EXPECT_GT(bytes_read, trace_.size() / 4);
  EXPECT_LE(bytes_read, trace_.size());
  EXPECT_EQ(imported->row.host, "lab");
  EXPECT_EQ(imported->row.events, imported->events);
  ASSERT_THAT(imported->warnings, Not(IsEmpty()));
  EXPECT_THAT(imported->warnings[0], HasSubstr("EVENTS WERE LOST"));
  {
    Recordings recordings(fleet_.get());
    const auto found = recordings.Findings({"lab", imported->row.id}, {});
    ASSERT_TRUE(found) << TextOf(found);
    EXPECT_EQ(found->total, imported->row.findings);
    const auto summary = recordings.Summary({"lab", ""});
    ASSERT_TRUE(summary) << TextOf(summary);
    EXPECT_EQ(summary->report->events, imported->events);
  }
  ASSERT_TRUE(Import(trace_, "lab")) << "a second one of that name";
  EXPECT_THAT(fleet_->catalogue().List("lab"), SizeIs(2));
  const auto options = fleet_->options();
  fleet_->Stop();
  fleet_.reset();
  fleet_ = std::move(*Fleet::Open(options));
  const auto row = fleet_->catalogue().Find("lab", imported->row.id);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->events, imported->events);
  EXPECT_EQ(row->boot_id.substr(0, 7), "import-");
}

TEST_F(TraceImportTest, WhatIsBrokenOrGivenUpLeavesNothing) {
  if (trace_.empty()) GTEST_SKIP() << "no " << kTrace;
  const auto never = [](const ImportProgress&) { return false; };
  const auto always = [](const ImportProgress&) { return true; };
  const struct {
    const char* story;
    std::string bytes;
    std::function<bool(const ImportProgress&)> go_on;
    ErrorCode code;
    const char* says;
  } rows[] = {
      {"no trace", "hello, world", always, ErrorCode::kInvalidArgument, "my.dat"},
      {"only its head", trace_.substr(0, 5000), always, ErrorCode::kInvalidArgument, "my.dat: offset"},
      {"a database that is no recording", "SQLite format 3" + std::string(5000, '\0'), always,
       ErrorCode::kInvalidArgument, "my.dat"},
      {"given up", trace_, never, ErrorCode::kInterrupted, "given up"},
  };
  for (const auto& row : rows) {
    const auto imported = Import(row.bytes, "lab", row.go_on);
    ASSERT_FALSE(imported) << row.story;
    EXPECT_EQ(imported.error().code, row.code) << row.story << ": " << imported.error().Text();
    EXPECT_THAT(imported.error().Text(), HasSubstr(row.says)) << row.story;
    EXPECT_THAT(imported.error().Text(), Not(HasSubstr("/uploads/"))) << row.story;
    if (row.code == ErrorCode::kInvalidArgument) {
      EXPECT_THAT(imported.error().remedy, Not(IsEmpty())) << row.story;
    }
  }
  EXPECT_FALSE(HasHost("lab"));
  EXPECT_THAT(fleet_->Hosts(), IsEmpty());
}

TEST_F(TraceImportTest, TheNameOfACollectorIsRefusedEvenWhenItComesMeanwhile) {
  if (trace_.empty()) GTEST_SKIP() << "no " << kTrace;
  ASSERT_TRUE(MayImportUnder(*fleet_, "web-1"));
  const SessionInfo session{.host = "web-1", .boot_id = "b0", .session = "s0", .kernel = "6.1", .clock = "mono"};
  std::unique_ptr<Fleet::Feed> feed;
  const auto imported = Import(trace_, "web-1", [&](const ImportProgress&) {
    if (feed == nullptr) feed = *fleet_->Connect(session, std::make_shared<live_test::FakeDelivery>());
    return true;
  });
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, ErrorCode::kConflict);
  EXPECT_THAT(imported.error().Text(), HasSubstr("web-1"));
  const auto now = MayImportUnder(*fleet_, "web-1");
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(MayImportUnder(*fleet_, "web-2"));
  feed->Disconnect();
}

}  // namespace
}  // namespace wakewatch
