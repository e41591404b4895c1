#include "collector/broker/broker_client.h"

#include <chrono>
#include <utility>

#include "collector/broker/packet_socket.h"

namespace wakewatch {
namespace {

// Making an instance on a machine that is busy takes seconds; what takes longer hangs.
constexpr std::chrono::milliseconds kPatience{120'000};
constexpr size_t kHeadBytesMax = 64;

struct Enabled {
  std::vector<std::string> events;
  Warnings warnings;
  static void Fields(auto& self, auto& archive) { archive(self.events, self.warnings); }
};

Error Nonsense() { return Error{ErrorCode::kCorrupt, "the privileged half of the collector answers nonsense"}; }

}  // namespace

Result<BrokerClient::Reply> BrokerClient::Call(BrokerVerb verb, std::vector<uint8_t> arguments) {
  const std::lock_guard lock(mutex_);
  if (broken_) return Fail(*broken_);
  ArchiveWriter packet;
  packet(BrokerRequestHead{++sequence_, verb});
  std::vector<uint8_t> bytes = packet.Take();
  bytes.insert(bytes.end(), arguments.begin(), arguments.end());
  if (bytes.size() > kBrokerRequestBytesMax) return Fail(ErrorCode::kTooLarge, "a request to the broker is too long");
  if (auto sent = SendPacket(socket_.get(), bytes, -1); !sent) {
    broken_ = sent.error();
    return Fail(*broken_);
  }
  return Receive(sequence_);
}

Result<BrokerClient::Reply> BrokerClient::Receive(uint32_t sequence) {
  auto packet = ReceivePacket(socket_.get(), kBrokerInlineBytesMax + kHeadBytesMax, true, kPatience);
  if (!packet) {
    broken_ = packet.error();
    return Fail(*broken_);
  }
  BrokerAnswerHead head;
  ArchiveReader reader(packet->bytes);
  reader(head);
  if (packet->cut || !reader.ok() || head.sequence != sequence) {
    broken_ = Nonsense();
    return Fail(*broken_);
  }
  refused_.store(head.refused);
  if (head.failed) {
    ErrorMessage error;
    reader(error);
    return Fail(reader.ok() ? static_cast<Error&&>(std::move(error)) : Nonsense());
  }
  Reply reply;
  if (head.in_file) {
    auto body = ReadFileInMemory(packet->passed.get(), kBrokerAnswerBytesMax);
    if (!body) return Fail(body.error());
    reply.body = *std::move(body);
  } else {
    ArchiveWriter again;
    again(head);
    const auto head_bytes = static_cast<ptrdiff_t>(again.Take().size());
    reply.body.assign(packet->bytes.begin() + head_bytes, packet->bytes.end());
    reply.passed = std::move(packet->passed);
  }
  return reply;
}

template <typename... Values>
Result<BrokerClient::Reply> BrokerClient::Ask(BrokerVerb verb, const Values&... values) {
  ArchiveWriter arguments;
  if constexpr (sizeof...(values) > 0) arguments(values...);
  return Call(verb, arguments.Take());
}

template <typename T, typename... Values>
Result<T> BrokerClient::AskFor(BrokerVerb verb, const Values&... values) {
  const auto reply = Ask(verb, values...);
  if (!reply) return Fail(reply.error());
  T answer{};
  ArchiveReader reader(reply->body);
  reader(answer);
  if (!reader.ok() || !reader.AtEnd()) return Fail(Nonsense());
  return answer;
}

Result<InstanceSetup> BrokerClient::Prepare(const InstanceWish& wish) {
  auto setup = AskFor<InstanceSetup>(BrokerVerb::kPrepare, WishMessage{wish});
  if (setup) setup->warnings.insert(setup->warnings.begin(), warnings_.begin(), warnings_.end());
  return setup;
}

Result<EventSelection> BrokerClient::Select(const std::vector<std::string>& wanted) {
  auto selection = AskFor<SelectionMessage>(BrokerVerb::kSelect, wanted);
  if (!selection) return Fail(selection.error());
  return static_cast<EventSelection&&>(*std::move(selection));
}

Result<std::string> BrokerClient::EventFile(const std::string& file) {
  return AskFor<std::string>(BrokerVerb::kEventFile, file);
}

Result<std::vector<std::string>> BrokerClient::Enable(const std::vector<std::string>& events, Warnings* warnings) {
  auto enabled = AskFor<Enabled>(BrokerVerb::kEnable, events);
  if (!enabled) return Fail(enabled.error());
  warnings->insert(warnings->end(), enabled->warnings.begin(), enabled->warnings.end());
  return std::move(enabled->events);
}

Status BrokerClient::SetEvent(const std::string& event, bool on) {
  if (const auto done = Ask(BrokerVerb::kSetEvent, event, on); !done) return Fail(done.error());
  return {};
}

Status BrokerClient::SetTracing(bool on) {
  if (const auto done = Ask(BrokerVerb::kSetTracing, on); !done) return Fail(done.error());
  return {};
}

Result<Descriptor> BrokerClient::OpenPipe(uint32_t cpu) {
  auto reply = Ask(BrokerVerb::kOpenPipe, cpu);
  if (!reply) return Fail(reply.error());
  if (reply->passed.get() < 0) return Fail(Nonsense());
  return std::move(reply->passed);
}

Result<CpuStats> BrokerClient::ReadStats(uint32_t cpu) {
  const auto stats = AskFor<StatsMessage>(BrokerVerb::kReadStats, cpu);
  if (!stats) return Fail(stats.error());
  return static_cast<const CpuStats&>(*stats);
}

ProbeHitsByName BrokerClient::ProbeHits() {
  return AskFor<ProbeHitsByName>(BrokerVerb::kProbeHits).value_or(ProbeHitsByName());
}

std::vector<ThreadInfo> BrokerClient::ScanThreads(KthreadInventory::Depth depth, uint64_t now_ns) {
  std::vector<ThreadInfo> threads;
  auto messages = AskFor<std::vector<ThreadMessage>>(BrokerVerb::kScanThreads, depth, now_ns);
  if (!messages) return threads;
  for (ThreadMessage& message : *messages) threads.push_back(static_cast<ThreadInfo&&>(std::move(message)));
  return threads;
}

TaskSnapshot BrokerClient::Snapshot(uint64_t request_id, int32_t pid, uint64_t trace_now_ns) {
  auto snapshot = AskFor<SnapshotMessage>(BrokerVerb::kSnapshot, request_id, pid, trace_now_ns);
  if (snapshot) return static_cast<TaskSnapshot&&>(*std::move(snapshot));
  TaskSnapshot nothing;
  nothing.request_id = request_id;
  nothing.pid = pid;
  nothing.ts_ns = trace_now_ns;
  nothing.error = snapshot.error().Text();
  return nothing;
}

Result<Descriptor> BrokerClient::OpenSymbols() {
  auto reply = Ask(BrokerVerb::kOpenSymbols);
  if (!reply) return Fail(reply.error());
  if (reply->passed.get() < 0) return Fail(Nonsense());
  return std::move(reply->passed);
}

Status BrokerClient::RaisePriority(int32_t tid) {
  if (const auto done = Ask(BrokerVerb::kRaisePriority, tid); !done) return Fail(done.error());
  return {};
}

Status BrokerClient::Check() {
  if (IsHungUp(socket_.get())) return Fail(ErrorCode::kInterrupted, "the privileged half of the collector is gone");
  return {};
}

Warnings BrokerClient::Remove() {
  auto left = AskFor<Warnings>(BrokerVerb::kRemove);
  return left ? *std::move(left) : Warnings{left.error().Text()};
}

}  // namespace wakewatch
