#include "collector/local_access.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

Error NotPrepared() { return Error{ErrorCode::kInvalidArgument, "the instance was not prepared"}; }

}  // namespace

LocalAccess::LocalAccess(std::string tracefs, std::string instance_prefix, std::optional<InstanceOwner> owner)
    : tracefs_(std::move(tracefs)), prefix_(std::move(instance_prefix)), owner_(owner) {}

LocalAccess::~LocalAccess() { (void)Remove(); }

Result<InstanceSetup> LocalAccess::Prepare(const InstanceWish& wish) {
  if (session_) return Fail(ErrorCode::kConflict, "the instance was prepared already");
  InstanceSetup setup;
  auto session = TracefsSession::Create(tracefs_, prefix_, &setup.warnings, owner_, &setup.left_over);
  if (!session) return Fail(session.error());
  session_ = *std::move(session);
  const auto buffers = ConfigureBuffers(session_->path(), wish.buffers, &setup.warnings);
  if (!buffers) return Fail(buffers.error());
  setup.clock = buffers->clock.name();
  setup.subbuffer_bytes = buffers->subbuffer_bytes;
  setup.buffer_bytes_per_cpu = buffers->buffer_bytes_per_cpu;
  auto cpus = session_->Cpus();
  if (!cpus) return Fail(cpus.error());
  setup.cpus = *std::move(cpus);
  if (wish.probes) {
    probes_ = ProbePlacement::Place({.tracefs = tracefs_}, session_->path(), wish.probe_cost_ns, &setup.warnings,
                                    &setup.evidence);
    setup.has_probes = probes_ != nullptr;
    if (probes_) setup.probes = probes_->placed();
  } else {
    ReapProbes(tracefs_, &setup.warnings);
  }
  return setup;
}

Result<EventSelection> LocalAccess::Select(const std::vector<std::string>& wanted) {
  if (!session_) return Fail(NotPrepared());
  return SelectEvents(session_->events_folder(), wanted);
}

Result<std::string> LocalAccess::EventFile(const std::string& file) {
  if (!session_) return Fail(NotPrepared());
  return ReadTextFile(session_->events_folder() + "/" + file);
}

Result<std::vector<std::string>> LocalAccess::Enable(const std::vector<std::string>& events, Warnings* warnings) {
  if (!session_) return Fail(NotPrepared());
  return session_->EnableEvents(events, warnings);
}

Status LocalAccess::SetEvent(const std::string& event, bool on) {
  if (!session_) return Fail(NotPrepared());
  return session_->SetEvent(event, on);
}

Status LocalAccess::SetTracing(bool on) {
  if (!session_) return Fail(NotPrepared());
  return on ? session_->Start() : session_->Stop();
}

Result<Descriptor> LocalAccess::OpenPipe(uint32_t cpu) {
  if (!session_) return Fail(NotPrepared());
  return OpenToRead(session_->path() + "/per_cpu/cpu" + std::to_string(cpu) + "/trace_pipe_raw", O_NONBLOCK);
}

Result<CpuStats> LocalAccess::ReadStats(uint32_t cpu) {
  if (!session_) return Fail(NotPrepared());
  return session_->ReadStats(cpu);
}

ProbeHitsByName LocalAccess::ProbeHits() { return probes_ ? probes_->Hits() : ProbeHitsByName(); }

std::vector<ThreadInfo> LocalAccess::ScanThreads(KthreadInventory::Depth depth, uint64_t now_ns) {
  return inventory_.Scan(depth, now_ns);
}

TaskSnapshot LocalAccess::Snapshot(uint64_t request_id, int32_t pid, uint64_t trace_now_ns) {
  return snapshots_.Take(request_id, pid, std::chrono::steady_clock::now(), trace_now_ns);
}

Result<Descriptor> LocalAccess::OpenSymbols() { return OpenToRead("/proc/kallsyms"); }

Status LocalAccess::RaisePriority(int32_t tid) {
  // At nice 0 it would get its turn only when tasks that never sleep have used up theirs, while the buffers fill.
  constexpr int kReaderNice = -10;
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(tid), kReaderNice) == 0) return {};
  return Fail(ErrnoError(errno, "cannot raise the priority of a thread", {}));
}

Warnings LocalAccess::Remove() {
  if (session_) {
    if (const auto removed = session_->Remove(); !removed) return {removed.error().Text()};
  }
  return probes_ ? probes_->Remove() : Warnings();
}

}  // namespace wakewatch
