#include "analysis/protocol/search/reduction.h"

#include <gtest/gtest.h>

#include "analysis/protocol/search/program_test_support.h"

namespace wakewatch::protocol {
namespace {

using Code = std::vector<Instruction>;

// What three tasks do first, and after it; whose moves are enough.
struct Row {
  const char* story;
  std::vector<std::vector<Code>> tasks;
  uint32_t enough;
};

const int32_t kX = 0, kY = 1, kZ = 2;
const Code kReadX = {{Op::kLoad, kX}, {Op::kStoreLocal, 4}, {Op::kPoint, 1}};
const Code kWriteX = {{Op::kConst, 1}, {Op::kStore, kX}, {Op::kPoint, 1}};
const Code kWriteY = {{Op::kConst, 1}, {Op::kStore, kY}, {Op::kPoint, 1}};
const Code kAtomicX = {{Op::kAtomicBegin}, {Op::kConst, 1}, {Op::kStore, kX}, {Op::kAtomicEnd}, {Op::kPoint, 1}};
const Code kWriteXLater = {{Op::kConst, 1}, {Op::kStore, kX}, {Op::kPoint, 2}};
const Code kLocal = {{Op::kConst, 1}, {Op::kStoreLocal, 4}, {Op::kPoint, 1}};

Program Made(const Row& row, Memory memory) {
  Assembler a(memory);
  for (const char* name : {"x", "y", "z"}) a.Global(name);
  uint32_t group = 0;
  for (std::vector<Code> steps : row.tasks) {
    steps.push_back({{Op::kEnd}});
    a.Code({}, steps);
    a.Add("t" + std::to_string(group), group);
    ++group;
  }
  return a.End();
}

TEST(Reduction, AMoveThatMeetsNothingOfOthersIsEnough) {
  const Row rows[] = {
      {"only local", {{kLocal}, {kWriteX}, {kReadX}}, 0b001},
      {"readers do not disturb one another", {{kReadX}, {kReadX}, {kWriteY}}, 0b111},
      {"a writer and a reader", {{kReadX}, {kWriteX}, {kWriteY}}, 0b100},
      {"two writers", {{kWriteX}, {kWriteX}, {kLocal}}, 0b100},
      {"what another does later counts, too", {{kReadX}, {kLocal, kWriteXLater}, {kWriteY}}, 0b110},
  };
  for (const Row& row : rows) {
    const Program program = Made(row, Memory::kSc);
    const Interpreter interpreter(program);
    EXPECT_EQ(Reduction(program, interpreter).Enough(interpreter.Initial().data()), row.enough) << row.story;
  }
}

TEST(Reduction, StoresThatWaitMeetOthersWhenTheyAreFlushed) {
  const Program program = Made({"", {{kWriteX}, {kReadX}, {kAtomicX}}, 0}, Memory::kTso);
  const Interpreter interpreter(program);
  const Reduction reduction(program, interpreter);
  State state = interpreter.Initial();
  EXPECT_EQ(reduction.Enough(state.data()), 0b001u);  // into its buffer only
  ASSERT_EQ(interpreter.Step(0, 0, &state, nullptr, nullptr, nullptr), Outcome::kMoved);
  EXPECT_EQ(reduction.Enough(state.data()), 0u);  // it has ended, and its store is still to come
  ASSERT_TRUE(interpreter.Flush(0, &state, nullptr));
  ASSERT_EQ(interpreter.Step(2, 0, &state, nullptr, nullptr, nullptr), Outcome::kMoved);
  EXPECT_EQ(reduction.Enough(state.data()), 0b111u);  // nobody is left to write
}

TEST(Reduction, AssertionsMustNotBePutOff) {
  Program program = Made({"", {{kLocal}}, 0}, Memory::kSc);
  const Interpreter interpreter(program);
  EXPECT_FALSE(Reduction(program, interpreter).must_progress());
  program.points[0].assertion = true;
  EXPECT_TRUE(Reduction(program, interpreter).must_progress());
}

}  // namespace
}  // namespace wakewatch::protocol
