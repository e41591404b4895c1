// Why: a chain of wakes as it goes over the wire, and back again in the client: both directions stand side by side, so
// that none forgets what the other has.
#pragma once

#include <wakewatch/v1/analysis.pb.h>

#include "analysis/report/chain_view.h"

namespace wakewatch {

void ToMessage(const ChainLink& link, v1::ChainLink* message);
// All but the recording's name.
void ToMessage(const ChainAnswer& answer, v1::GetChainResponse* message);
ChainAnswer FromMessage(const v1::GetChainResponse& message);

}  // namespace wakewatch
