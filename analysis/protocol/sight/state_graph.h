// Why: what a recording can tell of a protocol depends on every run, not on the shortest losing one: the graph of all
// states that can be reached, each step with the events that it emits. No reduction is applied, since a step that leads
// nowhere new may still be one that is seen.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/protocol/checker.h"
#include "analysis/protocol/program.h"
#include "analysis/protocol/search/interpreter.h"

namespace wakewatch::protocol {

struct GraphLimits {
  uint64_t states_max = 200'000;
  // Bit n: task n begins anew when it has ended, as those that wake others do. A run of theirs that would take a value
  // beyond its bound is left out.
  uint32_t begin_anew = 0;
  // Bit n: when task n has ended, all begins anew, as for a function that somebody calls again and again.
  uint32_t all_anew = 0;
};

class StateGraph {
 public:
  static constexpr uint32_t kSilent = UINT32_MAX;

  // An event and whose step emits it: a recording shows both.
  struct Label {
    EmittedEvent event;
    uint32_t task = 0;
    uint8_t level = 0;
    auto operator<=>(const Label&) const = default;
  };
  // A step that emits several events is as many edges.
  struct Edge {
    uint32_t to = 0;
    uint32_t label = kSilent;
    // Which step it is; of the second and further edges of one step `goes_on` holds.
    uint8_t task = 0, alternative = 0;
    bool flush = false, goes_on = false;
    bool anew = false;  // no step: a task that has ended begins anew
  };
  struct Node {
    uint32_t first_edge = 0, edges = 0;
    uint32_t on_rq = 0;   // bit n: task n is on the run queue
    uint32_t begins = 0;  // bit n: task n is about to begin a round: it has just been woken, or has not begun yet
    // Bit n: task n sleeps while what it sleeps for holds, and nobody is on his way to wake it: some others have ended
    // or sleep, and the rest of them rest or have not begun.
    uint32_t in_vain = 0;
    uint32_t ended = 0;  // bit n: task n has ended
    bool loss = false;   // the end of a losing run
    // A healthy system may stay here for long: every task has ended, has not begun, rests or sleeps for what does not
    // hold yet, and every store has reached memory.
    bool rest = false;
  };

  // Errors: a value beyond its bound, a step that never ends (kInvalidArgument). Where the states are more than the
  // limit, what was found so far is answered, and is not complete().
  static Result<StateGraph> Build(const Program& program, const GraphLimits& limits);

  bool complete() const { return complete_; }
  uint64_t states() const { return states_; }                // less the nodes between two events of one step
  const std::vector<Node>& nodes() const { return nodes_; }  // [0] is the initial state
  std::span<const Edge> EdgesOf(uint32_t node) const {
    return std::span(edges_).subspan(nodes_[node].first_edge, nodes_[node].edges);
  }
  const std::vector<Label>& labels() const { return labels_; }

 private:
  friend class GraphBuilder;
  bool complete_ = true;
  uint64_t states_ = 0;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<Label> labels_;
};

// The run along `edges`, which begin at the initial state, step by step and with what each did. No task begins anew in
// it.
std::vector<StepRecord> RunAlong(const Program& program, std::span<const StateGraph::Edge> edges);

// Sets of nodes that one observation leads to.
class StateSets {
 public:
  // `visible`: of each label, whether it is seen.
  StateSets(const StateGraph& graph, std::vector<bool> visible);

  // Adds what is reached from `nodes` by steps that are not seen, and sorts. Nothing is reached from a node where one
  // of `in_vain`, tasks, sleeps in vain.
  void Close(std::vector<uint32_t>* nodes, uint32_t in_vain = 0);
  bool Sees(const StateGraph::Edge& edge) const { return edge.label != StateGraph::kSilent && visible_[edge.label]; }
  uint64_t work() const { return work_; }  // edges that were looked at

 private:
  const StateGraph& graph_;
  std::vector<bool> visible_;
  std::vector<uint32_t> stamps_;  // a node: the last call that met it
  uint32_t stamp_ = 0;
  uint64_t work_ = 0;
};

}  // namespace wakewatch::protocol
