#include "analysis/protocol/sight/diagnosability.h"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/shipped.h"

namespace wakewatch::protocol {

namespace {

using Edge = StateGraph::Edge;
using Nodes = std::vector<uint32_t>;

struct NodesHash {
  size_t operator()(const Nodes& nodes) const {
    uint64_t hash = nodes.size();
    for (const uint32_t node : nodes) hash = (hash ^ node) * 0x9e3779b97f4a7c15 ^ hash >> 29;
    return hash;
  }
};

// Walks what can be seen of a program at one level, and groups its states by what led to them.
class LevelWalk {
 public:
  LevelWalk(const Program& program, const StateGraph& graph, uint8_t level, const DiagnosisLimits& limits)
      : program_(program), graph_(graph), limits_(limits), sets_(graph, VisibleAt(graph, level)) {
    diagnosis_.level = level;
  }

  LevelDiagnosis Walk() {
    if (!graph_.complete()) return std::move(diagnosis_);
    const bool any = std::any_of(graph_.nodes().begin(), graph_.nodes().end(), [](const auto& n) { return n.loss; });
    if (!any) {
      diagnosis_.tell = Tell::kNothing;
      return std::move(diagnosis_);
    }
    Add({0}, 0, StateGraph::kSilent);
    for (uint32_t at = 0; at < seen_.size(); ++at) {
      if (seen_.size() > limits_.sets_max || sets_.work() > limits_.work_max) return std::move(diagnosis_);
      Expand(at);
    }
    Conclude();
    return std::move(diagnosis_);
  }

 private:
  struct Seen {
    const Nodes* nodes = nullptr;
    uint32_t parent = 0;
    uint32_t label = StateGraph::kSilent;  // that led here from `parent`
  };

  static std::vector<bool> VisibleAt(const StateGraph& graph, uint8_t level) {
    std::vector<bool> visible;
    for (const StateGraph::Label& label : graph.labels()) visible.push_back(label.level <= level);
    return visible;
  }

  bool Matters(uint32_t node) const {
    if (graph_.nodes()[node].loss || graph_.nodes()[node].rest) return true;
    const auto edges = graph_.EdgesOf(node);
    return std::any_of(edges.begin(), edges.end(), [&](const Edge& edge) { return sets_.Sees(edge); });
  }

  void Add(Nodes nodes, uint32_t parent, uint32_t label) {
    sets_.Close(&nodes);
    std::erase_if(nodes, [&](uint32_t node) { return !Matters(node); });
    bool loss = false, rest = false;
    for (const uint32_t node : nodes) {
      loss = loss || graph_.nodes()[node].loss;
      rest = rest || graph_.nodes()[node].rest;
    }
    const auto [at, is_new] = known_.try_emplace(std::move(nodes), static_cast<uint32_t>(seen_.size()));
    if (!is_new) return;
    seen_.push_back({&at->first, parent, label});
    ++diagnosis_.sets;
    if (!loss) return;
    ++diagnosis_.losing;
    if (rest) {
      ++diagnosis_.ambiguous;
      if (!first_same_) first_same_ = at->second;
    } else if (!first_telling_) {
      first_telling_ = at->second;
    }
  }

  void Expand(uint32_t at) {
    std::map<uint32_t, Nodes> by_label;
    for (const uint32_t node : *seen_[at].nodes) {
      for (const Edge& edge : graph_.EdgesOf(node)) {
        if (sets_.Sees(edge)) by_label[edge.label].push_back(edge.to);
      }
    }
    for (auto& [label, nodes] : by_label) Add(std::move(nodes), at, label);
  }

  void Conclude() {
    diagnosis_.tell = diagnosis_.ambiguous == 0                   ? Tell::kYes
                      : diagnosis_.ambiguous == diagnosis_.losing ? Tell::kNo
                                                                  : Tell::kSometimes;
    if (first_same_) diagnosis_.same = SightOf(*first_same_, true);
    if (first_telling_) diagnosis_.telling = SightOf(*first_telling_, false);
  }

  SameSight SightOf(uint32_t at, bool with_healthy) const {
    std::vector<uint32_t> labels;
    for (; seen_[at].label != StateGraph::kSilent; at = seen_[at].parent) labels.push_back(seen_[at].label);
    std::reverse(labels.begin(), labels.end());
    SameSight sight;
    sight.losing = RunOf(labels, [](const StateGraph::Node& node) { return node.loss; });
    if (with_healthy) sight.healthy = RunOf(labels, [](const StateGraph::Node& node) { return node.rest; });
    for (const StepRecord& step : sight.losing) {
      for (const std::string& text : step.Texts(diagnosis_.level)) {
        sight.observation.push_back(program_.tasks[step.task].name + ": " + text);
      }
    }
    return sight;
  }

