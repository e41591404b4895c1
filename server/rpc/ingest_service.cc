#include "server/rpc/ingest_service.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "analysis/chunk/chunk.h"
#include "proto/wire/batch_codec.h"
#include "proto/wire/versions.h"
#include "server/live/replay.h"
#include "server/rpc/call_guard.h"
#include "server/rpc/status.h"

namespace wakewatch {
namespace {

constexpr uint32_t kWindowBatches = 8;

VersionSpan SpanOf(const v1::VersionRange& range) { return {range.oldest(), range.newest()}; }

// What workers say to one collector. It outlives the stream, and says nothing once the stream is over.
class StreamDelivery;

class IngestStream final : public grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse> {
 public:
  IngestStream(Fleet* fleet, AccessControl* access, Caller caller);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { Close(grpc::Status::CANCELLED); }
  void OnDone() override;

  void Send(v1::IngestResponse response);
  void Welcome(uint64_t committed_sequence);
  void Ack(uint64_t sequence);
  // Finishes once what is to be sent has been sent.
  void Close(const grpc::Status& status);

 private:
  bool Begin(const v1::Hello& hello);
  // Whether the caller may deliver this session. Errors: kPermission.
  wakewatch::Status MayDeliver(const SessionInfo& session) const;
  // False: the stream was closed, or is to be read no further for now.
  bool Take(v1::IngestRequest* request);
  void TakeState(const v1::CollectorState& state);
  void TakeSnapshot(v1::TaskSnapshot* snapshot);
  void ReadOn();
  void WriteNext();  // with mutex_ held

  Fleet* const fleet_;
  AccessControl* const access_;
  const Caller caller_;
  std::shared_ptr<StreamDelivery> delivery_;
  std::unique_ptr<Fleet::Feed> feed_;
  v1::IngestRequest request_;
  uint32_t wire_version_ = 0, chunk_version_ = 0;

  std::mutex mutex_;  // guards what follows
  std::deque<v1::IngestResponse> to_send_;
  bool writing_ = false, finished_ = false;
  bool paused_ = false;        // nothing is read before the next Ack
  bool acknowledged_ = false;  // since the batch that was offered last
  std::optional<grpc::Status> closing_;
};

class StreamDelivery final : public Delivery {
 public:
  explicit StreamDelivery(IngestStream* stream) : stream_(stream) {}
  void Forget() {
    const std::lock_guard lock(mutex_);
    stream_ = nullptr;
  }
  void Welcome(uint64_t committed_sequence) override {
    const std::lock_guard lock(mutex_);
    if (stream_ != nullptr) stream_->Welcome(committed_sequence);
  }
  void Ack(uint64_t sequence) override {
    const std::lock_guard lock(mutex_);
    if (stream_ != nullptr) stream_->Ack(sequence);
  }
  void Refuse(uint64_t sequence, const std::string& cause, const std::string& remedy) override {
    v1::IngestResponse response;
    v1::Refusal* const refusal = response.mutable_refusal();
    refusal->set_sequence(sequence);
    refusal->set_cause(cause);
    refusal->set_remedy(remedy);
    const std::lock_guard lock(mutex_);
    if (stream_ != nullptr) stream_->Send(std::move(response));
  }
  void RequestSnapshot(uint64_t request_id, int32_t pid) override {
    v1::IngestResponse response;
    response.mutable_snapshot()->set_request_id(request_id);
    response.mutable_snapshot()->set_pid(pid);
    const std::lock_guard lock(mutex_);
    if (stream_ != nullptr) stream_->Send(std::move(response));
  }
  void End(const Error& error) override {
    const std::lock_guard lock(mutex_);
    if (stream_ != nullptr) stream_->Close(ToStatus(error));
  }

 private:
  std::mutex mutex_;
  IngestStream* stream_;
};

IngestStream::IngestStream(Fleet* fleet, AccessControl* access, Caller caller)
    : fleet_(fleet), access_(access), caller_(std::move(caller)), delivery_(std::make_shared<StreamDelivery>(this)) {
  StartRead(&request_);
}

void IngestStream::OnReadDone(bool ok) {
  if (!ok) return Close(grpc::Status::OK);  // the collector has said all, or has gone
  if (Take(&request_)) ReadOn();
}

// Under the lock, as Finish is: nothing may be read once the stream has been finished.
void IngestStream::ReadOn() {
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  request_.Clear();
  StartRead(&request_);
}

bool IngestStream::Begin(const v1::Hello& hello) {
  const VersionSpan wires = SpanOf(hello.wire()), chunks = SpanOf(hello.chunk());
  const auto wire = CommonVersion(wires, kWireVersions), chunk = CommonVersion(chunks, kChunkVersions);
  if (!wire || !chunk) {
    Close({grpc::StatusCode::FAILED_PRECONDITION, !wire ? NoCommonVersion("protocol", wires, kWireVersions)
                                                        : NoCommonVersion("chunk format", chunks, kChunkVersions)});
    return false;
  }
  wire_version_ = *wire;
  chunk_version_ = *chunk;
  const auto session = SessionFromMessage(hello.session());
  if (!session) {
    Close({grpc::StatusCode::INVALID_ARGUMENT, "hello: " + session.error().Text()});
    return false;
  }
  if (auto may = MayDeliver(*session); !may) {
    Close(ToStatus(may.error()));
    return false;
  }
  auto feed = fleet_->Connect(*session, delivery_);
  if (!feed) {
    Close(ToStatus(feed.error()));
    return false;
  }
  feed_ = std::move(*feed);
  return true;
}

wakewatch::Status IngestStream::MayDeliver(const SessionInfo& session) const {
  const bool replayed = session.collector_version == kReplayVersion;
  if (auto may = MayDeliverAs(caller_, session.host, replayed); !may) return may;
  if (caller_.everybody || MayDeliverAs(caller_, session.host, false)) return {};
  // Who may only import must not add to what a collector has said of its host.
  for (const HostState& host : fleet_->Hosts()) {
    const bool imported = host.boot_id.rfind("import-", 0) == 0 || host.collector_version == kReplayVersion;
    if (host.name != session.host || imported) continue;
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = "host \"" + session.host + "\" has a collector of its own",
                      .remedy = "import under another name: --host"});
  }
  return {};
}

