#include "tests/bench/fleet_collector.h"

#include <algorithm>

#include "analysis/chunk/chunk.h"
#include "proto/wire/batch_codec.h"

namespace wakewatch::fleet {
namespace {

constexpr std::chrono::milliseconds kReconnectAfter{500};

uint64_t NsBetween(Clock::time_point from, Clock::time_point to) {
  return to <= from ? 0
                    : static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
}

grpc::ByteBuffer BufferOf(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

Clock::time_point Timers::Next(Clock::time_point otherwise) const {
  return queue_.empty() ? otherwise : std::min(otherwise, queue_.top().first);
}

std::vector<Collector*> Timers::Due(Clock::time_point now) {
  std::vector<Collector*> due;
  for (; !queue_.empty() && queue_.top().first <= now; queue_.pop()) due.push_back(queue_.top().second);
  return due;
}

Collector::Collector(const Start& start, const Recording& recording, grpc::GenericStub* stub,
                     grpc::CompletionQueue* queue, Timers* timers, Totals* totals)
    : start_(start),
      recording_(recording),
      stub_(stub),
      queue_(queue),
      timers_(timers),
      totals_(totals),
      tags_{{this, Op::kStart}, {this, Op::kRead}, {this, Op::kWrite}, {this, Op::kFinish}} {
  Batch first = recording.first;
  SessionInfo& session = first.session.value();
  session.host = start.host;
  session.boot_id = "boot-" + start.host;
  session.session = "session-" + start.host;
  first_ = Encode(first, recording.first_due_ns);
  v1::IngestRequest request;
  v1::Hello& hello = *request.mutable_hello();
  hello.mutable_wire()->set_oldest(kWireVersionOldest);
  hello.mutable_wire()->set_newest(kWireVersionNewest);
  hello.mutable_chunk()->set_oldest(kChunkVersion);
  hello.mutable_chunk()->set_newest(kChunkVersion);
  SessionToMessage(session, hello.mutable_session());
  hello_ = BufferOf(request);
}

Clock::time_point Collector::DueAt(uint64_t sequence) const {
  if (start_.speed <= 0) return start_.begins_at;
  const double wait_ns = static_cast<double>(MessageOf(sequence).due_ns) / start_.speed;
  return start_.begins_at + std::chrono::nanoseconds(static_cast<int64_t>(wait_ns));
}

void Collector::Look(Clock::time_point now) {
  if (over_ || given_up_) return;
  if (!call_) return Connect();
  Send(now);
}

void Collector::Connect() {
  call_ = std::make_unique<Call>();
  call_->stream = stub_->PrepareCall(&call_->context, "/wakewatch.v1.IngestService/Stream", queue_);
  call_->stream->StartCall(&tags_[static_cast<int>(Op::kStart)]);
}

void Collector::Read() {
  call_->reading = true;
  call_->stream->Read(&call_->received, &tags_[static_cast<int>(Op::kRead)]);
}

void Collector::Send(Clock::time_point now) {
  Call& call = *call_;
  if (!call.welcomed || call.writing || call.half_closed || call.broken) return;
  const bool all_sent = next_ > recording_.batches() || now >= start_.ends_at;
  if (all_sent) {
    if (!in_flight_.empty()) return;  // the acknowledgement looks again
    call.writing = call.half_closed = true;
    call.stream->WritesDone(&tags_[static_cast<int>(Op::kWrite)]);
    return;
  }
  if (in_flight_.size() >= call.window) return;
  const auto due_at = DueAt(next_);
  if (due_at > now) return timers_->At(std::min(due_at, start_.ends_at), this);
  const Message& message = MessageOf(next_);
  call.writing = true;
  call.stream->Write(message.request, &tags_[static_cast<int>(Op::kWrite)]);
  in_flight_.push_back({next_, message.events, now});
  totals_->bytes_sent += message.bytes;
  if (totals_->first_sent_at == Clock::time_point()) totals_->first_sent_at = now;
  if (next_ > highest_) {
    highest_ = next_;
    ++totals_->batches_sent;
    totals_->events_sent += message.events;
    totals_->behind_ns.Add(NsBetween(due_at, now));
  } else {
    ++totals_->batches_resent;
  }
  ++next_;
}

void Collector::Done(Op op, bool ok, Clock::time_point now) {
  Call& call = *call_;
  switch (op) {
    case Op::kStart:
      if (ok) {
        Read();
        call.writing = true;
        call.stream->Write(hello_, &tags_[static_cast<int>(Op::kWrite)]);
      } else {
        call.broken = true;
      }
      break;
    case Op::kRead:
      call.reading = false;
      if (ok) {
        Receive(now);
        Read();
      } else {
        call.broken = true;
      }
      break;
    case Op::kWrite: call.writing = false; break;
    case Op::kFinish: return Ended(now);
  }
  if (call.broken) return FinishIfIdle();
  Send(now);
}

void Collector::Receive(Clock::time_point now) {
  grpc::Slice slice;
  v1::IngestResponse response;
  if (!call_->received.DumpToSingleSlice(&slice).ok() ||
      !response.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    ++totals_->errors["an answer that does not parse"];
    return;
  }
  if (response.has_welcome()) Welcomed(response.welcome(), now);
  if (response.has_ack()) Acknowledge(response.ack().sequence(), now);
  if (response.has_refusal()) Refuse(response.refusal());
}

void Collector::Welcomed(const v1::Welcome& welcome, Clock::time_point now) {
  call_->welcomed = true;
  call_->window = std::max(welcome.window_batches(), 1u);
  ++totals_->streams;
  Acknowledge(welcome.committed_sequence(), now);
  in_flight_.clear();
  next_ = welcome.committed_sequence() + 1;
}

void Collector::Acknowledge(uint64_t sequence, Clock::time_point now) {
  while (!in_flight_.empty() && in_flight_.front().sequence <= sequence) {
    totals_->ack_ns.Add(NsBetween(in_flight_.front().sent_at, now));
    totals_->events_acked += in_flight_.front().events;
    ++totals_->batches_acked;
    totals_->last_acked_at = now;
    in_flight_.pop_front();
  }
}

void Collector::Refuse(const v1::Refusal& refusal) {
  const auto at = std::find_if(in_flight_.begin(), in_flight_.end(),
                               [&](const InFlight& batch) { return batch.sequence == refusal.sequence(); });
  if (at == in_flight_.end()) return;
  ++totals_->refusals;
  ++totals_->errors["refused: " + refusal.cause()];
  totals_->events_refused += at->events;
  in_flight_.erase(at);
}

void Collector::GiveUp() {
  given_up_ = true;
  if (call_) {
    call_->context.TryCancel();
  } else {
    over_ = true;
  }
}

uint64_t Collector::EventsOpen() const {
  uint64_t events = 0;
  for (const InFlight& batch : in_flight_) events += batch.events;
  return events;
}

void Collector::FinishIfIdle() {
  if (call_->reading || call_->writing || call_->finishing) return;
  call_->finishing = true;
  call_->stream->Finish(&call_->status, &tags_[static_cast<int>(Op::kFinish)]);
}

void Collector::Ended(Clock::time_point now) {
  const grpc::Status status = call_->status;
  const bool in_order = call_->half_closed && status.ok();
  call_.reset();
  if (in_order || given_up_) {
    over_ = true;
    return;
  }
  ++totals_->errors[status.ok() ? "the server ended the stream" : status.error_message()];
  timers_->At(now + kReconnectAfter, this);
}

}  // namespace wakewatch::fleet
