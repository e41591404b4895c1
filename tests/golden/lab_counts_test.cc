// Every recording of the lab holds the events that `trace-cmd report` finds in it, by CPU and name. The lab is too
// large for this tree: it is $WAKEWATCH_LAB, or ../shared/lab beside it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/trace/formats_list.h"
#include "analysis/trace/test_files.h"
#include "tests/recordings.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

using Counts = std::map<std::pair<uint32_t, std::string>, uint64_t>;  // by CPU and event

bool HasCommand(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

// "  sh-120   [003]   8.632460995: sched_switch: ..."; what is not like it (headers, lost events) is no event. The CPU
// is the last bracketed number in front of the time: a command's name may hold anything.
std::optional<std::pair<uint32_t, std::string>> ParseLine(std::string_view line) {
  for (size_t open = line.find('['); open != std::string_view::npos; open = line.find('[', open + 1)) {
    const size_t close = line.find_first_not_of("0123456789", open + 1);
    if (close == std::string_view::npos || close < open + 4 || line[close] != ']') continue;
    const size_t time = line.find_first_not_of(' ', close + 1);
    const size_t colon = line.find_first_not_of("0123456789.", time);
    if (colon == std::string_view::npos || colon == time || line[colon] != ':') continue;
    const size_t name = line.find_first_not_of(' ', colon + 1);
    const size_t end = line.find(':', name);
    if (end == std::string_view::npos) continue;
    const std::string cpu(line.substr(open + 1, close - open - 1));
    return std::pair(static_cast<uint32_t>(std::stoul(cpu)), std::string(line.substr(name, end - name)));
  }
  return {};
}

Counts ByTraceCmd(const fs::path& file) {
  const std::string command = "trace-cmd report -N -i '" + file.string() + "' 2>/dev/null";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  Counts counts;
  char* line = nullptr;
  size_t room = 0;
  while (pipe != nullptr && getline(&line, &room, pipe.get()) >= 0) {
    if (const auto key = ParseLine(line)) ++counts[*key];
  }
  std::free(line);
  return counts;
}

Counts ByOurselves(const fs::path& file) {
  Counts counts;
  const auto input = OpenTrace(file.string());
  if (!input) {
    ADD_FAILURE() << input.error().Text();
    return counts;
  }
  auto readers = (*input)->OpenCpus();
  if (!readers) {
    ADD_FAILURE() << readers.error().Text();
    return counts;
  }
  EventBlock block;
  for (const auto& reader : *readers) {
    for (;;) {
      const auto more = reader->Fill(&block, 4096);
      EXPECT_TRUE(more) << file;
      if (!more || !*more) break;
      for (const Event& event : block.events) {
        if (event.type == EventType::kGap) continue;
        ++counts[{event.cpu, (*input)->formats().events()[event.format].name}];
      }
    }
    for (const uint64_t count : reader->anomalies().all()) EXPECT_EQ(count, 0u) << file;
  }
  return counts;
}

TEST(LabCounts, EqualTraceCmdReport) {
  const std::vector<fs::path> traces = recordings_test::TracesBelow(recordings_test::Lab() / "traces");
  if (traces.empty()) GTEST_SKIP() << "no lab at " << recordings_test::Lab() << "; set WAKEWATCH_LAB";
  if (!HasCommand("trace-cmd")) GTEST_SKIP() << "trace-cmd is not installed";
  const file_test::TempFolder scratch;
  for (const fs::path& trace : traces) {
    const fs::path file = recordings_test::Unpacked(trace, scratch);
    const Counts expected = ByTraceCmd(file);
    EXPECT_FALSE(expected.empty()) << trace;
    EXPECT_TRUE(ByOurselves(file) == expected) << trace;
  }
}

}  // namespace
}  // namespace wakewatch