bool IngestStream::Take(v1::IngestRequest* request) {
  if (access_ != nullptr && !access_->StillGood(caller_)) {
    Close({grpc::StatusCode::UNAUTHENTICATED, "the caller's token is no longer good (wakewatch token list tells why)"});
    return false;
  }
  if (feed_ == nullptr) {
    if (request->has_hello()) return Begin(request->hello());
    Close({grpc::StatusCode::INVALID_ARGUMENT, "a stream begins with hello"});
    return false;
  }
  switch (request->message_case()) {
    case v1::IngestRequest::kBatch: break;
    case v1::IngestRequest::kState: TakeState(request->state()); return true;
    case v1::IngestRequest::kSnapshot: TakeSnapshot(request->mutable_snapshot()); return true;
    case v1::IngestRequest::kHello: Close({grpc::StatusCode::INVALID_ARGUMENT, "a second hello"}); return false;
    default: return true;  // what a newer collector may say
  }
  const size_t bytes = request->ByteSizeLong();
  const uint64_t sequence = request->batch().sequence();
  auto batch = BatchFromMessage(request->mutable_batch());
  if (!batch && sequence == 0) {
    Close(ToStatus(batch.error()));
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    acknowledged_ = false;
  }
  const bool room =
      batch ? feed_->Offer(std::move(*batch), bytes) : feed_->OfferUnreadable(sequence, std::move(batch.error()));
  const std::lock_guard lock(mutex_);
  // Where an Ack came in between, of this batch or one before, none may follow that would end the pause.
  paused_ = !room && !acknowledged_;
  return !paused_;
}

void IngestStream::TakeState(const v1::CollectorState& state) {
  constexpr int kWarningsMax = 20;
  CollectorHealth report;
  report.profile = state.profile();
  report.profile_wanted = state.profile_wanted();
  report.events_lost = state.events_lost();
  report.events_dropped = state.events_dropped();
  report.queue_bytes = state.queue_bytes();
  for (int i = 0; i < std::min(state.warnings_size(), kWarningsMax); ++i) {
    report.warnings.push_back(state.warnings(i).substr(0, 500));
  }
  feed_->Report(std::move(report));
}

void IngestStream::TakeSnapshot(v1::TaskSnapshot* snapshot) {
  ProcSnapshot answer;
  answer.pid = snapshot->pid();
  answer.ts_ns = snapshot->ts_ns();
  answer.stack = std::move(*snapshot->mutable_stack());
  answer.wchan = std::move(*snapshot->mutable_wchan());
  answer.status = std::move(*snapshot->mutable_status());
  answer.error = std::move(*snapshot->mutable_error());
  feed_->OfferSnapshot(snapshot->request_id(), std::move(answer));
}

void IngestStream::Welcome(uint64_t committed_sequence) {
  v1::IngestResponse response;
  v1::Welcome* const welcome = response.mutable_welcome();
  welcome->set_wire_version(wire_version_);
  welcome->set_chunk_version(chunk_version_);
  welcome->set_committed_sequence(committed_sequence);
  welcome->set_window_batches(kWindowBatches);
  welcome->set_message_bytes_max(kMessageBytesMax);
  Send(std::move(response));
}

void IngestStream::Ack(uint64_t sequence) {
  v1::IngestResponse response;
  response.mutable_ack()->set_sequence(sequence);
  Send(std::move(response));
  bool read_on = false;
  {
    const std::lock_guard lock(mutex_);
    acknowledged_ = true;
    // Only what is paused is read on from here: a second reader would overtake the batch that the first is offering.
    read_on = std::exchange(paused_, false);
  }
  if (read_on) ReadOn();
}

void IngestStream::Send(v1::IngestResponse response) {
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  to_send_.push_back(std::move(response));
  if (!writing_) WriteNext();
}

void IngestStream::WriteNext() {
  if (!to_send_.empty()) {
    writing_ = true;
    StartWrite(&to_send_.front());
  } else if (closing_ && !finished_) {
    finished_ = true;
    Finish(*closing_);
  }
}

void IngestStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  to_send_.pop_front();
  if (!ok) to_send_.clear();
  WriteNext();
}

void IngestStream::Close(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  closing_ = status;
  if (!writing_) WriteNext();
}

void IngestStream::OnDone() {
  delivery_->Forget();
  if (feed_ != nullptr) feed_->Disconnect();
  delete this;
}

class RefusedStream final : public grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse> {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse>* IngestService::Stream(
    grpc::CallbackServerContext* context) {
  Decision decision = CallerOf(*context, access_, {Need::kRole, Role::kIngest});
  if (decision.verdict != Verdict::kAllowed) return new RefusedStream(ToStatus(decision));
  return new IngestStream(fleet_, access_, std::move(decision.caller));
}

}  // namespace wakewatch
