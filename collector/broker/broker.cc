#include "collector/broker/broker.h"

#include <algorithm>
#include <utility>

#include "collector/broker/packet_socket.h"
#include "collector/event_profiles.h"
#include "collector/file_io.h"
#include "collector/probe_definitions.h"

namespace wakewatch {
namespace {

constexpr size_t kNamesMax = 4096;               // in one request
constexpr int32_t kPidMax = 4 << 20;             // PID_MAX_LIMIT
constexpr uint64_t kProbeCostNsMax = 1'000'000;  // more than any machine takes

// What an events folder has: nothing that leads out of it.
bool IsEventName(std::string_view event) {
  const size_t slash = event.find('/');
  const auto is_word = [](std::string_view word) {
    return !word.empty() && word.size() <= 128 && std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
  };
  return slash != std::string_view::npos && is_word(event.substr(0, slash)) && is_word(event.substr(slash + 1));
}

}  // namespace

Broker::Broker(const BrokerLimits& limits, KernelAccess* access) : limits_(limits), access_(access) {
  for (const EventProfile& profile : EventProfiles()) wishes_.insert(profile.events.begin(), profile.events.end());
  wishes_.insert(limits.events.begin(), limits.events.end());
  for (const std::string& wish : wishes_) (wish.find('/') == std::string::npos ? systems_ : events_).insert(wish);
  for (const char* marker : {"ftrace/print", "ftrace/bprint", "ftrace/bputs", "ftrace/raw_data"})
    events_.insert(marker);
  if (!limits.probes) return;
  for (const std::string& name : AllProbeNames()) events_.insert(std::string(kProbeGroup) + "/" + name);
}

bool Broker::Known(const std::string& event) const {
  return IsEventName(event) && (events_.count(event) != 0 || systems_.count(event.substr(0, event.find('/'))) != 0);
}

bool Broker::KnownFile(const std::string& file) const {
  if (file == "header_page") return true;
  const size_t slash = file.rfind('/');
  if (slash == std::string::npos) return false;
  const std::string_view name = std::string_view(file).substr(slash + 1);
  return (name == "format" || name == "id") && Known(file.substr(0, slash));
}

Error Broker::Refusal(const std::string& why) {
  ++refused_;
  return Error{ErrorCode::kInvalidArgument, "the privileged half of the collector refuses this: " + why};
}

template <typename... Values>
bool Broker::Take(ArchiveReader* arguments, Values&... values) {
  if constexpr (sizeof...(values) > 0) (*arguments)(values...);
  return arguments->ok() && arguments->AtEnd();
}

void Broker::Serve(int socket) {
  for (;;) {
    auto packet = ReceivePacket(socket, kBrokerRequestBytesMax, false, std::nullopt);
    if (!packet) return;
    BrokerRequestHead head;
    ArchiveReader arguments(packet->bytes);
    arguments(head);
    Result<Answer> answer = packet->cut       ? Fail(Refusal("it is too long"))
                            : !arguments.ok() ? Fail(Refusal("it has no verb"))
                                              : Handle(head.verb, &arguments);
    if (!Respond(socket, head.sequence, std::move(answer))) return;
  }
}

std::vector<LeftOver> Broker::StopAndCount() {
  std::vector<LeftOver> left;
  if (!prepared_ || !access_->SetTracing(false)) return left;  // it was removed in order
  for (const uint32_t cpu : cpus_) {
    const auto stats = access_->ReadStats(cpu);
    if (!stats) continue;
    const uint64_t overwritten = stats->overrun + stats->commit_overrun + stats->dropped;
    if (stats->entries + overwritten > 0) left.push_back({cpu, stats->entries, overwritten});
  }
  return left;
}

Status Broker::Respond(int socket, uint32_t sequence, Result<Answer> answer) {
  Descriptor passed;
  std::vector<uint8_t> body;
  bool failed = !answer;
  if (answer) {
    passed = std::move(answer->passed);
    body = answer->body.Take();
    if (body.size() > kBrokerInlineBytesMax) {
      if (auto file = FileInMemory(body)) {
        const BrokerAnswerHead head{sequence, refused_, false, true};
        ArchiveWriter packet;
        packet(head);
        return SendPacket(socket, packet.Take(), file->get());
      } else {
        answer = Fail(file.error());
        failed = true;
      }
    }
  }
  ArchiveWriter packet;
  packet(BrokerAnswerHead{sequence, refused_, failed, false});
  if (failed) packet(ErrorMessage{answer.error()});
  std::vector<uint8_t> bytes = packet.Take();
  if (!failed) bytes.insert(bytes.end(), body.begin(), body.end());
  return SendPacket(socket, bytes, passed.get());
}

Result<Broker::Answer> Broker::Prepare(ArchiveReader* arguments) {
  WishMessage wish;
  if (!Take(arguments, wish)) return Fail(Refusal("it makes no sense"));
  if (prepared_) return Fail(Refusal("the instance is there already"));
  const BufferSettings& most = limits_.buffers;
  if (wish.buffers.buffer_kb_per_cpu == 0 || wish.buffers.buffer_kb_per_cpu > most.buffer_kb_per_cpu ||
      wish.buffers.subbuffer_kb == 0 || wish.buffers.subbuffer_kb > most.subbuffer_kb) {
    return Fail(Refusal("buffers of that size were not agreed upon"));
  }
  if (wish.probes && !limits_.probes) return Fail(Refusal("probes were not agreed upon"));
  if (wish.probe_cost_ns > kProbeCostNsMax) return Fail(Refusal("no probe costs that much"));
  prepared_ = true;
  auto setup = access_->Prepare(wish);
  if (!setup) return Fail(setup.error());
  cpus_ = setup->cpus;
  Answer answer;
  answer.body(*setup);
  return answer;
}

Result<Broker::Answer> Broker::Handle(BrokerVerb verb, ArchiveReader* arguments) {
  if (verb == BrokerVerb::kPrepare) return Prepare(arguments);
  if (verb == BrokerVerb::kScanThreads || verb == BrokerVerb::kSnapshot || verb == BrokerVerb::kOpenSymbols ||
      verb == BrokerVerb::kRaisePriority) {
    return HandleTasks(verb, arguments);
  }
  if (!prepared_) return Fail(Refusal("there is no instance yet"));
  Answer answer;
  uint32_t cpu = 0;
  bool on = false;
  switch (verb) {
    case BrokerVerb::kSetTracing: {
      if (!Take(arguments, on)) break;
      if (auto set = access_->SetTracing(on); !set) return Fail(set.error());
      return answer;
    }
    case BrokerVerb::kOpenPipe:
    case BrokerVerb::kReadStats: {
      if (!Take(arguments, cpu) || std::find(cpus_.begin(), cpus_.end(), cpu) == cpus_.end()) break;
      if (verb == BrokerVerb::kOpenPipe) {
        auto pipe = access_->OpenPipe(cpu);
        if (!pipe) return Fail(pipe.error());
        answer.passed = *std::move(pipe);
        return answer;
      }
      const auto stats = access_->ReadStats(cpu);
      if (!stats) return Fail(stats.error());
      answer.body(StatsMessage{*stats});
      return answer;
    }
    case BrokerVerb::kProbeHits: {
      if (!Take(arguments)) break;
      answer.body(access_->ProbeHits());
      return answer;
    }
    case BrokerVerb::kRemove: {
      if (!Take(arguments)) break;
      answer.body(access_->Remove());
      return answer;
    }
    default: return HandleEvents(verb, arguments);
  }
  return Fail(Refusal("it makes no sense"));
}

Result<Broker::Answer> Broker::HandleEvents(BrokerVerb verb, ArchiveReader* arguments) {
  Answer answer;
  std::string name;
  std::vector<std::string> names;
  bool on = false;
  switch (verb) {
    case BrokerVerb::kSelect: {
      if (!Take(arguments, names) || names.size() > kNamesMax) break;
      for (const std::string& wish : names) {
        if (wishes_.count(wish) == 0) return Fail(Refusal("an event of that name is in no profile"));
      }
      const auto selection = access_->Select(names);
      if (!selection) return Fail(selection.error());
      answer.body(SelectionMessage{*selection});
      return answer;
    }
    case BrokerVerb::kEventFile: {
      if (!Take(arguments, name)) break;
      if (!KnownFile(name)) return Fail(Refusal("a file of that name is not needed"));
      const auto text = access_->EventFile(name);
      if (!text) return Fail(text.error());
      answer.body(*text);
      return answer;
    }
    case BrokerVerb::kEnable: {
      if (!Take(arguments, names) || names.size() > kNamesMax) break;
      for (const std::string& event : names) {
        if (!Known(event)) return Fail(Refusal("an event of that name is in no profile"));
      }
      Warnings warnings;
      const auto enabled = access_->Enable(names, &warnings);
      if (!enabled) return Fail(enabled.error());
      answer.body(*enabled, warnings);
      return answer;
    }
    case BrokerVerb::kSetEvent: {
      if (!Take(arguments, name, on)) break;
      if (!Known(name)) return Fail(Refusal("an event of that name is in no profile"));
      if (auto set = access_->SetEvent(name, on); !set) return Fail(set.error());
      return answer;
    }
    default: break;
  }
  return Fail(Refusal("it makes no sense"));
}

Result<Broker::Answer> Broker::HandleTasks(BrokerVerb verb, ArchiveReader* arguments) {
  Answer answer;
  if (verb == BrokerVerb::kScanThreads) {
    KthreadInventory::Depth depth{};
    uint64_t now_ns = 0;
    if (!Take(arguments, depth, now_ns)) return Fail(Refusal("it makes no sense"));
    std::vector<ThreadMessage> threads;
    for (ThreadInfo& info : access_->ScanThreads(depth, now_ns)) threads.push_back({std::move(info)});
    answer.body(threads);
    return answer;
  }
  if (verb == BrokerVerb::kSnapshot) {
    uint64_t request_id = 0, trace_now_ns = 0;
    int32_t pid = 0;
    if (!Take(arguments, request_id, pid, trace_now_ns)) return Fail(Refusal("it makes no sense"));
    if (pid <= 0 || pid > kPidMax) return Fail(Refusal("there is no such pid"));
    answer.body(SnapshotMessage{access_->Snapshot(request_id, pid, trace_now_ns)});
    return answer;
  }
  if (verb == BrokerVerb::kRaisePriority) {
    int32_t tid = 0;
    if (!Take(arguments, tid)) return Fail(Refusal("it makes no sense"));
    if (tid <= 0 || !FileExists("/proc/" + std::to_string(limits_.client) + "/task/" + std::to_string(tid))) {
      return Fail(Refusal("the thread is not its client's"));
    }
    if (auto raised = access_->RaisePriority(tid); !raised) return Fail(raised.error());
    return answer;
  }
  if (!Take(arguments)) return Fail(Refusal("it makes no sense"));
  auto symbols = access_->OpenSymbols();
  if (!symbols) return Fail(symbols.error());
  answer.passed = *std::move(symbols);
  return answer;
}

}  // namespace wakewatch
