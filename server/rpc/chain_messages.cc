#include "server/rpc/chain_messages.h"

#include <string_view>

#include "server/rpc/report_messages.h"

namespace wakewatch {
namespace {

// The enumerator of that name; `unknown` when there is none.
template <typename Enum>
Enum Named(std::string_view name, Enum unknown) {
  for (int i = 0; i <= static_cast<int>(LastOf(Enum{})); ++i) {
    if (Name(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  }
  return unknown;
}

void ToMessage(const PathSegment& segment, v1::PathSegment* message) {
  message->set_start_ns(segment.start_ns);
  message->set_end_ns(segment.end_ns);
  message->set_kind(std::string(Name(segment.kind)));
  message->set_pid(segment.pid);
  message->set_comm(Utf8(segment.comm));
  if (segment.cpu >= 0) message->set_cpu(static_cast<uint32_t>(segment.cpu));
  if (segment.holder_pid >= 0) message->set_holder_pid(segment.holder_pid);
  message->set_holder_comm(Utf8(segment.holder_comm));
  message->set_holder_ns(segment.holder_ns);
  message->set_context(std::string(Name(segment.context)));
  message->set_source(Utf8(segment.source));
}

ChainLink FromMessage(const v1::ChainLink& message) {
  ChainLink link;
  if (message.has_pid()) link.pid = message.pid();
  link.comm = message.comm();
  link.context = Named(message.context(), WakeContext::kUnknown);
  link.source = message.source();
  link.cpu = message.cpu();
  link.waking_ns = message.waking_ns();
  link.in_ns = message.in_ns();
  return link;
}

PathSegment FromMessage(const v1::PathSegment& message) {
  PathSegment segment;
  segment.start_ns = message.start_ns();
  segment.end_ns = message.end_ns();
  segment.kind = Named(message.kind(), PathKind::kUnknown);
  segment.pid = message.pid();
  segment.comm = message.comm();
  if (message.has_cpu()) segment.cpu = static_cast<int32_t>(message.cpu());
  if (message.has_holder_pid()) segment.holder_pid = message.holder_pid();
  segment.holder_comm = message.holder_comm();
  segment.holder_ns = message.holder_ns();
  segment.context = Named(message.context(), WakeContext::kUnknown);
  segment.source = message.source();
  return segment;
}

}  // namespace

void ToMessage(const ChainLink& link, v1::ChainLink* message) {
  if (link.pid >= 0) message->set_pid(link.pid);
  message->set_comm(Utf8(link.comm));
  message->set_context(std::string(Name(link.context)));
  message->set_source(Utf8(link.source));
  message->set_cpu(link.cpu);
  message->set_waking_ns(link.waking_ns);
  message->set_in_ns(link.in_ns);
}

void ToMessage(const ChainAnswer& answer, v1::GetChainResponse* message) {
  message->set_pid(answer.path.pid);
  message->set_comm(Utf8(answer.path.comm));
  message->set_from_ns(answer.path.from_ns);
  message->set_to_ns(answer.path.to_ns);
  message->set_has_gaps(answer.has_gaps);
  for (const PathSegment& segment : answer.path.segments) ToMessage(segment, message->add_segments());
  if (!answer.wait) return;
  v1::WorstWake* const wait = message->mutable_wait();
  wait->set_cpu(answer.wait->cpu);
  wait->set_waking_ns(answer.wait->waking_ns);
  wait->set_wakeup_ns(answer.wait->wakeup_ns);
  wait->set_in_ns(answer.wait->in_ns);
  for (const ChainLink& link : answer.wait->chain) ToMessage(link, wait->add_chain());
}

ChainAnswer FromMessage(const v1::GetChainResponse& message) {
  ChainAnswer answer;
  answer.has_gaps = message.has_gaps();
  answer.path = {message.pid(), message.comm(), message.from_ns(), message.to_ns(), {}};
  for (const v1::PathSegment& segment : message.segments()) answer.path.segments.push_back(FromMessage(segment));
  if (!message.has_wait()) return answer;
  const v1::WorstWake& wait = message.wait();
  answer.wait = {message.pid(), message.comm(), wait.cpu(), wait.waking_ns(), wait.wakeup_ns(), wait.in_ns(), {}};
  for (const v1::ChainLink& link : wait.chain()) answer.wait->chain.push_back(FromMessage(link));
  return answer;
}

}  // namespace wakewatch
