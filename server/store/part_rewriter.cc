#include "server/store/part_rewriter.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "analysis/chunk/chunk.h"
#include "server/store/chunk_loader.h"
#include "server/store/new_part.h"
#include "server/store/part_files.h"
#include "server/store/recording.h"
#include "server/store/recording_reader.h"
#include "server/store/schema.h"
#include "server/store/stored_formats.h"

namespace wakewatch {
namespace {

// A chunk of more events is not worth decoding to add a few.
constexpr uint32_t kLargeChunkEvents = kChunkEventsTarget / 2;

struct StoredChunk : ChunkRow {
  uint64_t formats_hash = 0;
  int64_t session_id = 0, sequence = 0;
  uint64_t end_no() const { return first_event_no + events; }
};

struct StoredGap : GapRow {
  int64_t id = 0;
};

// One CPU's chunks and gaps in the order in which they are read.
struct Item {
  const StoredChunk* chunk = nullptr;  // else a gap
  const StoredGap* gap = nullptr;
};

// The part as it is, open to read, and the new file, in a transaction.
class Rewrite {
 public:
  // The new file is as old as `written_ns`: a part's age is judged by it.
  static Result<std::unique_ptr<Rewrite>> Begin(const std::string& path, uint64_t written_ns);
  ~Rewrite();

  Database& to() { return to_; }
  const Database& from() const { return from_; }
  Result<std::vector<uint32_t>> Cpus() const;
  // Loads what there is of a CPU; the items are valid until the next call.
  Result<std::vector<Item>> Items(uint32_t cpu);
  Status CopyTables(std::initializer_list<std::string_view> but_not = {});
  Status CopyChunk(int64_t id) { return copy_chunk_.Run(id); }
  Status Finish(const std::string& mark);

 private:
  Rewrite(std::string path, uint64_t written_ns, Database from)
      : path_(std::move(path)), written_ns_(written_ns), from_(std::move(from)) {}
  Status PrepareTarget();

