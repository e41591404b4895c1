// Why: the verdicts on wake calls are worded alike.
#pragma once

#include <string>

#include "analysis/checks/lost_wakeup/sleeper.h"

namespace wakewatch {

std::string HexText(uint64_t value);
// "ttwu st=0x0 mode=0x3 by pkt_feed (pid 12)".
std::string TtwuText(const WakeCall& call);
// With class, confidence and waker.
Verdict VerdictOn(const WakeCall& call, LostClass cls, Confidence confidence);

}  // namespace wakewatch
