#include "server/store/session_store.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <utility>

#include <sys/stat.h>

#include "server/store/new_part.h"
#include "server/store/part_files.h"
#include "server/store/part_rewriter.h"
#include "server/store/part_writer.h"
#include "server/store/recording_input.h"

namespace wakewatch {
namespace {

// A part for each batch would be made where one CPU's clock is days away from another's; so a part has a few at least.
constexpr uint64_t kSpanBatchesMin = 16;

constexpr uint64_t kOpenFindingsMax = 10'000;  // that a resumed session is told

constexpr size_t kStartLength = 16;  // of "20260131T235959Z"

bool SameSession(const SessionInfo& a, const SessionInfo& b) {
  return a.host == b.host && a.boot_id == b.boot_id && a.session == b.session;
}

// A reader with the input that it borrows from.
class OwningReader : public CpuReader {
 public:
  OwningReader(std::shared_ptr<const TraceInput> input, std::unique_ptr<CpuReader> reader)
      : input_(std::move(input)), reader_(std::move(reader)) {}
  Result<bool> Fill(EventBlock* block, size_t target) override { return reader_->Fill(block, target); }
  uint32_t cpu() const override { return reader_->cpu(); }
  const AnomalyCounts& anomalies() const override { return reader_->anomalies(); }

 private:
  std::shared_ptr<const TraceInput> input_;
  std::unique_ptr<CpuReader> reader_;
};

class FolderSessionStore : public SessionStore {
 public:
  FolderSessionStore(std::string folder, const SessionStoreOptions& options)
      : folder_(std::move(folder)), options_(options) {}
  Status Begin(const SessionInfo& session);
  Status OpenNewest();

  uint64_t committed_sequence() const override { return sequence_; }
  bool ended() const override { return ended_; }
  const SessionInfo& session() const override { return session_; }
  const std::string& folder() const override { return folder_; }
  Status Commit(std::span<const Batch> batches, const AnalysisRows& rows) override;
  bool BeginsPart(std::span<const Batch> batches) const override;
  Status Check(const Batch& batch) const override;
  Result<std::vector<Finding>> OpenFindings() override;
  Result<std::optional<Checkpoint>> LoadCheckpoint() override;
  Result<std::vector<std::unique_ptr<CpuReader>>> ReadFrom(const std::map<uint32_t, uint64_t>& merged) override;
  Status Seal(bool ended) override;
  Status Close() override;
  uint64_t bytes_on_disk() const override;
  uint64_t events() const override;
  RecordingRow row() const override;

 private:
  // A closed part, as it was when its file looked like this.
  struct KnownPart {
    uint64_t inode = 0, bytes = 0;
    PartSummary summary;
  };

  Status EnsureOpen();
  bool PartIsFull(const std::vector<const Batch*>& batches) const;
  Status Rotate();
  std::optional<PartSummary> ClosedPart(const std::string& path) const;