  const std::string path_;
  const uint64_t written_ns_;
  Database from_, to_;
  Statement copy_chunk_;
  std::vector<StoredChunk> chunks_;
  std::vector<StoredGap> gaps_;
  bool done_ = false;
};

// Whatever is done to a file meanwhile, it was last written into when it was: settling its log is no news.
struct KeptTime {
  explicit KeptTime(const std::string& file) : path(file), ns(WrittenAt(file)) {}
  ~KeptTime() {
    if (ns != 0) SetWrittenAt(path, ns);
  }
  const std::string path;
  const uint64_t ns;
};

// Makes the part one file: a log left beside the old file would be taken for the new file's.
Result<Database> OpenSettled(const std::string& path) {
  auto db = Database::Open(path, Database::Mode::kWrite);
  if (!db) return db;
  const auto version = CheckSchema(*db, kRecordingSchemaVersion);
  if (!version) return tl::unexpected<Error>(version.error());
  STORE_TRY(Migrate(*db, Migrations()));
  STORE_TRY(Settle(*db, {}));  // who calls holds up others, and comes again
  return db;
}

Result<std::unique_ptr<Rewrite>> Rewrite::Begin(const std::string& path, uint64_t written_ns) {
  auto from = OpenRecordingFile(path);
  if (!from) return tl::unexpected<Error>(std::move(from.error()));
  std::unique_ptr<Rewrite> rewrite(new Rewrite(path, written_ns, std::move(*from)));
  STORE_TRY(rewrite->PrepareTarget());
  return rewrite;
}

Status Rewrite::PrepareTarget() {
  auto to = CreateUnfinished(path_ + std::string(kUnfinishedSuffix));
  if (!to) return tl::unexpected<Error>(std::move(to.error()));
  to_ = std::move(*to);
  STORE_TRY(to_.Attach(path_, "old"));
  STORE_TRY(to_.Exec("BEGIN"));
  auto copy = to_.Prepare(
      "INSERT INTO chunk(session_id, sequence, cpu, first_ns, last_ns, events, first_event_no, formats_hash, bytes) "
      "SELECT session_id, sequence, cpu, first_ns, last_ns, events, first_event_no, formats_hash, bytes "
      "FROM old.chunk WHERE id = ?1");
  if (!copy) return tl::unexpected<Error>(std::move(copy.error()));
  copy_chunk_ = std::move(*copy);
  return {};
}

Rewrite::~Rewrite() {
  copy_chunk_ = Statement();
  to_ = Database();
  if (!done_) DiscardUnfinished(path_ + std::string(kUnfinishedSuffix));
}

Result<std::vector<uint32_t>> Rewrite::Cpus() const {
  std::vector<uint32_t> cpus;
  auto rows = from_.Prepare("SELECT cpu FROM chunk UNION SELECT cpu FROM gap ORDER BY 1");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return cpus;
    cpus.push_back(static_cast<uint32_t>(rows->Integer(0)));
  }
}

Result<std::vector<Item>> Rewrite::Items(uint32_t cpu) {
  chunks_.clear();
  gaps_.clear();
  auto chunks = from_.Prepare(std::string("SELECT ") + kChunkRowColumns +
                              ", formats_hash, session_id, sequence FROM chunk WHERE cpu = ?1 "
                              "ORDER BY first_ns, first_event_no");
  auto gaps = from_.Prepare(std::string("SELECT ") + kGapRowColumns + ", id FROM gap WHERE cpu = ?1 " + kGapRowOrder);
  if (!chunks || !gaps) return tl::unexpected<Error>(std::move(!chunks ? chunks.error() : gaps.error()));
  chunks->Bind(cpu);
  for (auto row = chunks->Step();; row = chunks->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    chunks_.push_back({ReadChunkRow(*chunks), chunks->Unsigned(6), chunks->Integer(7), chunks->Integer(8)});
  }
  gaps->Bind(cpu);
  for (auto row = gaps->Step();; row = gaps->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) break;
    gaps_.push_back({ReadGapRow(*gaps), gaps->Integer(5)});
  }
  std::vector<Item> items;
  items.reserve(chunks_.size() + gaps_.size());
  auto gap = gaps_.begin();
  for (const StoredChunk& chunk : chunks_) {
    for (; gap != gaps_.end() && GapComesFirst(*gap, chunk); ++gap) items.push_back({nullptr, &*gap});
    items.push_back({&chunk, nullptr});
  }
  for (; gap != gaps_.end(); ++gap) items.push_back({nullptr, &*gap});
  return items;
}

Status Rewrite::CopyTables(std::initializer_list<std::string_view> but_not) {
  for (const std::string table : RecordingTables()) {
    if (table == "chunk" || std::find(but_not.begin(), but_not.end(), table) != but_not.end()) continue;
    STORE_TRY(to_.Exec(("INSERT INTO main." + table + " SELECT * FROM old." + table).c_str()));
  }
  return {};
}

Status Rewrite::Finish(const std::string& mark) {
  STORE_TRY(PutMeta(to_, mark, "1"));
  STORE_TRY(NoteSpan(to_));
  STORE_TRY(to_.Exec("COMMIT"));
  copy_chunk_ = Statement();
  to_ = Database();
  SetWrittenAt(path_ + std::string(kUnfinishedSuffix), written_ns_);
  STORE_TRY(PutInPlace(path_ + std::string(kUnfinishedSuffix), path_));
  done_ = true;
  return {};
}

// Joins the chunks that it is given, of one CPU and in order.
class Sealer {
 public:
  Sealer(Rewrite* rewrite, const ChunkFormatsList* formats, ChunkLoader loader, Statement insert)
      : rewrite_(rewrite), formats_(formats), loader_(std::move(loader)), insert_(std::move(insert)) {}

  Status Add(const StoredChunk& chunk);
  // Nothing is joined across this point.
  Status Cut();

