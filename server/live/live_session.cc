#include "server/live/live_session.h"

#include <algorithm>
#include <utility>

#include "analysis/base/archive.h"
#include "analysis/chunk/chunk.h"
#include "server/store/part_files.h"
#include "server/store/recording.h"
#include "server/store/session_position.h"

namespace wakewatch {
namespace {

// What of a checkpoint is not the engine's.
struct Extra {
  std::vector<uint8_t> timeline, waits;
  LiveMerge::GapStarts gaps;  // handed on behind the last event
  static void Fields(auto& self, auto& archive) { archive(self.timeline, self.waits, self.gaps); }
};

constexpr size_t kClosedFindingsMax = 64;  // that a late snapshot may still be of

bool HasCollectorGap(const Batch& batch) {
  return std::any_of(batch.gaps.begin(), batch.gaps.end(),
                     [](const GapRecord& gap) { return gap.cause == GapCause::kCollector; });
}

Error OfChunk(const Chunk& chunk, Error error) {
  error.cause = "a chunk of CPU " + std::to_string(chunk.cpu) + " does not validate: " + error.cause;
  return error;
}

// One that is out of this world would hold or end the analysis of all that follows.
Status CheckFrontiers(const Batch& batch) {
  for (const Frontier& frontier : batch.frontiers) {
    if (frontier.cpu > UINT16_MAX || frontier.ts_ns > static_cast<uint64_t>(INT64_MAX)) {
      return Fail(ErrorCode::kInvalidArgument, "a frontier with no possible CPU or time");
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> MakeEngine(const TraceInput& input, const EngineOptions& options,
                                           const std::vector<uint8_t>* checkpoint) {
  return checkpoint == nullptr ? Engine::Create(input, options) : Engine::Restore(input, options, *checkpoint);
}

LiveSession::LiveSession(std::unique_ptr<SessionStore> store, FormatSets* sets, const LiveOptions& options)
    : options_(options),
      store_(std::move(store)),
      input_(store_->session(), sets),
      waits_(options.engine.latency_threshold_ns),
      last_sequence_(store_->committed_sequence()),
      checkpoint_at_(std::chrono::steady_clock::now() + options.checkpoint_every) {}

Result<std::unique_ptr<LiveSession>> LiveSession::Open(const std::string& data_folder, const SessionInfo& session,
                                                       FormatSets* sets, const LiveOptions& options) {
  auto store = SessionStore::Open(data_folder, session, options.store);
  if (!store) return Fail(std::move(store.error()));
  std::unique_ptr<LiveSession> live(new LiveSession(std::move(*store), sets, options));
  if (auto status = live->Begin(); !status) return Fail(std::move(status.error()));
  if (auto status = live->LearnWorst(); !status) return Fail(std::move(status.error()));
  return live;
}

// Each wait is handed over by the engine when it ends.
EngineOptions LiveSession::ForLive() {
  EngineOptions options = options_.engine;
  options.live = true;
  options.on_wait = [this](const MeasuredWait& wait) {
    waits_.Add(wait);
    if (IsKernelThread(wait.thread)) worst_.excess_ns = std::max(worst_.excess_ns, wait.excess_ns);
  };
  return options;
}

// What was stored before is learnt again, and analysed again from the last checkpoint on. Findings have the ids that
// they had, so none is stored twice.
Status LiveSession::Begin() {
  if (last_sequence_ > 0) {
    const auto stored = OpenRecording(store_->folder());
    if (!stored) return Fail(stored.error());
    const auto position = LoadPosition(store_->folder());
    if (!position) return Fail(position.error());
    if (auto status = input_.LearnFrom(**stored, position->formats); !status) return status;
    frontiers_ = position->frontiers;
    auto open = store_->OpenFindings();
    if (!open) return Fail(std::move(open.error()));
    for (Finding& finding : *open) open_findings_.emplace(finding.id, std::move(finding));
    auto checkpoint = store_->LoadCheckpoint();
    // A checkpoint that cannot be read, or is another version's, costs time and nothing else.
    if (checkpoint && *checkpoint && ContinueFrom(**checkpoint)) return {};
  }
  auto engine = options_.make_engine(input_, ForLive(), nullptr);
  if (!engine) return Fail(std::move(engine.error()));
  engine_ = std::move(*engine);
  // Of a checkpoint that was no good.
  merge_ = LiveMerge();
  timeline_ = TimelineBuilder();
  waits_ = WaitBuilder(options_.engine.latency_threshold_ns);
  rows_ = {};
  if (last_sequence_ == 0) return {};
  rows_.waits_from = 0;
  return ReadBehind({}, {});
}

// What was analysed again had been counted when it was stored.
Status LiveSession::LearnWorst() {
  auto stored = ReadFacts(Parts(store_->folder()));
  if (!stored) return Fail(std::move(stored.error()));
  worst_ = stored->worst;
  for (const ThreadSummary& thread : engine_->Snapshot(anomalies_).threads) {
    if (IsKernelThread(thread.kind)) worst_.excess_ns = std::max(worst_.excess_ns, thread.excess_latency_ns.max());
  }
  return {};
}

Status LiveSession::ContinueFrom(const Checkpoint& checkpoint) {
  auto engine = options_.make_engine(input_, ForLive(), &checkpoint.state);
  if (!engine) return Fail(std::move(engine.error()));
  Extra extra;
  ArchiveReader archive(checkpoint.extra);
  archive(extra);
  if (!archive.ok() || !archive.AtEnd()) return Fail(ErrorCode::kCorrupt, "the checkpoint contradicts itself");
  auto timeline = TimelineBuilder::Restore(extra.timeline);
  if (!timeline) return Fail(std::move(timeline.error()));
  auto waits = WaitBuilder::Restore(extra.waits, options_.engine.latency_threshold_ns);
  if (!waits) return Fail(std::move(waits.error()));
  timeline_ = std::move(*timeline);
  waits_ = std::move(*waits);
  // They have the numbers that they had, but a chunk may have ended elsewhere.
  rows_.waits_from = waits_.first_wait();
  engine_ = std::move(*engine);
  merge_ = LiveMerge();
  merge_.Restore(checkpoint.merged, checkpoint.watermark_ns, extra.gaps);
  return ReadBehind(checkpoint.merged, std::move(extra.gaps));
}

Status LiveSession::ReadBehind(const std::map<uint32_t, uint64_t>& merged, LiveMerge::GapStarts handed_on) {
  constexpr size_t kBlockEvents = 4096;
  auto readers = store_->ReadFrom(merged);
  if (!readers) return Fail(std::move(readers.error()));
  for (const auto& reader : *readers) {
    while (true) {
      EventBlock block;
      const auto more = reader->Fill(&block, kBlockEvents);
      if (!more) return Fail(more.error());
      if (!*more) break;
      // Readers hand out a gap in front of the first event whether or not it had been analysed. One whose end is not
      // known is waited for again.
      std::vector<uint64_t>& starts = handed_on[reader->cpu()];
      std::erase_if(block.events, [&](const Event& event) {
        if (event.type != EventType::kGap || event.gap.end_ns == UINT64_MAX) return false;
        const auto known = std::find(starts.begin(), starts.end(), event.ts_ns);
        if (known == starts.end()) return false;
        starts.erase(known);
        return true;
      });
      merge_.AddStored(reader->cpu(), std::move(block));
    }
  }
  merge_.SetFrontiers(frontiers_);
  auto found = Analyse();
  if (!found) return Fail(found.error());
  AddWaits();
  return {};
}

Result<LiveMerge::Decoded> LiveSession::DecodeChunk(const Chunk& chunk) {
  const ChunkFormats* const formats = input_.FindFormats(chunk.formats_hash);
  if (formats == nullptr) {
    return Fail(Error{.code = ErrorCode::kCorrupt,
                      .cause = "it names event formats that were not sent",
                      .remedy = "restart the collector"});
  }
  const auto view = ChunkView::Open(chunk.bytes, *formats->table, kChunkWireBytesMax);
  if (!view) return Fail(view.error());
  const ChunkHeader& header = view->header();
  if (header.cpu != chunk.cpu || header.events != chunk.events || header.first_ns != chunk.first_ns ||
      header.last_ns != chunk.last_ns) {
    return Fail(ErrorCode::kCorrupt, "it says other things of itself than its message does");
  }
  LiveMerge::Decoded decoded;
  decoded.cpu = chunk.cpu;
  if (auto status = view->Decode(*formats->decoder, &decoded.block, &anomalies_); !status) return Fail(status.error());
  if (decoded.block.events.size() != header.events) {
    return Fail(ErrorCode::kCorrupt, "not all of its events can be decoded");
  }
  for (Event& event : decoded.block.events) {
    event.cpu = static_cast<uint16_t>(chunk.cpu);
    event.format = formats->to_merged[event.format];
  }
  return decoded;
}

Result<std::vector<LiveMerge::Decoded>> LiveSession::Decode(const Batch& batch) {
  std::vector<LiveMerge::Decoded> chunks;
  chunks.reserve(batch.chunks.size());
  for (const Chunk& chunk : batch.chunks) {
    auto decoded = DecodeChunk(chunk);
    if (!decoded) return Fail(OfChunk(chunk, std::move(decoded.error())));
    chunks.push_back(std::move(*decoded));
  }
  return chunks;
}

Status LiveSession::Take(Batch* batch, Stored* stored) {
  if (auto status = CheckFrontiers(*batch); !status) return status;
  if (auto status = input_.Learn(*batch); !status) return status;
  auto chunks = Decode(*batch);
  if (!chunks) return Fail(std::move(chunks.error()));
  const bool hole = batch->sequence != last_sequence_ + 1 && !HasCollectorGap(*batch);
  std::vector<GapRecord> gaps;
  if (missing_ || hole) gaps = merge_.MissingGaps(*batch);
  const auto late = merge_.LateGaps(*chunks, &stored->late);
  gaps.insert(gaps.end(), late.begin(), late.end());
  batch->gaps.insert(batch->gaps.begin(), gaps.begin(), gaps.end());
  merge_.GiveUpSlow(batch);
  if (auto status = store_->Check(*batch); !status) return status;
  missing_ = false;
  for (const Chunk& chunk : batch->chunks) {
    stored->events += chunk.events;
    stored->bytes += chunk.bytes.size();
  }
  stored->gaps += batch->gaps.size();
  for (const GapRecord& gap : batch->gaps) {
    if (gap.lost == kLostUnknown) {
      stored->lost_unknown = true;
    } else {
      stored->lost += gap.lost;
    }
  }
  merge_.Add(*batch, std::move(*chunks));
  return {};
}

Result<LiveSession::Stored> LiveSession::Store(std::vector<Batch> batches) {
  Stored stored;
  if (store_->BeginsPart(batches)) {
    // What was measured so far goes into the part that it was measured in, and a resumed session need not look back.
    waits_.Cut();
    if (auto status = Flush(true); !status) return Fail(std::move(status.error()));
  }
  std::vector<Batch> good;
  for (Batch& batch : batches) {
    if (batch.sequence <= last_sequence_) continue;
    if (auto status = Take(&batch, &stored); !status) {
      stored.refused.push_back({batch.sequence, status.error().Text(), status.error().remedy});
      missing_ = true;
      continue;
    }
    last_sequence_ = batch.sequence;
    good.push_back(std::move(batch));
  }
  if (good.empty()) return stored;
  if (auto status = store_->Commit(good, rows_); !status) return Fail(std::move(status.error()));
  rows_ = {};
  pending_ = false;
  return stored;
}

void LiveSession::Push(const Event& event) {
  engine_->Push(event);
  timeline_.Push(event);
}

std::vector<Finding> LiveSession::TakeFindings() {
  std::vector<Finding> found = engine_->TakeFindings();
  replaced_.clear();
  for (Finding& finding : found) Note(&finding);
  rows_.findings.insert(rows_.findings.end(), found.begin(), found.end());
  pending_ = pending_ || !found.empty();
  return found;
}

// What is open is kept: what comes later takes its place, and has what /proc said of it.
void LiveSession::Note(Finding* finding) {
  const auto known = open_findings_.find(finding->id);
  if (known != open_findings_.end()) {
    replaced_.insert(finding->id);
    --worst_.findings[static_cast<size_t>(known->second.confidence)];
    finding->snapshots = std::move(known->second.snapshots);
    open_findings_.erase(known);
    if (!finding->open) {
      closed_findings_.push_back(*finding);
      if (closed_findings_.size() > kClosedFindingsMax) closed_findings_.pop_front();
    }
  } else {
    ++findings_made_;
  }
  ++worst_.findings[static_cast<size_t>(finding->confidence)];
  if (finding->open) open_findings_[finding->id] = *finding;
}

std::optional<Finding> LiveSession::AddSnapshot(const FindingSnapshot& snapshot) {
  const auto is_it = [&](const Finding& finding) { return finding.id == snapshot.finding_id; };
  Finding* known = nullptr;
  if (const auto open = open_findings_.find(snapshot.finding_id); open != open_findings_.end()) {
    known = &open->second;
  } else if (const auto closed = std::find_if(closed_findings_.begin(), closed_findings_.end(), is_it);
             closed != closed_findings_.end()) {
    known = &*closed;
  }
  if (known == nullptr) return std::nullopt;
  std::erase_if(known->snapshots, [&](const ProcSnapshot& other) { return other.role == snapshot.snapshot.role; });
  known->snapshots.push_back(snapshot.snapshot);
  for (Finding& finding : rows_.findings) {
    if (is_it(finding)) finding.snapshots = known->snapshots;
  }
  rows_.snapshots.push_back(snapshot);
  pending_ = true;
  return *known;
}

Result<std::vector<Finding>> LiveSession::Analyse() {
  bool pushed = false;
  const auto push = [&](const Event& event) {
    Push(event);
    pushed = true;
  };
  if (auto status = merge_.Advance(push); !status) return Fail(status.error());
  if (pushed) input_.DropThreads();
  for (TimelineRow& row : timeline_.TakeRows()) {
    rows_.timeline.push_back(std::move(row));
    pending_ = true;
  }
  if (waits_.HasFinished()) {
    for (WaitChunk& chunk : waits_.Take()) rows_.waits.push_back(std::move(chunk));
    pending_ = true;
  }
  return TakeFindings();
}

void LiveSession::AddTimeline() {
  for (TimelineRow& row : timeline_.TakeRows()) rows_.timeline.push_back(std::move(row));
  for (TimelineRow& row : timeline_.Flush(merge_.watermark_ns())) rows_.timeline.push_back(std::move(row));
  AddWaits();
  timeline_at_ = std::chrono::steady_clock::now() + options_.timeline_every;
}

// The unfinished chunk too, in the place of an earlier state of it.
void LiveSession::AddWaits() {
  for (WaitChunk& chunk : waits_.Take()) rows_.waits.push_back(std::move(chunk));
  auto unfinished = waits_.Unfinished();
  if (!unfinished) return;
  if (!rows_.waits.empty() && rows_.waits.back().first_wait == unfinished->first_wait) rows_.waits.pop_back();
  rows_.waits.push_back(std::move(*unfinished));
}

std::vector<WaitChunk> LiveSession::UnstoredWaits() const {
  std::vector<WaitChunk> waits = rows_.waits;
  auto unfinished = waits_.Unfinished();
  if (!unfinished) return waits;
  if (!waits.empty() && waits.back().first_wait == unfinished->first_wait) waits.pop_back();
  waits.push_back(std::move(*unfinished));
  return waits;
}

void LiveSession::AddCheckpoint() {
  AddTimeline();
  Checkpoint checkpoint;
  checkpoint.sequence = last_sequence_;
  checkpoint.watermark_ns = merge_.watermark_ns();
  checkpoint.merged = merge_.merged();
  checkpoint.state = engine_->Save();
  ArchiveWriter extra;
  extra(Extra{timeline_.Save(), waits_.Save(), merge_.GapsBehindEvents()});
  checkpoint.extra = extra.Take();
  rows_.checkpoint = std::move(checkpoint);
  checkpoint_at_ = std::chrono::steady_clock::now() + options_.checkpoint_every;
}

void LiveSession::AddVerdicts() {
  if (options_.verdicts) rows_.verdicts = options_.verdicts();
}

Status LiveSession::Flush(bool checkpoint) {
  if (last_sequence_ == 0) return {};
  const bool due = checkpoint || std::chrono::steady_clock::now() >= checkpoint_at_;
  if (!due && !pending_) return {};
  if (std::chrono::steady_clock::now() >= timeline_at_) AddTimeline();
  Report summaries;
  if (due) {
    AddCheckpoint();
    summaries = Snapshot();
    rows_.summaries = &summaries;
    AddVerdicts();
  }
  auto status = store_->Commit({}, rows_);
  rows_.summaries = nullptr;
  if (!status) return status;
  rows_ = {};
  pending_ = false;
  return {};
}

Result<std::vector<Finding>> LiveSession::End() {
  const auto push = [this](const Event& event) { Push(event); };
  if (auto status = merge_.Drain(push); !status) return Fail(status.error());
  std::vector<Finding> found = TakeFindings();
  AddCheckpoint();
  Report report = engine_->Finish(anomalies_);
  for (Finding& finding : report.findings) {
    Note(&finding);
    found.push_back(finding);
    rows_.findings.push_back(finding);
  }
  rows_.summaries = &report;
  AddVerdicts();
  const auto status = store_->Commit({}, rows_);
  rows_ = {};
  pending_ = false;
  if (!status) return Fail(status.error());
  return found;
}

}  // namespace wakewatch