  // The shortest run that is seen as `labels` and ends where `ends` says.
  template <typename Ends>
  std::vector<StepRecord> RunOf(const std::vector<uint32_t>& labels, Ends&& ends) const {
    struct Came {
      uint64_t from = 0;
      Edge edge;
    };
    const auto at_of = [](uint32_t node, size_t position) { return uint64_t{position} << 32 | node; };
    std::unordered_map<uint64_t, Came> came;
    std::deque<uint64_t> queue = {at_of(0, 0)};
    came[queue.front()] = {};
    while (!queue.empty()) {
      const uint64_t at = queue.front();
      queue.pop_front();
      const auto node = static_cast<uint32_t>(at);
      const auto position = static_cast<size_t>(at >> 32);
      if (position == labels.size() && ends(graph_.nodes()[node])) {
        std::vector<Edge> edges;
        for (uint64_t back = at; back != at_of(0, 0); back = came[back].from) edges.push_back(came[back].edge);
        std::reverse(edges.begin(), edges.end());
        return RunAlong(program_, edges);
      }
      for (const Edge& edge : graph_.EdgesOf(node)) {
        const bool seen = sets_.Sees(edge);
        if (seen && (position == labels.size() || labels[position] != edge.label)) continue;
        const uint64_t next = at_of(edge.to, position + seen);
        if (came.try_emplace(next, Came{at, edge}).second) queue.push_back(next);
      }
    }
    return {};
  }

  const Program& program_;
  const StateGraph& graph_;
  const DiagnosisLimits& limits_;
  StateSets sets_;
  LevelDiagnosis diagnosis_;
  std::unordered_map<Nodes, uint32_t, NodesHash> known_;  // its keys stay where they are
  std::vector<Seen> seen_;
  std::optional<uint32_t> first_same_, first_telling_;
};

}  // namespace

std::string_view Name(Tell tell) {
  switch (tell) {
    case Tell::kYes: return "yes";
    case Tell::kNo: return "no";
    case Tell::kSometimes: return "sometimes";
    case Tell::kNothing: return "nothing to tell";
    case Tell::kUnfinished: return "not finished";
  }
  return "not finished";
}

Result<Diagnosability> Diagnose(const Program& program, const DiagnosisLimits& limits) {
  const auto graph = StateGraph::Build(program, limits.graph);
  if (!graph) return Fail(graph.error());
  Diagnosability answer;
  answer.protocol = program.name;
  answer.title = program.title;
  answer.memory = program.memory;
  answer.states = graph->states();
  for (const Task& task : program.tasks) answer.tasks.push_back(task.name);
  for (uint8_t level = 0; level < answer.levels.size(); ++level) {
    answer.levels[level] = LevelWalk(program, *graph, level, limits).Walk();
  }
  return answer;
}

Result<Diagnosability> DiagnoseText(std::string_view text, const std::string& file, Memory memory,
                                    const DiagnosisLimits& limits) {
  const auto parsed = Parse(text, file);
  if (!parsed) return Fail(parsed.error());
  const auto program = Compile(*parsed, file, memory);
  if (!program) return Fail(program.error());
  auto answer = Diagnose(*program, limits);
  if (answer) answer->explains = parsed->explains;
  return answer;
}

Result<std::vector<Diagnosability>> DiagnoseShipped(const DiagnosisLimits& limits) {
  std::vector<Diagnosability> all;
  for (const ShippedProtocol& shipped : ShippedProtocols()) {
    const std::string name(shipped.name);
    const auto text = Parse(shipped.text, name);
    if (!text) return Fail(text.error());
    const auto memory = MemoryThatLoses(*text);
    if (!memory) continue;
    auto diagnosis = DiagnoseText(shipped.text, name, *memory, limits);
    if (!diagnosis) return Fail(diagnosis.error());
    all.push_back(*std::move(diagnosis));
  }
  return all;
}

std::optional<Verdict> ExpectedVerdict(const ProtocolText& text, Memory memory) {
  for (const Expectation& expectation : text.expect) {
    if (!expectation.memory.empty() && expectation.memory != Name(memory)) continue;
    return expectation.verdict == Name(Verdict::kSafe) ? Verdict::kSafe : Verdict::kLoses;
  }
  return std::nullopt;
}

std::optional<Memory> MemoryThatLoses(const ProtocolText& text) {
  for (const Memory memory : {Memory::kSc, Memory::kTso}) {
    if (ExpectedVerdict(text, memory) == Verdict::kLoses) return memory;
  }
  return std::nullopt;
}

}  // namespace wakewatch::protocol
