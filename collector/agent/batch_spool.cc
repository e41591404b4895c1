#include "collector/agent/batch_spool.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <wakewatch/v1/batch.pb.h>

#include "analysis/base/bytes.h"
#include "proto/wire/batch_codec.h"

namespace wakewatch {
namespace {

constexpr uint32_t kBodyVersion = 1;
constexpr uint32_t kCpusMax = 1u << 16;

template <typename T>
void Put(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Put(const CpuPositions& positions, std::string* out) {
  Put(static_cast<uint32_t>(positions.size()), out);
  for (const auto& [cpu, position] : positions) {
    Put(cpu, out);
    Put(position.last_ns, out);
    Put(position.events, out);
  }
}

ByteCursor CursorOf(std::string_view bytes) {
  return ByteCursor(Bytes(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), std::endian::native);
}

CpuPositions TakePositions(ByteCursor* cursor) {
  CpuPositions positions;
  const uint32_t cpus = std::min(cursor->U32(), kCpusMax);
  for (uint32_t i = 0; i < cpus && cursor->ok(); ++i) {
    const uint32_t cpu = cursor->U32();
    CpuPosition& position = positions[cpu];
    position.last_ns = cursor->U64();
    position.events = cursor->U64();
  }
  return positions;
}

uint64_t KeyOf(const SessionInfo& session) {
  const std::string text = session.host + '\0' + session.boot_id + '\0' + session.session;
  return XXH64(text.data(), text.size(), 0);
}

void Advance(const Batch& batch, CpuPositions* positions) {
  LastEvents last;
  SeeEvents(batch, &last);
  for (const auto& [cpu, ns] : last) {
    CpuPosition& position = (*positions)[cpu];
    position.last_ns = std::max(position.last_ns, ns);
  }
  for (const Chunk& chunk : batch.chunks) (*positions)[chunk.cpu].events += chunk.events;
}

std::string BodyOf(const CpuPositions& before, const CpuPositions& after, uint64_t real_ns, const Batch& batch) {
  v1::Batch message;
  BatchToMessage(batch, &message);
  std::string body;
  Put(kBodyVersion, &body);
  Put(real_ns, &body);
  Put(before, &body);
  Put(after, &body);
  message.AppendToString(&body);
  return body;
}

// None: it is not what this build writes.
std::optional<Batch> BatchOf(std::string_view bytes) {
  v1::Batch message;
  if (bytes.size() > kRecordBytesMax || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  auto batch = BatchFromMessage(&message);
  if (!batch) return std::nullopt;
  return std::move(*batch);
}

std::optional<SpooledBatch> Decode(const SpoolItem& item) {
  ByteCursor cursor = CursorOf(item.body);
  SpooledBatch spooled;
  if (cursor.U32() != kBodyVersion) return std::nullopt;
  spooled.number = item.last;
  spooled.key = item.head->key;
  spooled.real_ns = cursor.U64();
  spooled.before = TakePositions(&cursor);
  spooled.after = TakePositions(&cursor);
  if (!cursor.ok()) return std::nullopt;
  auto batch = BatchOf(std::string_view(item.body).substr(cursor.at()));
  if (!batch) return std::nullopt;
  spooled.batch = std::move(*batch);
  return spooled;
}

// The events between two places of a session, as a batch whose chunks hold nothing.
Batch MissingBetween(const CpuPositions& from, const CpuPositions& to) {
  Batch missing;
  for (const auto& [cpu, position] : to) {
    const auto before = from.find(cpu);
    const CpuPosition start = before == from.end() ? CpuPosition() : before->second;
    uint64_t events = position.events - std::min(position.events, start.events);
    while (events > 0) {
      const auto some = static_cast<uint32_t>(std::min<uint64_t>(events, std::numeric_limits<uint32_t>::max()));
      missing.chunks.push_back({cpu, start.last_ns + 1, position.last_ns, some, 0, {}});
      events -= some;
    }
  }
  return missing;
}

// What has to go, as one batch without events.
class BatchCut final : public SpoolCut {
 public:
  explicit BatchCut(std::shared_ptr<uint64_t> events) : events_(std::move(events)) {}

  void Add(const SpoolItem& item) override {
    auto next = Decode(item);
    if (!next) return;  // the positions of what follows say what was in it
    if (all_) {
      // Whatever lies between the two is found by the positions, whether or not its numbers are known to be missing.
      *events_ += DropInto(LastEventsOf(all_->after), MissingBetween(all_->after, next->before), &next->batch);
      *events_ += DropInto(LastEventsOf(all_->before), std::move(all_->batch), &next->batch);
      next->before = std::move(all_->before);
      next->real_ns = all_->real_ns;
    }
    all_ = std::move(next);
  }
  std::string Body() override {
    if (!all_) return {};
    *events_ += DropEvents(LastEventsOf(all_->before), &all_->batch);
    return BodyOf(all_->before, all_->after, all_->real_ns, all_->batch);
  }

 private:
  const std::shared_ptr<uint64_t> events_;
  std::optional<SpooledBatch> all_;
};

}  // namespace

LastEvents LastEventsOf(const CpuPositions& positions) {
  LastEvents last;
  for (const auto& [cpu, position] : positions) {
    if (position.last_ns != 0) last[cpu] = position.last_ns;
  }
  return last;
}

BatchSpool::BatchSpool(Files* files, SpoolOptions options)
    : spool_(files, [&] {
        options.cut = [events = events_cut_] { return std::make_unique<BatchCut>(events); };
        return std::move(options);
      }()) {
  // Where the batches in front of the first one that is left have brought their CPUs.
  ByteCursor cursor = CursorOf(spool_.state());
  read_.key = cursor.U64();
  read_.sequence = cursor.U64();
  read_.last = cursor.U8() != 0;
  read_.after = TakePositions(&cursor);
  if (!cursor.ok()) read_ = {};
}

BatchSpool::Encoded BatchSpool::Encode(const Batch& batch, uint64_t real_ns) {
  if (batch.session || batch.formats) {
    Batch opening = opening_ == nullptr || batch.session ? Batch() : *opening_;
    opening.sequence = 1;
    if (batch.session) {
      opening.session = batch.session;
      key_ = KeyOf(*batch.session);
      positions_.clear();
    }
    if (batch.formats) opening.formats = batch.formats;
    v1::Batch message;
    BatchToMessage(opening, &message);
    spool_.Begin(key_, message.SerializeAsString());
    opening_ = std::make_shared<const Batch>(std::move(opening));
  }
  Encoded encoded;
  encoded.real_ns = real_ns;
  encoded.before = positions_;
  encoded.after = positions_;
  Advance(batch, &encoded.after);
  encoded.body = BodyOf(encoded.before, encoded.after, real_ns, batch);
  return encoded;
}

Result<uint64_t> BatchSpool::Append(const Encoded& encoded, uint64_t sequence, bool last, bool taken) {
  auto number = spool_.Append(encoded.body);
  if (!number) return number;
  positions_ = encoded.after;
  if (!taken) return number;
  (void)spool_.TakeLast();
  NoteTaken({*number, key_, sequence, last, encoded.after});
  return number;
}

void BatchSpool::Bypass(const Encoded& encoded, uint64_t sequence, bool last) {
  positions_ = encoded.after;
  NoteTaken({0, key_, sequence, last, encoded.after});
}

void BatchSpool::NoteTaken(InFlight taken) {
  read_opening_ = opening_;
  read_head_.reset();
  NoteRead(std::move(taken));
}

void BatchSpool::NoteRead(InFlight read) {
  read_ = std::move(read);
  if (read_.number != 0) in_flight_.push_back(read_);
}

Result<std::optional<SpooledBatch>> BatchSpool::Next() {
  std::optional<SpooledBatch> next = std::exchange(held_, std::nullopt);
  while (!next) {
    auto item = spool_.Next();
    if (!item) return tl::unexpected<Error>(std::move(item.error()));
    if (!*item) return std::nullopt;
    missing_ += (*item)->missing;
    next = Understand(**item);
    if (!next) {
      missing_ += (*item)->last - (*item)->first + 1;
      continue;
    }
    const uint64_t missing = std::exchange(missing_, 0);
    auto end = missing > 0 ? EndOfBroken(*next) : std::nullopt;
    Account(missing, (*item)->first, &*next);
    if (!end) break;
    held_ = std::move(next);
    return end;
  }
  NoteRead({next->number, next->key, next->batch.sequence, next->batch.last, next->after});
  return next;
}

std::optional<SpooledBatch> BatchSpool::Understand(const SpoolItem& item) {
  auto next = Decode(item);
  if (!next) return std::nullopt;
  if (read_head_ != item.head) {
    auto opening = BatchOf(item.head->preamble);
    if (!opening || !opening->session) return std::nullopt;
    if (next->key != read_.key) ended_opening_ = read_opening_;
    read_opening_ = std::make_shared<const Batch>(std::move(*opening));
    read_head_ = item.head;
  }
  next->opening = read_opening_;
  return next;
}

// Of a session the last batches are gone, and another begins: its end is not known.
std::optional<SpooledBatch> BatchSpool::EndOfBroken(const SpooledBatch& next) {
  if (read_.key == 0 || read_.key == next.key || read_.last || ended_opening_ == nullptr) return std::nullopt;
  SpooledBatch end;
  end.key = read_.key;
  end.before = end.after = read_.after;
  end.opening = ended_opening_;
  end.batch.sequence = read_.sequence + 1;
  for (const auto& [cpu, position] : read_.after) {
    end.batch.gaps.push_back({cpu, position.last_ns, UINT64_MAX, kLostUnknown, GapCause::kCollector});
  }
  read_.last = true;
  return end;
}

// What is missing in front of *next, whose record begins with the number `first`, becomes gaps of it.
void BatchSpool::Account(uint64_t missing, uint64_t first, SpooledBatch* next) {
  const bool same = read_.key == next->key;
  if (!same && missing == 0) return;
  const bool from_start = first - missing == 1 || (read_.key != 0 && !same);
  if (missing > 0 && next->opening != nullptr) {
    if (!next->batch.session) next->batch.session = next->opening->session;
    if (!next->batch.formats) next->batch.formats = next->opening->formats;
  }
  if (same || from_start) {
    const CpuPositions from = same ? read_.after : CpuPositions();
    Batch gone = MissingBetween(from, next->before);
    if (!gone.chunks.empty()) events_missing_ += DropInto(LastEventsOf(from), std::move(gone), &next->batch);
    return;
  }
  // Where the batches before have brought the CPUs is lost as well.
  for (const auto& [cpu, position] : next->before) {
    next->batch.gaps.insert(next->batch.gaps.begin(), {cpu, 0, position.last_ns, kLostUnknown, GapCause::kCollector});
  }
}

void BatchSpool::Acknowledge(uint64_t number) {
  std::optional<InFlight> done;
  while (!in_flight_.empty() && in_flight_.front().number <= number) {
    done = std::move(in_flight_.front());
    in_flight_.pop_front();
  }
  if (!done) return;
  std::string state;
  Put(done->key, &state);
  Put(done->sequence, &state);
  Put(static_cast<uint8_t>(done->last), &state);
  Put(done->after, &state);
  spool_.Acknowledge(done->number, std::move(state));
}

}  // namespace wakewatch
