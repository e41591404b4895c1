// Why: the search may leave out orders of steps that cannot differ, if it knows what each step, and all that may follow
// it, can touch. Both are worked out here from the code, once, too much rather than too little.
#pragma once

#include "analysis/protocol/compiler/emitter.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

// Of `task`, whose code has the points first_point ... first_point + points - 1.
Program::Accesses AccessesOf(const Program& program, const std::vector<Touch>& touches, size_t task,
                             uint32_t first_point, uint32_t points);

}  // namespace wakewatch::protocol
