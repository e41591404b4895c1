// Why: what a step did, in words a kernel developer reads: names for addresses, states, tasks and events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

// "TASK_RUNNING", "TASK_KILLABLE", "TASK_INTERRUPTIBLE|TASK_PARKED"; what no name covers is added as a number.
std::string StateName(int32_t state);
// The name of a task's number; "none" where there is no such task.
std::string TaskName(const Program& program, int32_t task);
// What a value of the word at `address` means: "1", "TASK_INTERRUPTIBLE", "worker".
std::string ValueText(const Program& program, uint32_t address, uint8_t value);
// Of a list by the address of its length: "wq.waiters".
std::string ListName(const Program& program, uint32_t address);
// An event with its arguments by name.
StepRecord::Event EventText(const Program& program, uint32_t kind, const std::vector<int32_t>& args);
// " (line 9)", or nothing where the place is not in the user's text.
std::string LineText(Place place);
// What the step of `point` is called: its statement, or the kernel function it is part of.
std::string StepName(const Program& program, const Point& point);

}  // namespace wakewatch::protocol
