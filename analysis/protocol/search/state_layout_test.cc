#include "analysis/protocol/search/state_layout.h"

#include <gtest/gtest.h>

#include "analysis/protocol/search/program_test_support.h"

namespace wakewatch::protocol {
namespace {

using Code = std::vector<Instruction>;

Program Made(Memory memory) {
  Assembler a(memory, 3);
  a.Global("flag");
  const int32_t n = static_cast<int32_t>(a.Global("n", 200, 7));
  a.Global("fixed", 90, 55);
  a.program().words.back().constant = true;
  const int32_t list = static_cast<int32_t>(a.List("list", 4));
  a.Code({}, {{{Op::kConst, 1}, {Op::kStore, 0}, {Op::kPoint, 1}},
              {{Op::kConst, 150}, {Op::kStore, n}, {Op::kPoint, 2}},
              {{Op::kConst, 2}, {Op::kSelf}, {Op::kFieldOf, Assembler::kState}, {Op::kStoreAt}, {Op::kPoint, 3}},
              {{Op::kConst, list}, {Op::kSelf}, {Op::kConst, 64}, {Op::kListAddHead}, {Op::kPoint, 4}},
              {{Op::kSelf}, {Op::kStoreLocal, 4}, {Op::kPoint, 5}},
              {{Op::kEnd}}});
  for (const char* name : {"a", "b", "c"}) a.Add(name, 0);
  return a.End();
}

TEST(StateLayout, StatesSurviveBeingPacked) {
  for (const Memory memory : {Memory::kSc, Memory::kTso}) {
    const Program program = Made(memory);
    const Interpreter interpreter(program);
    const StateLayout layout(program);
    State state = interpreter.Initial(), unpacked(state.size());
    std::vector<uint64_t> packed(layout.words()), repacked(layout.words());
    ASSERT_TRUE(layout.Pack(state.data(), packed.data()));
    Changes changes;
    unsigned alternatives = 1;
    int moves = 0;
    // Steps and flushes in turn; what changes is enough to pack the next state.
    for (int round = 0; round < 40; ++round) {
      const size_t task = static_cast<size_t>(round) % 3;
      if (round % 7 == 0 && interpreter.Flush(task, state.data(), &changes)) {
        ++moves;
      } else if (interpreter.Step(task, 0, state.data(), &changes, &alternatives, nullptr) == Outcome::kMoved) {
        ++moves;
      } else {
        continue;
      }
      ASSERT_TRUE(layout.Repack(changes, state.data(), packed.data()));
      ASSERT_TRUE(layout.Pack(state.data(), repacked.data()));
      EXPECT_EQ(packed, repacked) << round;
      layout.Unpack(packed.data(), unpacked.data());
      EXPECT_EQ(unpacked, state) << round;
    }
    EXPECT_GE(moves, 15);
    EXPECT_LT(layout.words() * 8, program.state_bytes);
  }
}

TEST(StateLayout, SaysWhereAProgramStoresToWhatItCallsConstant) {
  const Program program = Made(Memory::kTso);
  const Interpreter interpreter(program);
  const StateLayout layout(program);
  State state = interpreter.Initial();
  std::vector<uint64_t> packed(layout.words());
  Changes changes;
  changes.Add(2, state[2]);
  state[2] = 56;
  EXPECT_FALSE(layout.Repack(changes, state.data(), packed.data()));
  // A buffered store to a word that nobody writes.
  state = interpreter.Initial();
  const uint32_t buffer = interpreter.ViewOf(0).buffer;
  state[buffer] = 1;
  state[buffer + 1] = 2;
  EXPECT_FALSE(layout.Pack(state.data(), packed.data()));
  state[buffer + 1] = 1;
  EXPECT_TRUE(layout.Pack(state.data(), packed.data()));
}

}  // namespace
}  // namespace wakewatch::protocol
