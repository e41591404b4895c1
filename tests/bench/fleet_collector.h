// Why: a collector as the server sees one: it says Hello, sends batches when they are due and the window allows it, and
// comes back behind what is committed when its stream breaks. Hundreds of them run on one thread and one completion
// queue; none of them waits.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <wakewatch/v1/ingest.pb.h>

#include "analysis/base/histogram.h"
#include "tests/bench/fleet_recording.h"

namespace wakewatch::fleet {

using Clock = std::chrono::steady_clock;

struct Totals {
  uint64_t events_sent = 0, events_acked = 0, events_refused = 0;  // a batch that is sent again counts once
  uint64_t batches_sent = 0, batches_acked = 0, batches_resent = 0, refusals = 0;
  uint64_t bytes_sent = 0, streams = 0;
  std::map<std::string, uint64_t> errors;  // why streams ended that should not have
  Histogram ack_ns;                        // from sending a batch to its acknowledgement
  Histogram behind_ns;                     // from when a batch was due to when it was sent
  Clock::time_point first_sent_at{}, last_acked_at{};
};

class Collector;

// The thread's own: when to look at which collector again.
class Timers {
 public:
  void At(Clock::time_point when, Collector* collector) { queue_.emplace(when, collector); }
  // The earliest; `otherwise` when there is none.
  Clock::time_point Next(Clock::time_point otherwise) const;
  // Collectors whose time has come.
  std::vector<Collector*> Due(Clock::time_point now);

 private:
  using Entry = std::pair<Clock::time_point, Collector*>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

struct Start {
  std::string host;
  double speed = 1;               // 0: as fast as the window allows
  Clock::time_point begins_at{};  // when the trace's first event happens
  Clock::time_point ends_at{};    // nothing is sent after it
};

class Collector {
 public:
  enum class Op { kStart, kRead, kWrite, kFinish };
  struct Tag {
    Collector* collector;
    Op op;
  };

  Collector(const Start& start, const Recording& recording, grpc::GenericStub* stub, grpc::CompletionQueue* queue,
            Timers* timers, Totals* totals);

  // Connects, or sends, if it is time for that.
  void Look(Clock::time_point now);
  void Done(Op op, bool ok, Clock::time_point now);
  // Everything that was to be sent is acknowledged or refused, and the stream is closed.
  bool over() const { return over_; }
  // Ends its stream at once.
  void GiveUp();
  // Events that were sent and are neither acknowledged nor refused.
  uint64_t EventsOpen() const;

 private:
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
    grpc::ByteBuffer received;
    grpc::Status status;
    bool welcomed = false, reading = false, writing = false, half_closed = false, broken = false, finishing = false;
    uint32_t window = 1;
  };
  struct InFlight {
    uint64_t sequence, events;
    Clock::time_point sent_at;
  };

  const Message& MessageOf(uint64_t sequence) const {
    return sequence == 1 ? first_ : recording_.rest[static_cast<size_t>(sequence - 2)];
  }
  Clock::time_point DueAt(uint64_t sequence) const;
  void Connect();
  void Read();
  void Send(Clock::time_point now);
  void Receive(Clock::time_point now);
  void Welcomed(const v1::Welcome& welcome, Clock::time_point now);
  void Acknowledge(uint64_t sequence, Clock::time_point now);
  void Refuse(const v1::Refusal& refusal);
  void FinishIfIdle();
  void Ended(Clock::time_point now);

  const Start start_;
  const Recording& recording_;
  grpc::GenericStub* const stub_;
  grpc::CompletionQueue* const queue_;
  Timers* const timers_;
  Totals* const totals_;
  Tag tags_[4];
  grpc::ByteBuffer hello_;
  Message first_;
  std::unique_ptr<Call> call_;
  std::deque<InFlight> in_flight_;
  uint64_t next_ = 1;     // sequence to be sent
  uint64_t highest_ = 0;  // that was sent
  bool over_ = false, given_up_ = false;
};

}  // namespace wakewatch::fleet
