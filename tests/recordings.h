// Why: tests of several rooms run over the recordings of the tree, and over those of the lab where it is beside the
// tree.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "analysis/trace/test_files.h"

namespace wakewatch::recordings_test {

// $WAKEWATCH_LAB, or the lab's usual place. Not part of the tree: it may not be there.
inline std::filesystem::path Lab() {
  const char* const named = std::getenv("WAKEWATCH_LAB");
  if (named != nullptr) return named;
  return std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "../shared/lab";
}

// Every recording below `folder`, whatever it is packed with; none where there is no such folder.
inline std::vector<std::filesystem::path> TracesBelow(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> traces;
  if (!std::filesystem::exists(folder)) return traces;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".dat") || name.ends_with(".dat.zst") || name.ends_with(".dat.xz")) {
      traces.push_back(entry.path());
    }
  }
  std::sort(traces.begin(), traces.end());
  return traces;
}

// Those of a busy machine, which are long.
inline std::vector<std::filesystem::path> BusyTraces() {
  return TracesBelow(std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces");
}

// All recordings of the tree.
inline std::vector<std::filesystem::path> BundledTraces() {
  std::vector<std::filesystem::path> traces = BusyTraces();
  for (auto& trace : TracesBelow(std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "tests/data/lab")) {
    traces.push_back(std::move(trace));
  }
  return traces;
}

// The recording as a file that OpenTrace takes; in `scratch` where it is packed, the next one in the same place.
inline std::filesystem::path Unpacked(const std::filesystem::path& trace, const file_test::TempFolder& scratch) {
  if (trace.extension() == ".dat") return trace;
  const std::filesystem::path file = scratch.path() / "trace.dat";
  const std::string program = trace.extension() == ".xz" ? "xz" : "zstd";
  const std::string command = program + " -dc '" + trace.string() + "' >'" + file.string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return file;
}

}  // namespace wakewatch::recordings_test
