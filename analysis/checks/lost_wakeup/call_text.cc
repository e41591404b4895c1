#include "analysis/checks/lost_wakeup/call_text.h"

#include <cstdio>

namespace wakewatch {

std::string HexText(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

Verdict VerdictOn(const WakeCall& call, LostClass cls, Confidence confidence) {
  Verdict verdict;
  verdict.cls = cls;
  verdict.confidence = confidence;
  verdict.waker_pid = call.pid;
  verdict.waker_comm = call.comm;
  return verdict;
}

std::string TtwuText(const WakeCall& call) {
  return "ttwu st=" + HexText(call.state) + " mode=" + HexText(call.mode) + " by " +
         WakerText(VerdictOn(call, LostClass::kUndecided, Confidence::kSuspicious));
}

}  // namespace wakewatch
