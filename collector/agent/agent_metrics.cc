#include "collector/agent/agent_metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <unistd.h>

#include <exception>
#include <fstream>
#include <utility>
#include <vector>

namespace wakewatch {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

MetricFamily Family(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = std::string("wakewatch_collector_") + name;
  family.help = help;
  family.type = type;
  return family;
}

class StateCollectable final : public prometheus::Collectable {
 public:
  explicit StateCollectable(std::function<AgentState()> state) : state_(std::move(state)) {}

  std::vector<MetricFamily> Collect() const override {
    const AgentState state = state_();
    const UplinkStats& up = state.uplink;
    std::vector<MetricFamily> families;
    const auto counter = [&](const char* name, const char* help, uint64_t value) {
      ClientMetric metric;
      metric.counter.value = static_cast<double>(value);
      families.push_back(Family(name, help, MetricType::Counter));
      families.back().metric.push_back(metric);
    };
    const auto gauge = [&](const char* name, const char* help, uint64_t value) {
      ClientMetric metric;
      metric.gauge.value = static_cast<double>(value);
      families.push_back(Family(name, help, MetricType::Gauge));
      families.back().metric.push_back(metric);
    };
    counter("events_read_total", "Events read from the kernel", state.events_read);
    counter("events_lost_total", "Events that the kernel's buffers lost, where it counted them", state.events_lost);
    counter("events_dropped_total", "Events dropped because the queue was full", up.events_dropped);
    counter("events_refused_total", "Events in batches that the server refused", up.events_refused);
    counter("events_acked_total", "Events that the server has", up.events_acked);
    counter("gaps_total", "Gaps in what was read", state.gaps);
    counter("batches_sent_total", "Batches sent, those sent again included", up.batches_sent);
    counter("batches_acked_total", "Batches that the server has", up.batches_acked);
    counter("batches_refused_total", "Batches that the server refused", up.batches_refused);
    counter("connects_total", "Streams that the server welcomed", up.streams);
    counter("reconnects_total", "Streams that the server welcomed after the first",
            up.streams == 0 ? 0 : up.streams - 1);
    gauge("queue_bytes", "Bytes that wait for the server", up.queue_bytes);
    gauge("queue_batches", "Batches that wait for the server", up.queue_batches);
    if (up.spool.used) AddSpool(up.spool, counter, gauge);
    gauge("connected", "1 while a stream stands", up.connected ? 1 : 0);
    gauge("resident_memory_bytes", "Resident memory of the collector", ResidentBytes());
    AddProfiles(state, &families);
    AddProbes(state, &families);
    return families;
  }

 private:
  static void AddSpool(const SpoolFigures& spool, const auto& counter, const auto& gauge) {
    gauge("spool_bytes", "Bytes of the spool on disk", spool.bytes);
    gauge("spool_unread_batches", "Batches in the spool that wait to be sent", spool.unread);
    const uint64_t now_ns = static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
    const bool waits = spool.oldest_real_ns != 0 && spool.oldest_real_ns < now_ns;
    gauge("spool_oldest_seconds", "Age of the oldest batch that the server does not have",
          waits ? (now_ns - spool.oldest_real_ns) / 1'000'000'000 : 0);
    counter("spool_events_dropped_total", "Events dropped because the spool or its disk was full",
            spool.events_dropped);
    counter("spool_events_missing_total", "Events that were in the spool and cannot be read", spool.events_missing);
    counter("spool_append_failures_total", "Times the disk did not take a batch", spool.append_failures);
    counter("spool_sync_failures_total", "Times the disk did not make durable what it took", spool.sync_failures);
    counter("spool_quarantined_total", "Files of the spool that were damaged", spool.quarantined);
  }

  static void AddProfiles(const AgentState& state, std::vector<MetricFamily>* families) {
    families->push_back(Family("profile", "1 for the profile that is recorded", MetricType::Gauge));
    for (const EventProfile& profile : EventProfiles()) {
      ClientMetric metric;
      metric.label = {{"profile", profile.name}};
      metric.gauge.value = profile.name == state.profile ? 1 : 0;
      families->back().metric.push_back(metric);
    }
  }

  // Nothing where no probes were asked for.
  static void AddProbes(const AgentState& state, std::vector<MetricFamily>* families) {
    if (state.probes.empty()) return;
    MetricFamily on = Family("probe", "1 while the probe is recorded", MetricType::Gauge);
    MetricFamily events = Family("probe_events_total", "Events of the probe that were read", MetricType::Counter);
    MetricFamily offs =
        Family("probe_switched_off_total", "Times the probe was switched off while recording", MetricType::Counter);
    MetricFamily missed = Family("probe_missed_total", "Calls that the probe did not see, in interrupts of its handler",
                                 MetricType::Counter);
    for (const ProbeState& probe : state.probes) {
      ClientMetric metric;
      metric.label = {{"probe", probe.name}};
      metric.gauge.value = probe.on ? 1 : 0;
      on.metric.push_back(metric);
      metric.counter.value = static_cast<double>(probe.events);
      events.metric.push_back(metric);
      metric.counter.value = static_cast<double>(probe.missed);
      missed.metric.push_back(metric);
      metric.counter.value = static_cast<double>(probe.switched_off);
      offs.metric.push_back(metric);
    }
    families->insert(families->end(), {on, events, missed, offs});
  }

  const std::function<AgentState()> state_;
};

}  // namespace

struct AgentMetrics::Impl {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Histogram* ack_seconds = nullptr;
  std::shared_ptr<StateCollectable> state;
  std::unique_ptr<prometheus::Exposer> exposer;  // last: its threads use the above
};

AgentMetrics::AgentMetrics() : impl_(std::make_unique<Impl>()) {
  impl_->ack_seconds =
      &prometheus::BuildHistogram()
           .Name("wakewatch_collector_ack_seconds")
           .Help("From sending a batch to its acknowledgement")
           .Register(*impl_->registry)
           .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30});
}
AgentMetrics::~AgentMetrics() = default;

void AgentMetrics::Acknowledged(std::chrono::nanoseconds latency) {
  impl_->ack_seconds->Observe(std::chrono::duration<double>(latency).count());
}

Status AgentMetrics::Expose(const std::string& address, std::function<AgentState()> state) {
  try {
    impl_->exposer = std::make_unique<prometheus::Exposer>(address, 1);
  } catch (const std::exception& exception) {
    return Fail(Error{ErrorCode::kIo,
                      "cannot serve metrics at " + address + ": " + exception.what(),
                      {},
                      {},
                      "is the port taken? --metrics names another"});
  }
  impl_->state = std::make_shared<StateCollectable>(std::move(state));
  impl_->exposer->RegisterCollectable(impl_->registry);
  impl_->exposer->RegisterCollectable(impl_->state);
  return {};
}

void AgentMetrics::Close() { impl_->exposer.reset(); }

}  // namespace wakewatch
