#include "server/rpc/protocol_messages.h"

#include <string_view>
#include <utility>

#include "server/rpc/report_messages.h"

namespace wakewatch {
namespace {

using protocol::StepRecord;

// The enumerator of that name; `unknown` when there is none.
template <typename Enum>
Enum Named(std::string_view name, std::initializer_list<Enum> all, Enum unknown) {
  for (const Enum one : all) {
    if (protocol::Name(one) == name) return one;
  }
  return unknown;
}

void ToMessage(const StepRecord& step, v1::ProtocolStep* message) {
  message->set_task(static_cast<uint32_t>(step.task));
  message->set_flush(step.flush);
  message->set_point(step.point);
  message->set_kernel_function(Utf8(step.kernel_function));
  message->set_statement(Utf8(step.statement));
  message->set_line(step.place.line);
  message->set_column(step.place.column);
  for (const std::string& access : step.accesses) message->add_accesses(Utf8(access));
  message->set_note(Utf8(step.note));
  for (const StepRecord::Event& event : step.events) {
    v1::ProtocolEvent* const out = message->add_events();
    out->set_name(Utf8(event.name));
    for (const std::string& argument : event.args) out->add_args(Utf8(argument));
    out->set_level(event.level);
  }
}

StepRecord FromMessage(const v1::ProtocolStep& message) {
  StepRecord step;
  step.task = message.task();
  step.flush = message.flush();
  step.point = message.point();
  step.kernel_function = message.kernel_function();
  step.statement = message.statement();
  step.place = {message.line(), message.column()};
  step.accesses.assign(message.accesses().begin(), message.accesses().end());
  step.note = message.note();
  for (const v1::ProtocolEvent& event : message.events()) {
    step.events.push_back(
        {event.name(), {event.args().begin(), event.args().end()}, static_cast<uint8_t>(event.level())});
  }
  return step;
}

}  // namespace

void ToMessage(const CheckWish& wish, v1::CheckProtocolRequest* message) {
  message->set_memory(std::string(protocol::Name(wish.options.memory)));
  message->set_states_max(wish.options.states_max);
  message->set_memory_bytes_max(wish.options.memory_bytes_max);
  message->set_milliseconds_max(static_cast<uint32_t>(wish.time_max.count()));
  message->set_no_reduction(!wish.options.partial_order);
  message->set_no_symmetry(!wish.options.symmetry);
  message->set_hash_compaction(wish.options.hash_compaction);
}

Result<CheckWish> FromMessage(const v1::CheckProtocolRequest& message) {
  CheckWish wish;
  wish.options.memory =
      message.memory() == protocol::Name(protocol::Memory::kSc) ? protocol::Memory::kSc : protocol::Memory::kTso;
  if (!message.memory().empty() && message.memory() != protocol::Name(wish.options.memory)) {
    return Fail(ErrorCode::kInvalidArgument, "memory is \"sc\" or \"tso\"");
  }
  wish.options.states_max = message.states_max();
  wish.options.memory_bytes_max = message.memory_bytes_max();
  wish.time_max = std::chrono::milliseconds(message.milliseconds_max());
  wish.options.partial_order = !message.no_reduction();
  wish.options.symmetry = !message.no_symmetry();
  wish.options.hash_compaction = message.hash_compaction();
  return wish;
}

void ToMessage(const TimedCheck& check, v1::CheckProtocolResponse* message) {
  const protocol::CheckResult& result = check.result;
  message->set_protocol(Utf8(result.protocol));
  message->set_title(Utf8(result.title));
  message->set_memory(std::string(protocol::Name(result.memory)));
  message->set_verdict(std::string(protocol::Name(result.verdict)));
  message->set_property(std::string(protocol::Name(result.property)));
  message->set_loss(Utf8(result.loss));
  message->set_unfinished(Utf8(result.unfinished));
  for (const std::string& task : result.tasks) message->add_tasks(Utf8(task));
  for (const StepRecord& step : result.counterexample) ToMessage(step, message->add_counterexample());
  message->set_states(result.states);
  message->set_transitions(result.transitions);
  message->set_depth(result.depth);
  message->set_memory_bytes(result.memory_bytes);
  message->set_store_buffer_full(result.store_buffer_full);
  message->set_store_buffer_depth(result.store_buffer_depth);
  message->set_omission_probability(result.omission_probability);
  for (const std::string& assumption : result.assumptions) message->add_assumptions(Utf8(assumption));
  message->set_seconds(check.seconds);
  message->set_checker_version(protocol::kCheckerVersion);
}

TimedCheck FromMessage(const v1::CheckProtocolResponse& message) {
  using protocol::Memory, protocol::Property, protocol::Verdict;
  TimedCheck check;
  protocol::CheckResult& result = check.result;
  result.protocol = message.protocol();
  result.title = message.title();
  result.memory = Named(message.memory(), {Memory::kSc, Memory::kTso}, Memory::kTso);
  result.verdict =
      Named(message.verdict(), {Verdict::kSafe, Verdict::kLoses, Verdict::kUnfinished}, Verdict::kUnfinished);
  result.property =
      Named(message.property(), {Property::kLostWakeup, Property::kDeadlock, Property::kAssertion}, Property::kNone);
  result.loss = message.loss();
  result.unfinished = message.unfinished();
  result.tasks.assign(message.tasks().begin(), message.tasks().end());
  for (const v1::ProtocolStep& step : message.counterexample()) {
    // A step of nobody would be looked up among the tasks.
    if (step.task() < result.tasks.size()) result.counterexample.push_back(FromMessage(step));
  }
  result.states = message.states();
  result.transitions = message.transitions();
  result.depth = message.depth();
  result.memory_bytes = message.memory_bytes();
  result.store_buffer_full = message.store_buffer_full();
  result.store_buffer_depth = message.store_buffer_depth();
  result.omission_probability = message.omission_probability();
  result.assumptions.assign(message.assumptions().begin(), message.assumptions().end());
  check.seconds = message.seconds();
  return check;
}

void ToMessage(const ShippedAbout& about, const std::vector<ProtocolVerdict>& verdicts, v1::Protocol* message) {
  message->set_name(about.name);
  message->set_title(Utf8(about.title));
  for (const std::string& cls : about.explains) message->add_explains(Utf8(cls));
  for (const ProtocolVerdict& verdict : verdicts) {
    if (verdict.name != about.name) continue;
    v1::ProtocolVerdict* const out = message->add_verdicts();
    out->set_memory(verdict.memory);
    out->set_verdict(verdict.verdict);
    out->set_property(verdict.property);
    out->set_expected(verdict.expected);
    out->set_states(verdict.states);
    out->set_depth(verdict.depth);
    out->set_steps(static_cast<uint32_t>(verdict.steps));
    out->set_checker_version(verdict.checker_version);
  }
}

}  // namespace wakewatch
