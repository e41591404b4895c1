#include "analysis/protocol/reduction.h"

#include <algorithm>

#include "analysis/protocol/compiler.h"

namespace wakewatch::protocol {
namespace {

constexpr uint32_t kPrivate = 0xffffffff;

bool Holds(const std::vector<uint64_t>& bits, uint32_t address) {
  return (bits[address / 64] >> address % 64 & 1) != 0;
}

bool Reads(const std::vector<Access>& accesses, uint32_t address) {
  return std::any_of(accesses.begin(), accesses.end(),
                     [&](const Access& access) { return Holds(access.reads, address); });
}

bool Writes(const std::vector<Access>& accesses, uint32_t address) {
  return std::any_of(accesses.begin(), accesses.end(),
                     [&](const Access& access) { return Holds(access.writes, address); });
}

}  // namespace

Reduction::Reduction(const Program& program, const Interpreter& interpreter)
    : interpreter_(interpreter), index_of_(program.state_bytes, kPrivate) {
  std::vector<int> users(program.state_bytes), writers(program.state_bytes);
  for (const auto& [first_point, step, future] : program.access_of) {
    for (uint32_t address = 0; address < program.state_bytes; ++address) {
      const bool writes = Writes(step, address) || Writes(future, address);
      users[address] += writes || Reads(step, address) || Reads(future, address);
      writers[address] += writes;
    }
  }
  for (uint32_t address = 0; address < program.state_bytes; ++address) {
    if (users[address] < 2 || writers[address] == 0) continue;
    index_of_[address] = static_cast<uint32_t>(shared_.size());
    shared_.push_back(address);
  }
  width_ = (shared_.size() + 63) / 64;
  for (size_t task = 0; task < program.tasks.size(); ++task) AddTask(program, task);
  must_progress_ =
      std::any_of(program.points.begin(), program.points.end(), [](const Point& point) { return point.assertion; });
}

Reduction::Bits Reduction::Narrow(const std::vector<uint64_t>& words) const {
  Bits bits(width_);
  for (size_t n = 0; n < shared_.size(); ++n) {
    if (Holds(words, shared_[n])) bits[n / 64] |= uint64_t{1} << n % 64;
  }
  return bits;
}

void Reduction::AddTask(const Program& program, size_t task) {
  const Program::Accesses& accesses = program.access_of[task];
  Touches touches{.first_point = accesses.first_point};
  const auto append = [](Bits* to, const Bits& bits) { to->insert(to->end(), bits.begin(), bits.end()); };
  for (size_t n = 0; n < accesses.step.size(); ++n) {
    const Bits reads = Narrow(accesses.step[n].reads), writes = Narrow(accesses.step[n].writes);
    Bits future_reads = Narrow(accesses.future[n].reads), future_writes = Narrow(accesses.future[n].writes);
    for (size_t w = 0; w < width_; ++w) {
      future_reads[w] |= reads[w];
      future_writes[w] |= writes[w];
    }
    append(&touches.step_reads, reads);
    append(&touches.step_writes, writes);
    append(&touches.future_reads, future_reads);
    append(&touches.future_writes, future_writes);
  }
  tasks_.push_back(std::move(touches));
}

void Reduction::AddBuffered(const uint8_t* state, size_t task, uint64_t* writes) const {
  const Interpreter::TaskView& view = interpreter_.ViewOf(task);
  if (view.buffer_depth == 0) return;
  for (uint32_t n = 0; n < state[view.buffer]; ++n) {
    const uint8_t* const entry = state + view.buffer + 1 + 3 * n;
    const uint32_t index = index_of_[entry[0] | uint32_t{entry[1]} << 8];
    if (index != kPrivate) writes[index / 64] |= uint64_t{1} << index % 64;
  }
}

// Word by word: a task drops out where what its move touches meets what others may still do.
uint32_t Reduction::Enough(const uint8_t* state) const {
  const size_t count = tasks_.size();
  uint32_t enough = count == 32 ? 0xffffffff : (uint32_t{1} << count) - 1;
  const size_t width = width_;
  uint64_t buffered[kTasksMax * kStateBytesMax / 64];
  std::fill_n(buffered, count * width, uint64_t{0});
  size_t offsets[kTasksMax];
  for (size_t task = 0; task < count; ++task) {
    const Interpreter::TaskView& view = interpreter_.ViewOf(task);
    const uint32_t point = state[view.point] | uint32_t{state[view.point + 1]} << 8;
    offsets[task] = (point - tasks_[task].first_point) * width_;
    AddBuffered(state, task, buffered + task * width);
  }
  for (size_t w = 0; w < width; ++w) {
    // What two tasks may do: a bit of `twice` is somebody else's for every task.
    uint64_t read_once = 0, read_twice = 0, written_once = 0, written_twice = 0;
    for (size_t task = 0; task < count; ++task) {
      const uint64_t reads = tasks_[task].future_reads[offsets[task] + w];
      const uint64_t writes = tasks_[task].future_writes[offsets[task] + w] | buffered[task * width + w];
      read_twice |= read_once & reads;
      read_once |= reads;
      written_twice |= written_once & writes;
      written_once |= writes;
    }
    for (size_t task = 0; task < count; ++task) {
      const Touches& touches = tasks_[task];
      const size_t at = offsets[task] + w;
      const uint64_t own_buffered = buffered[task * width + w];
      const uint64_t others_read = read_twice | (read_once & ~touches.future_reads[at]);
      const uint64_t others_write = written_twice | (written_once & ~(touches.future_writes[at] | own_buffered));
      const uint64_t writes = touches.step_writes[at] | own_buffered;
      if ((writes & (others_read | others_write)) != 0 || (touches.step_reads[at] & others_write) != 0) {
        enough &= ~(uint32_t{1} << task);
      }
    }
  }
  return enough;
}

}  // namespace wakewatch::protocol
