// Why: a check of a protocol as it goes over the wire, and back again in the client, which writes it as it would write
// its own: both directions stand side by side, so that none forgets what the other has.
#pragma once

#include <wakewatch/v1/protocol.pb.h>

#include "analysis/protocol/checker.h"
#include "server/live/protocol_checks.h"
#include "server/live/shipped_verdicts.h"

namespace wakewatch {

// In a message a limit of 0 stands for the server's own.
void ToMessage(const CheckWish& wish, v1::CheckProtocolRequest* message);
// Error: kInvalidArgument, a memory that there is none of.
Result<CheckWish> FromMessage(const v1::CheckProtocolRequest& message);

void ToMessage(const TimedCheck& check, v1::CheckProtocolResponse* message);
TimedCheck FromMessage(const v1::CheckProtocolResponse& message);

// `verdicts`: of all protocols; those of this one are taken.
void ToMessage(const ShippedAbout& about, const std::vector<ProtocolVerdict>& verdicts, v1::Protocol* message);

}  // namespace wakewatch
