#include "collector/btf_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/btf_builder_test.h"
#include "collector/file_io.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;

class BtfLayoutTest : public ::testing::Test {
 protected:
  BtfLayoutTest() { folder_.Write("vmlinux", SmallKernelTypes({})); }
  TestFolder folder_;
};

TEST_F(BtfLayoutTest, MembersAreFoundWithOffsetWidthAndSign) {
  const auto layout = BtfLayout::Load(folder_.path() + "/vmlinux");
  ASSERT_TRUE(layout) << layout.error().Text();
  const struct {
    const char *story, *structure, *member;
    uint32_t offset, size;
    bool is_signed;
  } rows[] = {
      {"a plain unsigned", "task_struct", "__state", 24, 4, false},
      {"inside a nameless struct", "task_struct", "on_cpu", 52, 4, true},
      {"inside a nameless union in it", "task_struct", "nested", 64, 8, false},
      {"behind a typedef of a const", "task_struct", "pid", 72, 4, true},
      {"an array: all of it", "task_struct", "comm", 76, 16, false},
      {"a member of a member", "completion", "wait.task_list", 16, 16, false},
      {"the first member", "completion", "done", 0, 4, false},
      {"a pointer", "work_struct", "func", 24, 8, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const auto place = layout->Member(row.structure, row.member);
    ASSERT_TRUE(place) << place.error().Text();
    EXPECT_EQ(place->offset, row.offset);
    EXPECT_EQ(place->size, row.size);
    EXPECT_EQ(place->is_signed, row.is_signed);
  }
}

TEST_F(BtfLayoutTest, WhatCannotBeReadIsAnError) {
  const auto layout = BtfLayout::Load(folder_.path() + "/vmlinux");
  ASSERT_TRUE(layout);
  const struct {
    const char *structure, *member;
    ErrorCode code;
    const char* text;
  } rows[] = {
      {"task_struct", "in_iowait", ErrorCode::kUnsupported, "task_struct.in_iowait is a bit field"},
      {"task_struct", "state", ErrorCode::kNotFound, "no task_struct.state"},
      {"task_struct", "pid.x", ErrorCode::kNotFound, "no task_struct.pid.x"},
      {"task_struct", "", ErrorCode::kNotFound, "no task_struct."},
      {"completion", "wait.", ErrorCode::kNotFound, "no completion.wait."},
      {"mm_struct", "pgd", ErrorCode::kNotFound, "no struct mm_struct"},
  };
  for (const auto& row : rows) {
    const auto place = layout->Member(row.structure, row.member);
    ASSERT_FALSE(place) << row.member;
    EXPECT_EQ(place.error().code, row.code);
    EXPECT_THAT(place.error().cause, HasSubstr(row.text));
  }
}

TEST(BtfLayout, AFileThatIsNotBtfIsAnError) {
  TestFolder folder;
  const auto missing = BtfLayout::Load(folder.path() + "/none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().Text(), HasSubstr("CONFIG_DEBUG_INFO_BTF"));
  std::string cut = SmallKernelTypes({});
  for (const std::string& text : {std::string(), std::string("not BTF at all"), cut.substr(0, cut.size() / 2)}) {
    folder.Write("broken", text);
    EXPECT_FALSE(BtfLayout::Load(folder.path() + "/broken")) << text.size();
  }
}

TEST(BtfLayout, ThisMachinesKernelIsUnderstood) {
  constexpr char kPath[] = "/sys/kernel/btf/vmlinux";
  if (!FileExists(kPath)) GTEST_SKIP() << "NOT TESTED: this kernel has no " << kPath;
  const auto layout = BtfLayout::Load(kPath);
  ASSERT_TRUE(layout) << layout.error().Text();
  EXPECT_EQ(layout->Member("task_struct", "pid")->size, 4u);
  EXPECT_TRUE(layout->Member("task_struct", "pid")->is_signed);
  EXPECT_GE(layout->Member("task_struct", "comm")->size, 16u);
  EXPECT_GT(layout->Member("completion", "wait.task_list")->offset, 0u);
  EXPECT_GT(layout->Member("wait_queue_head", "head")->offset, 0u);
  EXPECT_EQ(layout->Member("work_struct", "func")->size, sizeof(void*));
}

}  // namespace
}  // namespace wakewatch
