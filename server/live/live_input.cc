#include "server/live/live_input.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

namespace wakewatch {

LiveInput::LiveInput(const SessionInfo& session, FormatSets* sets) : sets_(sets) {
  metadata_.path = session.host;
  metadata_.input_kind = "live";
  metadata_.kernel = session.kernel;
  metadata_.clock = session.clock;
  metadata_.hostname = session.host;
  metadata_.cpus = session.cpus;
  metadata_.buffers = {""};
  metadata_.loss_marked = session.loss_marked;
}

Status LiveInput::Learn(const Batch& batch) {
  if (batch.formats) {
    if (auto status = LearnFormats(*batch.formats); !status) return status;
  }
  for (const Symbol& symbol : batch.symbols) symbols_.Add(symbol.address, symbol.name);
  for (const ThreadInfo& info : batch.threads) metadata_.threads.Add(info);
  for (const CpuStats& stats : batch.stats) {
    const auto known = std::find_if(metadata_.stats.begin(), metadata_.stats.end(),
                                    [&](const CpuStats& other) { return other.cpu == stats.cpu; });
    if (known == metadata_.stats.end()) {
      metadata_.stats.push_back(stats);
    } else {
      *known = stats;
    }
  }
  // The newest says best what the clocks are apart now.
  if (!batch.clock_pairs.empty()) metadata_.clock_pairs = {batch.clock_pairs.back()};
  return {};
}

Status LiveInput::LearnFormats(const FormatsDelta& delta) {
  if (FindFormats(delta.hash) != nullptr) return {};
  auto shared = sets_->Get(delta);
  if (!shared) return Fail(std::move(shared.error()));
  const FormatTable& table = (*shared)->table;
  if (known_.empty()) {
    auto own = BuildFormats(delta, "");
    if (!own) return Fail(std::move(own.error()));
    formats_ = std::move(*own);
  } else {
    std::vector<const FormatTable*> both = {&formats_, &table};
    if (const auto merged = MergeFormats(both, ""); !merged) return Fail(merged.error());
    for (const EventFormat& event : table.events()) {
      if (formats_.ById(event.id) != nullptr) continue;
      if (auto status = formats_.Add(event.system, event.text); !status) return status;
    }
  }
  auto set = std::make_unique<Set>();
  set->reads.hash = delta.hash;
  set->reads.table = &table;
  set->reads.decoder = std::make_unique<RecordDecoder>(table);
  for (const EventFormat& event : table.events()) {
    set->reads.to_merged.push_back(static_cast<uint16_t>(formats_.IndexById(event.id)));
  }
  set->shared = std::move(*shared);
  known_.push_back(std::move(set));
  return {};
}

Status LiveInput::LearnFrom(const TraceInput& stored, const std::vector<FormatsDelta>& formats) {
  for (const FormatsDelta& delta : formats) {
    if (auto status = LearnFormats(delta); !status) return status;
  }
  for (const auto& [address, name] : stored.symbols().exact()) symbols_.Add(address, name);
  metadata_.threads = stored.metadata().threads;
  metadata_.stats = stored.metadata().stats;
  if (!stored.metadata().clock_pairs.empty()) metadata_.clock_pairs = {stored.metadata().clock_pairs.back()};
  return {};
}

const ChunkFormats* LiveInput::FindFormats(uint64_t hash) const {
  for (const auto& set : known_) {
    if (set->reads.hash == hash) return &set->reads;
  }
  return nullptr;
}

uint64_t LiveInput::RealTime(uint64_t trace_ns) const {
  if (metadata_.clock_pairs.empty()) return 0;
  const ClockPair& pair = metadata_.clock_pairs.back();
  return pair.real_ns + (trace_ns - pair.trace_ns);  // modulo 2^64: right on both sides of the pair
}

Result<std::vector<std::unique_ptr<CpuReader>>> LiveInput::OpenCpus() const {
  return Fail(ErrorCode::kUnsupported, "a live session is read by its batches");
}

}  // namespace wakewatch
