#include "analysis/protocol/sight/observer.h"

#include <algorithm>

namespace wakewatch::protocol {

namespace {

std::vector<int32_t> Spelled(const ObservedEvent& event) {
  std::vector<int32_t> spelled = {static_cast<int32_t>(event.kind), static_cast<int32_t>(event.tasks)};
  for (const ObservedArg& arg : event.args) {
    spelled.push_back(static_cast<int32_t>(arg.kind));
    spelled.push_back(static_cast<int32_t>(arg.values.size()));
    spelled.insert(spelled.end(), arg.values.begin(), arg.values.end());
  }
  return spelled;
}

}  // namespace

bool ObservedArg::Fits(int32_t value) const {
  switch (kind) {
    case Kind::kAny: return true;
    case Kind::kNotZero: return value != 0;
    case Kind::kAmong: return std::find(values.begin(), values.end(), value) != values.end();
  }
  return true;
}

Observer::Observer(const StateGraph& graph, std::vector<bool> shown, size_t victim)
    : graph_(graph), closing_(graph, std::move(shown)), victim_(victim) {
  for (const StateGraph::Node& node : graph.nodes()) ends_ = ends_ || (node.ended >> victim & 1) != 0;
  Forget();
}

void Observer::Start() {
  if (sets_.size() > kSetsMax) Forget();
  const auto [at, is_new] = after_.try_emplace({UINT32_MAX, {}}, 0);
  if (is_new) {
    // What others did between its wake and its first step is in front of what is observed.
    Nodes nodes;
    std::vector<bool> met(graph_.nodes().size());
    for (uint32_t node = 0; node < graph_.nodes().size(); ++node) {
      if ((graph_.nodes()[node].begins >> victim_ & 1) == 0) continue;
      met[node] = true;
      nodes.push_back(node);
    }
    for (size_t next = 0; next < nodes.size(); ++next) {
      for (const StateGraph::Edge& edge : graph_.EdgesOf(nodes[next])) {
        if ((edge.task == victim_ && !edge.flush) || met[edge.to]) continue;
        met[edge.to] = true;
        nodes.push_back(edge.to);
      }
    }
    at->second = Intern(std::move(nodes), {});
  }
  at_ = at->second;
}

void Observer::GoOn() {
  if (ends_) return Start();
  Nodes all = Clean();
  all.insert(all.end(), Lost().begin(), Lost().end());
  if (sets_.size() > kSetsMax) Forget();
  at_ = Intern(std::move(all), {});
}

void Observer::Observe(const ObservedEvent& event) { at_ = After(at_, event); }

void Observer::Forget() {
  numbers_.clear();
  sets_.clear();
  after_.clear();
  at_ = Intern({}, {});
}

uint32_t Observer::Intern(Nodes clean, Nodes lost) {
  const uint32_t victim = 1u << victim_;
  closing_.Close(&clean, victim);
  Set set;
  std::erase_if(clean, [&](uint32_t number) {
    const StateGraph::Node& node = graph_.nodes()[number];
    if ((node.in_vain & victim) != 0) {
      lost.push_back(number);
      return true;
    }
    set.healthy = set.healthy || (node.rest && (node.on_rq & victim) == 0);
    return false;
  });
  closing_.Close(&lost);
  const auto [at, is_new] =
      numbers_.try_emplace({std::move(clean), std::move(lost)}, static_cast<uint32_t>(sets_.size()));
  if (is_new) {
    set.nodes = &at->first;
    sets_.push_back(set);
  }
  return at->second;
}

Observer::Nodes Observer::Move(const Nodes& from, const ObservedEvent& event) const {
  Nodes next;
  for (const uint32_t node : from) {
    for (const StateGraph::Edge& edge : graph_.EdgesOf(node)) {
      if (closing_.Sees(edge) && Fits(graph_.labels()[edge.label], event)) next.push_back(edge.to);
    }
  }
  return next;
}

uint32_t Observer::After(uint32_t at, const ObservedEvent& event) {
  const auto [known, is_new] = after_.try_emplace({at, Spelled(event)}, 0);
  if (is_new) {
    const Pair& from = *sets_[at].nodes;
    known->second = Intern(Move(from.first, event), Move(from.second, event));
  }
  return known->second;
}

bool Observer::Fits(const StateGraph::Label& label, const ObservedEvent& event) const {
  if (label.event.kind != event.kind || (event.tasks >> label.task & 1) == 0) return false;
  const size_t args = std::min(event.args.size(), label.event.args.size());
  for (size_t i = 0; i < args; ++i) {
    if (!event.args[i].Fits(label.event.args[i])) return false;
  }
  return true;
}

}  // namespace wakewatch::protocol
