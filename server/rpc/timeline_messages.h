// Why: a timeline's details as messages of the API.
#pragma once

#include <wakewatch/v1/analysis.pb.h>

#include "server/store/timeline_query.h"

namespace wakewatch {

// Without the deadline.
TimelineDetailQuestion FromMessage(const v1::GetTimelineDetailRequest& message);
void ToMessage(const TimelineDetail& detail, v1::GetTimelineDetailResponse* message);

}  // namespace wakewatch
