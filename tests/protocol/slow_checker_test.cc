#include "tests/protocol/slow_checker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analysis/protocol/search/program_test_support.h"

namespace wakewatch::protocol {
namespace {

constexpr size_t kStatesMax = 10'000;
using Step = std::vector<Instruction>;

int32_t A(uint32_t address) { return static_cast<int32_t>(address); }

Step Store(uint32_t address, int32_t value, int32_t then) {
  return {{Op::kConst, value}, {Op::kStore, A(address)}, {Op::kPoint, then}};
}
Step LoadToLocal(uint32_t address, int32_t then) {
  return {{Op::kLoad, A(address)}, {Op::kStoreLocal, A(Assembler::kLocal)}, {Op::kPoint, then}};
}
const Step kOver = {{Op::kEnd}};

// Two tasks of `steps` steps each have met in all orders.
TEST(SlowChecker, CountsEveryOrderOfSteps) {
  Assembler program(Memory::kSc);
  const uint32_t x = program.Global("x"), y = program.Global("y");
  program.Code({}, {Store(x, 1, 1), Store(x, 0, 2), kOver});
  program.Add("a", 0);
  program.Code({}, {Store(y, 1, 1), Store(y, 0, 2), kOver});
  program.Add("b", 1);
  const SlowResult result = SlowCheck(program.End(), kStatesMax);
  EXPECT_TRUE(result.safe()) << result.Text();
  EXPECT_EQ(result.states, 9u);
  EXPECT_EQ(result.ends, 1u);
}

// Each task stores to its own and loads the other's: both may read 0 with store buffers, and only with them.
TEST(SlowChecker, StoresWaitInTheirBufferWithTotalStoreOrder) {
  struct Row {
    Memory memory;
    bool fence;
    bool both_zero;
  };
  for (const Row& row : {Row{Memory::kSc, false, false}, {Memory::kTso, false, true}, {Memory::kTso, true, false}}) {
    Assembler program(row.memory);
    const uint32_t x = program.Global("x"), y = program.Global("y"), read = program.Global("read", 2);
    const auto task = [&](const char* name, uint32_t group, uint32_t own, uint32_t other) {
      const Step fence = row.fence ? Step{{Op::kFence}, {Op::kPoint, 2}} : Step{{Op::kPoint, 2}};
      program.Code({}, {Store(own, 1, 1),
                        fence,
                        LoadToLocal(other, 3),
                        {{Op::kAtomicBegin},
                         {Op::kLoad, A(read)},
                         {Op::kLoadLocal, A(Assembler::kLocal)},
                         {Op::kNot},
                         {Op::kAdd},
                         {Op::kStore, A(read)},
                         {Op::kLoad, A(read)},
                         {Op::kConst, 2},
                         {Op::kNe},
                         {Op::kAssert, 3},
                         {Op::kAtomicEnd},
                         {Op::kPoint, 4}},
                        kOver});
      program.Add(name, group);
    };
    task("a", 0, x, y);
    task("b", 1, y, x);
    const SlowResult result = SlowCheck(program.End(), kStatesMax);
    EXPECT_EQ(result.losses.contains(Property::kAssertion), row.both_zero) << result.Text();
    EXPECT_TRUE(result.finished);
  }
}

TEST(SlowChecker, ALoadSeesTheOwnBufferFirst) {
  Assembler program(Memory::kTso);
  const uint32_t x = program.Global("x", 3);
  program.Code({}, {Store(x, 1, 1),
                    Store(x, 2, 2),
                    {{Op::kLoad, A(x)}, {Op::kConst, 2}, {Op::kEq}, {Op::kAssert, 2}, {Op::kPoint, 3}},
                    kOver});
  program.Add("a", 0);
  const SlowResult result = SlowCheck(program.End(), kStatesMax);
  EXPECT_TRUE(result.safe()) << result.Text();
  // Behind 0, 1, 2 and 2 stores: 1, 2, 3 and 3 numbers of them that have reached memory.
  EXPECT_EQ(result.states, 9u);
  EXPECT_FALSE(result.store_buffer_full);
}

TEST(SlowChecker, AFullBufferBlocksAStore) {
  Assembler program(Memory::kTso, 1);
  const uint32_t x = program.Global("x", 3);
  program.Code({}, {Store(x, 1, 1), Store(x, 2, 2), kOver});
  program.Add("a", 0);
  const SlowResult result = SlowCheck(program.End(), kStatesMax);
  EXPECT_TRUE(result.safe());
  EXPECT_TRUE(result.store_buffer_full);
  EXPECT_EQ(result.states, 5u);
}

// release: directly where the buffer is empty, behind the others where it is not.
TEST(SlowChecker, AReleaseIsNoStoreOfItsOwnDelay) {
  struct Row {
    bool store_first;
    uint64_t states;
  };
  for (const Row& row : {Row{false, 2}, {true, 6}}) {
    Assembler program(Memory::kTso);
    const uint32_t x = program.Global("x"), lock = program.Global("lock");
    const Step release = {{Op::kConst, 1}, {Op::kRelease, A(lock)}, {Op::kPoint, row.store_first ? 2 : 1}};
    if (row.store_first) {
      program.Code({}, {Store(x, 1, 1), release, kOver});
    } else {
      program.Code({}, {release, kOver});
    }
    program.Add("a", 0);
    EXPECT_EQ(SlowCheck(program.End(), kStatesMax).states, row.states);
  }
}

TEST(SlowChecker, NamesWhatIsLost) {
  struct Row {
    const char* story;
    Point waits;
    bool condition, dormant;
    Property lost;
  };
  const Row rows[] = {
      {"sleeps, and needs a wake in any case", {.kind = PointKind::kSleep}, false, false, Property::kLostWakeup},
      {"sleeps while its condition holds", {.kind = PointKind::kSleep}, true, false, Property::kLostWakeup},
      {"spins for what never comes", {.kind = PointKind::kSpin}, false, false, Property::kDeadlock},
      {"may stay there", {.kind = PointKind::kSleep, .rest = true}, false, false, Property::kNone},
      {"was never started", {.kind = PointKind::kSleep}, false, true, Property::kNone},
  };
  for (const Row& row : rows) {
    Assembler program(Memory::kSc);
    const uint32_t cond = program.Global("cond"), never = program.Global("never");
    program.Code({row.waits}, {{{Op::kLoad, A(never)}, {Op::kAwait}, {Op::kPoint, 1}}, kOver});
    if (row.condition) program.Condition(0, "cond", {{Op::kLoad, A(cond)}, {Op::kResult}});
    program.Add("waiter", 0);
    program.program().tasks[0].dormant = row.dormant;
    program.Code({}, {Store(cond, 1, 1), kOver});
    program.Add("waker", 1);
    const SlowResult result = SlowCheck(program.End(), kStatesMax);
    const std::map<Property, size_t> expected =
        row.lost == Property::kNone ? std::map<Property, size_t>{} : std::map<Property, size_t>{{row.lost, 1}};
    EXPECT_EQ(result.losses, expected) << row.story << ": " << result.Text();
    EXPECT_EQ(result.ends, 1u);
  }
}

TEST(SlowChecker, ASleepWhoseConditionDoesNotHoldIsLegal) {
  Assembler program(Memory::kSc);
  const uint32_t never = program.Global("never");
  program.Code({{.kind = PointKind::kSleep}}, {{{Op::kLoad, A(never)}, {Op::kAwait}, {Op::kPoint, 1}}, kOver});
  program.Condition(0, "never", {{Op::kLoad, A(never)}, {Op::kResult}});
  program.Add("waiter", 0);
  EXPECT_TRUE(SlowCheck(program.End(), kStatesMax).safe());
}

TEST(SlowChecker, LostWakeupsComeFirstAmongTheLossesOfOneState) {
  Assembler program(Memory::kSc);
  const uint32_t never = program.Global("never");
  const Step wait = {{Op::kLoad, A(never)}, {Op::kAwait}, {Op::kPoint, 1}};
  program.Code({{.kind = PointKind::kSpin}}, {wait, kOver});
  program.Add("spinner", 0);
  program.Code({{.kind = PointKind::kSleep}}, {wait, kOver});
  program.Add("sleeper", 1);
  EXPECT_EQ(SlowCheck(program.End(), kStatesMax).losses, (std::map<Property, size_t>{{Property::kLostWakeup, 0}}));
}

TEST(SlowChecker, ErrorsOfTheModel) {
  struct Row {
    const char* story;
    Step step;
    bool error;
  };
  const Row rows[] = {
      {"at its bound", {{Op::kConst, 3}, {Op::kStore, 0}, {Op::kPoint, 1}}, false},
      {"beyond its bound", {{Op::kConst, 4}, {Op::kStore, 0}, {Op::kPoint, 1}}, true},
      {"below 0", {{Op::kConst, -1}, {Op::kStore, 0}, {Op::kPoint, 1}}, true},
      {"without end", {{Op::kJump, 0}}, true},
      {"divided by 0", {{Op::kConst, 4}, {Op::kConst, 0}, {Op::kDiv}, {Op::kStore, 0}, {Op::kPoint, 1}}, true},
      {"more than the list holds",
       {{Op::kConst, 1},
        {Op::kConst, 0},
        {Op::kConst, 0},
        {Op::kListAddTail},
        {Op::kConst, 1},
        {Op::kConst, 1},
        {Op::kConst, 0},
        {Op::kListAddTail},
        {Op::kPoint, 1}},
       true},
      {"an entry that is not there",
       {{Op::kConst, 1}, {Op::kConst, 0}, {Op::kListAt}, {Op::kStore, 0}, {Op::kPoint, 1}},
       true},
  };
  for (const Row& row : rows) {
    Assembler program(Memory::kSc);
    program.Global("x", 3);
    program.List("list", 1);
    program.Code({}, {row.step, kOver});
    program.Add("a", 0);
    const SlowResult result = SlowCheck(program.End(), kStatesMax);
    EXPECT_EQ(result.error_steps, row.error ? 1u : 0u) << row.story;
    EXPECT_EQ(result.safe(), !row.error) << row.story;
  }
}

// What a list holds behind some operations, as one number: its entries, the first one the highest digit.
TEST(SlowChecker, Lists) {
  const auto add = [](Op op, int32_t value, int32_t flags) {
    return Step{{Op::kConst, 1}, {Op::kConst, value}, {Op::kConst, flags}, {op}};
  };
  Step step;
  for (const Step& part : {add(Op::kListAddTail, 2, 0x20), add(Op::kListAddHead, 3, 0), add(Op::kListAddTail, 5, 0x40),
                           Step{{Op::kConst, 1}, {Op::kConst, 2}, {Op::kListDel}},
                           Step{{Op::kConst, 1}, {Op::kConst, 9}, {Op::kListDel}}}) {
    step.insert(step.end(), part.begin(), part.end());
  }
  const auto expect = [&](const Step& value, int32_t expected) {
    step.insert(step.end(), value.begin(), value.end());
    step.insert(step.end(), {{Op::kConst, expected}, {Op::kEq}, {Op::kAssert, 0}});
  };
  expect({{Op::kConst, 1}, {Op::kListLen}}, 2);
  expect({{Op::kConst, 1}, {Op::kConst, 0}, {Op::kListAt}}, 3);
  expect({{Op::kConst, 1}, {Op::kConst, 1}, {Op::kListAt}}, 5);
  expect({{Op::kConst, 1}, {Op::kConst, 1}, {Op::kListFlags}}, 0x40);
  expect({{Op::kConst, 1}, {Op::kConst, 5}, {Op::kListHas}}, 1);
  expect({{Op::kConst, 1}, {Op::kConst, 2}, {Op::kListHas}}, 0);
  expect({{Op::kLoad, 4}}, 0);  // nothing is left behind the last entry
  step.push_back({Op::kPoint, 1});
  Assembler program(Memory::kSc);
  program.Global("x");
  program.List("list", 3);
  program.Code({}, {step, kOver});
  program.Add("a", 0);
  const SlowResult result = SlowCheck(program.End(), kStatesMax);
  EXPECT_TRUE(result.safe()) << result.Text();
}

TEST(SlowChecker, AChoiceIsTakenEachWay) {
  Assembler program(Memory::kSc);
  const uint32_t x = program.Global("x", 3);
  program.Code({}, {{{Op::kChoose, 3}, {Op::kStore, A(x)}, {Op::kPoint, 1}}, kOver});
  program.Add("a", 0);
  const SlowResult result = SlowCheck(program.End(), kStatesMax);
  EXPECT_EQ(result.states, 4u);
  EXPECT_EQ(result.ends, 3u);
}

TEST(SlowChecker, GivesUpBeyondItsStates) {
  Assembler program(Memory::kSc);
  const uint32_t x = program.Global("x", 255);
  program.Code({}, {{{Op::kLoad, A(x)},
                     {Op::kConst, 1},
                     {Op::kAdd},
                     {Op::kConst, 255},
                     {Op::kAnd},
                     {Op::kStore, A(x)},
                     {Op::kPoint, 0}}});
  program.Add("a", 0);
  const Program counts = program.End();
  EXPECT_FALSE(SlowCheck(counts, 255).finished);
  const SlowResult whole = SlowCheck(counts, kStatesMax);
  EXPECT_EQ(whole.states, 256u);
  EXPECT_EQ(whole.ends, 0u);
  EXPECT_FALSE(whole.safe());  // it never comes to rest
}

}  // namespace
}  // namespace wakewatch::protocol
