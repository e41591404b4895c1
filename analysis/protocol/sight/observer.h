// Why: a recording of threads that may follow a protocol is compared with all of its runs at once: the observer holds
// every state in which the protocol may be after what was seen. Threads and objects that nobody knows, and events that
// the recording does not have, are steps that are not seen.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "analysis/protocol/program.h"
#include "analysis/protocol/sight/state_graph.h"

namespace wakewatch::protocol {

// What is known of an argument of an event.
struct ObservedArg {
  enum class Kind : uint8_t { kAny, kAmong, kNotZero };
  Kind kind = Kind::kAny;
  std::vector<int32_t> values;  // kAmong: task numbers, object numbers or values

  bool Fits(int32_t value) const;
  static ObservedArg Among(std::vector<int32_t> values) { return {Kind::kAmong, std::move(values)}; }
};

struct ObservedEvent {
  uint32_t kind = 0;              // index into Program::events
  uint32_t tasks = 0;             // bit n: task n may be the one whose step it is
  std::vector<ObservedArg> args;  // missing ones may be anything
};

class Observer {
 public:
  // Borrows the graph. `shown`: of each label of the graph, whether it would be recorded and recognised.
  Observer(const StateGraph& graph, std::vector<bool> shown, size_t victim);

  // A round of the victim begins: it has just come onto a CPU, woken or for the first time, and the others are
  // anywhere.
  void Start();
  // A round begins behind what was observed so far; where the victim's rounds come to an end, its next one may as well
  // be that of another run, and this is Start.
  void GoOn();
  void Observe(const ObservedEvent& event);
  // Whether some run shows what was observed.
  bool possible() const { return !Clean().empty() || !Lost().empty(); }
  // In some run that shows what was observed, the victim slept in vain in this round, with nobody on his way to wake
  // it.
  bool MayHaveLost() const { return !Lost().empty(); }
  // Without a further event, the victim may sleep in a system where nothing is wrong.
  bool MayBeHealthy() const { return sets_[at_].healthy; }
  // Some run in which the victim has not slept in vain shows what was observed.
  bool MayBeClean() const { return !Clean().empty(); }

 private:
  static constexpr size_t kSetsMax = 20'000;  // more are forgotten, and made anew
  using Nodes = std::vector<uint32_t>;
  using Pair = std::pair<Nodes, Nodes>;  // of runs in which the victim has not slept in vain, and of those where it has
  struct Set {
    const Pair* nodes = nullptr;
    bool healthy = false;
  };

  const Nodes& Clean() const { return sets_[at_].nodes->first; }
  const Nodes& Lost() const { return sets_[at_].nodes->second; }
  uint32_t Intern(Nodes clean, Nodes lost);
  uint32_t After(uint32_t at, const ObservedEvent& event);
  Nodes Move(const Nodes& from, const ObservedEvent& event) const;
  bool Fits(const StateGraph::Label& label, const ObservedEvent& event) const;
  void Forget();

  const StateGraph& graph_;
  StateSets closing_;
  const size_t victim_;
  bool ends_ = false;  // the victim's rounds do
  uint32_t at_ = 0;
  std::map<Pair, uint32_t> numbers_;  // its keys stay where they are
  std::vector<Set> sets_;
  std::map<std::pair<uint32_t, std::vector<int32_t>>, uint32_t> after_;  // of a set, and an event spelled out
};

}  // namespace wakewatch::protocol
