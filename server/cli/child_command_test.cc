#include "server/cli/child_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

class ChildCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "wakewatch-child.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Marker() const { return folder_ + "/ran"; }
  std::unique_ptr<ChildCommand> Hold(std::vector<std::string> command) {
    auto held = ChildCommand::Hold(std::move(command), &ended_);
    EXPECT_TRUE(held);
    return held ? std::move(*held) : nullptr;
  }
  void WaitForEnd() const {
    while (!ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  std::string folder_;
  std::atomic<bool> ended_{false};
};

TEST_F(ChildCommandTest, RunsAfterItsReleaseAndTellsItsStatus) {
  auto command = Hold({"sh", "-c", "echo > '" + Marker() + "'; exit 3"});
  EXPECT_FALSE(std::filesystem::exists(Marker()));
  command->Release();
  command->Release();
  WaitForEnd();
  command->End();
  EXPECT_EQ(command->Outcome(), "exited with status 3");
  EXPECT_TRUE(std::filesystem::exists(Marker()));
}

TEST_F(ChildCommandTest, NeverRunsWhenTheRecordingDoesNotStart) {
  Hold({"sh", "-c", "echo > '" + Marker() + "'"}).reset();
  EXPECT_TRUE(ended_);
  EXPECT_FALSE(std::filesystem::exists(Marker()));
}

TEST_F(ChildCommandTest, IsEndedWhenTheRecordingEndsFirst) {
  auto command = Hold({"sh", "-c", "echo > '" + Marker() + "'; exec sleep 1000"});
  command->Release();
  while (!std::filesystem::exists(Marker())) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  command->End();
  EXPECT_EQ(command->Outcome(), "was still running and has been ended");
}

TEST_F(ChildCommandTest, ASignalIsTold) {
  auto command = Hold({"sh", "-c", "kill -9 $$"});
  command->Release();
  WaitForEnd();
  command->End();
  EXPECT_EQ(command->Outcome(), "was killed by signal 9");
}

TEST_F(ChildCommandTest, ACommandThatCannotBeRunAnswersAsInAShell) {
  auto command = Hold({folder_ + "/no-such-command"});
  command->Release();
  WaitForEnd();
  command->End();
  EXPECT_EQ(command->Outcome(), "exited with status 127");
}

}  // namespace
}  // namespace wakewatch
