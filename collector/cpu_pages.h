// Why: what is read how often decides what recording costs. Every CPU's trace_pipe_raw is read by one thread with plain
// read(2) calls of a sub-buffer each; it does not chase the writers, but stops at the first page that is not full and
// sleeps. Source: tracing_buffers_read(), ring_buffer_read_page() and ring_buffer_poll_wait() of the kernel.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/format.h"
#include "collector/descriptor.h"
#include "collector/page_queue.h"
#include "collector/topology.h"
#include "collector/trace_clock.h"

namespace wakewatch {

struct PageReaderSettings {
  TraceClock clock;
  PageLayout layout;  // page_size is that of the instance's sub-buffers
  uint64_t buffer_bytes_per_cpu = 0;
  std::chrono::milliseconds batch_span{500};  // a complete round at least this often
  // The reading thread does little, but must not wait behind the load it records. Called on it.
  std::function<Status(int32_t tid)> raise_priority = {};
};

// A CPU's trace_pipe_raw, open for reading without blocking.
struct CpuPipe {
  uint32_t cpu = 0;
  Descriptor pipe;
};

class PageReader {
 public:
  // Reads `pipes`. `queue` must outlive the reader, and its buffers must hold a page.
  static Result<std::unique_ptr<PageReader>> Create(std::vector<CpuPipe> pipes, const PageReaderSettings& settings,
                                                    const Topology& topology, PageQueue* queue);
  // As Create, with the pipes of `cpus` below `instance`.
  static Result<std::unique_ptr<PageReader>> Open(const std::string& instance, const std::vector<uint32_t>& cpus,
                                                  const PageReaderSettings& settings, const Topology& topology,
                                                  PageQueue* queue);
  // Closes the queue, ends the thread and closes the pipes.
  ~PageReader();
  PageReader(const PageReader&) = delete;
  PageReader& operator=(const PageReader&) = delete;

  // Starts the reading thread.
  void Start();
  // To be called when tracing is off: the thread reads what is left, pushes its last RoundEnd and ends.
  void Finish();
  // True when the thread could raise its own priority; else it competes with the load it records. Valid after the first
  // RoundEnd.
  bool raised_priority() const { return raised_priority_.load(); }

 private:
  enum class Until {
    kNotFull,  // the first page that is not full
    kTime,     // everything written before the round began
    kEmpty,    // nothing left; only when tracing is off
  };
  struct Stream {
    uint32_t cpu = 0;
    Descriptor fd;
    bool failed = false;
    bool online = true;
  };

  PageReader(const PageReaderSettings& settings, const Topology& topology, PageQueue* queue);
  void Loop();
  void Round(Until until);
  void ReadCpu(Stream* stream, Until until, uint64_t started_ns);
  // Bytes of the page read to `to`; 0 when there is none.
  size_t ReadPage(Stream* stream, uint8_t* to);
  bool PageIsFull(const uint8_t* page) const;
  uint64_t PageTime(const uint8_t* page) const;
  // Sleeps until a CPU has something, `until` comes or Finish is called.
  void Wait(std::chrono::steady_clock::time_point until);
  void Sleep(std::chrono::steady_clock::time_point until, bool with_pipes);

  const PageReaderSettings settings_;
  const Topology topology_;
  PageQueue* const queue_;
  std::vector<Stream> streams_;
  int wake_fd_ = -1;
  std::atomic<bool> finishing_{false};
  std::atomic<bool> raised_priority_{false};
  std::chrono::steady_clock::time_point last_round_{};
  std::thread thread_;
};

}  // namespace wakewatch
