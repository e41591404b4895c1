#include "collector/cpu_pages.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Rounds are at least this far apart. Each ends with a page that is still being written, which the kernel copies record
// by record, so more rounds cost more, and wake up the machine more often. The gap shrinks with the buffer: at a
// million events a second a CPU writes 60 MB/s, and an eighth of its buffer in this time.
constexpr std::chrono::microseconds kRoundGapMax{20'000}, kRoundGapMin{1'000};
constexpr uint64_t kBytesPerMicrosecond = 8 * 60;

std::chrono::microseconds RoundGap(uint64_t buffer_bytes) {
  return std::clamp(std::chrono::microseconds(buffer_bytes / kBytesPerMicrosecond), kRoundGapMin, kRoundGapMax);
}

// Low 27 bits: the flags for missed events are above them, and no sub-buffer is larger.
constexpr uint64_t kCommitMask = (1u << 27) - 1;

}  // namespace

PageReader::PageReader(const PageReaderSettings& settings, const Topology& topology, PageQueue* queue)
    : settings_(settings), topology_(topology), queue_(queue) {}

Result<std::unique_ptr<PageReader>> PageReader::Create(std::vector<CpuPipe> pipes, const PageReaderSettings& settings,
                                                       const Topology& topology, PageQueue* queue) {
  if (queue->buffer_bytes() < settings.layout.page_size) {
    return Fail(ErrorCode::kInvalidArgument, "a queue buffer must hold a page");
  }
  auto reader = std::unique_ptr<PageReader>(new PageReader(settings, topology, queue));
  reader->wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (reader->wake_fd_ < 0) return Fail(ErrnoError(errno, "cannot make an eventfd", {}));
  for (CpuPipe& pipe : pipes) reader->streams_.push_back({pipe.cpu, std::move(pipe.pipe)});
  return reader;
}

Result<std::unique_ptr<PageReader>> PageReader::Open(const std::string& instance, const std::vector<uint32_t>& cpus,
                                                     const PageReaderSettings& settings, const Topology& topology,
                                                     PageQueue* queue) {
  std::vector<CpuPipe> pipes;
  for (const uint32_t cpu : cpus) {
    auto pipe = OpenToRead(instance + "/per_cpu/cpu" + std::to_string(cpu) + "/trace_pipe_raw", O_NONBLOCK);
    if (!pipe) return Fail(pipe.error());
    pipes.push_back({cpu, *std::move(pipe)});
  }
  return Create(std::move(pipes), settings, topology, queue);
}

PageReader::~PageReader() {
  queue_->Close();
  Finish();
  if (thread_.joinable()) thread_.join();
  if (wake_fd_ >= 0) close(wake_fd_);
}

void PageReader::Start() {
  thread_ = std::thread([this] {
    try {
      Loop();
    } catch (const std::exception&) {
      queue_->Close();  // out of memory; the other side finds the queue closed and says so
    }
  });
}

void PageReader::Finish() {
  finishing_.store(true);
  if (wake_fd_ >= 0) (void)eventfd_write(wake_fd_, 1);
}

void PageReader::Loop() {
  pthread_setname_np(pthread_self(), "wakewatch-read");
  raised_priority_.store(settings_.raise_priority && settings_.raise_priority(gettid()));
  auto next_complete = SteadyClock::now() + settings_.batch_span;
  while (!finishing_.load() && !queue_->closed()) {
    Wait(next_complete);
    if (finishing_.load()) break;
    const auto now = SteadyClock::now();
    if (now >= next_complete) {
      next_complete = std::max(next_complete + settings_.batch_span, now);
      Round(Until::kTime);
    } else {
      Round(Until::kNotFull);
    }
  }
  Round(Until::kEmpty);
}

void PageReader::Wait(SteadyClock::time_point until) {
  Sleep(std::min(last_round_ + RoundGap(settings_.buffer_bytes_per_cpu), until), false);
  Sleep(until, true);
}

void PageReader::Sleep(SteadyClock::time_point until, bool with_pipes) {
  const auto now = SteadyClock::now();
  if (until <= now || finishing_.load()) return;
  std::vector<pollfd> wanted{{wake_fd_, POLLIN, 0}};
  if (with_pipes) {
    for (const Stream& stream : streams_) {
      // An offline CPU may have no buffer yet, and poll would answer with an error at once, over and over.
      if (stream.online && !stream.failed) wanted.push_back({stream.fd.get(), POLLIN, 0});
    }
  }
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - now).count();
  const timespec timeout{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
  (void)ppoll(wanted.data(), wanted.size(), &timeout, nullptr);  // an early return only means an early round
}

void PageReader::Round(Until until) {
  last_round_ = SteadyClock::now();
  RoundEnd end;
  end.started_ns = settings_.clock.NowNs();
  for (Stream& stream : streams_) ReadCpu(&stream, until, end.started_ns);
  end.complete = until != Until::kNotFull;
  end.last = until == Until::kEmpty;
  if (end.complete) {
    end.online = topology_.Online();
    for (Stream& stream : streams_) {
      stream.online = std::binary_search(end.online.begin(), end.online.end(), stream.cpu);
    }
  }
  queue_->Push(std::move(end));
}

void PageReader::ReadCpu(Stream* stream, Until until, uint64_t started_ns) {
  const size_t page_bytes = settings_.layout.page_size;
  // A buffer's worth of pages holds all that was in it when the round began, and what comes after those is for the next
  // round. A few more: the kernel rounds up, adds the page that is being read, and the first may be half read already.
  uint64_t pages_left = settings_.buffer_bytes_per_cpu / page_bytes + 4;
  bool more = !stream->failed;
  while (more) {
    PagesRead run;
    run.cpu = stream->cpu;
    run.buffer = queue_->TakeBuffer();
    if (!run.buffer) return;
    while (more && run.bytes + page_bytes <= queue_->buffer_bytes()) {
      uint8_t* const page = run.buffer.get() + run.bytes;
      const size_t got = ReadPage(stream, page);
      run.bytes += static_cast<uint32_t>(got);
      more = got == page_bytes && --pages_left > 0;
      if (more && until == Until::kNotFull) more = PageIsFull(page);
      if (more && until == Until::kTime) more = PageTime(page) < started_ns;
    }
    if (run.bytes > 0) {
      queue_->Push(std::move(run));
    } else {
      queue_->GiveBack(std::move(run.buffer));
    }
  }
}

size_t PageReader::ReadPage(Stream* stream, uint8_t* to) {
  for (;;) {
    const ssize_t got = read(stream->fd.get(), to, settings_.layout.page_size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      stream->failed = true;
      queue_->Push(ReadFailure{
          stream->cpu,
          ErrnoError(errno, "cannot read trace_pipe_raw of CPU " + std::to_string(stream->cpu), {}).Text()});
    }
    return 0;
  }
}

bool PageReader::PageIsFull(const uint8_t* page) const {
  const PageLayout& layout = settings_.layout;
  const uint64_t commit = kCommitMask & (layout.commit_size == 8 ? LoadNative<uint64_t>(page + layout.commit_offset)
                                                                 : LoadNative<uint32_t>(page + layout.commit_offset));
  // A full page ends where the next record did not fit; records are seldom larger than this part of a page. Where one
  // is, the round only ends early.
  const uint64_t capacity = layout.page_size - layout.data_offset;
  return commit >= capacity - capacity / 8;
}

uint64_t PageReader::PageTime(const uint8_t* page) const {
  return LoadNative<uint64_t>(page + settings_.layout.timestamp_offset);
}

}  // namespace wakewatch
