#include "analysis/protocol/search/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/protocol/search/program_test_support.h"

namespace wakewatch::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Code = std::vector<Instruction>;

// Globals of every program here: x (0 ... 9), y (0 or 1), and a list with room for three.
constexpr int32_t kX = 0, kY = 1, kList = 2;

struct Made {
  Program program;
  State state;
};
// Two tasks with the same first step, and an end.
Made Make(Code step, Memory memory = Memory::kSc, uint8_t depth = 2) {
  Assembler a(memory, depth);
  a.Global("x", 9, 3);
  a.Global("y", 1);
  a.List("wq.waiters", 3);
  a.Text("a remark");
  a.Event({"sched_waking", 0, {EventKind::Arg::kTask, EventKind::Arg::kState}});
  a.program().objects = {"done"};
  a.Event({"complete", 1, {EventKind::Arg::kObject, EventKind::Arg::kValue}});
  a.Code({}, {std::move(step), {{Op::kEnd}}});
  a.Add("worker", 0, 9);
  a.Add("waker", 0, 9);
  Made made{a.End(), {}};
  made.state = Interpreter(made.program).Initial();
  return made;
}
int32_t Region(int task) { return 6 + task * 5; }  // without a store buffer

// The value that `code` leaves on the stack, by way of the local.
int32_t Value(Code code) {
  code.push_back({Op::kStoreLocal, Assembler::kLocal});
  code.push_back({Op::kPoint, 1});
  Made made = Make(code);
  EXPECT_EQ(Interpreter(made.program).Step(0, 0, &made.state, nullptr, nullptr, nullptr), Outcome::kMoved);
  return made.state[Region(0) + Assembler::kLocal];
}

TEST(Interpreter, Expressions) {
  const struct {
    Op op;
    int32_t left, right, value;
  } rows[] = {
      {Op::kOr, 5, 2, 7},           {Op::kXor, 7, 2, 5}, {Op::kAnd, 7, 5, 5},  {Op::kEq, 4, 4, 1},
      {Op::kEq, 4, 5, 0},           {Op::kNe, 4, 5, 1},  {Op::kLt, -1, 0, 1},  {Op::kLt, 0, 0, 0},
      {Op::kLe, 0, 0, 1},           {Op::kGt, 1, 0, 1},  {Op::kGe, 0, 1, 0},   {Op::kShl, 1, 3, 8},
      {Op::kShl, 1, 40, 0},         {Op::kShr, 9, 2, 2}, {Op::kShr, 9, -1, 0}, {Op::kAdd, 4, 5, 9},
      {Op::kSub, 4, 1, 3},          {Op::kMul, 3, 3, 9}, {Op::kDiv, 9, 2, 4},  {Op::kMod, 9, 4, 1},
      {Op::kMod, INT32_MIN, -1, 0},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Value({{Op::kConst, row.left}, {Op::kConst, row.right}, {row.op}}), row.value)
        << static_cast<int>(row.op);
  }
  EXPECT_EQ(Value({{Op::kConst, 4}, {Op::kNot}}), 0);
  EXPECT_EQ(Value({{Op::kConst, 0}, {Op::kNot}}), 1);
  EXPECT_EQ(Value({{Op::kConst, -6}, {Op::kNegate}}), 6);
  EXPECT_EQ(Value({{Op::kConst, -4}, {Op::kInvert}}), 3);
  EXPECT_EQ(Value({{Op::kSelf}}), 0);
  EXPECT_EQ(Value({{Op::kLoad, kX}}), 3);
  EXPECT_EQ(Value({{Op::kConst, kX}, {Op::kLoadAt}}), 3);
  EXPECT_EQ(Value({{Op::kConst, 1}, {Op::kFieldOf, Assembler::kOnRq}, {Op::kLoadAt}}), 1);
  EXPECT_EQ(Value({{Op::kConst, 1}, {Op::kJumpIfZero, 4}, {Op::kConst, 7}, {Op::kJump, 5}, {Op::kConst, 8}}), 7);
  EXPECT_EQ(Value({{Op::kConst, 0}, {Op::kJumpIfZero, 4}, {Op::kConst, 7}, {Op::kJump, 5}, {Op::kConst, 8}}), 8);
}

