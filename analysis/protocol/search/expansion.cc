#include "analysis/protocol/search/expansion.h"

#include <bit>
#include <cstring>

namespace wakewatch::protocol {

ExpansionInput::ExpansionInput(const Program& p, const CheckOptions& o)
    : program(p), options(o), interpreter(p), layout(p), reduction(p, interpreter), symmetry(p, interpreter) {
  const size_t key_words = o.hash_compaction ? 1 : layout.words();
  for (size_t shard = 0; shard < kShards; ++shard) shards.emplace_back(key_words, o.hash_compaction);
}

Block::Block(const ExpansionInput& input) : input_(input), state_(input.program.state_bytes) {}

void Block::Clear() {
  for (auto& successors : successors_) successors.clear();
  transitions = 0;
  came_to_rest = buffer_full = contradiction = too_many_ways = false;
  finds.fill(std::nullopt);
}

uint64_t Block::memory_bytes() const {
  uint64_t words = pending_.capacity();
  for (const auto& successors : successors_) words += successors.capacity();
  return words * sizeof(uint64_t);
}

void Block::AddFind(Find::Kind kind, Move move) {
  auto& find = finds[static_cast<size_t>(kind)];
  if (!find) find = Find{kind, id_, move};
}

// Puts the state as it stands after `changes_` to the successors.
void Block::Emit(Move move) {
  ++transitions;
  const size_t words = input_.layout.words(), at = pending_.size();
  pending_.resize(at + 2 + words);
  uint64_t* const record = pending_.data() + at;
  bool packed = false;
  if (input_.options.symmetry && input_.symmetry.any()) {
    canonical_ = state_;
    uint8_t new_number[kTasksMax];
    if (input_.symmetry.Canonicalize(canonical_.data(), &scratch_, new_number)) {
      contradiction |= !input_.layout.Pack(canonical_.data(), record + 2);
      packed = true;
    }
  }
  if (!packed) {
    std::memcpy(record + 2, packed_, words * sizeof *record);
    contradiction |= !input_.layout.Repack(changes_, state_.data(), record + 2);
  }
  record[0] = StateSet::HashOf(record + 2, words);
  record[1] = id_ | uint64_t{move.bits} << 32;
}

bool Block::MakeMoves(size_t task) {
  bool moves = false;
  unsigned alternatives = 1;
  for (unsigned alternative = 0; alternative < alternatives; ++alternative) {
    unsigned ways = 1;
    const Outcome outcome = input_.interpreter.Step(task, alternative, state_.data(), &changes_, &ways, &buffer_full);
    if (alternative == 0) alternatives = ways;
    if (alternatives > Move::kAlternativesMax) too_many_ways = true, alternatives = Move::kAlternativesMax;
    if (outcome == Outcome::kBlocked || outcome == Outcome::kEnded) continue;
    const Move move = Move::Step(task, alternative);
    moves = true;
    if (outcome == Outcome::kMoved) {
      Emit(move);
    } else {
      ++transitions;
      AddFind(outcome == Outcome::kAssertionFailed ? Find::Kind::kAssertion : Find::Kind::kError, move);
    }
    if (outcome != Outcome::kEndless) changes_.Undo(state_.data());
  }
  if (input_.interpreter.Flush(task, state_.data(), &changes_)) {
    moves = true;
    Emit(Move::Flush(task));
    changes_.Undo(state_.data());
  }
  return moves;
}

// Whether a successor from word `from` of pending_ on was unknown when the level began.
bool Block::LeadsToNew(size_t from) const {
  for (size_t at = from; at < pending_.size(); at += SuccessorWords()) {
    const uint64_t hash = pending_[at];
    const size_t shard = ShardOf(hash);
    const uint64_t* const key = input_.options.hash_compaction ? &hash : &pending_[at + 2];
    const uint32_t index = input_.shards[shard].Find(hash, key);
    if (index == StateSet::kNone || index >= input_.level_end[shard]) return true;
  }
  return false;
}

void Block::ComeToRest() {
  came_to_rest = true;
  const auto loss = input_.interpreter.LossAt(state_);
  if (!loss) return;
  AddFind(loss->property == Property::kLostWakeup ? Find::Kind::kLostWakeup : Find::Kind::kDeadlock, {});
}

void Block::Expand(uint32_t id, const uint64_t* packed) {
  id_ = id;
  packed_ = packed;
  pending_.clear();
  input_.layout.Unpack(packed, state_.data());
  const size_t tasks = input_.program.tasks.size();
  uint32_t done = 0;  // tasks whose moves are made
  bool moves = false, enough = false;
  uint32_t candidates = input_.options.partial_order ? input_.reduction.Enough(state_.data()) : 0;
  for (; candidates != 0 && !enough; candidates &= candidates - 1) {
    const size_t task = static_cast<size_t>(std::countr_zero(candidates));
    const size_t from = pending_.size();
    done |= uint32_t{1} << task;
    if (!MakeMoves(task)) continue;
    moves = true;
    enough = !input_.reduction.must_progress() || LeadsToNew(from);
  }
  for (size_t task = 0; task < tasks && !enough; ++task) {
    if ((done >> task & 1) == 0) moves |= MakeMoves(task);
  }
  if (!moves) ComeToRest();
  const size_t words = SuccessorWords();
  for (size_t at = 0; at < pending_.size(); at += words) {
    auto& successors = successors_[ShardOf(pending_[at])];
    successors.insert(successors.end(), pending_.begin() + at, pending_.begin() + at + words);
  }
}

}  // namespace wakewatch::protocol
