// Why: the part of a search that may run on many threads: takes states of one level and makes their successors, sorted
// by the shard that they belong to. It only reads what is stored.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/search/interpreter.h"
#include "analysis/protocol/search/reduction.h"
#include "analysis/protocol/search/state_layout.h"
#include "analysis/protocol/search/state_set.h"
#include "analysis/protocol/search/symmetry.h"

namespace wakewatch::protocol {

inline constexpr size_t kShards = 64;
inline size_t ShardOf(uint64_t hash) { return hash >> 58; }

// A state's number: its shard and its index there.
inline uint32_t StateId(size_t shard, uint32_t index) { return static_cast<uint32_t>(shard << 26) | index; }
inline size_t ShardOfId(uint32_t id) { return id >> 26; }
inline uint32_t IndexOfId(uint32_t id) { return id & ((1u << 26) - 1); }

// What ends a search, found at a state of the level: the state itself, or a step from it.
struct Find {
  enum class Kind : uint8_t { kLostWakeup, kDeadlock, kError, kAssertion };  // the first counts most
  static constexpr size_t kKinds = 4;
  Kind kind = Kind::kLostWakeup;
  uint32_t state = 0;  // its id
  Move move;           // of kError and kAssertion: the step
};

// What all blocks look at.
struct ExpansionInput {
  ExpansionInput(const Program& program, const CheckOptions& options);

  const Program& program;
  const CheckOptions& options;
  const Interpreter interpreter;
  const StateLayout layout;
  const Reduction reduction;
  const Symmetry symmetry;
  std::vector<StateSet> shards;
  std::array<uint32_t, kShards> level_end{};  // states below are of this level or an earlier one
};

// Some states of the level, and what became of them.
class Block {
 public:
  explicit Block(const ExpansionInput& input);

  void Clear();
  void Expand(uint32_t id, const uint64_t* packed);
  // Successors that belong to `shard`, in order: hash, parent and move, packed state.
  const std::vector<uint64_t>& Successors(size_t shard) const { return successors_[shard]; }
  size_t SuccessorWords() const { return 2 + input_.layout.words(); }
  static uint32_t Parent(uint64_t origin) { return static_cast<uint32_t>(origin); }
  static Move MoveOf(uint64_t origin) { return Move{static_cast<uint16_t>(origin >> 32)}; }
  uint64_t memory_bytes() const;

  uint64_t transitions = 0;
  bool came_to_rest = false;  // one of the states can make no move
  bool buffer_full = false;
  bool contradiction = false;  // the program's words or accesses are not what its code does
  bool too_many_ways = false;  // a choice of more than Move::kAlternativesMax
  std::array<std::optional<Find>, Find::kKinds> finds;

 private:
  // The moves of one task; false where it has none.
  bool MakeMoves(size_t task);
  void Emit(Move move);
  void AddFind(Find::Kind kind, Move move);
  bool LeadsToNew(size_t from) const;
  void ComeToRest();

  const ExpansionInput& input_;
  std::array<std::vector<uint64_t>, kShards> successors_;
  std::vector<uint64_t> pending_;  // successors of the state at hand
  State state_, canonical_;
  const uint64_t* packed_ = nullptr;
  uint32_t id_ = 0;
  Changes changes_;
  Symmetry::Scratch scratch_;
};

}  // namespace wakewatch::protocol
