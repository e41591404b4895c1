// Why: tests change recordings in ways that must not change what the rules say of them, or only for less. Events are
// changed in memory; records that carry names are copied, the others stay where they are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"

namespace wakewatch::changed_test {

using Events = std::vector<Event>;

// What a changed recording says about itself.
class ChangedInput : public TraceInput {
 public:
  // As `input`, but for what the tests change.
  explicit ChangedInput(const TraceInput& input);
  TraceMetadata& meta() { return metadata_; }
  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override {
    return std::vector<std::unique_ptr<CpuReader>>();
  }
};

// A recording that was changed, with all that its events point to. `input` may be the recording's own.
struct Changed {
  std::shared_ptr<const TraceInput> input;
  Events events;
  std::vector<std::unique_ptr<std::vector<uint8_t>>> records;
};

// Another name for a task, of the same length; names that only kernel threads carry stay, since they say what a thread
// is for.
std::string OtherName(int32_t pid, std::string_view name);
// Another number for a task; 0 to 2 stay, since they are the idle task, init and kthreadd everywhere.
int32_t OtherPid(int32_t pid);
Changed Renamed(const TraceInput& input, const Events& events);

// All times `factor` times as far from the first event.
uint64_t ScaledNs(uint64_t ns, uint64_t origin_ns, double factor);
Changed Scaled(const TraceInput& input, const Events& events, double factor);

struct LostSpan {
  uint32_t cpu = 0;
  uint64_t start_ns = 0, end_ns = 0;
};
// The CPU's events inside of (start_ns, end_ns) are lost, and marked so. *span becomes what the mark says.
Events WithGap(const Events& events, LostSpan* span);

// The CPUs' clocks are up to `skew_ns` apart.
Events Skewed(const Events& events, uint64_t skew_ns, std::mt19937* random);
// Events of one time, in another order of their CPUs.
Events Shuffled(const Events& events, std::mt19937* random);
// Without those that `drops` names.
Events Without(const Events& events, const std::function<bool(const Event&)>& drops);

}  // namespace wakewatch::changed_test