TEST(Interpreter, Outcomes) {
  const Code end = {{Op::kPoint, 1}};
  const struct {
    const char* story;
    Code step;
    Outcome outcome;
    const char* error;
  } rows[] = {
      {"goes on", {{Op::kConst, 9}, {Op::kStore, kX}}, Outcome::kMoved, ""},
      {"has ended", {{Op::kConst, 1}, {Op::kStore, kX}, {Op::kEnd}}, Outcome::kEnded, ""},
      {"waits", {{Op::kLoad, kY}, {Op::kAwait}}, Outcome::kBlocked, ""},
      {"waits inside of an atomic block", {{Op::kAtomicBegin}, {Op::kLoad, kY}, {Op::kAwait}}, Outcome::kBlocked, ""},
      {"waits no more", {{Op::kLoad, kX}, {Op::kAwait}}, Outcome::kMoved, ""},
      {"an assertion holds", {{Op::kLoad, kX}, {Op::kAssert, 0}}, Outcome::kMoved, ""},
      {"an assertion fails", {{Op::kLoad, kY}, {Op::kAssert, 0}}, Outcome::kAssertionFailed, ""},
      {"too much", {{Op::kConst, 10}, {Op::kStore, kX}}, Outcome::kOutOfBounds, "x goes beyond 9 (to 10)"},
      {"too little", {{Op::kConst, -1}, {Op::kStore, kX}}, Outcome::kOutOfBounds, "x goes below 0 (to -1)"},
      {"too much by address",
       {{Op::kConst, 2}, {Op::kConst, kY}, {Op::kStoreAt}},
       Outcome::kOutOfBounds,
       "y goes beyond 1 (to 2)"},
      {"too much for a local",
       {{Op::kConst, 10}, {Op::kStoreLocal, 4}},
       Outcome::kOutOfBounds,
       "worker.local goes beyond 9 (to 10)"},
      {"no task",
       {{Op::kConst, -1}, {Op::kFieldOf, 0}, {Op::kLoadAt}},
       Outcome::kOutOfBounds,
       "a field of no task is used"},
      {"nowhere", {{Op::kConst, 4000}, {Op::kLoadAt}}, Outcome::kOutOfBounds, "a field of nothing is used"},
      {"by nothing", {{Op::kConst, 1}, {Op::kConst, 0}, {Op::kDiv}}, Outcome::kOutOfBounds, "a division by 0"},
      {"an entry too far",
       {{Op::kConst, kList}, {Op::kConst, 0}, {Op::kListAt}},
       Outcome::kOutOfBounds,
       "wq.waiters has no entry 0"},
      {"no entry",
       {{Op::kConst, kList}, {Op::kConst, 32}, {Op::kConst, 0}, {Op::kListAddTail}},
       Outcome::kOutOfBounds,
       "wq.waiters cannot hold 32"},
      {"for ever",
       {{Op::kJump, 0}},
       Outcome::kEndless,
       "the loop at line 1 never looks at anything that others change"},
      {"without an end of its values",
       {{Op::kConst, 1}, {Op::kJump, 0}},
       Outcome::kOutOfBounds,
       "an expression is nested too deeply"},
  };
  for (const auto& row : rows) {
    Code step = row.step;
    step.insert(step.end(), end.begin(), end.end());
    Made made = Make(step);
    const Interpreter interpreter(made.program);
    const State before = made.state;
    StepRecord record;
    EXPECT_EQ(interpreter.Step(0, 0, &made.state, nullptr, &record, nullptr), row.outcome) << row.story;
    if (row.outcome != Outcome::kMoved && row.outcome != Outcome::kAssertionFailed &&
        row.outcome != Outcome::kOutOfBounds) {
      EXPECT_EQ(made.state, before) << row.story;
    }
    EXPECT_EQ(interpreter.ErrorText(0, 0, before), row.error) << row.story;
    State silent = before;
    EXPECT_EQ(interpreter.Step(0, 0, &silent, nullptr, nullptr, nullptr), row.outcome) << row.story;
    EXPECT_EQ(silent, made.state) << row.story;
  }
}

