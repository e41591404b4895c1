#include "analysis/protocol/sight/state_graph.h"

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>
#include <utility>

namespace wakewatch::protocol {

namespace {

// The initial edge of a step; its others only carry further events.
bool IsStep(const StateGraph::Edge& edge) { return !edge.goes_on && !edge.anew; }

// What stands at its first point again when a round is over, and has then not begun.
bool StartsAgain(const Task& task) {
  return task.dormant || task.kind == "timer" || task.kind == "kworker" || task.kind == "ksoftirqd";
}

}  // namespace

class GraphBuilder {
 public:
  GraphBuilder(const Program& program, const GraphLimits& limits)
      : program_(program), interpreter_(program), limits_(limits) {
    for (size_t task = 0; task < program.tasks.size(); ++task) {
      if (StartsAgain(program.tasks[task])) start_again_ |= 1u << task;
    }
  }

  Result<StateGraph> Build() {
    initial_ = interpreter_.Initial();
    Intern(initial_, 0);
    while (next_ < pending_.size()) {
      if (graph_.states_ > limits_.states_max) {
        graph_.complete_ = false;
        break;
      }
      if (auto status = Expand(pending_[next_++]); !status) return Fail(status.error());
    }
    SetEdges();
    return std::move(graph_);
  }

 private:
  // A state, and which of the tasks that stand at their first point have been there before.
  struct Pending {
    const std::string* key = nullptr;
    uint32_t node = 0;
  };
  struct KeptEdge {
    uint32_t from = 0;
    StateGraph::Edge edge;
  };

  bool AtStart(const State& state, size_t task) const {
    return interpreter_.PointOf(state, task) == program_.tasks[task].start;
  }
  bool OnRq(const State& state, size_t task) const {
    return state[program_.tasks[task].region + program_.on_rq_field] != 0;
  }

  uint32_t Intern(const State& state, uint32_t begun) {
    uint32_t kept = 0;
    for (size_t task = 0; task < program_.tasks.size(); ++task) {
      const uint32_t bit = 1u << task;
      if ((begun & bit) != 0 && (start_again_ & bit) == 0 && AtStart(state, task)) kept |= bit;
    }
    std::string key(state.begin(), state.end());
    for (unsigned shift = 0; shift < 32; shift += 8) key.push_back(static_cast<char>(kept >> shift));
    const auto [at, is_new] = numbers_.try_emplace(std::move(key), static_cast<uint32_t>(graph_.nodes_.size()));
    if (is_new) {
      graph_.nodes_.push_back(NodeOf(state, kept));
      ++graph_.states_;
      pending_.push_back({&at->first, at->second});
    }
    return at->second;
  }

  StateGraph::Node NodeOf(const State& state, uint32_t begun) const {
    StateGraph::Node node;
    uint32_t stay = 0, in_vain = 0, have_begun = 0;
    for (size_t task = 0; task < program_.tasks.size(); ++task) {
      const uint32_t bit = 1u << task;
      if (OnRq(state, task)) node.on_rq |= bit;
      if (program_.points[interpreter_.PointOf(state, task)].kind == PointKind::kEnd) node.ended |= bit;
      const bool never_begun = AtStart(state, task) && (begun & bit) == 0;
      const bool not_begun = never_begun || (AtStart(state, task) && (limits_.begin_anew & bit) != 0);
      if (!never_begun) have_begun |= bit;
      if (not_begun && OnRq(state, task)) node.begins |= bit;
      if (MayStay(state, task, not_begun)) {
        stay |= bit;
      } else if (interpreter_.SleepsInVain(state, task) && BufferEmpty(state, task)) {
        in_vain |= bit;
      }
    }
    node.rest = std::popcount(stay) == static_cast<int>(program_.tasks.size());
    const bool all = std::popcount(stay | in_vain) == static_cast<int>(program_.tasks.size());
    // Where nobody else has begun, somebody may yet come to wake it.
    node.in_vain = all && (have_begun & ~in_vain) != 0 ? in_vain : 0;
    return node;
  }

  bool BufferEmpty(const State& state, size_t task) const {
    const uint32_t buffer = program_.buffer_offsets.empty() ? 0 : program_.buffer_offsets[task];
    return buffer == 0 || state[program_.tasks[task].region + buffer] == 0;
  }

