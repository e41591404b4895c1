#include "analysis/checks/softirq_delay.h"

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSoftirqRaise, EventType::kSoftirqEntry, EventType::kGap};

}  // namespace

const CheckInfo SoftirqDelay::kInfo = {
    "softirq-delay", "a softirq was raised and not entered in time on its CPU", kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<SoftirqDelay>(input); }};

void SoftirqDelay::OnStep(const Step& step) {
  const Event& event = *step.event;
  Cpu& cpu = Of(event.cpu);
  if (event.type == EventType::kGap) return OnGap(&cpu);
  if (event.softirq.vec >= kSoftirqVectors) return;
  if (event.type == EventType::kSoftirqRaise) return OnRaise(step, &cpu);
  OnEntry(step, &cpu);
}

void SoftirqDelay::OnRaise(const Step& step, Cpu* cpu) {
  const Event& event = *step.event;
  Raise& raise = cpu->pending[event.softirq.vec];
  if (raise.ns != 0) return;
  raise.ns = event.ts_ns;
  raise.context = ContextOf(event);
  raise.pid = event.pid;
  raise.usage = step.cpu->usage;
}

// A run goes on while its CPU's events carry the softirq flag, those of interrupts in between included. A new one is
// ksoftirqd's own when ksoftirqd is on the CPU and no interrupt's exit started it.
bool SoftirqDelay::StartsInKsoftirqd(const Step& step) const {
  const CpuState& cpu = *step.cpu;
  if (cpu.current == nullptr || cpu.current->kind != ThreadKind::kKsoftirqd) return false;
  return (cpu.flags_before & (kFlagHardirq | kFlagNmi)) == 0;
}

void SoftirqDelay::OnEntry(const Step& step, Cpu* cpu) {
  const Event& event = *step.event;
  const uint32_t vec = event.softirq.vec;
  if ((step.cpu->flags_before & kFlagSoftirq) == 0) cpu->in_ksoftirqd = StartsInKsoftirqd(step);
  if (cpu->taken[vec].ns == 0) {
    // Not among what the run took at first: it has looked again and taken what was raised meanwhile.
    for (uint32_t i = 0; i < kSoftirqVectors; ++i) {
      if (cpu->taken[i].ns != 0) ++vectors_[i].voided;
    }
    cpu->taken = cpu->pending;
    cpu->pending = {};
  }
  Vector& vector = vectors_[vec];
  const Raise raise = cpu->taken[vec];
  cpu->taken[vec].ns = 0;
  const bool inside = input_.options.Inside(raise.ns == 0 ? event.ts_ns : raise.ns);
  if (!inside) return;
  ++vector.entries;
  if (cpu->in_ksoftirqd) ++vector.in_ksoftirqd;
  if (raise.ns == 0) return;  // raised before the trace began, or in a gap
  const uint64_t waited_ns = event.ts_ns - raise.ns;
  vector.raise_to_entry_ns.Add(waited_ns);
  if (waited_ns >= input_.options.latency_threshold_ns) Report(step, raise, cpu->in_ksoftirqd);
}

// Both ends are events of one CPU, so only its own gaps matter.
void SoftirqDelay::OnGap(Cpu* cpu) {
  for (uint32_t i = 0; i < kSoftirqVectors; ++i) {
    vectors_[i].voided += (cpu->pending[i].ns != 0 ? 1u : 0u) + (cpu->taken[i].ns != 0 ? 1u : 0u);
  }
  *cpu = Cpu{};
}

void SoftirqDelay::Report(const Step& step, const Raise& raise, bool in_ksoftirqd) {
  const Event& event = *step.event;
  const std::string name(SoftirqName(event.softirq.vec));
  const uint64_t waited_ns = event.ts_ns - raise.ns;
  const DelayCause cause = CauseOfUse(step.cpu->usage.Since(raise.usage), *step.cpu, raise.ns, event.ts_ns, -1);
  Finding finding;
  finding.check = kInfo.name;
  finding.cls = cause.cls;
  finding.confidence = Confidence::kProven;
  finding.pid = event.pid;
  finding.comm = step.cpu->current != nullptr ? std::string(step.cpu->current->comm()) : "swapper";
  finding.cpu = event.cpu;
  finding.start_ns = raise.ns;
  finding.end_ns = event.ts_ns;
  finding.waited_ns = waited_ns;
  SetWaker(raise.context, raise.pid, input_.model, &finding);
  const std::string vec = "vec=" + std::to_string(event.softirq.vec) + " [action=" + name + "]";
  finding.evidence = {{event.cpu, raise.ns, "softirq_raise " + vec}, {event.cpu, event.ts_ns, "softirq_entry " + vec}};
  finding.explanation =
      "softirq " + name + " waited " + MillisText(waited_ns) + " on CPU " + std::to_string(event.cpu) + " and ran " +
      (in_ksoftirqd ? "in ksoftirqd" : "outside ksoftirqd, on top of " + finding.comm) + ": " + cause.explanation;
  input_.findings.Add(std::move(finding), event.softirq.vec);
}

void SoftirqDelay::Summarise(uint64_t, Summaries* summaries) const {
  for (uint32_t i = 0; i < kSoftirqVectors; ++i) {
    const Vector& vector = vectors_[i];
    uint64_t censored = 0;
    for (const Cpu& cpu : cpus_) censored += (cpu.pending[i].ns != 0 ? 1u : 0u) + (cpu.taken[i].ns != 0 ? 1u : 0u);
    if (vector.entries + censored + vector.voided == 0) continue;
    SoftirqSummary& summary = summaries->softirq.emplace_back();
    summary.vector = SoftirqName(i);
    summary.raise_to_entry_ns = vector.raise_to_entry_ns;
    summary.in_ksoftirqd = vector.in_ksoftirqd;
    summary.entries = vector.entries;
    summary.censored = censored;
    summary.voided = vector.voided;
  }
}

}  // namespace wakewatch
