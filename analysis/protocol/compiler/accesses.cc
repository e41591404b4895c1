#include "analysis/protocol/compiler/accesses.h"

#include <algorithm>

namespace wakewatch::protocol {

namespace {

class StepWalk {
 public:
  StepWalk(const Program& program, const std::vector<Touch>& touches, size_t task)
      : program_(program), touches_(touches), task_(task), seen_(program.code.size()) {}

  // What the step from `entry` touches at once, and later through the store buffer; and where it may end.
  void From(uint32_t entry, Access* now, Access* later, std::vector<uint32_t>* ends) {
    std::vector<uint32_t> left = {entry}, visited;
    while (!left.empty()) {
      const uint32_t at = left.back();
      left.pop_back();
      if (at >= program_.code.size() || seen_[at]) continue;
      seen_[at] = true;
      visited.push_back(at);
      const Instruction& instruction = program_.code[at];
      Add(touches_[at], touches_[at].buffered ? later : now);
      switch (instruction.op) {
        case Op::kPoint: ends->push_back(static_cast<uint32_t>(instruction.a)); break;
        case Op::kEnd:
        case Op::kResult: break;
        case Op::kJump: left.push_back(static_cast<uint32_t>(instruction.a)); break;
        case Op::kJumpIfZero: left.push_back(static_cast<uint32_t>(instruction.a)); [[fallthrough]];
        default: left.push_back(at + 1);
      }
    }
    for (const uint32_t at : visited) seen_[at] = false;
  }

 private:
  void Add(const Touch& touch, Access* access) const {
    switch (touch.base) {
      case Touch::Base::kNothing: return;
      case Touch::Base::kGlobal: return AddAt(touch.offset, touch, access);
      case Touch::Base::kTask: return AddAt(program_.tasks[touch.task].region + touch.offset, touch, access);
      case Touch::Base::kSelf: return AddAt(program_.tasks[task_].region + touch.offset, touch, access);
      case Touch::Base::kAnyTask:
        for (const Task& task : program_.tasks) AddAt(task.region + touch.offset, touch, access);
        return;
    }
  }
  static void AddAt(uint32_t word, const Touch& touch, Access* access) {
    for (uint32_t i = word; i < word + touch.bytes; ++i) {
      if (touch.reads) access->reads[i / 64] |= uint64_t{1} << (i % 64);
      if (touch.writes) access->writes[i / 64] |= uint64_t{1} << (i % 64);
    }
  }

  const Program& program_;
  const std::vector<Touch>& touches_;
  const size_t task_;
  std::vector<bool> seen_;
};

bool Merge(const Access& from, Access* to) {
  bool changed = false;
  for (size_t i = 0; i < to->reads.size(); ++i) {
    const uint64_t reads = to->reads[i] | from.reads[i], writes = to->writes[i] | from.writes[i];
    changed = changed || reads != to->reads[i] || writes != to->writes[i];
    to->reads[i] = reads;
    to->writes[i] = writes;
  }
  return changed;
}

}  // namespace

Program::Accesses AccessesOf(const Program& program, const std::vector<Touch>& touches, size_t task,
                             uint32_t first_point, uint32_t points) {
  const size_t units = (program.state_bytes + 63) / 64;
  const Access nothing{std::vector<uint64_t>(units), std::vector<uint64_t>(units)};
  Program::Accesses accesses;
  accesses.first_point = first_point;
  accesses.step.assign(points, nothing);
  accesses.future.assign(points, nothing);
  std::vector<std::vector<uint32_t>> ends(points);
  StepWalk walk(program, touches, task);
  for (uint32_t i = 0; i < points; ++i) {
    walk.From(program.points[first_point + i].entry, &accesses.step[i], &accesses.future[i], &ends[i]);
    Merge(accesses.step[i], &accesses.future[i]);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t i = points; i-- > 0;) {
      for (const uint32_t end : ends[i]) {
        if (Merge(accesses.future[end - first_point], &accesses.future[i])) changed = true;
      }
    }
  }
  return accesses;
}

}  // namespace wakewatch::protocol
