#include "server/rpc/fleet_metrics.h"

#include <fstream>
#include <sstream>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

namespace wakewatch {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void Add(prometheus::MetricFamily* family, std::vector<prometheus::ClientMetric::Label> labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  metric.counter.value = value;
  family->metric.push_back(std::move(metric));
}

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

struct HostMetric {
  const char* name;
  const char* help;
  prometheus::MetricType type;
  double (*value)(const HostState&);
};

constexpr double kNsPerSecond = 1e9;
constexpr auto kCounter = prometheus::MetricType::Counter;
constexpr auto kGauge = prometheus::MetricType::Gauge;

const HostMetric kHostMetrics[] = {
    {"wakewatch_host_up", "1 while the host's collector is connected", kGauge,
     [](const HostState& host) { return host.status == HostStatus::kStreaming ? 1.0 : 0.0; }},
    {"wakewatch_host_events_total", "Events stored of the host's newest recording", kCounter,
     [](const HostState& host) { return static_cast<double>(host.events); }},
    {"wakewatch_host_lost_events_total", "Events known to be lost in the host's newest recording", kCounter,
     [](const HostState& host) { return static_cast<double>(host.lost_events); }},
    {"wakewatch_host_gaps_total", "Gaps in the host's newest recording", kCounter,
     [](const HostState& host) { return static_cast<double>(host.gaps); }},
    {"wakewatch_host_late_events_total", "Events that arrived behind the watermark", kCounter,
     [](const HostState& host) { return static_cast<double>(host.late_events); }},
    {"wakewatch_host_findings_total", "Findings in the host's newest recording", kCounter,
     [](const HostState& host) { return static_cast<double>(host.findings); }},
    {"wakewatch_host_refused_batches_total", "Batches that did not validate", kCounter,
     [](const HostState& host) { return static_cast<double>(host.refused_batches); }},
    {"wakewatch_host_bytes_today", "Bytes of messages that the host has sent this day (UTC), since the server began",
     kGauge, [](const HostState& host) { return static_cast<double>(host.bytes_today); }},
    {"wakewatch_host_over_daily_cap_total", "Streams that were ended or refused because of the host's daily limit",
     kCounter, [](const HostState& host) { return static_cast<double>(host.streams_over_cap); }},
    {"wakewatch_host_paced_seconds_total",
     "How long the host's batches waited because it sends more than a host may while others stream", kCounter,
     [](const HostState& host) { return static_cast<double>(host.paced_ns) / kNsPerSecond; }},
    {"wakewatch_host_snapshot_requests_total", "Snapshots of suspected tasks that the host's collector was asked for",
     kCounter, [](const HostState& host) { return static_cast<double>(host.snapshots.requests); }},
    {"wakewatch_host_snapshot_answers_total", "Of these, those that were answered", kCounter,
     [](const HostState& host) { return static_cast<double>(host.snapshots.answers); }},
    {"wakewatch_host_snapshot_timeouts_total", "Of these, those that were not answered in time", kCounter,
     [](const HostState& host) { return static_cast<double>(host.snapshots.timeouts); }},
    {"wakewatch_host_snapshot_refused_total", "Snapshots that were not asked for, because of the limits", kCounter,
     [](const HostState& host) { return static_cast<double>(host.snapshots.refused); }},
    {"wakewatch_host_snapshot_dropped_total", "Answers of the host's collector that nobody had asked for", kCounter,
     [](const HostState& host) { return static_cast<double>(host.snapshots.dropped); }},
    {"wakewatch_host_lag_seconds", "How far the analysis is behind the host", kGauge,
     [](const HostState& host) { return static_cast<double>(host.lag_ns) / kNsPerSecond; }},
};

}  // namespace

std::string FleetMetricsText(Fleet& fleet, const std::string& version) {
  std::vector<prometheus::MetricFamily> families;
  families.push_back(Family("wakewatch_build_info", "Version of the server", kGauge));
  Add(&families.back(), {{"version", version}}, 1);
  families.push_back(Family("process_resident_memory_bytes", "Resident memory of the server", kGauge));
  Add(&families.back(), {}, ResidentBytes());
  const std::vector<HostState> hosts = fleet.Hosts();
  families.push_back(Family("wakewatch_hosts", "Hosts that the server knows", kGauge));
  Add(&families.back(), {}, static_cast<double>(hosts.size()));
  families.push_back(Family("wakewatch_store_quarantined_files", "Damaged files that were put away", kGauge));
  Add(&families.back(), {}, static_cast<double>(fleet.catalogue().quarantined()));
  for (const HostMetric& metric : kHostMetrics) {
    families.push_back(Family(metric.name, metric.help, metric.type));
    for (const HostState& host : hosts) Add(&families.back(), {{"host", host.name}}, metric.value(host));
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace wakewatch