TEST(Interpreter, BlockedStepsLeaveNoTrace) {
  Made made = Make(
      {{Op::kConst, 7}, {Op::kStoreLocal, 4}, {Op::kConst, 8}, {Op::kStoreLocal, 4}, {Op::kConst, 0}, {Op::kAwait}});
  const State before = made.state;
  EXPECT_EQ(Interpreter(made.program).Step(1, 0, &made.state, nullptr, nullptr, nullptr), Outcome::kBlocked);
  EXPECT_EQ(made.state, before);
}

TEST(Interpreter, Lists) {
  const auto add = [](Op op, int32_t value, int32_t flags) {
    return Code{{Op::kConst, kList}, {Op::kConst, value}, {Op::kConst, flags}, {op}};
  };
  const auto with = [](std::initializer_list<Code> parts) {
    Code code;
    for (const Code& part : parts) code.insert(code.end(), part.begin(), part.end());
    return code;
  };
  const Code two = with({add(Op::kListAddTail, 1, 32), add(Op::kListAddHead, 0, 64)});
  const auto list_after = [&](Code code) {
    code.push_back({Op::kPoint, 1});
    Made made = Make(code);
    EXPECT_EQ(Interpreter(made.program).Step(0, 0, &made.state, nullptr, nullptr, nullptr), Outcome::kMoved);
    return std::vector<int>(made.state.begin() + kList, made.state.begin() + kList + 4);
  };
  EXPECT_THAT(list_after(two), ElementsAre(2, 64, 33, 0));
  EXPECT_THAT(list_after(with({two, {{Op::kConst, kList}, {Op::kConst, 0}, {Op::kListDel}}})),
              ElementsAre(1, 33, 0, 0));
  EXPECT_THAT(list_after(with({two, {{Op::kConst, kList}, {Op::kConst, 5}, {Op::kListDel}}})),
              ElementsAre(2, 64, 33, 0));
  EXPECT_EQ(Value(with({two, {{Op::kConst, kList}, {Op::kListLen}}})), 2);
  EXPECT_EQ(Value(with({two, {{Op::kConst, kList}, {Op::kConst, 1}, {Op::kListAt}}})), 1);
  EXPECT_EQ(Value(with({two, {{Op::kConst, kList}, {Op::kConst, 1}, {Op::kListFlags}, {Op::kConst, 4}, {Op::kShr}}})),
            2);
  EXPECT_EQ(Value(with({two, {{Op::kConst, kList}, {Op::kConst, 1}, {Op::kListHas}}})), 1);
  EXPECT_EQ(Value(with({two, {{Op::kConst, kList}, {Op::kConst, 2}, {Op::kListHas}}})), 0);
  Made full = Make(with({two, two, {{Op::kPoint, 1}}}));
  const State before = full.state;
  const Interpreter interpreter(full.program);
  EXPECT_EQ(interpreter.Step(0, 0, &full.state, nullptr, nullptr, nullptr), Outcome::kOutOfBounds);
  EXPECT_EQ(interpreter.ErrorText(0, 0, before), "wq.waiters has room for 3, and one more is put on it");
}

TEST(Interpreter, AChoiceHasAsManyWaysAsItSays) {
  Made made = Make({{Op::kChoose, 3}, {Op::kStore, kX}, {Op::kPoint, 1}});
  const Interpreter interpreter(made.program);
  EXPECT_EQ(interpreter.Alternatives(0, made.state), 3u);
  for (unsigned way = 0; way < 3; ++way) {
    State state = made.state;
    EXPECT_EQ(interpreter.Step(0, way, &state, nullptr, nullptr, nullptr), Outcome::kMoved);
    EXPECT_EQ(state[kX], way);
  }
  made = Make({{Op::kPoint, 1}});
  EXPECT_EQ(Interpreter(made.program).Alternatives(0, made.state), 1u);
}

