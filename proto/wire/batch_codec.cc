#include "proto/wire/batch_codec.h"

#include <string>
#include <string_view>
#include <utility>

namespace wakewatch {
namespace {

v1::GapCause ToMessage(GapCause cause) {
  switch (cause) {
    case GapCause::kOverrun: return v1::GAP_CAUSE_OVERRUN;
    case GapCause::kCorrupt: return v1::GAP_CAUSE_CORRUPT;
    case GapCause::kCollector: return v1::GAP_CAUSE_COLLECTOR;
    case GapCause::kUnknown: break;
  }
  return v1::GAP_CAUSE_UNKNOWN;
}

GapCause FromMessage(v1::GapCause cause) {
  switch (cause) {
    case v1::GAP_CAUSE_OVERRUN: return GapCause::kOverrun;
    case v1::GAP_CAUSE_CORRUPT: return GapCause::kCorrupt;
    case v1::GAP_CAUSE_COLLECTOR: return GapCause::kCollector;
    default: return GapCause::kUnknown;
  }
}

void MetadataToMessage(const Batch& batch, v1::Batch* message) {
  for (const Symbol& symbol : batch.symbols) {
    v1::Symbol* const out = message->add_symbols();
    out->set_address(symbol.address);
    out->set_name(symbol.name);
  }
  for (const CpuInfo& cpu : batch.cpus) {
    v1::CpuInfo* const out = message->add_cpus();
    out->set_cpu(cpu.cpu);
    out->set_online(cpu.online);
    if (cpu.package >= 0) out->set_package(cpu.package);
    if (cpu.core >= 0) out->set_core(cpu.core);
    if (cpu.node >= 0) out->set_node(cpu.node);
    out->set_since_ns(cpu.since_ns);
  }
  for (const ThreadInfo& task : batch.threads) {
    v1::TaskInfo* const out = message->add_tasks();
    out->set_pid(task.pid);
    out->set_comm(task.comm);
    out->set_start_ticks(task.start_ticks);
    out->set_since_ns(task.first_seen_ns);
    out->set_flags(task.flags);
    if (task.parent_pid >= 0) out->set_parent_pid(task.parent_pid);
    out->set_affinity(task.affinity);
    if (task.policy >= 0) out->set_policy(task.policy);
    out->set_rt_priority(task.rt_priority);
    out->set_from_inventory(task.from_inventory);
  }
  for (const ClockPair& pair : batch.clock_pairs) {
    v1::ClockPair* const out = message->add_clock_pairs();
    out->set_trace_ns(pair.trace_ns);
    out->set_real_ns(pair.real_ns);
  }
  for (const CpuStats& stats : batch.stats) {
    v1::CpuStats* const out = message->add_stats();
    out->set_cpu(stats.cpu);
    out->set_entries(stats.entries);
    out->set_overrun(stats.overrun);
    out->set_commit_overrun(stats.commit_overrun);
    out->set_dropped(stats.dropped);
    out->set_read(stats.read);
  }
  for (const ProfileChange& change : batch.profiles) {
    v1::ProfileChange* const out = message->add_profiles();
    out->set_ts_ns(change.ts_ns);
    out->set_profile(change.profile);
    for (const std::string& event : change.events) out->add_events(event);
    out->set_reason(change.reason);
  }
}

void FormatsToMessage(const FormatsDelta& formats, v1::Formats* message) {
  message->set_hash(formats.hash);
  message->set_long_size(formats.long_size);
  message->set_big_endian(formats.big_endian);
  message->set_page_size(formats.page_size);
  message->set_header_page(formats.header_page);
  for (const FormatDelta& format : formats.events) {
    v1::Format* const out = message->add_events();
    out->set_system(format.system);
    out->set_text(format.text);
  }
}

// Reads one message; the first thing that is wrong is kept and ends the reading.
class Reading {
 public:
  Reading(v1::Batch* message, const BatchLimits& limits) : message_(message), limits_(limits) {}

  Result<Batch> Run() {
    CheckCounts();
    batch_.sequence = message_->sequence();
    batch_.last = message_->last();
    Require(batch_.sequence != 0, "sequence", "0: sequences count from 1");
    if (message_->has_session()) ReadSession();
    if (message_->has_formats()) ReadFormats();
    ReadTasks();
    ReadMachine();
    ReadEvents();
    if (!wrong_.empty()) {
      return Fail(ErrorCode::kInvalidArgument, "batch " + std::to_string(message_->sequence()) + ": " + wrong_);
    }
    return std::move(batch_);
  }

 private:
  void Require(bool good, std::string_view field, std::string_view why) {
    if (!good && wrong_.empty()) wrong_ = std::string(field) + ": " + std::string(why);
  }
  void Time(uint64_t ns, std::string_view field) { Require(ns <= limits_.time_max_ns, field, "a time past 2^63 ns"); }
  void Cpu(uint32_t cpu, std::string_view field) {
    if (cpu > limits_.cpu_max) Require(false, field, "there is no CPU " + std::to_string(cpu));
  }
  void Size(size_t bytes, size_t bytes_max, std::string_view field) {
    if (bytes > bytes_max) Require(false, field, "longer than " + std::to_string(bytes_max) + " bytes");
  }
  void Text(const std::string& text, std::string_view field) { Size(text.size(), limits_.text_bytes_max, field); }
  static int32_t Known(bool has, int32_t value) { return has ? value : -1; }