  const std::string folder_;
  const SessionStoreOptions options_;
  SessionInfo session_;
  uint64_t sequence_ = 0;
  bool ended_ = false;
  CpuNumbers numbers_;
  std::atomic<uint32_t> newest_ = 0;  // number of the part that is written
  std::unique_ptr<PartWriter> part_;  // empty: it is not open
  mutable std::map<std::string, KnownPart> known_parts_;
};

Status FolderSessionStore::Begin(const SessionInfo& session) {
  STORE_TRY(MakeFolders(folder_));
  RemoveUnfinished(folder_);
  NewPart first;
  first.session = session;
  STORE_TRY(MakePart(folder_, first));
  return OpenNewest();
}

Status FolderSessionStore::OpenNewest() {
  const auto parts = Parts(folder_);
  if (parts.empty()) return Fail(Error{ErrorCode::kNotFound, "a session's folder without a part", folder_});
  auto part = PartWriter::Open(parts.back(), options_);
  if (!part) return tl::unexpected<Error>(std::move(part.error()));
  part_ = std::move(*part);
  newest_ = *PartNumber(parts.back());
  session_ = part_->session();
  sequence_ = part_->sequence();
  ended_ = part_->ended();
  numbers_ = part_->events();
  // Nobody is waited for who reads what is stored already.
  return part_->held() ? Rotate() : Status();
}

Status FolderSessionStore::EnsureOpen() { return part_ != nullptr ? Status() : OpenNewest(); }

Status FolderSessionStore::Check(const Batch& batch) const {
  if (batch.session && !SameSession(*batch.session, session_)) {
    return Fail(ErrorCode::kInvalidArgument, "batch " + std::to_string(batch.sequence) +
                                                 " is of another session: " + batch.session->host + " " +
                                                 batch.session->boot_id + " " + batch.session->session);
  }
  return BatchStorer::Check(batch);
}

Status FolderSessionStore::Commit(std::span<const Batch> batches, const AnalysisRows& rows) {
  std::vector<const Batch*> fresh;
  uint64_t sequence = sequence_;
  for (const Batch& batch : batches) {
    if (batch.sequence <= sequence) continue;
    STORE_TRY(Check(batch));
    fresh.push_back(&batch);
    sequence = batch.sequence;
  }
  const bool more = !rows.findings.empty() || !rows.snapshots.empty() || !rows.gaps.empty() || !rows.timeline.empty() ||
                    !rows.waits.empty() || rows.waits_from || rows.summaries != nullptr || !rows.verdicts.empty() ||
                    rows.checkpoint;
  if (fresh.empty() && !more) return {};
  STORE_TRY(EnsureOpen());
  if (PartIsFull(fresh)) STORE_TRY(Rotate());
  if (auto status = part_->Commit(fresh, rows); !status) {
    status.error().cause = "storing what " + session_.host + " sent: " + status.error().cause;
    return status;
  }
  session_ = part_->session();
  sequence_ = part_->sequence();
  ended_ = part_->ended();
  numbers_ = part_->events();
  return {};
}

bool FolderSessionStore::BeginsPart(std::span<const Batch> batches) const {
  if (part_ == nullptr) return false;
  std::vector<const Batch*> fresh;
  for (const Batch& batch : batches) {
    if (batch.sequence > sequence_) fresh.push_back(&batch);
  }
  return PartIsFull(fresh);
}

bool FolderSessionStore::PartIsFull(const std::vector<const Batch*>& batches) const {
  if (part_->batches() == 0 || batches.empty()) return false;
  if (part_->bytes() >= options_.part_bytes_max) return true;
  if (part_->batches() < kSpanBatchesMin || part_->start_ns() == UINT64_MAX) return false;
  uint64_t end_ns = 0;
  for (const Batch* batch : batches) {
    for (const Chunk& chunk : batch->chunks) end_ns = std::max(end_ns, chunk.last_ns);
  }
  const auto span_ns = static_cast<uint64_t>(std::chrono::nanoseconds(options_.part_span_max).count());
  return end_ns > part_->start_ns() && end_ns - part_->start_ns() > span_ns;
}

Status FolderSessionStore::Rotate() {
  NewPart next;
  next.number = newest_ + 1;
  next.session = session_;
  next.previous = PartPath(folder_, newest_);
  next.events = numbers_;
  next.sequence = sequence_;
  next.ended = ended_;
  STORE_TRY(MakePart(folder_, next));
  // From here on the new part is the newest. That the old one's log stays beside it, because somebody reads it, is put
  // right when it is sealed.
  (void)part_->Close();
  part_.reset();
  return OpenNewest();
}

Result<std::vector<Finding>> FolderSessionStore::OpenFindings() {
  FindingFilter filter;
  filter.open_only = true;
  filter.limit = kOpenFindingsMax;
  auto page = QueryFindings({PartPath(folder_, newest_)}, filter);
  if (!page) return tl::unexpected<Error>(std::move(page.error()));
  return std::move(page->findings);
}

Result<std::optional<Checkpoint>> FolderSessionStore::LoadCheckpoint() {
  STORE_TRY(EnsureOpen());
  return part_->LoadCheckpoint();
}

Result<std::vector<std::unique_ptr<CpuReader>>> FolderSessionStore::ReadFrom(
    const std::map<uint32_t, uint64_t>& merged) {
  auto opened = RecordingInput::Open(folder_, Parts(folder_));
  if (!opened) return tl::unexpected<Error>(std::move(opened.error()));
  const std::shared_ptr<const RecordingInput> input = std::move(*opened);
  auto readers = input->OpenCpusFrom(merged);
  if (!readers) return tl::unexpected<Error>(std::move(readers.error()));
  std::vector<std::unique_ptr<CpuReader>> owning;
  for (auto& reader : *readers) owning.push_back(std::make_unique<OwningReader>(input, std::move(reader)));
  return owning;
}

Status FolderSessionStore::Seal(bool ended) {
  const uint32_t newest = newest_;
  Status first_error;
  for (const std::string& path : Parts(folder_)) {
    const uint32_t number = PartNumber(path).value_or(0);
    if (number > newest || (number == newest && !ended)) continue;
    Status status;
    if (number == newest && part_ != nullptr) {
      status = part_->Close();
      part_.reset();
    }
    if (status) status = SealPart(path);
    if (!status && first_error) first_error = std::move(status);
  }
  return first_error;
}

Status FolderSessionStore::Close() {
  if (part_ == nullptr) return {};
  auto status = part_->Close();
  part_.reset();
  if (!status) status.error().cause = "closing the recording: " + status.error().cause;
  return status;
}

uint64_t FolderSessionStore::bytes_on_disk() const {
  uint64_t bytes = 0;
  for (const std::string& path : Parts(folder_)) bytes += BytesOf(path);
  return bytes;
}

uint64_t FolderSessionStore::events() const {
  uint64_t events = 0;
  for (const auto& [cpu, stored] : numbers_.all()) events += stored;
  return events;
}

std::optional<PartSummary> FolderSessionStore::ClosedPart(const std::string& path) const {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return std::nullopt;
  KnownPart& known = known_parts_[path];
  const uint64_t bytes = BytesOf(path);
  if (known.inode != about.st_ino || known.bytes != bytes) {
    const auto summary = SummarisePart(path);
    if (!summary) return std::nullopt;
    known = {about.st_ino, bytes, *summary};
  }
  return known.summary;
}

RecordingRow FolderSessionStore::row() const {
  std::vector<PartSummary> summaries;
  for (const std::string& path : Parts(folder_)) {
    std::optional<PartSummary> summary;
    if (part_ != nullptr && PartNumber(path) == newest_) {
      if (const auto current = part_->Summary()) summary = *current;
    } else {
      summary = ClosedPart(path);
    }
    if (summary) summaries.push_back(*summary);
  }
  RecordingRow row = MakeRow(folder_, summaries);
  row.live = !ended_;
  return row;
}

// The folder that this session has already; empty: none.
std::string FolderOf(const std::string& host_folder, const SessionInfo& session) {
  const std::string name = FolderName(session.session);
  for (const std::string& folder : FoldersIn(host_folder)) {
    if (folder.size() != kStartLength + 1 + name.size() || !folder.ends_with("-" + name)) continue;
    const std::string path = host_folder + "/" + folder;
    const auto parts = Parts(path);
    // A crash may have left the folder before there was a part in it.
    if (parts.empty()) return path;
    const auto summary = SummarisePart(parts.back());
    if (!summary || (summary->host == session.host && summary->boot_id == session.boot_id)) return path;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SessionStore>> SessionStore::Open(const std::string& data_folder, const SessionInfo& session,
                                                         const SessionStoreOptions& options) {
  const std::string host_folder = HostsFolder(data_folder) + "/" + FolderName(session.host);
  std::string folder = FolderOf(host_folder, session);
  if (folder.empty()) {
    folder = host_folder + "/" + SessionFolderName(std::time(nullptr), session.session);
  }
  auto store = std::make_unique<FolderSessionStore>(folder, options);
  if (Parts(folder).empty()) {
    STORE_TRY(store->Begin(session));
    return store;
  }
  RemoveUnfinished(folder);
  STORE_TRY(store->OpenNewest());
  if (!SameSession(store->session(), session)) {
    return Fail(Error{ErrorCode::kInvalidArgument, "the folder holds another session", folder});
  }
  return store;
}

Result<std::unique_ptr<SessionStore>> SessionStore::Resume(const std::string& session_folder,
                                                           const SessionStoreOptions& options) {
  RemoveUnfinished(session_folder);
  auto store = std::make_unique<FolderSessionStore>(session_folder, options);
  STORE_TRY(store->OpenNewest());
  return store;
}

}  // namespace wakewatch
