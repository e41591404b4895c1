#include "analysis/protocol/search/symmetry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/protocol/search/program_test_support.h"

namespace wakewatch::protocol {
namespace {

// Three tasks that are alike, and a fourth; words of all kinds that name tasks.
struct Made {
  uint32_t list = 0, owner = 0;
  Program program;
};
Made Make(Memory memory) {
  Assembler a(memory);
  Made made;
  made.list = a.List("list", 4);
  made.owner = a.Global("owner", 4, 0, WordKind::kTask);
  const int32_t owner = static_cast<int32_t>(made.owner);
  a.Code({}, {{{Op::kSelf}, {Op::kConst, 1}, {Op::kAdd}, {Op::kStore, owner}, {Op::kPoint, 1}},
              {{Op::kConst, 1}, {Op::kSelf}, {Op::kFieldOf, Assembler::kState}, {Op::kStoreAt}, {Op::kPoint, 2}},
              {{Op::kEnd}}});
  for (const char* name : {"a", "b", "c"}) a.Add(name, 0, 4, WordKind::kTask);
  a.Add("other", 1, 4, WordKind::kTask);
  made.program = a.End();
  return made;
}

State Renamed(const Made& made, const Interpreter& interpreter, const std::vector<uint8_t>& to);

TEST(Symmetry, StatesThatDifferInNamesOnlyBecomeTheSame) {
  const Made made = Make(Memory::kTso);
  const Interpreter interpreter(made.program);
  const Symmetry symmetry(made.program, interpreter);
  ASSERT_TRUE(symmetry.any());
  // One story with the tasks in every order: the first stores itself as owner and stays in the buffer, the second is in
  // the list with a flag and names the first, the third has ended. The other names the second.
  std::vector<uint8_t> to = {0, 1, 2};
  std::vector<State> canonical;
  do {
    canonical.push_back(Renamed(made, interpreter, to));
    State& state = canonical.back();
    Symmetry::Scratch scratch;
    uint8_t new_number[kTasksMax];
    const State before = state;
    const bool moved = symmetry.Canonicalize(state.data(), &scratch, new_number);
    EXPECT_EQ(moved, state != before);
    EXPECT_EQ(new_number[3], 3);
    std::vector<uint8_t> numbers(new_number, new_number + 3);
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(numbers, (std::vector<uint8_t>{0, 1, 2}));
    const State once = state;
    EXPECT_FALSE(symmetry.Canonicalize(state.data(), &scratch, new_number));
    EXPECT_EQ(state, once);
  } while (std::next_permutation(to.begin(), to.end()));
  for (const State& state : canonical) EXPECT_EQ(state, canonical[0]);
}

State Renamed(const Made& made, const Interpreter& interpreter, const std::vector<uint8_t>& to) {
  State state = interpreter.Initial();
  const auto field = [&](size_t task, uint32_t offset) -> uint8_t& {
    return state[interpreter.ViewOf(task).region + offset];
  };
  EXPECT_EQ(interpreter.Step(to[0], 0, &state, nullptr, nullptr, nullptr), Outcome::kMoved);
  EXPECT_EQ(interpreter.Step(to[0], 0, &state, nullptr, nullptr, nullptr), Outcome::kMoved);
  state[made.list] = 1;
  state[made.list + 1] = to[1] | 64;
  field(to[1], Assembler::kLocal) = static_cast<uint8_t>(to[0] + 1);
  field(to[2], Assembler::kPointOffset) = 2;
  field(3, Assembler::kLocal) = static_cast<uint8_t>(to[1] + 1);
  return state;
}

TEST(Symmetry, TasksInAQueueAreInItsOrder) {
  const Made made = Make(Memory::kSc);
  const Interpreter interpreter(made.program);
  const Symmetry symmetry(made.program, interpreter);
  State state = interpreter.Initial();
  state[made.list] = 3;
  state[made.list + 1] = 2;
  state[made.list + 2] = 0;
  state[made.list + 3] = 1;
  Symmetry::Scratch scratch;
  uint8_t new_number[kTasksMax];
  EXPECT_TRUE(symmetry.Canonicalize(state.data(), &scratch, new_number));
  EXPECT_EQ(std::vector<uint8_t>(state.begin() + made.list, state.begin() + made.list + 5),
            (std::vector<uint8_t>{3, 0, 1, 2, 0}));
}

TEST(Symmetry, TasksThatBeginDifferentlyAreNotAlike) {
  Made made = Make(Memory::kSc);
  const Interpreter interpreter(made.program);
  made.program.words[made.program.tasks[1].region + Assembler::kOnRq].initial = 0;
  EXPECT_FALSE(Symmetry(made.program, interpreter).any());
  made.program.words[made.program.tasks[1].region + Assembler::kOnRq].initial = 1;
  EXPECT_TRUE(Symmetry(made.program, interpreter).any());
  made.program.words[made.program.tasks[2].region + Assembler::kState].constant = true;
  EXPECT_FALSE(Symmetry(made.program, interpreter).any());
}

}  // namespace
}  // namespace wakewatch::protocol
