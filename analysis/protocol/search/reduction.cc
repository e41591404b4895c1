#include "analysis/protocol/search/reduction.h"

#include <algorithm>

#include "analysis/protocol/compiler/compiler.h"

namespace wakewatch::protocol {

Reduction::Reduction(const Program& program, const Interpreter& interpreter) : interpreter_(interpreter) {
  FindShared(program);
  std::map<Bits, size_t> known;  // many points have the same sets
  for (const Program::Accesses& accesses : program.access_of) {
    TaskTouches task{.first_point = accesses.first_point, .points = {}};
    for (size_t n = 0; n < accesses.step.size(); ++n) {
      Access future = accesses.future[n];
      for (size_t w = 0; w < future.reads.size(); ++w) {
        future.reads[w] |= accesses.step[n].reads[w];
        future.writes[w] |= accesses.step[n].writes[w];
      }
      task.points.push_back({RowOf(accesses.step[n], &known), RowOf(future, &known)});
    }
    tasks_.push_back(std::move(task));
  }
  must_progress_ =
      std::any_of(program.points.begin(), program.points.end(), [](const Point& point) { return point.assertion; });
}

// What one task alone touches, or nobody writes, keeps nothing in order.
void Reduction::FindShared(const Program& program) {
  const size_t units = (program.state_bytes + 63) / 64;
  Bits once(units), twice(units), written(units);
  for (const Program::Accesses& accesses : program.access_of) {
    Bits touched(units);
    for (const auto* list : {&accesses.step, &accesses.future}) {
      for (const Access& access : *list) {
        for (size_t n = 0; n < units; ++n) {
          touched[n] |= access.reads[n] | access.writes[n];
          written[n] |= access.writes[n];
        }
      }
    }
    for (size_t n = 0; n < units; ++n) {
      twice[n] |= once[n] & touched[n];
      once[n] |= touched[n];
    }
  }
  for (size_t n = 0; n < units; ++n) {
    const uint64_t mask = twice[n] & written[n];
    if (mask == 0) continue;
    columns_.push_back(static_cast<uint32_t>(n));
    masks_.push_back(mask);
  }
  column_of_.assign(units, static_cast<uint32_t>(columns_.size()));
  for (uint32_t column = 0; column < columns_.size(); ++column) column_of_[columns_[column]] = column;
}

size_t Reduction::RowOf(const Access& access, std::map<Bits, size_t>* known) {
  Bits row;
  for (const auto* words : {&access.reads, &access.writes}) {
    for (size_t column = 0; column < columns_.size(); ++column)
      row.push_back((*words)[columns_[column]] & masks_[column]);
  }
  const auto [found, added] = known->try_emplace(std::move(row), rows_.size());
  if (added) rows_.insert(rows_.end(), found->first.begin(), found->first.end());
  return found->second;
}

void Reduction::AddBuffered(const uint8_t* state, size_t task, uint64_t* writes) const {
  const Interpreter::TaskView& view = interpreter_.ViewOf(task);
  if (view.buffer_depth == 0) return;
  for (uint32_t n = 0; n < state[view.buffer]; ++n) {
    const uint8_t* const entry = state + view.buffer + 1 + 3 * n;
    const uint32_t address = entry[0] | uint32_t{entry[1]} << 8, column = column_of_[address / 64];
    if (column < columns_.size()) writes[column] |= uint64_t{1} << address % 64 & masks_[column];
  }
}

// Column by column: a task drops out where what its move touches meets what others may still do.
uint32_t Reduction::Enough(const uint8_t* state) const {
  const size_t count = tasks_.size(), width = columns_.size();
  uint32_t enough = count == 32 ? 0xffffffff : (uint32_t{1} << count) - 1;
  uint64_t buffered[kTasksMax * kStateBytesMax / 64];
  std::fill_n(buffered, count * width, uint64_t{0});
  const uint64_t* steps[kTasksMax];
  const uint64_t* futures[kTasksMax];
  for (size_t task = 0; task < count; ++task) {
    const Interpreter::TaskView& view = interpreter_.ViewOf(task);
    const uint32_t point = state[view.point] | uint32_t{state[view.point + 1]} << 8;
    const Touches& touches = tasks_[task].points[point - tasks_[task].first_point];
    steps[task] = rows_.data() + touches.step;
    futures[task] = rows_.data() + touches.future;
    AddBuffered(state, task, buffered + task * width);
  }
  for (size_t column = 0; column < width; ++column) {
    // What two tasks may do: a bit of `twice` is somebody else's for every task.
    uint64_t read_once = 0, read_twice = 0, written_once = 0, written_twice = 0;
    for (size_t task = 0; task < count; ++task) {
      const uint64_t reads = futures[task][column];
      const uint64_t writes = futures[task][width + column] | buffered[task * width + column];
      read_twice |= read_once & reads;
      read_once |= reads;
      written_twice |= written_once & writes;
      written_once |= writes;
    }
    for (size_t task = 0; task < count; ++task) {
      const uint64_t own_buffered = buffered[task * width + column];
      const uint64_t own_writes = futures[task][width + column] | own_buffered;
      const uint64_t others_read = read_twice | (read_once & ~futures[task][column]);
      const uint64_t others_write = written_twice | (written_once & ~own_writes);
      const uint64_t writes = steps[task][width + column] | own_buffered;
      if ((writes & (others_read | others_write)) != 0 || (steps[task][column] & others_write) != 0) {
        enough &= ~(uint32_t{1} << task);
      }
    }
  }
  return enough;
}

}  // namespace wakewatch::protocol
