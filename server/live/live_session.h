// Why: one session of one collector, as the server keeps it: what arrives is validated, stored and analysed here, in
// this order, so that nothing is acknowledged that is not durable and nothing is analysed that could be lost. It
// resumes after a crash from its checkpoint and the events stored behind it. Not thread-safe: its owner takes turns.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/report/engine.h"
#include "analysis/report/timeline.h"
#include "analysis/report/wait_builder.h"
#include "server/live/live_input.h"
#include "server/live/live_merge.h"
#include "server/store/recording_facts.h"
#include "server/store/session_store.h"

namespace wakewatch {

// Makes an engine, or with `checkpoint` one that goes on there; as Engine::Create and Engine::Restore.
using EngineMaker = std::function<Result<std::unique_ptr<Engine>>(const TraceInput& input, const EngineOptions& options,
                                                                  const std::vector<uint8_t>* checkpoint)>;
Result<std::unique_ptr<Engine>> MakeEngine(const TraceInput& input, const EngineOptions& options,
                                           const std::vector<uint8_t>* checkpoint);

struct LiveOptions {
  EngineOptions engine;
  EngineMaker make_engine = MakeEngine;
  SessionStoreOptions store;
  std::chrono::seconds checkpoint_every{60};               // at most this much is analysed again after a crash
  std::chrono::seconds timeline_every{5};                  // a stored timeline is at most this old
  std::function<std::vector<ProtocolVerdict>()> verdicts;  // what is stored of protocols; empty: nothing
};

class LiveSession {
 public:
  // A new session, or one that was stored before. `sets` must outlive it. Errors: those of SessionStore::Open.
  static Result<std::unique_ptr<LiveSession>> Open(const std::string& data_folder, const SessionInfo& session,
                                                   FormatSets* sets, const LiveOptions& options);
  struct Refused {
    uint64_t sequence = 0;
    std::string cause, remedy;
  };
  struct Stored {
    uint64_t events = 0, bytes = 0, lost = 0, gaps = 0, late = 0;  // of the batches taken
    bool lost_unknown = false;
    std::vector<Refused> refused;  // stored nowhere
  };
  // Makes the batches durable in one transaction. Sequences that were stored before are passed over. On an Error
  // nothing of them is stored, and this object is of no more use: the session has to be opened again.
  Result<Stored> Store(std::vector<Batch> batches);
  // A batch that could not even be read: its place in the stream is a gap.
  void Skip() { missing_ = true; }
  // Analyses up to the watermark. The findings that this made; one with the id of an earlier one, which was open, takes
  // its place.
  Result<std::vector<Finding>> Analyse();
  // Stores what the analysis made since the last commit; with it a checkpoint, when one is due or `checkpoint` is set.
  Status Flush(bool checkpoint);
  // Something waits for Flush.
  bool pending() const { return pending_; }
  // The session is over: analyses what waits and stores the summaries. The findings that this made.
  Result<std::vector<Finding>> End();

  // What was measured up to the watermark.
  Report Snapshot() const { return engine_->Snapshot(anomalies_); }

  const SessionInfo& session() const { return store_->session(); }
  const std::string& folder() const { return store_->folder(); }
  uint64_t committed_sequence() const { return store_->committed_sequence(); }
  bool ended() const { return store_->ended(); }
  uint64_t watermark_ns() const { return merge_.watermark_ns(); }
  const LiveInput& input() const { return input_; }
  const SessionStore& store() const { return *store_; }
  // Findings that were made and are not stored yet; of two with one id the later is the newer.
  const std::vector<Finding>& unstored() const { return rows_.findings; }
  // How many findings were made; one that took an open one's place is none more.
  uint64_t findings_made() const { return findings_made_; }
  // Of all that was made, before it was opened as well.
  const RecordingWorst& worst() const { return worst_; }
  // Whether this finding of the last Analyse or End took the place of an open one.
  bool Replaced(const std::string& id) const { return replaced_.contains(id); }
  // Stores what /proc said. The finding with it; none: it is not known any more.
  std::optional<Finding> AddSnapshot(const FindingSnapshot& snapshot);
  // The waits up to the watermark that are not stored yet, or not in their newest form: those from the first chunk's
  // first one on.
  std::vector<WaitChunk> UnstoredWaits() const;

 private:
  LiveSession(std::unique_ptr<SessionStore> store, FormatSets* sets, const LiveOptions& options);

  EngineOptions ForLive();
  Status Begin();
  Status LearnWorst();
  Status ContinueFrom(const Checkpoint& checkpoint);
  // `handed_on`: gaps behind the last event of each CPU that the engine has seen.
  Status ReadBehind(const std::map<uint32_t, uint64_t>& merged, LiveMerge::GapStarts handed_on);
  // Decodes all chunks of a batch, which proves them readable.
  Result<std::vector<LiveMerge::Decoded>> Decode(const Batch& batch);
  Result<LiveMerge::Decoded> DecodeChunk(const Chunk& chunk);
  // Takes a batch into the merge, with the gaps it needs. Error: it is refused, and nothing was changed.
  Status Take(Batch* batch, Stored* stored);
  void Push(const Event& event);
  std::vector<Finding> TakeFindings();
  void Note(Finding* finding);
  void AddTimeline();
  void AddWaits();
  void AddCheckpoint();
  void AddVerdicts();

  const LiveOptions options_;
  std::unique_ptr<SessionStore> store_;
  LiveInput input_;
  LiveMerge merge_;
  std::unique_ptr<Engine> engine_;
  TimelineBuilder timeline_;
  WaitBuilder waits_;
  AnomalyCounts anomalies_;  // of decoding
  AnalysisRows rows_;        // for the next commit
  bool pending_ = false;
  bool missing_ = false;  // batches before the next one are missing
  uint64_t last_sequence_ = 0;
  uint64_t findings_made_ = 0;
  RecordingWorst worst_;
  std::map<std::string, Finding> open_findings_;  // by id
  std::set<std::string> replaced_;
  std::deque<Finding> closed_findings_;  // that were open; the newest of them
  std::vector<Frontier> frontiers_;      // as they were stored; for resuming
  std::chrono::steady_clock::time_point checkpoint_at_, timeline_at_;
};

}  // namespace wakewatch
