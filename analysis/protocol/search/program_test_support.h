// Why: tests of what runs programs need programs whose every instruction is known: an assembler of a few lines.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

// Globals first, then the tasks; End() when all is said.
class Assembler {
 public:
  // One byte of a region, at the same offset in every task.
  static constexpr uint32_t kState = 0, kOnRq = 1, kFields = 2, kPointOffset = 2, kLocal = 4;

  explicit Assembler(Memory memory, uint8_t buffer_depth = 2) : depth_(memory == Memory::kTso ? buffer_depth : 0) {
    program_.memory = memory;
    program_.name = "assembled";
    program_.strings = {""};
    program_.on_rq_field = kOnRq;
    program_.state_field = kState;
    program_.point_offset = kPointOffset;
  }

  uint32_t Global(std::string name, uint8_t max = 1, uint8_t initial = 0, WordKind kind = WordKind::kValue) {
    program_.words.push_back({.name = std::move(name), .kind = kind, .initial = initial, .max = max, .shared = true});
    return static_cast<uint32_t>(program_.words.size() - 1);
  }
  // The address of its length; `entries` is how many fit.
  uint32_t List(const std::string& name, uint8_t entries, WordKind kind = WordKind::kTaskEntry) {
    const uint32_t address = Global(name + ".length", entries);
    for (int n = 0; n < entries; ++n) Global(name + "[" + std::to_string(n) + "]", 255, 0, kind);
    return address;
  }
  int32_t Text(std::string text) {
    program_.strings.push_back(std::move(text));
    return static_cast<int32_t>(program_.strings.size() - 1);
  }
  int32_t Event(EventKind kind) {
    program_.events.push_back(std::move(kind));
    return static_cast<int32_t>(program_.events.size() - 1);
  }
  // The code of tasks to come. Points of it are numbered from 0 and end up behind those of the codes before.
  void Code(std::vector<Point> points, std::vector<std::vector<Instruction>> steps) {
    first_point_ = static_cast<uint32_t>(program_.points.size());
    for (size_t n = 0; n < steps.size(); ++n) {
      Point point = n < points.size() ? points[n] : Point{};
      point.entry = static_cast<uint32_t>(program_.code.size());
      point.place = {static_cast<uint32_t>(program_.points.size()) + 1, 1};
      if (steps[n].size() == 1 && steps[n][0].op == Op::kEnd) point.kind = PointKind::kEnd;
      program_.points.push_back(point);
      for (Instruction instruction : steps[n]) {
        const bool jump = instruction.op == Op::kJump || instruction.op == Op::kJumpIfZero;  // relative to the step
        if (jump) instruction.a += static_cast<int32_t>(point.entry);
        if (instruction.op == Op::kPoint) instruction.a += static_cast<int32_t>(first_point_);
        program_.code.push_back(instruction);
      }
    }
  }
  // The condition of the last Code's point `n`.
  void Condition(uint32_t n, std::string text, std::vector<Instruction> code) {
    Point& point = program_.points[first_point_ + n];
    point.condition = static_cast<int32_t>(program_.code.size());
    point.condition_text = static_cast<uint32_t>(Text(std::move(text)));
    program_.code.insert(program_.code.end(), code.begin(), code.end());
  }
  // A task that runs the last Code. Its first local holds up to `local_max`.
  size_t Add(std::string name, uint32_t group, uint8_t local_max = 255, WordKind local_kind = WordKind::kValue) {
    const uint32_t region = static_cast<uint32_t>(program_.words.size());
    const auto word = [&](const char* field, WordKind kind, uint8_t initial, uint8_t max, bool shared) {
      program_.words.push_back(
          {.name = name + "." + field, .kind = kind, .initial = initial, .max = max, .shared = shared});
    };
    word("state", WordKind::kValue, 0, 127, true);
    program_.words.back().value_names = 1;
    word("on_rq", WordKind::kValue, 1, 1, true);
    word("point", WordKind::kPointLow, 0, 255, false);
    word("point", WordKind::kPointHigh, 0, 255, false);
    word("local", local_kind, 0, local_max, false);
    if (depth_ > 0) {
      program_.buffer_offsets.push_back(static_cast<uint32_t>(program_.words.size()) - region);
      program_.buffer_depths.push_back(depth_);
      word("buffer", WordKind::kBufferLen, 0, depth_, false);
      for (int n = 0; n < depth_; ++n) {
        word("buffer", WordKind::kBufferLow, 0, 255, false);
        word("buffer", WordKind::kBufferHigh, 0, 255, false);
        word("buffer", WordKind::kBufferValue, 0, 255, false);
      }
    }
    program_.region_bytes = static_cast<uint32_t>(program_.words.size()) - region;
    program_.tasks.push_back(
        {.name = std::move(name), .kind = "task", .group = group, .region = region, .start = first_point_});
    first_points_.push_back(first_point_);
    point_counts_.push_back(static_cast<uint32_t>(program_.points.size()) - first_point_);
    return program_.tasks.size() - 1;
  }
  static uint32_t FieldAddress(const Program& program, size_t task, uint32_t field) {
    return program.tasks[task].region + field;
  }
  Program& program() { return program_; }

