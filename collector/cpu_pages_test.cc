#include "collector/cpu_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kPage = 4096;

// A page that begins at `time_ns` and holds `commit` bytes of records.
std::string Page(uint64_t time_ns, uint64_t commit) {
  std::string page(kPage, '\0');
  std::memcpy(page.data(), &time_ns, sizeof time_ns);
  std::memcpy(page.data() + 8, &commit, sizeof commit);
  return page;
}

class PageReaderTest : public ::testing::Test {
 protected:
  PageReaderTest() : topology_(sys_.path()) { sys_.Write("online", "0-1\n"); }

  Result<std::unique_ptr<PageReader>> Open(PageQueue* queue, const std::vector<uint32_t>& cpus) {
    PageReaderSettings settings{*TraceClock::Named("mono"), PageLayout{}, 64 * kPage, milliseconds(20)};
    return PageReader::Open(instance_.path(), cpus, settings, topology_, queue);
  }
  void Pipe(uint32_t cpu, const std::string& pages) {
    instance_.Write("per_cpu/cpu" + std::to_string(cpu) + "/trace_pipe_raw", pages);
  }

  TestFolder sys_, instance_;
  Topology topology_;
};

// Everything up to the last RoundEnd.
struct Outcome {
  std::vector<uint64_t> times[2];  // of the pages, by CPU
  std::vector<std::string> failures;
  bool complete_round = false, last = false;
};
Outcome ReadAll(PageReader* reader, PageQueue* queue) {
  Outcome outcome;
  reader->Start();
  bool finishing = false;
  while (!outcome.last) {
    auto item = queue->Pop(milliseconds(60'000));
    if (!item) {
      ADD_FAILURE() << "the queue was closed";
      break;
    }
    if (auto* run = std::get_if<PagesRead>(&*item)) {
      for (size_t at = 0; at < run->bytes; at += kPage) {
        outcome.times[run->cpu].push_back(LoadNative<uint64_t>(run->buffer.get() + at));
      }
      queue->GiveBack(std::move(run->buffer));
    } else if (auto* failure = std::get_if<ReadFailure>(&*item)) {
      outcome.failures.push_back(failure->text);
    } else {
      const auto& end = std::get<RoundEnd>(*item);
      outcome.complete_round |= end.complete && !end.last;
      outcome.last = end.last;
      if (end.complete) {
        EXPECT_THAT(end.online, ElementsAre(0, 1));
      }
      if (outcome.complete_round && !finishing) {
        finishing = true;
        reader->Finish();
      }
    }
  }
  return outcome;
}

TEST_F(PageReaderTest, ReadsEveryPageOfEveryCpuInOrder) {
  Pipe(0, Page(1, 4000) + Page(2, 4000) + Page(3, 100) + Page(4, 4000) + Page(5, 8));
  Pipe(1, Page(9, 8));
  PageQueue queue(2 * kPage, 8);
  auto reader = Open(&queue, {0, 1});
  ASSERT_TRUE(reader) << reader.error().Text();
  const Outcome outcome = ReadAll(reader->get(), &queue);
  EXPECT_TRUE(outcome.complete_round);
  EXPECT_THAT(outcome.times[0], ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(outcome.times[1], ElementsAre(9));
  EXPECT_TRUE(outcome.failures.empty());
}

TEST_F(PageReaderTest, PagesOfTheFutureEndARoundButAreReadInTheEnd) {
  Pipe(0, Page(1, 4000) + Page(UINT64_MAX / 2, 4000) + Page(UINT64_MAX / 2 + 1, 4000));
  Pipe(1, "");
  PageQueue queue(kPage, 8);
  auto reader = Open(&queue, {0, 1});
  ASSERT_TRUE(reader) << reader.error().Text();
  EXPECT_THAT(ReadAll(reader->get(), &queue).times[0], ElementsAre(1, UINT64_MAX / 2, UINT64_MAX / 2 + 1));
}

TEST_F(PageReaderTest, ACpuThatCannotBeReadDoesNotStopTheOthers) {
  instance_.Folder("per_cpu/cpu0/trace_pipe_raw");
  Pipe(1, Page(9, 8));
  PageQueue queue(kPage, 8);
  auto reader = Open(&queue, {0, 1});
  ASSERT_TRUE(reader) << reader.error().Text();
  const Outcome outcome = ReadAll(reader->get(), &queue);
  EXPECT_THAT(outcome.times[1], ElementsAre(9));
  EXPECT_THAT(outcome.failures, ElementsAre(HasSubstr("CPU 0"))) << "said once, not every round";
}

TEST_F(PageReaderTest, AMissingPipeIsAnErrorThatNamesIt) {
  PageQueue queue(kPage, 8);
  const auto reader = Open(&queue, {0});
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(reader.error().file, HasSubstr("per_cpu/cpu0/trace_pipe_raw"));
}

TEST_F(PageReaderTest, GoingAwayWhileTheQueueIsFullDoesNotHang) {
  std::string pages;
  for (uint64_t i = 1; i <= 20; ++i) pages += Page(i, 4000);
  Pipe(0, pages);
  PageQueue queue(kPage, 2);
  auto reader = Open(&queue, {0});
  ASSERT_TRUE(reader) << reader.error().Text();
  (*reader)->Start();
  ASSERT_TRUE(queue.Pop(milliseconds(60'000)));
  reader->reset();
  EXPECT_TRUE(queue.closed());
}

}  // namespace
}  // namespace wakewatch