  void CheckCounts() {
    const std::pair<int, std::string_view> lists[] = {
        {message_->symbols_size(), "symbols"},     {message_->cpus_size(), "cpus"},
        {message_->tasks_size(), "tasks"},         {message_->clock_pairs_size(), "clock_pairs"},
        {message_->stats_size(), "stats"},         {message_->profiles_size(), "profiles"},
        {message_->gaps_size(), "gaps"},           {message_->chunks_size(), "chunks"},
        {message_->frontiers_size(), "frontiers"}, {message_->formats().events_size(), "formats.events"},
    };
    for (const auto& [count, field] : lists) {
      Require(static_cast<size_t>(count) <= limits_.list_max, field, "more entries than a batch may have");
    }
  }

  void ReadSession() {
    auto session = SessionFromMessage(message_->session(), limits_);
    if (!session) return Require(false, "session", session.error().cause);
    batch_.session = std::move(*session);
  }

  void ReadFormats() {
    v1::Formats& formats = *message_->mutable_formats();
    FormatsDelta delta;
    delta.hash = formats.hash();
    Require(formats.long_size() == 4 || formats.long_size() == 8, "formats.long_size", "4 or 8 bytes");
    delta.long_size = static_cast<uint8_t>(formats.long_size());
    delta.big_endian = formats.big_endian();
    delta.page_size = formats.page_size();
    Size(formats.header_page().size(), limits_.format_bytes_max, "formats.header_page");
    delta.header_page = std::move(*formats.mutable_header_page());
    for (v1::Format& format : *formats.mutable_events()) {
      Text(format.system(), "formats.events.system");
      Size(format.text().size(), limits_.format_bytes_max, "formats.events.text");
      delta.events.push_back({std::move(*format.mutable_system()), std::move(*format.mutable_text())});
    }
    batch_.formats = std::move(delta);
  }

  void ReadTasks() {
    for (v1::Symbol& symbol : *message_->mutable_symbols()) {
      Text(symbol.name(), "symbols.name");
      batch_.symbols.push_back({symbol.address(), std::move(*symbol.mutable_name())});
    }
    for (v1::TaskInfo& task : *message_->mutable_tasks()) {
      Text(task.comm(), "tasks.comm");
      Text(task.affinity(), "tasks.affinity");
      Time(task.since_ns(), "tasks.since_ns");
      ThreadInfo info;
      info.pid = task.pid();
      info.comm = std::move(*task.mutable_comm());
      info.start_ticks = task.start_ticks();
      info.first_seen_ns = task.since_ns();
      info.flags = task.flags();
      info.parent_pid = Known(task.has_parent_pid(), task.parent_pid());
      info.affinity = std::move(*task.mutable_affinity());
      info.policy = Known(task.has_policy(), task.policy());
      info.rt_priority = task.rt_priority();
      info.from_inventory = task.from_inventory();
      batch_.threads.push_back(std::move(info));
    }
  }

  void ReadMachine() {
    for (const v1::CpuInfo& cpu : message_->cpus()) {
      Cpu(cpu.cpu(), "cpus.cpu");
      Time(cpu.since_ns(), "cpus.since_ns");
      batch_.cpus.push_back({cpu.cpu(), cpu.online(), Known(cpu.has_package(), cpu.package()),
                             Known(cpu.has_core(), cpu.core()), Known(cpu.has_node(), cpu.node()), cpu.since_ns()});
    }
    for (const v1::ClockPair& pair : message_->clock_pairs()) {
      Time(pair.trace_ns(), "clock_pairs.trace_ns");
      Time(pair.real_ns(), "clock_pairs.real_ns");
      batch_.clock_pairs.push_back({pair.trace_ns(), pair.real_ns()});
    }
    for (const v1::CpuStats& stats : message_->stats()) {
      Cpu(stats.cpu(), "stats.cpu");
      batch_.stats.push_back(
          {stats.cpu(), stats.entries(), stats.overrun(), stats.commit_overrun(), stats.dropped(), stats.read()});
    }
    for (v1::ProfileChange& change : *message_->mutable_profiles()) {
      Time(change.ts_ns(), "profiles.ts_ns");
      Text(change.profile(), "profiles.profile");
      Text(change.reason(), "profiles.reason");
      ProfileChange& out = batch_.profiles.emplace_back();
      out.ts_ns = change.ts_ns();
      out.profile = std::move(*change.mutable_profile());
      out.reason = std::move(*change.mutable_reason());
      for (std::string& event : *change.mutable_events()) {
        Text(event, "profiles.events");
        out.events.push_back(std::move(event));
      }
    }
  }