TEST(Interpreter, TellsWhatAStepDoes) {
  Made made = Make({{Op::kLoad, kX},
                    {Op::kStoreLocal, 4},
                    {Op::kConst, 2},
                    {Op::kStore, 6},
                    {Op::kConst, 1},
                    {Op::kConst, 2},
                    {Op::kEvent, 0},
                    {Op::kConst, 0},
                    {Op::kConst, 7},
                    {Op::kEvent, 1},
                    {Op::kNote, 1},
                    {Op::kPoint, 1}});
  made.program.points[0].statement = 1;
  const Interpreter interpreter(made.program);
  std::vector<EmittedEvent> events;
  StepRecord record;
  ASSERT_EQ(interpreter.Step(1, 0, &made.state, &events, &record, nullptr), Outcome::kMoved);
  EXPECT_EQ(record.task, 1u);
  EXPECT_EQ(record.statement, "a remark");
  EXPECT_EQ(record.place.line, 1u);
  EXPECT_EQ(record.note, "a remark");
  EXPECT_THAT(record.accesses, ElementsAre("reads x: 3", "worker.state = TASK_UNINTERRUPTIBLE"));
  ASSERT_EQ(record.events.size(), 2u);
  EXPECT_EQ(record.events[0].name, "sched_waking");
  EXPECT_THAT(record.events[0].args, ElementsAre("waker", "TASK_UNINTERRUPTIBLE"));
  EXPECT_THAT(record.events[1].args, ElementsAre("done", "7"));
  EXPECT_EQ(record.events[1].level, 1);
  EXPECT_THAT(events, ElementsAre(EmittedEvent{0, {1, 2}}, EmittedEvent{1, {0, 7}}));
  EXPECT_EQ(interpreter.PointOf(made.state, 1), 1u);
  EXPECT_EQ(interpreter.PointOf(made.state, 0), 0u);
}

TEST(Interpreter, TsoStoresWaitInOrder) {
  Made made = Make({{Op::kLoad, kX}, {Op::kConst, 1}, {Op::kAdd}, {Op::kStore, kX}, {Op::kPoint, 0}}, Memory::kTso);
  const Interpreter interpreter(made.program);
  bool full = false;
  StepRecord record;
  EXPECT_FALSE(interpreter.Flush(0, &made.state, &record));
  EXPECT_EQ(interpreter.Step(0, 0, &made.state, nullptr, &record, &full), Outcome::kMoved);
  EXPECT_THAT(record.accesses, ElementsAre("reads x: 3", "x = 4 (in its store buffer)"));
  // The second sees the first, though memory does not.
  EXPECT_EQ(interpreter.Step(0, 0, &made.state, nullptr, &record, &full), Outcome::kMoved);
  EXPECT_THAT(record.accesses, ElementsAre("reads x: 4", "x = 5 (in its store buffer)"));
  EXPECT_EQ(made.state[kX], 3);
  EXPECT_FALSE(full);
  const State before = made.state;
  EXPECT_EQ(interpreter.Step(0, 0, &made.state, nullptr, nullptr, &full), Outcome::kBlocked);
  EXPECT_TRUE(full);
  EXPECT_EQ(made.state, before);
  EXPECT_TRUE(interpreter.Flush(0, &made.state, &record));
  EXPECT_TRUE(record.flush);
  EXPECT_EQ(record.kernel_function, "store buffer");
  EXPECT_THAT(record.accesses, ElementsAre("x = 4 reaches memory"));
  EXPECT_EQ(made.state[kX], 4);
  EXPECT_TRUE(interpreter.Flush(0, &made.state, nullptr));
  EXPECT_EQ(made.state[kX], 5);
  EXPECT_EQ(made.state, [&] {
    State state = interpreter.Initial();
    state[kX] = 5;
    return state;
  }());
}

TEST(Interpreter, FencesAndAtomicBlocksWaitForTheOwnBufferOnly) {
  for (const Op op : {Op::kFence, Op::kAtomicBegin}) {
    Assembler a(Memory::kTso);
    const int32_t x = static_cast<int32_t>(a.Global("x"));
    a.Code({}, {{{Op::kConst, 1}, {Op::kStore, x}, {Op::kPoint, 1}},
                {{op}, {Op::kConst, 0}, {Op::kStore, x}, {Op::kPoint, 2}},
                {{Op::kEnd}}});
    a.Add("a", 0);
    a.Add("b", 0);
    const Program program = a.End();
    const Interpreter interpreter(program);
    State state = interpreter.Initial();
    bool full = false;
    EXPECT_EQ(interpreter.Step(0, 0, &state, nullptr, nullptr, &full), Outcome::kMoved);
    EXPECT_EQ(interpreter.Step(0, 0, &state, nullptr, nullptr, &full), Outcome::kBlocked);
    EXPECT_FALSE(full);
    EXPECT_TRUE(interpreter.Flush(0, &state, nullptr));
    EXPECT_EQ(state[x], 1);
    EXPECT_EQ(interpreter.Step(1, 0, &state, nullptr, nullptr, &full), Outcome::kMoved);  // its store waits
    EXPECT_EQ(interpreter.Step(0, 0, &state, nullptr, nullptr, &full), Outcome::kMoved);
    EXPECT_EQ(state[x], op == Op::kAtomicBegin ? 0 : 1);
  }
}

