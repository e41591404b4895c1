#include "server/rpc/protocol_messages.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

using protocol::CheckResult;
using protocol::Memory;
using protocol::StepRecord;

CheckResult Losing() {
  CheckResult result;
  result.protocol = "p\xff";
  result.title = "a title";
  result.memory = Memory::kTso;
  result.verdict = protocol::Verdict::kLoses;
  result.property = protocol::Property::kDeadlock;
  result.loss = "worker waits for ever";
  result.unfinished = "no";
  result.tasks = {"worker", "waker"};
  StepRecord step;
  step.task = 1;
  step.flush = true;
  step.point = 7;
  step.kernel_function = "try_to_wake_up";
  step.statement = "wake_up_process(worker)";
  step.place = {9, 5};
  step.accesses = {"cond = 1", "reads worker.state: TASK_RUNNING"};
  step.note = "not asleep";
  step.events = {{"sched_waking", {"worker"}, 0}, {"ttwu_ret", {"worker", "0"}, 1}};
  result.counterexample = {step, {}};
  result.states = 11;
  result.transitions = 12;
  result.depth = 13;
  result.memory_bytes = 14;
  result.store_buffer_full = true;
  result.store_buffer_depth = 15;
  result.omission_probability = 0.25;
  result.assumptions = {"x86"};
  return result;
}

TEST(ProtocolMessages, ACheckComesBackWhole) {
  const TimedCheck sent{Losing(), 1.5};
  v1::CheckProtocolResponse message;
  ToMessage(sent, &message);
  EXPECT_EQ(message.protocol(), "p\xef\xbf\xbd") << "messages hold UTF-8";
  const TimedCheck back = FromMessage(message);
  const CheckResult &a = sent.result, &b = back.result;
  EXPECT_EQ(b.title, a.title);
  EXPECT_EQ(b.memory, a.memory);
  EXPECT_EQ(b.verdict, a.verdict);
  EXPECT_EQ(b.property, a.property);
  EXPECT_EQ(b.loss, a.loss);
  EXPECT_EQ(b.unfinished, a.unfinished);
  EXPECT_EQ(b.tasks, a.tasks);
  ASSERT_EQ(b.counterexample.size(), 2u);
  const StepRecord &sent_step = a.counterexample[0], &step = b.counterexample[0];
  EXPECT_EQ(step.task, sent_step.task);
  EXPECT_EQ(step.flush, sent_step.flush);
  EXPECT_EQ(step.point, sent_step.point);
  EXPECT_EQ(step.kernel_function, sent_step.kernel_function);
  EXPECT_EQ(step.statement, sent_step.statement);
  EXPECT_EQ(step.place, sent_step.place);
  EXPECT_EQ(step.accesses, sent_step.accesses);
  EXPECT_EQ(step.note, sent_step.note);
  ASSERT_EQ(step.events.size(), 2u);
  EXPECT_EQ(step.events[1].name, "ttwu_ret");
  EXPECT_EQ(step.events[1].args, sent_step.events[1].args);
  EXPECT_EQ(step.events[1].level, 1);
  EXPECT_EQ(b.states, a.states);
  EXPECT_EQ(b.transitions, a.transitions);
  EXPECT_EQ(b.depth, a.depth);
  EXPECT_EQ(b.memory_bytes, a.memory_bytes);
  EXPECT_TRUE(b.store_buffer_full);
  EXPECT_EQ(b.store_buffer_depth, a.store_buffer_depth);
  EXPECT_EQ(b.omission_probability, a.omission_probability);
  EXPECT_EQ(b.assumptions, a.assumptions);
  EXPECT_EQ(back.seconds, 1.5);
}

TEST(ProtocolMessages, AStepOfNobodyIsDropped) {
  v1::CheckProtocolResponse message;
  ToMessage(TimedCheck{Losing(), 0}, &message);
  message.mutable_counterexample(0)->set_task(2);
  EXPECT_EQ(FromMessage(message).result.counterexample.size(), 1u);
}

TEST(ProtocolMessages, AWishComesBack) {
  for (const Memory memory : {Memory::kSc, Memory::kTso}) {
    CheckWish wish;
    wish.options.memory = memory;
    wish.options.partial_order = false;
    wish.options.symmetry = memory == Memory::kSc;
    wish.options.hash_compaction = true;
    wish.options.states_max = 5;
    wish.options.memory_bytes_max = 6;
    wish.time_max = std::chrono::milliseconds(7);
    v1::CheckProtocolRequest message;
    ToMessage(wish, &message);
    const auto back = FromMessage(message);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->options.memory, memory);
    EXPECT_FALSE(back->options.partial_order);
    EXPECT_EQ(back->options.symmetry, memory == Memory::kSc);
    EXPECT_TRUE(back->options.hash_compaction);
    EXPECT_EQ(back->options.states_max, 5u);
    EXPECT_EQ(back->options.memory_bytes_max, 6u);
    EXPECT_EQ(back->time_max.count(), 7);
  }
  v1::CheckProtocolRequest message;
  EXPECT_EQ(FromMessage(message)->options.memory, Memory::kTso) << "its runs are those of sc and more";
  message.set_memory("arm");
  EXPECT_FALSE(FromMessage(message));
}

TEST(ProtocolMessages, AProtocolHasItsOwnVerdicts) {
  const ShippedAbout about{"one", "first", {"kthread-stop"}, "safe", "loses"};
  const std::vector<ProtocolVerdict> verdicts = {{"one", "sc", "safe", "", "safe", 5, 4, 0, 1, "h"},
                                                 {"one", "tso", "loses", "lost-wakeup", "loses", 9, 8, 7, 1, "h"},
                                                 {"two", "sc", "safe", "", "", 1, 1, 0, 1, "h"}};
  v1::Protocol message;
  ToMessage(about, verdicts, &message);
  EXPECT_EQ(message.explains(0), "kthread-stop");
  ASSERT_EQ(message.verdicts_size(), 2);
  EXPECT_EQ(message.verdicts(1).property(), "lost-wakeup");
  EXPECT_EQ(message.verdicts(1).steps(), 7u);
  EXPECT_EQ(message.verdicts(0).expected(), "safe");
}

}  // namespace
}  // namespace wakewatch