 private:
  bool Follows(const StoredChunk& chunk) const;
  bool Decode(const StoredChunk& chunk);

  Rewrite* rewrite_;
  const ChunkFormatsList* formats_;
  ChunkLoader loader_;
  Statement insert_;
  std::optional<ChunkEncoder> encoder_;
  uint32_t encoder_cpu_ = 0;
  uint64_t encoder_hash_ = 0;
  std::vector<StoredChunk> joined_;  // in the encoder
  uint32_t events_ = 0;
  LoadedChunk loaded_;
  EventBlock block_;
};

bool Sealer::Follows(const StoredChunk& chunk) const {
  const StoredChunk& last = joined_.back();
  return last.cpu == chunk.cpu && last.formats_hash == chunk.formats_hash && last.session_id == chunk.session_id &&
         last.end_no() == chunk.first_event_no && last.last_ns <= chunk.first_ns &&
         events_ + chunk.events <= kChunkEventsTarget;
}

bool Sealer::Decode(const StoredChunk& chunk) {
  block_.Clear();
  AnomalyCounts anomalies;
  return loader_.Load(chunk, &loaded_) && loaded_.view->Decode(*loaded_.formats->decoder, &block_, &anomalies) &&
         block_.events.size() == chunk.events;
}

Status Sealer::Add(const StoredChunk& chunk) {
  if (!joined_.empty() && !Follows(chunk)) STORE_TRY(Cut());
  if (chunk.events >= kLargeChunkEvents || !Decode(chunk)) {
    STORE_TRY(Cut());
    return rewrite_->CopyChunk(chunk.id);
  }
  if (!encoder_ || encoder_cpu_ != chunk.cpu || encoder_hash_ != chunk.formats_hash) {
    encoder_.emplace(*loaded_.formats->table, chunk.cpu);
    encoder_cpu_ = chunk.cpu;
    encoder_hash_ = chunk.formats_hash;
  }
  for (const Event& event : block_.events) encoder_->Add(event);
  joined_.push_back(chunk);
  events_ += chunk.events;
  return encoder_->full() ? Cut() : Status();
}

Status Sealer::Cut() {
  if (joined_.empty()) return {};
  const std::vector<StoredChunk> joined = std::exchange(joined_, {});
  events_ = 0;
  const auto chunk = encoder_->Finish();
  if (joined.size() == 1 || !chunk) {
    for (const StoredChunk& old : joined) STORE_TRY(rewrite_->CopyChunk(old.id));
    return {};
  }
  const StoredChunk& first = joined.front();
  return insert_.Run(first.session_id, first.sequence, first.cpu, chunk->first_ns, chunk->last_ns, chunk->events,
                     first.first_event_no, chunk->formats_hash, Bytes(chunk->bytes));
}

Result<ChunkFormatsList> LoadChunkFormats(const Database& db) {
  const auto sets = LoadFormats(db);
  if (!sets) return tl::unexpected<Error>(sets.error());
  ChunkFormatsList list;
  for (const FormatsDelta& set : *sets) {
    auto table = BuildFormats(set, db.path());
    if (!table) continue;  // its chunks cannot be read, and are copied as they are
    ChunkFormats formats;
    formats.hash = set.hash;
    formats.owned = std::make_unique<FormatTable>(std::move(*table));
    formats.table = formats.owned.get();
    formats.decoder = std::make_unique<RecordDecoder>(*formats.table);
    list.Add(std::move(formats));
  }
  return list;
}