TEST(Interpreter, AReleaseWaitsOnlyBehindOthers) {
  Assembler a(Memory::kTso);
  const int32_t x = static_cast<int32_t>(a.Global("x")), y = static_cast<int32_t>(a.Global("y"));
  a.Code({}, {{{Op::kConst, 1}, {Op::kStore, x}, {Op::kPoint, 1}},
              {{Op::kConst, 1}, {Op::kRelease, y}, {Op::kPoint, 2}},
              {{Op::kEnd}}});
  a.Add("a", 0);
  const Program program = a.End();
  const Interpreter interpreter(program);
  for (const bool behind : {false, true}) {
    State state = interpreter.Initial();
    interpreter.Step(0, 0, &state, nullptr, nullptr, nullptr);
    if (!behind) interpreter.Flush(0, &state, nullptr);
    interpreter.Step(0, 0, &state, nullptr, nullptr, nullptr);
    EXPECT_EQ(state[y], behind ? 0 : 1);
    EXPECT_EQ(interpreter.Step(0, 0, &state, nullptr, nullptr, nullptr), Outcome::kEnded);
    EXPECT_EQ(interpreter.Flush(0, &state, nullptr), behind);
  }
}

// One task that may stand at a point of the kind.
std::optional<Interpreter::Loss> LossOf(Point point, int32_t condition_value, bool dormant = false) {
  Assembler a(Memory::kSc);
  const int32_t x = static_cast<int32_t>(a.Global("x"));
  point.statement = static_cast<uint32_t>(a.Text("schedule()"));
  a.Code({point}, {{{Op::kLoad, x}, {Op::kAwait}, {Op::kPoint, 1}}, {{Op::kEnd}}});
  if (condition_value >= 0) a.Condition(0, "x == 0", {{Op::kConst, condition_value}, {Op::kResult}});
  a.Add("worker", 0);
  a.program().tasks[0].dormant = dormant;
  const Program program = a.End();
  const Interpreter interpreter(program);
  const auto loss = interpreter.LossAt(interpreter.Initial());
  EXPECT_EQ(interpreter.SleepsInVain(interpreter.Initial(), 0), loss && loss->property == Property::kLostWakeup);
  return loss;
}

TEST(Interpreter, WhatIsLostAtRest) {
  Point sleep, spin, rest;
  sleep.kind = rest.kind = PointKind::kSleep;
  spin.kind = PointKind::kSpin;
  rest.rest = true;
  EXPECT_FALSE(LossOf(sleep, 0));
  EXPECT_FALSE(LossOf(rest, 1));
  EXPECT_FALSE(LossOf(sleep, 1, true));
  const auto lost = LossOf(sleep, 1);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->property, Property::kLostWakeup);
  EXPECT_EQ(lost->sentence,
            "worker sleeps in schedule() (line 1) for ever, although x == 0 holds and nothing is left to wake it");
  const auto in_any_case = LossOf(sleep, -1);
  ASSERT_TRUE(in_any_case);
  EXPECT_EQ(in_any_case->sentence, "worker sleeps in schedule() (line 1) for ever, and nothing is left to wake it");
  const auto deadlock = LossOf(spin, -1);
  ASSERT_TRUE(deadlock);
  EXPECT_EQ(deadlock->property, Property::kDeadlock);
  EXPECT_EQ(deadlock->sentence,
            "worker waits in schedule() (line 1) for ever: nothing is left that could let it go on");
}

}  // namespace
}  // namespace wakewatch::protocol
