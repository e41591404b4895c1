// Why: what strangers may ask of the server, in one place.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace wakewatch {

class AccessControl;

struct ServerLimits {
  std::string version;
  size_t message_bytes_max = 16u << 20;
  uint64_t sql_rows_max = 100'000;
  std::chrono::milliseconds sql_time_max{10'000};
  std::chrono::milliseconds analysis_time_max{60'000};  // of an analysis of stored events
  std::chrono::milliseconds timeline_time_max{2'000};
  // Of one check of a protocol, and how many run at once, each on so many threads.
  size_t check_text_bytes_max = 256u << 10;
  uint64_t check_states_max = 5'000'000;
  uint64_t check_steps_max = 1'000;  // of a run: each step of a counterexample may be long
  uint64_t check_memory_bytes_max = 512u << 20;
  std::chrono::milliseconds check_time_max{30'000};
  unsigned checks_max = 2, check_threads = 1;
  unsigned streams_max = 64;  // WatchHosts, WatchThreads, WatchFindings together: each holds a thread
  const std::atomic<bool>* stopping = nullptr;
  AccessControl* access = nullptr;  // ends streams whose caller's token is no longer good
};

}  // namespace wakewatch
