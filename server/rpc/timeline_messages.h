// Why: a timeline's details, and a heat map of waits, as messages of the API.
#pragma once

#include <wakewatch/v1/analysis.pb.h>

#include "analysis/report/heat_map.h"
#include "server/store/timeline_query.h"

namespace wakewatch {

// Without the deadline.
TimelineDetailQuestion FromMessage(const v1::GetTimelineDetailRequest& message);
void ToMessage(const TimelineDetail& detail, v1::GetTimelineDetailResponse* message);
// Without watermark and gaps.
void ToMessage(const HeatMap& map, v1::GetHeatMapResponse* message);

}  // namespace wakewatch
