// Why: a comparison as it goes over the wire, and back again in the client: both directions stand side by side, so that
// none forgets what the other has.
#pragma once

#include <wakewatch/v1/analysis.pb.h>

#include "analysis/report/compare.h"

namespace wakewatch {

void ToMessage(const Comparison& comparison, v1::CompareResponse* message);
Comparison FromMessage(const v1::CompareResponse& message);

}  // namespace wakewatch