Status SealAll(Rewrite* rewrite) {
  const auto formats = LoadChunkFormats(rewrite->from());
  if (!formats) return tl::unexpected<Error>(formats.error());
  auto loader = ChunkLoader::Create(rewrite->from(), &*formats);
  auto insert = rewrite->to().Prepare(
      "INSERT INTO chunk(session_id, sequence, cpu, first_ns, last_ns, events, first_event_no, formats_hash, bytes) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  if (!loader || !insert) return tl::unexpected<Error>(std::move(!loader ? loader.error() : insert.error()));
  Sealer sealer(rewrite, &*formats, std::move(*loader), std::move(*insert));
  const auto cpus = rewrite->Cpus();
  if (!cpus) return tl::unexpected<Error>(cpus.error());
  for (const uint32_t cpu : *cpus) {
    const auto items = rewrite->Items(cpu);
    if (!items) return tl::unexpected<Error>(items.error());
    for (const Item& item : *items) STORE_TRY(item.chunk != nullptr ? sealer.Add(*item.chunk) : sealer.Cut());
    STORE_TRY(sealer.Cut());
  }
  return {};
}

// Decides over one CPU's items in order: what is kept, and the gaps in the places of what is not.
class Trimmer {
 public:
  Trimmer(Rewrite* rewrite, const std::vector<KeptSpan>& spans, Statement copy_gap, Statement insert_gap)
      : rewrite_(rewrite), spans_(spans), copy_gap_(std::move(copy_gap)), insert_gap_(std::move(insert_gap)) {}

  // `last_ns`: of the CPU's last event in earlier parts.
  Status Trim(uint32_t cpu, uint64_t last_ns, const std::vector<Item>& items);

 private:
  bool Kept(const StoredChunk& chunk) const;
  void Drop(uint64_t lost);
  Status EndRun(uint32_t cpu, std::optional<uint64_t> end_ns, uint64_t event_no);

  Rewrite* rewrite_;
  const std::vector<KeptSpan>& spans_;
  Statement copy_gap_, insert_gap_;
  uint64_t last_ns_ = 0;  // of the last event that was kept
  bool in_run_ = false;   // of chunks that go
  uint64_t lost_ = 0;
};

bool Trimmer::Kept(const StoredChunk& chunk) const {
  return std::any_of(spans_.begin(), spans_.end(), [&](const KeptSpan& span) {
    return chunk.first_ns <= span.end_ns && chunk.last_ns >= span.start_ns;
  });
}

void Trimmer::Drop(uint64_t lost) {
  lost_ = lost_ == kLostUnknown || lost == kLostUnknown ? kLostUnknown : lost_ + lost;
}

Status Trimmer::EndRun(uint32_t cpu, std::optional<uint64_t> end_ns, uint64_t event_no) {
  if (!std::exchange(in_run_, false)) return {};
  const uint64_t known = std::exchange(lost_, 0);
  std::optional<uint64_t> lost;
  if (known != kLostUnknown) lost = known;
  return insert_gap_.Run(cpu, last_ns_, end_ns, lost, Name(GapCause::kCollector), event_no);
}

Status Trimmer::Trim(uint32_t cpu, uint64_t last_ns, const std::vector<Item>& items) {
  last_ns_ = last_ns;
  std::vector<const StoredGap*> waiting;  // for what comes behind them
  uint64_t end_no = 0;
  const auto keep_waiting = [&]() -> Status {
    for (const StoredGap* gap : std::exchange(waiting, {})) STORE_TRY(copy_gap_.Run(gap->id));
    return {};
  };
  for (const Item& item : items) {
    if (item.gap != nullptr && in_run_) {
      Drop(item.gap->lost);
    } else if (item.gap != nullptr) {
      waiting.push_back(item.gap);
    } else if (Kept(*item.chunk)) {
      STORE_TRY(EndRun(cpu, item.chunk->first_ns, item.chunk->first_event_no));
      STORE_TRY(keep_waiting());
      STORE_TRY(rewrite_->CopyChunk(item.chunk->id));
      last_ns_ = item.chunk->last_ns;
    } else {
      in_run_ = true;
      Drop(item.chunk->events);
      for (const StoredGap* gap : std::exchange(waiting, {})) Drop(gap->lost);
      end_no = item.chunk->end_no();
    }
  }
  STORE_TRY(EndRun(cpu, std::nullopt, end_no));
  return keep_waiting();
}

Status TrimAll(Rewrite* rewrite, const std::vector<KeptSpan>& spans) {
  auto copy_gap = rewrite->to().Prepare("INSERT INTO gap SELECT * FROM old.gap WHERE id = ?1");
  auto insert_gap = rewrite->to().Prepare(
      "INSERT INTO gap(session_id, cpu, start_ns, end_ns, lost, cause, event_no) "
      "SELECT min(id), ?1, ?2, ?3, ?4, ?5, ?6 FROM session");
  auto before = rewrite->from().Prepare("SELECT last_ns FROM part_start WHERE cpu = ?1");
  if (!copy_gap) return tl::unexpected<Error>(std::move(copy_gap.error()));
  if (!insert_gap || !before) return tl::unexpected<Error>(std::move(!before ? before.error() : insert_gap.error()));
  Trimmer trimmer(rewrite, spans, std::move(*copy_gap), std::move(*insert_gap));
  const auto cpus = rewrite->Cpus();
  if (!cpus) return tl::unexpected<Error>(cpus.error());
  for (const uint32_t cpu : *cpus) {
    const auto items = rewrite->Items(cpu);
    if (!items) return tl::unexpected<Error>(items.error());
    before->Reset();
    before->Bind(cpu);
    const auto row = before->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    STORE_TRY(trimmer.Trim(cpu, *row ? before->Unsigned(0) : 0, *items));
  }
  return {};
}

Status TrimWaits(Rewrite* rewrite, const std::vector<KeptSpan>& spans) {
  auto copy = rewrite->to().Prepare(
      "INSERT OR IGNORE INTO wait_chunk SELECT * FROM old.wait_chunk WHERE first_ns <= ?2 AND last_ns >= ?1");
  if (!copy) return tl::unexpected<Error>(std::move(copy.error()));
  // SQL's integers end where no time of a trace is.
  const auto signed_of = [](uint64_t ns) { return std::min<uint64_t>(ns, INT64_MAX); };
  for (const KeptSpan& span : spans) STORE_TRY(copy->Run(signed_of(span.start_ns), signed_of(span.end_ns)));
  return {};
}

Status Named(Status status, const char* action) {
  if (!status) status.error().cause = std::string(action) + ": " + status.error().cause;
  return status;
}

}  // namespace

