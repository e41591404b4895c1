// Why: what the dashboard shows of the fleet, for Prometheus. Values are read when they are scraped, so nothing is
// counted twice.
#pragma once

#include <string>

#include "server/live/fleet.h"

namespace wakewatch {

// Prometheus' text format, version 0.0.4.
std::string FleetMetricsText(Fleet& fleet, const std::string& version);

}  // namespace wakewatch
