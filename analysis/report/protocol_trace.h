// Why: a protocol speaks of a worker and a waker, a recording of pids and addresses. This finds out who is who: what a
// first pass over the events counts, and from that the threads that take a protocol's roles around one thread that
// sleeps.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"
#include "analysis/model/sched_model.h"
#include "analysis/protocol/program.h"
#include "analysis/protocol/sight/observer.h"
#include "analysis/protocol/sight/state_graph.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// What is counted of a whole recording. Memory grows with the pairs of threads that wake one another.
class TraceSurvey {
 public:
  static constexpr size_t kProbedMax = 200'000;  // of `probed`; more are not kept

  // Borrows `input`.
  explicit TraceSurvey(const TraceInput& input) : model_(input) {}
  void Push(const Event& event);

  struct Probed {
    EventType type = EventType::kGeneric;
    int32_t pid = 0;
    uint64_t object = 0;
    auto operator<=>(const Probed&) const = default;
  };
  // How often each was woken, and tried to be, by whom; an interrupt is kInterrupt.
  static constexpr int32_t kInterrupt = -1;
  const std::map<int32_t, std::map<int32_t, uint64_t>>& wakers() const { return wakers_; }
  const std::map<int32_t, std::set<int32_t>>& stoppers() const { return stoppers_; }  // by sched_kthread_stop
  const std::map<Probed, uint64_t>& probed() const { return probed_; }
  bool Saw(EventType type) const { return seen_[static_cast<size_t>(type)] > 0; }
  const SchedModel& model() const { return model_; }
  std::string CommOf(int32_t pid) const;
  bool IsKernelThread(int32_t pid) const;

 private:
  SchedModel model_;
  std::map<int32_t, std::map<int32_t, uint64_t>> wakers_;
  std::map<int32_t, std::set<int32_t>> stoppers_;
  std::map<Probed, uint64_t> probed_;
  std::array<uint64_t, kEventTypeCount> seen_{};
};

// A role that somebody chose the threads of: a pid, a name, or the front of one with a *.
struct RoleChoice {
  std::string role, task;
};

// Threads and objects that stand for those of a protocol, around one thread that sleeps.
struct RoleMapping {
  int32_t victim_pid = 0;
  std::map<int32_t, uint32_t> roles;    // pid: bit n, it may be task n
  uint32_t interrupts = 0;              // tasks that may run in an interrupt's context
  std::map<uint64_t, int32_t> objects;  // address: index into Program::objects
  uint32_t RolesOf(int32_t pid) const {
    const auto at = roles.find(pid);
    return at == roles.end() ? 0 : at->second;
  }
};

// The roles of a program, as far as the steps of its runs tell.
class ProtocolRoles {
 public:
  // Borrows both. Of the protocol's events those up to `level` are looked at.
  ProtocolRoles(const protocol::Program& program, const protocol::StateGraph& graph, uint8_t level);

  // The task that can lose a wakeup; where none can, the first kthread.
  size_t victim() const { return victim_; }
  struct VictimChoice {
    std::vector<int32_t> pids;
    bool guessed = false;  // by nothing but how often it was woken
  };
  bool LooksAtProbes() const { return level_ > 0; }
  // The victim may call what it does in the protocol again; a kthread's end is seen as such.
  bool VictimReturns() const { return program_.tasks[victim_].kind == "task"; }
  // Of the others, those that come again and again in a recording: they neither stop a thread nor are one.
  uint32_t Recurring() const;

  // The threads that may be the victim: those that were chosen, or those of `findings` whose class is among `explains`,
  // or the kernel thread that one task woke most. Error: kNotFound (nobody fits), kInvalidArgument (no such role).
  Result<VictimChoice> Victims(const TraceSurvey& survey, std::span<const RoleChoice> choices,
                               const std::vector<std::string>& explains, std::span<const Finding> findings) const;
  // One mapping, or several where an object of the protocol may be one of several: each is an instance of the protocol.
  std::vector<RoleMapping> MapAround(int32_t victim_pid, const TraceSurvey& survey,
                                     std::span<const RoleChoice> choices) const;
  // Of each label of the graph, whether such an event would be in the recording and be recognised.
  std::vector<bool> Shown(const RoleMapping& mapping, const TraceSurvey& survey) const;
  // The events of the protocol that the recording has, or has not.
  std::vector<std::string> EventNames(const TraceSurvey& survey, bool recorded) const;

  // The event as the observer takes it; none where it is not one of the mapping's threads and objects, or nothing that
  // the protocol's tasks do to one another. `sleep_letter`: of a switch, how the task left.
  std::optional<protocol::ObservedEvent> Project(const Event& event, const RoleMapping& mapping,
                                                 char sleep_letter) const;

 private:
  static constexpr size_t kVictimsMax = 16, kInstancesMax = 4;
  // An event of the program and what it is in a recording.
  struct Kind {
    uint32_t kind = 0;
    EventType type = EventType::kGeneric;
  };
  // What a task does to another, or to an object, in some run: its number in the program, or -1 where the event has
  // none.
  struct Way {
    uint32_t kind = 0, task = 0;
    int32_t about = -1;
    auto operator<=>(const Way&) const = default;
  };
  int32_t AboutOf(const protocol::EmittedEvent& event) const;
  // The event with roles and objects for pids and addresses.
  std::optional<protocol::ObservedEvent> Named(const Event& event, const RoleMapping& mapping, char sleep_letter) const;
  // It is something that the protocol's tasks do at all, whatever else is known of it.
  bool Does(const protocol::ObservedEvent& seen) const;
  const Kind* KindOf(EventType type) const;
  protocol::ObservedArg StateOfLetter(char letter) const;
  protocol::ObservedArg StateOfBits(uint32_t state) const;
  EventType TypeOf(uint32_t kind) const;
  void FindVictim();
  bool Emits(size_t task, EventType type) const;
  bool AnyTask(const std::function<bool(size_t)>& wanted) const;
  Result<uint32_t> RolesNamed(const std::string& role) const;
  void MapWakers(const TraceSurvey& survey, RoleMapping* mapping) const;
  std::vector<uint64_t> AddressesOf(int32_t object, const TraceSurvey& survey, const RoleMapping& mapping) const;
  std::vector<RoleMapping> MapObjects(const TraceSurvey& survey, RoleMapping mapping) const;

  const protocol::Program& program_;
  const protocol::StateGraph& graph_;
  const uint8_t level_;
  size_t victim_ = 0;
  bool one_sleep_state_ = true;  // of the victim
  std::vector<Kind> kinds_;
  std::set<Way> ways_;
};

}  // namespace wakewatch