  void ReadEvents() {
    for (const v1::Gap& gap : message_->gaps()) {
      Cpu(gap.cpu(), "gaps.cpu");
      Time(gap.start_ns(), "gaps.start_ns");
      if (gap.has_end_ns()) {
        Time(gap.end_ns(), "gaps.end_ns");
        Require(gap.end_ns() >= gap.start_ns(), "gaps.end_ns", "before its start");
      }
      batch_.gaps.push_back({gap.cpu(), gap.start_ns(), gap.has_end_ns() ? gap.end_ns() : UINT64_MAX,
                             gap.has_lost() ? gap.lost() : kLostUnknown, FromMessage(gap.cause())});
    }
    for (v1::Chunk& chunk : *message_->mutable_chunks()) {
      Cpu(chunk.cpu(), "chunks.cpu");
      Time(chunk.last_ns(), "chunks.last_ns");
      Require(chunk.first_ns() <= chunk.last_ns(), "chunks.last_ns", "before its first");
      Require(chunk.events() > 0 && !chunk.data().empty(), "chunks.events", "a chunk without events");
      Chunk& out = batch_.chunks.emplace_back();
      out.cpu = chunk.cpu();
      out.first_ns = chunk.first_ns();
      out.last_ns = chunk.last_ns();
      out.events = chunk.events();
      out.formats_hash = chunk.formats_hash();
      out.bytes.assign(chunk.data().begin(), chunk.data().end());
    }
    for (const v1::Frontier& frontier : message_->frontiers()) {
      Cpu(frontier.cpu(), "frontiers.cpu");
      Time(frontier.ts_ns(), "frontiers.ts_ns");
      batch_.frontiers.push_back({frontier.cpu(), frontier.ts_ns()});
    }
  }

  v1::Batch* const message_;
  const BatchLimits& limits_;
  Batch batch_;
  std::string wrong_;
};

bool IsHostName(std::string_view name) {
  if (name.empty() || name.size() > 253 || name.front() == '.' || name.front() == '-') return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace

void SessionToMessage(const SessionInfo& session, v1::Session* message) {
  message->set_host(session.host);
  message->set_boot_id(session.boot_id);
  message->set_session(session.session);
  message->set_kernel(session.kernel);
  message->set_clock(session.clock);
  message->set_collector_version(session.collector_version);
  message->set_cpus(session.cpus);
  message->set_loss_marked(session.loss_marked);
}

void BatchToMessage(const Batch& batch, v1::Batch* message) {
  message->set_sequence(batch.sequence);
  message->set_last(batch.last);
  if (batch.session) SessionToMessage(*batch.session, message->mutable_session());
  if (batch.formats) FormatsToMessage(*batch.formats, message->mutable_formats());
  MetadataToMessage(batch, message);
  for (const GapRecord& gap : batch.gaps) {
    v1::Gap* const out = message->add_gaps();
    out->set_cpu(gap.cpu);
    out->set_start_ns(gap.start_ns);
    if (gap.end_ns != UINT64_MAX) out->set_end_ns(gap.end_ns);
    if (gap.lost != kLostUnknown) out->set_lost(gap.lost);
    out->set_cause(ToMessage(gap.cause));
  }
  for (const Chunk& chunk : batch.chunks) {
    v1::Chunk* const out = message->add_chunks();
    out->set_cpu(chunk.cpu);
    out->set_first_ns(chunk.first_ns);
    out->set_last_ns(chunk.last_ns);
    out->set_events(chunk.events);
    out->set_formats_hash(chunk.formats_hash);
    out->set_data(chunk.bytes.data(), chunk.bytes.size());
  }
  for (const Frontier& frontier : batch.frontiers) {
    v1::Frontier* const out = message->add_frontiers();
    out->set_cpu(frontier.cpu);
    out->set_ts_ns(frontier.ts_ns);
  }
}

Result<Batch> BatchFromMessage(v1::Batch* message, const BatchLimits& limits) { return Reading(message, limits).Run(); }

Result<SessionInfo> SessionFromMessage(const v1::Session& message, const BatchLimits& limits) {
  const auto refuse = [](std::string cause) { return Fail(ErrorCode::kInvalidArgument, std::move(cause)); };
  if (!IsHostName(message.host())) {
    return refuse("a host is 1 to 253 letters, digits, '.', '_' and '-', and does not begin with '.' or '-'");
  }
  const std::pair<const std::string&, std::string_view> texts[] = {
      {message.boot_id(), "boot_id"},
      {message.session(), "session"},
      {message.kernel(), "kernel"},
      {message.clock(), "clock"},
      {message.collector_version(), "collector_version"},
  };
  for (const auto& [text, field] : texts) {
    if (text.size() > limits.text_bytes_max) return refuse(std::string(field) + " is too long");
  }
  // Both become parts of file names.
  if (!IsHostName(message.boot_id())) return refuse("boot_id is no id");
  if (!IsHostName(message.session())) return refuse("session is no id");
  if (message.cpus() > limits.cpu_max + 1) return refuse("no machine has that many CPUs");
  return SessionInfo{message.host(),  message.boot_id(),           message.session(), message.kernel(),
                     message.clock(), message.collector_version(), message.cpus(),    message.loss_marked()};
}

}  // namespace wakewatch
