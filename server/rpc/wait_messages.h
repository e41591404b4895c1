// Why: questions about waits, and waits alone and in groups, as messages of the API.
#pragma once

#include <wakewatch/v1/analysis.pb.h>

#include "analysis/base/result.h"
#include "analysis/report/delay_table.h"

namespace wakewatch {

// Errors: kInvalidArgument, a kind that is not there.
Result<WaitFilter> FromMessage(const v1::WaitFilter& message);
Result<DelayKeys> KeysOf(const v1::GetDelaysRequest& request);

void ToMessage(const DelayBuckets& buckets, v1::DelayBuckets* message);
// All but the host.
void ToMessage(const DelayGroup& group, const DelayKeys& keys, v1::DelayRow* message);
void ToMessage(const MeasuredWait& wait, v1::Wait* message);

}  // namespace wakewatch