  bool MayStay(const State& state, size_t number, bool not_begun) const {
    const Task& task = program_.tasks[number];
    if (!BufferEmpty(state, number)) return false;
    const Point& point = program_.points[interpreter_.PointOf(state, number)];
    if (point.kind == PointKind::kEnd) return true;
    if (not_begun) return !task.dormant || !OnRq(state, number);
    const bool asleep = point.kind == PointKind::kSleep && !OnRq(state, number);
    // It needs a wake in any case, and may wait for long for somebody who has not begun; where nobody is left, EndAt
    // says so.
    if (asleep && point.condition < 0) return true;
    if (interpreter_.SleepsInVain(state, number)) return false;
    return point.rest || asleep;
  }

  Status Expand(Pending from) {
    const size_t bytes = program_.state_bytes;
    const State state(from.key->begin(), from.key->begin() + static_cast<std::ptrdiff_t>(bytes));
    uint32_t begun = 0;
    for (unsigned i = 0; i < 4; ++i)
      begun |= static_cast<uint32_t>(static_cast<uint8_t>((*from.key)[bytes + i])) << (8 * i);
    bool moves = false;
    for (size_t task = 0; task < program_.tasks.size(); ++task) {
      const unsigned alternatives = interpreter_.Alternatives(task, state);
      for (unsigned alternative = 0; alternative < alternatives; ++alternative) {
        const auto moved = Take(from.node, state, begun, task, alternative);
        if (!moved) return Fail(moved.error());
        moves = moves || *moved;
      }
      State flushed = state;
      if (program_.memory == Memory::kTso && interpreter_.Flush(task, &flushed, nullptr)) {
        moves = true;
        AddEdge(from.node, {.to = Intern(flushed, begun), .task = static_cast<uint8_t>(task), .flush = true});
      }
    }
    if (!moves) EndAt(from.node, state);
    for (size_t task = 0; task < program_.tasks.size(); ++task) BeginAnew(from.node, state, begun, task);
    return {};
  }

  void BeginAnew(uint32_t from, const State& state, uint32_t begun, size_t number) {
    const Task& task = program_.tasks[number];
    if ((graph_.nodes_[from].ended & limits_.all_anew & 1u << number) != 0) {
      AddEdge(from, {.to = 0, .task = static_cast<uint8_t>(number), .anew = true});
    }
    if ((limits_.begin_anew >> number & 1) == 0 || !BufferEmpty(state, number)) return;
    if (program_.points[interpreter_.PointOf(state, number)].kind != PointKind::kEnd) return;
    State anew = state;
    const uint32_t locals = task.region + program_.point_offset;
    uint32_t end = program_.state_bytes;
    for (const Task& other : program_.tasks) {
      if (other.region > task.region) end = std::min(end, other.region);
    }
    for (uint32_t at = locals; at < end; ++at) anew[at] = initial_[at];
    AddEdge(from, {.to = Intern(anew, begun), .task = static_cast<uint8_t>(number), .anew = true});
  }

  Result<bool> Take(uint32_t from, const State& state, uint32_t begun, size_t task, unsigned alternative) {
    State next = state;
    std::vector<EmittedEvent> events;
    switch (interpreter_.Step(task, alternative, &next, &events, nullptr, nullptr)) {
      case Outcome::kBlocked:
      case Outcome::kEnded: return false;
      case Outcome::kAssertionFailed: {
        const auto node = static_cast<uint32_t>(graph_.nodes_.size());
        graph_.nodes_.push_back(graph_.nodes_[from]);
        graph_.nodes_.back().rest = false;
        graph_.nodes_.back().loss = true;
        AddStep(from, node, task, alternative, events);
        return true;
      }
      case Outcome::kOutOfBounds:
        if (limits_.begin_anew != 0) return false;
        [[fallthrough]];
      case Outcome::kEndless:
        return Fail(ErrorCode::kInvalidArgument, interpreter_.ErrorText(task, alternative, state));
      case Outcome::kMoved: break;
    }
    AddStep(from, Intern(next, begun | 1u << task), task, alternative, events);
    return true;
  }

