#include "analysis/protocol/search/search.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "analysis/protocol/search/expansion.h"
#include "analysis/protocol/search/replay.h"
#include "analysis/protocol/search/step_text.h"

namespace wakewatch::protocol {
namespace {

constexpr uint32_t kBlockStates = 128;
constexpr uint32_t kBatchBlocks = 64;
constexpr uint64_t kStatesBetweenAsking = 4096;
constexpr uint64_t kAloneBelow = 256;  // states or successors: fewer are not worth a thread's start
constexpr size_t kPrefetch = 16;       // successors ahead

// One search of one program with one set of options.
class Searcher {
 public:
  Searcher(const Program& program, const CheckOptions& options, const CheckHost& host)
      : program_(program), options_(options), host_(host), input_(program, options) {}

  // Levels up to `depth_max` are looked at; a search that stops there has finished.
  Result<CheckResult> Run(uint64_t depth_max);
  // Of a search that found something: after how many steps, where other orders of steps might find something sooner.
  std::optional<uint64_t> MaybeNotFirst() const;

 private:
  struct Span {
    uint64_t from = 0, to = 0;  // positions in the level
  };
  void ForEach(size_t count, bool alone, const std::function<void(size_t)>& work) const;
  void Begin();
  bool Level();  // false: the search is over
  uint64_t LevelStates() const;
  void ExpandBlock(size_t block, Span span);
  void ExpandBatch(const std::vector<Span>& spans);
  bool Gather(size_t blocks);
  void InsertShard(size_t shard, size_t blocks);
  void NextLevel();
  uint64_t BatchStates() const;
  bool WithinLimits(size_t blocks);
  bool Stopped(uint64_t expanded);
  uint64_t MemoryBytes() const;
  std::optional<Find> FirstFind() const;
  std::vector<Move> MovesTo(uint32_t id) const;
  Result<CheckResult> Conclude();
  Result<CheckResult> Tell(const Find& find);
  void Assume();

