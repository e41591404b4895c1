#include "collector/spool/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace wakewatch {
namespace {

using ::testing::ElementsAre;

TEST(RealFiles, DoWhatTheSeamSays) {
  std::string pattern = (std::filesystem::temp_directory_path() / "wakewatch-test-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::string folder = pattern + "/a/b";
  RealFiles files;
  ASSERT_TRUE(files.MakeFolder(folder));
  EXPECT_TRUE(files.MakeFolder(folder)) << "it is there already";
  {
    auto file = files.Create(folder + "/one");
    ASSERT_TRUE(file);
    EXPECT_TRUE((*file)->Append("hello "));
    EXPECT_TRUE((*file)->Append("world"));
    EXPECT_TRUE((*file)->Sync());
  }
  EXPECT_EQ(files.Size(folder + "/one"), 11u);
  EXPECT_EQ(files.Read(folder + "/one", 6, 100), "world");
  EXPECT_EQ(files.Read(folder + "/one", 20, 100), "");
  EXPECT_TRUE(files.Truncate(folder + "/one", 5));
  EXPECT_EQ(files.Read(folder + "/one", 0, 100), "hello");
  ASSERT_TRUE(files.Create(folder + "/two"));
  EXPECT_TRUE(files.Rename(folder + "/one", folder + "/zero"));
  EXPECT_TRUE(files.SyncFolder(folder));
  EXPECT_THAT(files.List(folder).value(), ElementsAre("two", "zero"));
  EXPECT_TRUE(files.Remove(folder + "/two"));
  EXPECT_EQ(files.Remove(folder + "/two").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(files.Create(folder + "/missing/x").error().code, ErrorCode::kNotFound);
  EXPECT_GT(files.FreeBytes(folder).value(), 0u);
  auto full = files.Create("/dev/full");
  ASSERT_TRUE(full);
  EXPECT_EQ((*full)->Append("x").error().code, ErrorCode::kNoSpace);
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace wakewatch
