#include "analysis/trace/formats_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "analysis/trace/test_files.h"

namespace wakewatch {
namespace {

using file_test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;

const std::filesystem::path kSource = WAKEWATCH_SOURCE_DIR;

Error Refused(const std::string& path) {
  const auto input = OpenTrace(path);
  if (input) {
    ADD_FAILURE() << path << " was opened";
    return {};
  }
  EXPECT_EQ(input.error().file, path);
  return input.error();
}

// Says what was found instead, what is read, and perhaps what to do.
void ExpectUnsupported(const std::string& path, const std::string& found, const std::string& remedy = "") {
  const Error error = Refused(path);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported) << error.Text();
  EXPECT_THAT(error.cause, HasSubstr(found));
  EXPECT_THAT(error.remedy, AllOf(HasSubstr(remedy), HasSubstr("trace.dat"), HasSubstr("raw pages")));
}

TEST(FormatsList, NamesEachFormatOnce) {
  std::string names;
  for (const InputFormat& format : InputFormats()) {
    names += std::string(format.name) + "\n";
    EXPECT_FALSE(format.description.empty());
  }
  EXPECT_EQ(names, "trace.dat\nraw pages\n");
}

TEST(OpenTrace, FindsTheReader) {
  const auto dat = OpenTrace((kSource / "tests/data/traces/tiny_lost-174-A.dat").string());
  ASSERT_TRUE(dat) << dat.error().Text();
  EXPECT_EQ((*dat)->metadata().input_kind, "trace.dat v7");
  const auto raw = OpenTrace((kSource / "tests/data/raw/lost_wup-191").string());
  ASSERT_TRUE(raw) << raw.error().Text();
  EXPECT_EQ((*raw)->metadata().input_kind, "raw pages");
}

TEST(OpenTrace, HandsOnOptionsAndTheReadersOwnErrors) {
  const std::string dat = (kSource / "tests/data/traces/tiny_lost-174-A.dat").string();
  const auto other = OpenTrace(dat, {"sys"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kNotFound);
  const TempFolder folder;
  EXPECT_EQ(Refused(folder.Write("cut.dat", "\x17\x08\x44tracing")).code, ErrorCode::kTruncated);
}

TEST(OpenTrace, SaysWhatKindOfFileItFound) {
  const TempFolder folder;
  const struct {
    const char* name;
    std::string start;
    const char* found;
    const char* remedy;
  } stories[] = {
      {"sqlite", std::string("SQLite format 3\0", 16), "SQLite", "recordings"},
      {"perf.data", "PERFILE2........", "perf.data", "trace-cmd record"},
      {"a.zst", "\x28\xb5\x2f\xfd....", "zstd", "decompress"},
      {"a.xz", std::string("\xfd\x37zXZ\0", 6), "xz", "decompress"},
      {"a.gz", "\x1f\x8b\x08", "gzip", "decompress"},
      {"a.bz2", "BZh9", "bzip2", "decompress"},
      {"a.lz4", "\x04\x22\x4d\x18", "lz4", "decompress"},
      {"a.zip", "PK\x03\x04", "zip", "unpack"},
      {"trace", "# tracer: nop\n#\n", "text", "trace-cmd record"},
      {"cpu0.raw", std::string(4096, '\1'), "by itself", "folder"},
      {"trace_pipe_raw", std::string(4096, '\1'), "by itself", "folder"},
      {"notes", "hello", "not in a format", ""},
      {"short", "P", "not in a format", ""},
      {"empty", "", "empty", ""},
  };
  for (const auto& story : stories) ExpectUnsupported(folder.Write(story.name, story.start), story.found, story.remedy);
}

TEST(OpenTrace, SaysWhatFoldersLack) {
  const TempFolder folder;
  ExpectUnsupported(folder.path(), "empty folder");
  folder.Write("trace.dat", "");
  ExpectUnsupported(folder.path(), "without the pages of any CPU");
}

TEST(OpenTrace, NothingThere) {
  const TempFolder folder;
  EXPECT_EQ(Refused((folder.path() / "none").string()).code, ErrorCode::kNotFound);
  EXPECT_EQ(Refused(folder.Write("file", "x") + "/below").code, ErrorCode::kNotFound);
  std::filesystem::create_symlink("nowhere", folder.path() / "dangling");
  EXPECT_EQ(Refused((folder.path() / "dangling").string()).code, ErrorCode::kNotFound);
  EXPECT_EQ(Refused("").code, ErrorCode::kNotFound);
}

// None of these is opened: it would wait, or set off what the device does.
TEST(OpenTrace, PipesDevicesAndSocketsAreLeftAlone) {
  const TempFolder folder;
  const std::string pipe = folder.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  ExpectUnsupported(pipe, "is a pipe", "copy it into a file");
  ExpectUnsupported("/dev/null", "is a device", "copy it into a file");

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder.path() / "socket";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ExpectUnsupported(path, "is a socket", "copy it into a file");
  close(fd);
}

TEST(OpenTrace, WhatMayNotBeReadIsSaid) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TempFolder folder;
  const std::string file = folder.Write("inner/file", "x");
  std::filesystem::permissions(file, std::filesystem::perms::none);
  EXPECT_EQ(Refused(file).code, ErrorCode::kPermission);
  const std::filesystem::path inner = folder.path() / "inner";
  std::filesystem::permissions(inner, std::filesystem::perms::none);
  EXPECT_EQ(Refused(inner).code, ErrorCode::kPermission);
  EXPECT_EQ(Refused(file).code, ErrorCode::kPermission);
  std::filesystem::permissions(inner, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace wakewatch