Status SealPart(const std::string& path) {
  const KeptTime written(path);
  const auto seal = [&]() -> Status {
    const auto settled = OpenSettled(path);
    if (!settled) return tl::unexpected<Error>(settled.error());
    const auto sealed = GetMeta(*settled, "sealed");
    if (!sealed) return tl::unexpected<Error>(sealed.error());
    if (!sealed->empty()) return {};
    auto rewrite = Rewrite::Begin(path, written.ns);
    if (!rewrite) return tl::unexpected<Error>(std::move(rewrite.error()));
    STORE_TRY((*rewrite)->CopyTables());
    STORE_TRY(SealAll(rewrite->get()));
    return (*rewrite)->Finish("sealed");
  };
  return Named(seal(), "sealing a part");
}

Status TrimPart(const std::string& path, const std::vector<KeptSpan>& spans) {
  const KeptTime written(path);
  const auto trim = [&]() -> Status {
    if (const auto settled = OpenSettled(path); !settled) return tl::unexpected<Error>(settled.error());
    auto rewrite = Rewrite::Begin(path, written.ns);
    if (!rewrite) return tl::unexpected<Error>(std::move(rewrite.error()));
    STORE_TRY((*rewrite)->CopyTables({"gap", "wait_chunk"}));
    STORE_TRY(TrimAll(rewrite->get(), spans));
    STORE_TRY(TrimWaits(rewrite->get(), spans));
    return (*rewrite)->Finish("trimmed");
  };
  return Named(trim(), "trimming a part");
}

}  // namespace wakewatch
