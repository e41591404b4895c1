#include "analysis/protocol/search/symmetry.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

namespace wakewatch::protocol {
namespace {

// What stands in a key for a task that is alike: itself, or another. No task number is as large.
constexpr uint8_t kItself = 0xfe, kAnother = 0xff;

uint32_t RegionEnd(const Program& program, size_t task) {
  uint32_t end = program.state_bytes;
  for (const Task& other : program.tasks) {
    if (other.region > program.tasks[task].region) end = std::min(end, other.region);
  }
  return end;
}

// A word that only some of them ever change, or that begins differently, tells tasks apart.
bool Alike(const Program& program, const std::vector<uint32_t>& tasks, uint32_t bytes) {
  const uint32_t first = program.tasks[tasks[0]].region;
  for (uint32_t task : tasks) {
    for (uint32_t n = 0; n < bytes; ++n) {
      const Word& word = program.words[first + n];
      const Word& other = program.words[program.tasks[task].region + n];
      if (word.kind != other.kind || word.initial != other.initial || word.max != other.max ||
          word.constant != other.constant) {
        return false;
      }
    }
    if (program.tasks[task].start != program.tasks[tasks[0]].start) return false;
  }
  return true;
}

}  // namespace

Symmetry::Symmetry(const Program& program, const Interpreter& interpreter)
    : program_(program),
      interpreter_(interpreter),
      interchangeable_(program.tasks.size()),
      owner_(program.state_bytes) {
  std::map<uint32_t, std::vector<uint32_t>> by_group;
  for (uint32_t task = 0; task < program.tasks.size(); ++task) by_group[program.tasks[task].group].push_back(task);
  for (auto& [number, tasks] : by_group) {
    if (tasks.size() < 2) continue;
    // Regions follow one another, so the last one may have something else behind it: the shortest length is theirs.
    uint32_t bytes = program.state_bytes;
    for (uint32_t task : tasks) bytes = std::min(bytes, RegionEnd(program, task) - program.tasks[task].region);
    if (!Alike(program, tasks, bytes)) continue;
    for (uint32_t task : tasks) {
      interchangeable_[task] = 1;
      std::fill_n(owner_.begin() + program.tasks[task].region, bytes, static_cast<uint8_t>(task + 1));
    }
    groups_.push_back({.tasks = std::move(tasks), .bytes = bytes, .references = {}});
  }
  FindReferences(program);
}

void Symmetry::FindReferences(const Program& program) {
  uint32_t list = kNoList;
  for (uint32_t address = 0; address < program.state_bytes; ++address) {
    const Word& word = program.words[address];
    if (word.kind != WordKind::kTask && word.kind != WordKind::kTaskEntry) {
      list = address;  // of entries that follow at once, the length
      continue;
    }
    Reference reference{.address = address};
    if (word.kind == WordKind::kTaskEntry) reference = {address, list, address - list - 1};
    if (word.kind == WordKind::kTask) list = kNoList;
    references_.push_back(reference);
    if (owner_[address] == 0) outside_.push_back(reference);
  }
  for (Group& group : groups_) {
    const uint32_t region = program.tasks[group.tasks[0]].region;
    for (Reference reference : references_) {
      if (reference.address < region || reference.address >= region + group.bytes) continue;
      reference.address -= region;
      if (reference.list != kNoList) reference.list -= region;
      group.references.push_back(reference);
    }
  }
}

int Symmetry::Named(const uint8_t* base, const Reference& reference) {
  const uint8_t value = base[reference.address];
  if (reference.list == kNoList) return int{value} - 1;
  return reference.position < base[reference.list] ? value & kEntryValueMask : -1;
}

void Symmetry::Rename(uint8_t* base, const Reference& reference, const uint8_t* new_number) {
  const int task = Named(base, reference);
  if (task < 0) return;
  uint8_t& value = base[reference.address];
  value = reference.list == kNoList ? static_cast<uint8_t>(new_number[task] + 1)
                                    : static_cast<uint8_t>((value & kEntryFlagsMask) | new_number[task]);
}

// The region, with what depends on the numbers of tasks that are alike taken out.
void Symmetry::MakeKey(const uint8_t* state, const Group& group, uint32_t task, uint8_t* key) const {
  const uint8_t* const region = state + program_.tasks[task].region;
  std::memcpy(key, region, group.bytes);
  for (const Reference& reference : group.references) {
    const int named = Named(region, reference);
    if (named < 0 || !interchangeable_[named]) continue;
    key[reference.address] = named == static_cast<int>(task) ? kItself : kAnother;
  }
  MaskBuffer(region, task, key);
}

void Symmetry::MaskBuffer(const uint8_t* region, uint32_t task, uint8_t* key) const {
  const Interpreter::TaskView& view = interpreter_.ViewOf(task);
  if (view.buffer_depth == 0) return;
  const uint32_t buffer = view.buffer - view.region;
  for (uint32_t n = 0; n < region[buffer]; ++n) {
    const uint8_t* const entry = region + buffer + 1 + 3 * n;
    uint8_t* const masked = key + buffer + 1 + 3 * n;
    const uint32_t address = entry[0] | uint32_t{entry[1]} << 8;
    if (program_.words[address].kind == WordKind::kTask && entry[2] != 0 && interchangeable_[entry[2] - 1]) {
      masked[2] = entry[2] - 1u == task ? kItself : kAnother;
    }
    if (owner_[address] == 0) continue;
    const uint32_t owner = owner_[address] - 1u, offset = address - program_.tasks[owner].region;
    masked[0] = static_cast<uint8_t>(offset);
    masked[1] = static_cast<uint8_t>((offset >> 8) | (owner == task ? 0x80 : 0xc0));
  }
}

// Sorts scratch->order; false where it was in order.
bool Symmetry::Order(const uint8_t* state, const Group& group, Scratch* scratch) const {
  const uint32_t count = static_cast<uint32_t>(group.tasks.size()), bytes = group.bytes;
  scratch->keys.resize(size_t{count} * bytes);
  scratch->order.resize(count);
  uint8_t* const keys = scratch->keys.data();
  std::iota(scratch->order.begin(), scratch->order.end(), 0);
  for (uint32_t n = 0; n < count; ++n) MakeKey(state, group, group.tasks[n], keys + size_t{n} * bytes);
  const auto before = [&](uint32_t left, uint32_t right) {
    const int compared = std::memcmp(keys + size_t{left} * bytes, keys + size_t{right} * bytes, bytes);
    if (compared != 0) return compared < 0;
    return scratch->first_seen[group.tasks[left]] < scratch->first_seen[group.tasks[right]];
  };
  bool sorted = true;
  for (uint32_t n = 0; n + 1 < count && sorted; ++n) sorted = !before(n + 1, n);
  if (sorted) return false;
  // Few tasks: a stable insertion sort allocates nothing.
  for (uint32_t n = 1; n < count; ++n) {
    for (uint32_t at = n; at > 0 && before(scratch->order[at], scratch->order[at - 1]); --at) {
      std::swap(scratch->order[at], scratch->order[at - 1]);
    }
  }
  return true;
}

void Symmetry::RenameBuffers(uint8_t* state, const uint8_t* new_number) const {
  for (uint32_t task = 0; task < program_.tasks.size(); ++task) {
    const Interpreter::TaskView& view = interpreter_.ViewOf(task);
    if (view.buffer_depth == 0) continue;
    for (uint32_t n = 0; n < state[view.buffer]; ++n) {
      uint8_t* const entry = state + view.buffer + 1 + 3 * n;
      uint32_t address = entry[0] | uint32_t{entry[1]} << 8;
      if (program_.words[address].kind == WordKind::kTask && entry[2] != 0) {
        entry[2] = static_cast<uint8_t>(new_number[entry[2] - 1] + 1);
      }
      if (owner_[address] == 0) continue;
      const uint32_t owner = owner_[address] - 1u;
      address += program_.tasks[new_number[owner]].region - program_.tasks[owner].region;
      entry[0] = static_cast<uint8_t>(address);
      entry[1] = static_cast<uint8_t>(address >> 8);
    }
  }
}

bool Symmetry::Canonicalize(uint8_t* state, Scratch* scratch, uint8_t* new_number) const {
  const size_t tasks = program_.tasks.size();
  for (size_t task = 0; task < tasks; ++task) new_number[task] = static_cast<uint8_t>(task);
  if (groups_.empty()) return false;
  scratch->first_seen.assign(tasks, static_cast<uint32_t>(outside_.size()));
  for (size_t n = outside_.size(); n-- > 0;) {
    const int named = Named(state, outside_[n]);
    if (named >= 0) scratch->first_seen[named] = static_cast<uint32_t>(n);
  }
  bool moved = false;
  for (const Group& group : groups_) {
    if (!Order(state, group, scratch)) continue;
    if (!moved) scratch->before.assign(state, state + program_.state_bytes);
    moved = true;
    for (size_t n = 0; n < group.tasks.size(); ++n) {
      const uint32_t from = group.tasks[scratch->order[n]], to = group.tasks[n];
      new_number[from] = static_cast<uint8_t>(to);
      std::memcpy(state + program_.tasks[to].region, scratch->before.data() + program_.tasks[from].region, group.bytes);
    }
  }
  if (!moved) return false;
  for (const Reference& reference : references_) Rename(state, reference, new_number);
  RenameBuffers(state, new_number);
  return true;
}

}  // namespace wakewatch::protocol