  const Program& program_;
  const CheckOptions& options_;
  const CheckHost& host_;
  ExpansionInput input_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::array<uint32_t, kShards> level_begin_{};
  // With hashes instead of states, those of this level and of the next are kept beside them.
  std::array<std::vector<uint64_t>, kShards> level_states_, next_states_;
  std::array<std::optional<Find>, Find::kKinds> finds_;
  CheckResult result_;
  uint64_t since_asked_ = 0;
  bool came_to_rest_ = false;
  std::string contradiction_;
};

void Searcher::ForEach(size_t count, bool alone, const std::function<void(size_t)>& work) const {
  if (host_.parallel && !alone && count > 1) return host_.parallel(count, work);
  for (size_t n = 0; n < count; ++n) work(n);
}

void Searcher::Begin() {
  State initial = input_.interpreter.Initial();
  uint8_t new_number[kTasksMax];
  Symmetry::Scratch scratch;
  if (options_.symmetry) input_.symmetry.Canonicalize(initial.data(), &scratch, new_number);
  std::vector<uint64_t> packed(input_.layout.words());
  input_.layout.Pack(initial.data(), packed.data());
  const uint64_t hash = StateSet::HashOf(packed.data(), packed.size());
  const size_t shard = ShardOf(hash);
  input_.shards[shard].Insert(hash, options_.hash_compaction ? &hash : packed.data(), StateSet::kNone, {});
  if (options_.hash_compaction) level_states_[shard] = packed;
  input_.level_end[shard] = 1;
  result_.states = 1;
}

uint64_t Searcher::LevelStates() const {
  uint64_t states = 0;
  for (size_t shard = 0; shard < kShards; ++shard) states += input_.level_end[shard] - level_begin_[shard];
  return states;
}

// Near a limit batches are small, so that it is not passed by much. Only counts decide: the same on all machines.
uint64_t Searcher::BatchStates() const {
  const uint64_t left = options_.states_max > result_.states ? options_.states_max - result_.states : 0;
  return std::clamp<uint64_t>(left / 4, 16, uint64_t{kBlockStates} * kBatchBlocks);
}

void Searcher::ExpandBlock(size_t block, Span span) {
  const size_t words = input_.layout.words();
  uint64_t position = 0;
  for (size_t shard = 0; shard < kShards; ++shard) {
    const uint64_t count = input_.level_end[shard] - level_begin_[shard];
    const uint64_t from = std::max(span.from, position), to = std::min(span.to, position + count);
    for (uint64_t at = from; at < to; ++at) {
      const uint32_t in_level = static_cast<uint32_t>(at - position), index = level_begin_[shard] + in_level;
      const uint64_t* const packed =
          options_.hash_compaction ? &level_states_[shard][in_level * words] : input_.shards[shard].Key(index);
      blocks_[block]->Expand(StateId(shard, index), packed);
    }
    position += count;
  }
}

void Searcher::ExpandBatch(const std::vector<Span>& spans) {
  while (blocks_.size() < spans.size()) blocks_.push_back(std::make_unique<Block>(input_));
  const bool alone = spans.back().to - spans.front().from < kAloneBelow;
  ForEach(spans.size(), alone, [&](size_t n) {
    blocks_[n]->Clear();
    ExpandBlock(n, spans[n]);
  });
}

// What the blocks met, in their order; false: the program contradicts itself.
bool Searcher::Gather(size_t blocks) {
  for (size_t n = 0; n < blocks; ++n) {
    const Block& block = *blocks_[n];
    result_.transitions += block.transitions;
    result_.store_buffer_full |= block.buffer_full;
    came_to_rest_ |= block.came_to_rest;
    if (block.contradiction) contradiction_ = "the program stores to a word that it calls constant or never written";
    if (block.too_many_ways)
      contradiction_ = "a choice has more than " + std::to_string(Move::kAlternativesMax) + " ways";
    for (size_t kind = 0; kind < Find::kKinds; ++kind) {
      if (!finds_[kind]) finds_[kind] = block.finds[kind];
    }
  }
  return contradiction_.empty();
}

void Searcher::InsertShard(size_t shard, size_t blocks) {
  StateSet& set = input_.shards[shard];
  const size_t words = 2 + input_.layout.words();
  for (size_t n = 0; n < blocks; ++n) {
    const std::vector<uint64_t>& successors = blocks_[n]->Successors(shard);
    for (size_t at = 0; at < successors.size(); at += words) {
      if (at + kPrefetch * words < successors.size()) set.Prefetch(successors[at + kPrefetch * words]);
      if (at + kPrefetch / 2 * words < successors.size()) set.PrefetchKey(successors[at + kPrefetch / 2 * words]);
      const uint64_t hash = successors[at], origin = successors[at + 1];
      const uint64_t* const state = &successors[at + 2];
      const bool added =
          set.Insert(hash, options_.hash_compaction ? &hash : state, Block::Parent(origin), Block::MoveOf(origin));
      if (added && options_.hash_compaction)
        next_states_[shard].insert(next_states_[shard].end(), state, state + words - 2);
    }
  }
}

uint64_t Searcher::MemoryBytes() const {
  uint64_t bytes = 0;
  for (const StateSet& set : input_.shards) bytes += set.memory_bytes();
  for (const auto& block : blocks_) bytes += block->memory_bytes();
  for (size_t shard = 0; shard < kShards; ++shard) {
    bytes += (level_states_[shard].capacity() + next_states_[shard].capacity()) * sizeof(uint64_t);
  }
  return bytes;
}

// Whether what the blocks hold may be stored.
bool Searcher::WithinLimits(size_t blocks) {
  uint64_t bytes = MemoryBytes();
  result_.memory_bytes = std::max(result_.memory_bytes, bytes);
  const size_t words = 2 + input_.layout.words();
  bool room = true;
  for (size_t shard = 0; shard < kShards; ++shard) {
    uint64_t count = 0;
    for (size_t n = 0; n < blocks; ++n) count += blocks_[n]->Successors(shard).size() / words;
    bytes += input_.shards[shard].GrowthBytes(count);
    if (options_.hash_compaction) bytes += count * words * sizeof(uint64_t);
    room &= input_.shards[shard].size() + count < StateSet::kStatesMax;
  }
  if (!room) result_.unfinished = "more states than the search can number";
  if (bytes > options_.memory_bytes_max) {
    result_.unfinished = std::to_string(options_.memory_bytes_max >> 20) + " MiB of memory are the limit";
  }
  return result_.unfinished.empty();
}

bool Searcher::Stopped(uint64_t expanded) {
  since_asked_ += expanded;
  if (!host_.stop || since_asked_ < kStatesBetweenAsking) return false;
  since_asked_ = 0;
  switch (host_.stop(result_.states)) {
    case StopReason::kGoOn: return false;
    case StopReason::kCancelled: result_.unfinished = "cancelled"; return true;
    case StopReason::kTime: result_.unfinished = "the time that was given to it is over"; return true;
  }
  return false;
}

std::optional<Find> Searcher::FirstFind() const {
  for (const auto& find : finds_) {
    if (find) return find;
  }
  return std::nullopt;
}

bool Searcher::Level() {
  const uint64_t states = LevelStates();
  for (uint64_t from = 0; from < states;) {
    const uint64_t to = std::min(states, from + BatchStates());
    std::vector<Span> spans;
    for (uint64_t at = from; at < to; at += kBlockStates) spans.push_back({at, std::min(to, at + kBlockStates)});
    ExpandBatch(spans);
    if (!Gather(spans.size()) || finds_[0]) return false;
    // Once something is found, the rest of the level is looked at only for what counts more.
    if (!FirstFind()) {
      if (!WithinLimits(spans.size())) return false;
      ForEach(kShards, to - from < kAloneBelow, [&](size_t shard) { InsertShard(shard, spans.size()); });
      result_.states = 0;
      for (const StateSet& set : input_.shards) result_.states += set.size();
      result_.memory_bytes = std::max(result_.memory_bytes, MemoryBytes());
      if (result_.states > options_.states_max) {
        result_.unfinished = std::to_string(options_.states_max) + " states are the limit";
        return false;
      }
      if (Stopped(to - from)) return false;
    }
    from = to;
  }
  return !FirstFind();
}

void Searcher::NextLevel() {
  for (size_t shard = 0; shard < kShards; ++shard) {
    level_begin_[shard] = input_.level_end[shard];
    input_.level_end[shard] = input_.shards[shard].size();
    std::swap(level_states_[shard], next_states_[shard]);
    next_states_[shard].clear();
  }
}

std::vector<Move> Searcher::MovesTo(uint32_t id) const {
  std::vector<Move> moves;
  while (input_.shards[ShardOfId(id)].ParentOf(IndexOfId(id)) != StateSet::kNone) {
    const StateSet& set = input_.shards[ShardOfId(id)];
    moves.push_back(set.MoveOf(IndexOfId(id)));
    id = set.ParentOf(IndexOfId(id));
  }
  std::reverse(moves.begin(), moves.end());
  return moves;
}

Result<CheckResult> Searcher::Tell(const Find& find) {
  std::vector<Move> moves = MovesTo(find.state);
  const bool failing = find.kind == Find::Kind::kError || find.kind == Find::Kind::kAssertion;
  if (failing) moves.push_back(find.move);
  Replay replay = ReplayMoves(input_.interpreter, options_.symmetry ? &input_.symmetry : nullptr, moves);
  const StepRecord* const last = replay.steps.empty() ? nullptr : &replay.steps.back();
  if (find.kind == Find::Kind::kError) {
    Error error{ErrorCode::kInvalidArgument,
                input_.interpreter.ErrorText(replay.last.task(), replay.last.alternative(), replay.before) + " in " +
                    program_.tasks[last->task].name + LineText(last->place) +
                    "; the lines on the way: " + ShortRun(program_, replay.steps)};
    return Fail(std::move(error));
  }
  result_.verdict = Verdict::kLoses;
  if (find.kind == Find::Kind::kAssertion) {
    result_.property = Property::kAssertion;
    result_.loss = program_.tasks[last->task].name + ": " + StepName(program_, program_.points[last->point]) +
                   LineText(last->place) + " does not hold";
  } else if (const auto loss = input_.interpreter.LossAt(replay.end)) {
    result_.property = loss->property;
    result_.loss = loss->sentence;
  }
  result_.counterexample = std::move(replay.steps);
  return std::move(result_);
}

void Searcher::Assume() {
  result_.assumptions.push_back(program_.memory == Memory::kTso
                                    ? "total store order leaves out load buffering and what else weaker memory models "
                                      "allow: \"safe\" is no proof for "
                                      "the kernel's memory model"
                                    : "sequential consistency leaves out every reordering of loads and stores: "
                                      "\"safe\" is no proof for a machine, nor "
                                      "for the kernel's memory model");
  if (result_.store_buffer_full) {
    result_.assumptions.push_back("a store buffer of " + std::to_string(result_.store_buffer_depth) +
                                  " entries was full: longer delays of a store were not tried");
  }
  if (options_.hash_compaction) {
    const double states = static_cast<double>(result_.states);
    result_.omission_probability = std::min(1.0, std::ldexp(states * states, -65));
    char text[32];
    std::snprintf(text, sizeof text, "%.2g", result_.omission_probability);
    result_.assumptions.push_back(
        "64 bits of hash stand for a state: one was taken for another with a probability of at most " +
        std::string(text));
  }
}

Result<CheckResult> Searcher::Conclude() {
  if (!contradiction_.empty()) return Fail(ErrorCode::kInternal, contradiction_);
  result_.protocol = program_.name;
  result_.title = program_.title;
  result_.memory = program_.memory;
  for (const Task& task : program_.tasks) result_.tasks.push_back(task.name);
  for (uint8_t depth : program_.buffer_depths) {
    if (program_.memory == Memory::kTso)
      result_.store_buffer_depth = std::max<uint32_t>(result_.store_buffer_depth, depth);
  }
  Assume();
  if (const auto find = FirstFind()) return Tell(*find);
  if (!result_.unfinished.empty()) return std::move(result_);
  if (!came_to_rest_) {
    return Fail(ErrorCode::kInvalidArgument,
                "no run of this protocol ever comes to rest, so \"safe\" would say nothing (let what repeats "
                "for ever end: repeat (2) { ... })");
  }
  result_.verdict = Verdict::kSafe;
  return std::move(result_);
}

std::optional<uint64_t> Searcher::MaybeNotFirst() const {
  const auto find = FirstFind();
  if (!find || !options_.partial_order || !input_.reduction.must_progress()) return std::nullopt;
  const bool step = find->kind == Find::Kind::kError || find->kind == Find::Kind::kAssertion;
  return result_.depth + (step ? 1 : 0);
}

Result<CheckResult> Searcher::Run(uint64_t depth_max) {
  Begin();
  since_asked_ = kStatesBetweenAsking;
  if (Stopped(0)) return Conclude();
  while (Level()) {
    NextLevel();
    if (LevelStates() == 0 || result_.depth == depth_max) break;
    if (result_.depth >= options_.steps_max) {
      result_.unfinished = "runs of " + std::to_string(options_.steps_max) + " steps are the limit";
      break;
    }
    ++result_.depth;
  }
  return Conclude();
}

}  // namespace

Result<CheckResult> Search(const Program& program, const CheckOptions& options, const CheckHost& host) {
  auto searcher = std::make_unique<Searcher>(program, options, host);
  auto result = searcher->Run(UINT64_MAX);
  const auto depth_max = searcher->MaybeNotFirst();
  if (!depth_max) return result;
  // A step that fails is reached under the reduction too, but maybe later than need be, and so after another loss. All
  // orders up to that length tell what comes first.
  searcher.reset();
  CheckOptions every_order = options;
  every_order.partial_order = false;
  auto first = Searcher(program, every_order, host).Run(*depth_max);
  const bool unfinished = first && first->verdict == Verdict::kUnfinished;
  return unfinished ? std::move(result) : std::move(first);
}

}  // namespace wakewatch::protocol