  void AddStep(uint32_t from, uint32_t to, size_t task, unsigned alternative, const std::vector<EmittedEvent>& events) {
    StateGraph::Edge edge{.task = static_cast<uint8_t>(task), .alternative = static_cast<uint8_t>(alternative)};
    const uint32_t woken = graph_.nodes_[to].on_rq & ~graph_.nodes_[from].on_rq;
    for (size_t i = 0; i < events.size(); ++i) {
      edge.label = LabelOf(task, events[i]);
      edge.to = to;
      if (i + 1 < events.size()) {
        edge.to = static_cast<uint32_t>(graph_.nodes_.size());
        StateGraph::Node between;
        between.on_rq = graph_.nodes_[from].on_rq;
        graph_.nodes_.push_back(between);
      }
      AddEdge(from, edge);
      from = edge.to;
      edge.goes_on = true;
    }
    if (events.empty()) {
      edge.to = to;
      AddEdge(from, edge);
    }
    graph_.nodes_[to].begins |= woken;
  }

  uint32_t LabelOf(size_t task, const EmittedEvent& event) {
    StateGraph::Label label{event, static_cast<uint32_t>(task), program_.events[event.kind].level};
    const auto [at, is_new] = labels_.try_emplace(label, static_cast<uint32_t>(graph_.labels_.size()));
    if (is_new) graph_.labels_.push_back(std::move(label));
    return at->second;
  }

  void EndAt(uint32_t node, const State& state) {
    if (!interpreter_.LossAt(state)) return;
    graph_.nodes_[node].loss = true;
    graph_.nodes_[node].rest = false;
    for (size_t task = 0; task < program_.tasks.size(); ++task) {
      if (interpreter_.SleepsInVain(state, task)) graph_.nodes_[node].in_vain |= 1u << task;
    }
  }

  void AddEdge(uint32_t from, const StateGraph::Edge& edge) { kept_.push_back({from, edge}); }

  void SetEdges() {
    std::stable_sort(kept_.begin(), kept_.end(), [](const KeptEdge& a, const KeptEdge& b) { return a.from < b.from; });
    graph_.edges_.reserve(kept_.size());
    for (const KeptEdge& kept : kept_) {
      StateGraph::Node& node = graph_.nodes_[kept.from];
      if (node.edges++ == 0) node.first_edge = static_cast<uint32_t>(graph_.edges_.size());
      graph_.edges_.push_back(kept.edge);
    }
  }

  const Program& program_;
  const Interpreter interpreter_;
  const GraphLimits limits_;
  uint32_t start_again_ = 0;
  State initial_;
  StateGraph graph_;
  std::unordered_map<std::string, uint32_t> numbers_;  // its keys stay where they are
  std::vector<Pending> pending_;
  size_t next_ = 0;
  std::vector<KeptEdge> kept_;
  std::map<StateGraph::Label, uint32_t> labels_;
};

Result<StateGraph> StateGraph::Build(const Program& program, const GraphLimits& limits) {
  return GraphBuilder(program, limits).Build();
}

std::vector<StepRecord> RunAlong(const Program& program, std::span<const StateGraph::Edge> edges) {
  const Interpreter interpreter(program);
  State state = interpreter.Initial();
  std::vector<StepRecord> run;
  for (const StateGraph::Edge& edge : edges) {
    if (!IsStep(edge)) continue;
    StepRecord& record = run.emplace_back();
    if (edge.flush) {
      interpreter.Flush(edge.task, &state, &record);
    } else {
      interpreter.Step(edge.task, edge.alternative, &state, nullptr, &record, nullptr);
    }
  }
  return run;
}

StateSets::StateSets(const StateGraph& graph, std::vector<bool> visible)
    : graph_(graph), visible_(std::move(visible)), stamps_(graph.nodes().size()) {}

void StateSets::Close(std::vector<uint32_t>* nodes, uint32_t in_vain) {
  ++stamp_;
  size_t kept = 0;
  for (const uint32_t node : *nodes) {
    if (stamps_[node] == stamp_) continue;
    stamps_[node] = stamp_;
    (*nodes)[kept++] = node;
  }
  nodes->resize(kept);
  for (size_t at = 0; at < nodes->size(); ++at) {
    if ((graph_.nodes()[(*nodes)[at]].in_vain & in_vain) != 0) continue;
    for (const StateGraph::Edge& edge : graph_.EdgesOf((*nodes)[at])) {
      ++work_;
      if (Sees(edge) || stamps_[edge.to] == stamp_) continue;
      stamps_[edge.to] = stamp_;
      nodes->push_back(edge.to);
    }
  }
  std::sort(nodes->begin(), nodes->end());
}

}  // namespace wakewatch::protocol