  Program End() {
    program_.state_bytes = static_cast<uint32_t>(program_.words.size());
    for (size_t task = 0; task < program_.tasks.size(); ++task) AddAccesses(task);
    return std::move(program_);
  }

 private:
  // Jumps stay in their step, so that what stands in it is what it touches; an address that is only known when it runs
  // may be any.
  void AddAccesses(size_t task) {
    const size_t bits = (program_.state_bytes + 63) / 64;
    const Access none{std::vector<uint64_t>(bits), std::vector<uint64_t>(bits)};
    Program::Accesses all{first_points_[task], std::vector<Access>(point_counts_[task], none),
                          std::vector<Access>(point_counts_[task], none)};
    const auto set = [&](std::vector<uint64_t>* in, int32_t word) {
      for (uint32_t n = 0; n < program_.state_bytes; ++n) {
        if (program_.words[n].shared && (word < 0 || n == static_cast<uint32_t>(word)))
          (*in)[n / 64] |= uint64_t{1} << n % 64;
      }
    };
    for (uint32_t n = 0; n < point_counts_[task]; ++n) {
      bool atomic = false;
      for (uint32_t at = program_.points[all.first_point + n].entry;; ++at) {
        const Instruction& i = program_.code[at];
        atomic = i.op == Op::kAtomicBegin || (atomic && i.op != Op::kAtomicEnd);
        const bool waits = depth_ > 0 && !atomic;  // a plain store: its step touches the store buffer only
        if (i.op == Op::kLoad)
          set(&all.step[n].reads, i.a);
        else if (i.op == Op::kStore)
          set(waits ? &all.future[n].writes : &all.step[n].writes, i.a);
        else if (i.op == Op::kRelease)
          set(&all.step[n].writes, i.a);
        else if (i.op == Op::kLoadAt)
          set(&all.step[n].reads, -1);
        else if (i.op == Op::kStoreAt)
          set(waits ? &all.future[n].writes : &all.step[n].writes, -1);
        else if (i.op == Op::kReleaseAt)
          set(&all.step[n].writes, -1);
        else if (i.op >= Op::kListLen && i.op <= Op::kListDel)
          set(&all.step[n].writes, -1);
        const bool last = at + 1 == program_.code.size() || EntryAt(at + 1) || i.op == Op::kResult;
        if (last) break;
      }
    }
    // Later points are reached from earlier ones or from themselves: all of them is an over-approximation.
    std::vector<Access> parts = all.step;
    parts.insert(parts.end(), all.future.begin(), all.future.end());
    for (Access& future : all.future) {
      for (const Access& step : parts) {
        for (size_t w = 0; w < bits; ++w) future.reads[w] |= step.reads[w], future.writes[w] |= step.writes[w];
      }
    }
    for (uint32_t n = 0; n < point_counts_[task]; ++n) {
      if (program_.points[all.first_point + n].kind == PointKind::kEnd) all.future[n] = none;
    }
    program_.access_of.push_back(std::move(all));
  }
  bool EntryAt(uint32_t at) const {
    for (const Point& point : program_.points) {
      if (point.entry == at || point.condition == static_cast<int32_t>(at)) return true;
    }
    return false;
  }

  Program program_;
  const uint8_t depth_;
  uint32_t first_point_ = 0;
  std::vector<uint32_t> first_points_, point_counts_;
};

}  // namespace wakewatch::protocol
