#include "analysis/trace/thread_infos.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace wakewatch {
namespace {

ThreadInfo Info(int32_t pid, uint64_t since_ns, std::string comm) {
  ThreadInfo info;
  info.pid = pid;
  info.first_seen_ns = since_ns;
  info.comm = std::move(comm);
  return info;
}

std::string CommAt(const ThreadInfos& infos, int32_t pid, uint64_t ns) {
  const ThreadInfo* const info = infos.AsOf(pid, ns);
  return info == nullptr ? "unknown" : info->comm;
}

TEST(ThreadInfos, AnInfoHoldsFromItsTimeOnWheneverItWasAdded) {
  ThreadInfos infos;
  infos.Add(Info(7, 100, "b"));
  infos.Add(Info(7, 300, "d"));
  infos.Add(Info(7, 50, "a"));
  infos.Add(Info(7, 100, "c"));
  infos.Add(Info(8, 0, "other"));
  const std::pair<uint64_t, const char*> expected[] = {{0, "unknown"}, {49, "unknown"}, {50, "a"}, {99, "a"},
                                                       {100, "c"},     {299, "c"},      {300, "d"}};
  for (const auto& [ns, comm] : expected) EXPECT_EQ(CommAt(infos, 7, ns), comm) << ns;
  EXPECT_EQ(infos.Latest(7)->comm, "d");
  EXPECT_EQ(infos.Latest(8)->comm, "other");
  EXPECT_EQ(infos.Latest(9), nullptr);
}

TEST(ThreadInfos, NumbersGoOnWhenInfosAreDropped) {
  ThreadInfos infos;
  infos.Add(Info(7, 1, "a"));
  infos.Add(Info(8, 1, "b"));
  infos.Drop();
  EXPECT_EQ(infos.added(), 2u);
  EXPECT_EQ(infos.first(), 2u);
  EXPECT_EQ(CommAt(infos, 7, 9), "unknown");
  infos.Add(Info(7, 2, "c"));
  EXPECT_EQ(infos.added(), 3u);
  EXPECT_EQ(infos.Number(2).comm, "c");
  EXPECT_EQ(CommAt(infos, 7, 9), "c");
}

TEST(ThreadInfos, ACopyStandsOnItsOwn) {
  ThreadInfos copy;
  {
    ThreadInfos infos;
    infos.Add(Info(7, 1, "a name longer than what a string holds in itself"));
    copy = infos;
  }
  EXPECT_EQ(CommAt(copy, 7, 1), "a name longer than what a string holds in itself");
}

}  // namespace
}  // namespace wakewatch
