#include "analysis/report/wait_chunk.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace wakewatch {
namespace {

using chunk::Codec;
using chunk::Column;
using chunk::ColumnEncoder;
using chunk::Reference;

// What a column is predicted from, as its directory entry says.
constexpr uint32_t kRefPid = chunk::kRefPid, kRefWakerPid = chunk::kRefField;

constexpr size_t kMagicOffset = 0, kVersionOffset = 4, kColumnsOffset = 6, kWaitsOffset = 8, kDirectoryOffset = 12,
                 kFirstOffset = 16, kLastOffset = 24;

constexpr uint64_t kKindMask = 3, kContextShift = 2, kHasWakingBit = 1 << 4, kAffinityBit = 1 << 5, kShapeEnd = 1 << 6;
static_assert(static_cast<uint64_t>(LastOf(WaitKind{})) <= kKindMask);
static_assert(static_cast<uint64_t>(LastOf(WakeContext{})) <= 3);

template <typename T>
void Put(std::vector<uint8_t>* bytes, size_t at, T value) {
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(bytes->data() + at, &value, sizeof value);
}

uint64_t ChecksumOf(Bytes bytes) {
  const uint64_t head = XXH3_64bits(bytes.data(), kWaitChecksumOffset);
  return XXH3_64bits_withSeed(bytes.data() + kWaitHeaderBytes, bytes.size() - kWaitHeaderBytes, head);
}

constexpr const char* kRemedy = "its waits are left out; they can be measured again from the events of that time";

tl::unexpected<Error> Bad(uint64_t offset, std::string cause, ErrorCode code = ErrorCode::kCorrupt) {
  return Fail(Error{code, "the chunk of waits does not validate: " + std::move(cause), {}, offset, kRemedy});
}

// The readers of columns speak of events.
tl::unexpected<Error> OfWaits(Error error) {
  error.remedy = kRemedy;
  return Fail(std::move(error));
}

uint64_t Shape(const MeasuredWait& wait) {
  return static_cast<uint64_t>(wait.kind) | static_cast<uint64_t>(wait.context) << kContextShift |
         (wait.has_waking ? kHasWakingBit : 0) | (wait.affinity_known ? kAffinityBit : 0);
}

// Waits end one after the other, so the differences are small; one that ends before its neighbour is no harm.
Column EncodeIn(const std::vector<uint64_t>& values, ColumnEncoder* encoder) {
  return encoder->Quads(chunk::kRefPrevious, values.size(), [&](size_t i) {
    return Zigzag(static_cast<int64_t>(values[i] - (i == 0 ? 0 : values[i - 1])));
  });
}

Column EncodeNumbers(const std::vector<uint64_t>& values, ColumnEncoder* encoder) {
  if (std::all_of(values.begin(), values.end(), [&](uint64_t value) { return value == values.front(); })) {
    return encoder->Constant(values.front());
  }
  return encoder->Quads(chunk::kRefNone, values.size(),
                        [&](size_t i) { return Zigzag(static_cast<int64_t>(values[i])); });
}

uint64_t Wide(int32_t value) { return static_cast<uint64_t>(int64_t{value}); }

StoredWaitColumn StoredAs(WaitColumn column) {
  switch (column) {
    case WaitColumn::kIn: return StoredWaitColumn::kIn;
    case WaitColumn::kExcess: return StoredWaitColumn::kExcess;
    case WaitColumn::kSliceBound: return StoredWaitColumn::kSliceBound;
    case WaitColumn::kPid: return StoredWaitColumn::kPid;
    case WaitColumn::kThread: return StoredWaitColumn::kThread;
    case WaitColumn::kPrio: return StoredWaitColumn::kPrio;
    case WaitColumn::kCpu: return StoredWaitColumn::kCpu;
    case WaitColumn::kWakerPid: return StoredWaitColumn::kWakerPid;
    default: break;  // a bucket
  }
  return static_cast<StoredWaitColumn>(static_cast<size_t>(StoredWaitColumn::kDelivery) + static_cast<size_t>(column) -
                                       static_cast<size_t>(WaitColumn::kDelivery));
}

bool CanBe(WaitColumn column, uint64_t value) {
  switch (column) {
    case WaitColumn::kPid:
    case WaitColumn::kPrio:
    case WaitColumn::kWakerPid: return value == Wide(static_cast<int32_t>(value));
    case WaitColumn::kCpu: return value <= UINT32_MAX;
    case WaitColumn::kThread: return value <= static_cast<uint64_t>(LastOf(ThreadKind{}));
    default: return true;
  }
}

}  // namespace

std::string_view Name(WaitKind kind) {
  switch (kind) {
    case WaitKind::kNone: return "";
    case WaitKind::kWake: return "wake";
    case WaitKind::kNew: return "new";
    case WaitKind::kPreempted: return "preempted";
  }
  return "";
}

void WaitSummary::Add(const MeasuredWait& wait) {
  ++n;
  first_ns = std::min(first_ns, wait.start_ns);
  last_ns = std::max(last_ns, wait.in_ns);
  latency_ns += wait.latency_ns();
  excess_ns += wait.excess_ns;
  if (!wait.affinity_known) ++assumed;
  buckets.Add(wait.buckets);
}

void WaitEncoder::Coded::Clear() {
  dictionary.Clear();
  codes.clear();
}

void WaitEncoder::CodedText::Add(std::string_view text) {
  text = text.substr(0, kWaitTextBytesMax);
  codes.push_back(dictionary.CodeOf({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
}

void WaitEncoder::CodedText::Clear() {
  dictionary.Clear();
  codes.clear();
}

void WaitEncoder::Add(const MeasuredWait& wait) {
  using enum StoredWaitColumn;
  summary_.Add(wait);
  Numbers(kIn).push_back(wait.in_ns);
  Numbers(kLatencyRest).push_back(wait.latency_ns() - wait.buckets.Total());
  Numbers(kWakeupRest).push_back(wait.wakeup_ns - wait.start_ns - wait.buckets.Of(Bucket::kDelivery));
  Numbers(kExcess).push_back(wait.excess_ns);
  Numbers(kSliceBound).push_back(wait.slice_bound_ns);
  for (size_t i = 0; i < kBucketCount; ++i) {
    numbers_[static_cast<size_t>(kDelivery) + i].push_back(wait.buckets.ns[i]);
  }
  Codes(kPid).Add(Wide(wait.pid));
  Codes(kThread).Add(static_cast<uint64_t>(wait.thread));
  Codes(kPrio).Add(Wide(wait.prio));
  Codes(kCpu).Add(wait.cpu);
  Codes(kShape).Add(Shape(wait));
  Codes(kWakerPid).Add(Wide(wait.waker_pid));
  Text(WaitText::kComm).Add(wait.comm);
  Text(WaitText::kWakerComm).Add(wait.waker_comm);
  Text(WaitText::kCause).Add(wait.cause);
}

void WaitEncoder::Clear() {
  summary_ = {};
  for (auto& column : numbers_) column.clear();
  for (Coded& column : coded_) column.Clear();
  for (CodedText& column : texts_) column.Clear();
}

Column WaitEncoder::EncodeCodes(const Coded& column, const Reference* reference, ColumnEncoder* encoder) {
  Column predicted;
  if (reference != nullptr && column.dictionary.size() > 1 &&
      encoder->PredictInts(
          *reference, [&](size_t i) { return column.At(i); }, &predicted)) {
    return predicted;
  }
  return encoder->IntCodes(column.dictionary, column.codes);
}

Column WaitEncoder::EncodeText(const CodedText& column, const Reference* reference, ColumnEncoder* encoder) {
  if (reference != nullptr && column.dictionary.size() > 1) {
    Column predicted;
    chunk::TextDictionary dictionary;
    const auto same = [&](size_t i, size_t j) { return column.codes[i] == column.codes[j]; };
    const auto code_of = [&](size_t i) { return dictionary.CodeOf(column.dictionary.text(column.codes[i])); };
    if (encoder->PredictTexts(*reference, &dictionary, same, code_of, &predicted)) return predicted;
  }
  return encoder->TextCodes(column.dictionary, column.codes);
}

std::array<Column, kStoredWaitColumns> WaitEncoder::EncodeColumns(ColumnEncoder* encoder) const {
  using enum StoredWaitColumn;
  std::array<Column, kStoredWaitColumns> columns;
  const auto column = [&](StoredWaitColumn which) -> Column& { return columns[static_cast<size_t>(which)]; };
  column(kIn) = EncodeIn(numbers_[static_cast<size_t>(kIn)], encoder);
  for (size_t i = static_cast<size_t>(kIn) + 1; i < kNumbers; ++i) columns[i] = EncodeNumbers(numbers_[i], encoder);
  const Reference pid{kRefPid, Codes(kPid).codes, Codes(kPid).dictionary.size()};
  const Reference waker{kRefWakerPid, Codes(kWakerPid).codes, Codes(kWakerPid).dictionary.size()};
  for (const auto which : {kPid, kCpu, kShape, kWakerPid}) column(which) = EncodeCodes(Codes(which), nullptr, encoder);
  for (const auto which : {kThread, kPrio}) column(which) = EncodeCodes(Codes(which), &pid, encoder);
  column(kComm) = EncodeText(Text(WaitText::kComm), &pid, encoder);
  column(kWakerComm) = EncodeText(Text(WaitText::kWakerComm), &waker, encoder);
  column(kCause) = EncodeText(Text(WaitText::kCause), nullptr, encoder);
  return columns;
}

std::vector<uint8_t> WaitEncoder::Encode() const {
  ColumnEncoder encoder(compression_);
  const std::array<Column, kStoredWaitColumns> columns = EncodeColumns(&encoder);
  std::vector<uint8_t> bytes(kWaitHeaderBytes);
  for (const Column& entry : columns) {
    bytes.push_back(static_cast<uint8_t>(entry.codec));
    chunk::PutVarint(&bytes, entry.ref);
    chunk::PutVarint(&bytes, entry.raw_bytes);
    chunk::PutVarint(&bytes, entry.stored_bytes);
  }
  const auto directory_bytes = static_cast<uint32_t>(bytes.size() - kWaitHeaderBytes);
  const std::vector<uint8_t>& blobs = encoder.blobs();
  for (const Column& entry : columns) {
    const auto from = blobs.begin() + static_cast<std::ptrdiff_t>(entry.at);
    bytes.insert(bytes.end(), from, from + entry.stored_bytes);
  }
  Put(&bytes, kMagicOffset, kWaitMagic);
  Put(&bytes, kVersionOffset, kWaitChunkVersion);
  Put(&bytes, kColumnsOffset, static_cast<uint16_t>(kStoredWaitColumns));
  Put(&bytes, kWaitsOffset, static_cast<uint32_t>(waits()));
  Put(&bytes, kDirectoryOffset, directory_bytes);
  Put(&bytes, kFirstOffset, summary_.first_ns);
  Put(&bytes, kLastOffset, summary_.last_ns);
  Put(&bytes, kWaitChecksumOffset, ChecksumOf(bytes));
  return bytes;
}

Result<WaitView> WaitView::Open(Bytes bytes) {
  if (bytes.size() < kWaitHeaderBytes) {
    return Bad(bytes.size(), "it ends inside its header", ErrorCode::kTruncated);
  }
  const uint8_t* at = bytes.data();
  if (LoadNative<uint32_t>(at + kMagicOffset) != kWaitMagic) return Bad(kMagicOffset, "it does not begin as such do");
  const auto version = LoadNative<uint16_t>(at + kVersionOffset);
  if (version != kWaitChunkVersion) {
    return Fail(Error{ErrorCode::kUnsupported,
                      "the chunk of waits has version " + std::to_string(version) + ", this program reads version " +
                          std::to_string(kWaitChunkVersion),
                      {},
                      kVersionOffset,
                      "read it with the program that wrote it, or a newer one"});
  }
  const auto waits = LoadNative<uint32_t>(at + kWaitsOffset);
  if (waits == 0) return Bad(kWaitsOffset, "it has no waits");
  if (waits > kWaitChunkWaits) {
    return Bad(kWaitsOffset, "it announces " + std::to_string(waits) + " waits", ErrorCode::kTooLarge);
  }
  if (LoadNative<uint16_t>(at + kColumnsOffset) != kStoredWaitColumns) {
    return Bad(kColumnsOffset, "it has other columns than its version");
  }
  const auto directory_bytes = LoadNative<uint32_t>(at + kDirectoryOffset);
  if (directory_bytes > bytes.size() - kWaitHeaderBytes) {
    return Bad(kDirectoryOffset, "it ends inside its list of columns", ErrorCode::kTruncated);
  }
  WaitView view;
  view.waits_ = waits;
  view.first_ns_ = LoadNative<uint64_t>(at + kFirstOffset);
  view.last_ns_ = LoadNative<uint64_t>(at + kLastOffset);
  if (view.first_ns_ > view.last_ns_) return Bad(kLastOffset, "it ends before it begins");
  if (LoadNative<uint64_t>(at + kWaitChecksumOffset) != ChecksumOf(bytes)) {
    return Bad(kWaitChecksumOffset, "its bytes do not match its checksum");
  }
  if (auto status = view.ReadDirectory(bytes, directory_bytes); !status) return Fail(std::move(status.error()));
  return view;
}

Status WaitView::ReadDirectory(Bytes bytes, uint32_t directory_bytes) {
  ByteCursor cursor(bytes.subspan(kWaitHeaderBytes, directory_bytes));
  uint64_t blob_at = kWaitHeaderBytes + uint64_t{directory_bytes}, raw_bytes = 0;
  for (size_t i = 0; i < kStoredWaitColumns; ++i) {
    const uint64_t entry_at = kWaitHeaderBytes + cursor.at();
    const uint8_t codec = cursor.U8();
    const uint64_t ref = cursor.Varint(), raw = cursor.Varint(), stored = cursor.Varint();
    if (!cursor.ok()) return Bad(entry_at, "the list of columns is cut off");
    if (codec > chunk::kCodecMax) return Bad(entry_at, "a column has an unknown encoding");
    raw_bytes += std::min<uint64_t>(raw, kWaitChunkBytesMax + uint64_t{1});
    if (raw_bytes > kWaitChunkBytesMax) return Bad(entry_at, "its columns are too large", ErrorCode::kTooLarge);
    if (stored > raw || stored > bytes.size() - blob_at) {
      return Bad(entry_at, "a column announces more stored bytes than there are");
    }
    const bool is_in = i == static_cast<size_t>(StoredWaitColumn::kIn);
    const auto how = static_cast<Codec>(codec);
    const bool fits = how == Codec::kQuads       ? ref == (is_in ? chunk::kRefPrevious : chunk::kRefNone)
                      : how == Codec::kPredicted ? ref == kRefPid || ref == kRefWakerPid
                                                 : ref == chunk::kRefNone;
    if (!fits) return Bad(entry_at, "a column refers to something that its encoding cannot use");
    columns_.push_back(
        {how, static_cast<uint32_t>(ref), static_cast<uint32_t>(raw), blob_at, bytes.subspan(blob_at, stored)});
    blob_at += stored;
  }
  if (cursor.left() != 0) return Bad(kWaitHeaderBytes + cursor.at(), "bytes follow the list of columns");
  if (blob_at != bytes.size()) return Bad(blob_at, "bytes follow the last column");
  return {};
}

Status WaitView::LoadCodes(StoredWaitColumn column) {
  Key& key = keys_[column == StoredWaitColumn::kPid ? 0 : 1];
  if (!key.codes.empty()) return {};
  Key read;
  auto status = reader_.IntCodes(ColumnAt(column), waits_, &read.values, &read.codes);
  if (!status) return OfWaits(std::move(status.error()));
  key = std::move(read);
  return {};
}

Result<chunk::ColumnInputs> WaitView::InputsOf(const chunk::StoredColumn& column) {
  chunk::ColumnInputs inputs{.n = waits_};
  if (column.codec != Codec::kPredicted) return inputs;
  const bool pid = column.ref == kRefPid;
  auto status = LoadCodes(pid ? StoredWaitColumn::kPid : StoredWaitColumn::kWakerPid);
  if (!status) return Fail(std::move(status.error()));
  inputs.codes = keys_[pid ? 0 : 1].codes;
  inputs.code_count = keys_[pid ? 0 : 1].values.size();
  return inputs;
}

Result<std::span<const uint64_t>> WaitView::Stored(StoredWaitColumn column) {
  std::vector<uint64_t>& kept = stored_[static_cast<size_t>(column)];
  if (!kept.empty()) return kept;
  const auto inputs = InputsOf(ColumnAt(column));
  if (!inputs) return Fail(inputs.error());
  std::vector<uint64_t> values(waits_);
  uint64_t* const out = values.data();
  auto status = reader_.Ints(ColumnAt(column), *inputs, [=](size_t i, uint64_t value) { out[i] = value; });
  if (!status) return OfWaits(std::move(status.error()));
  kept = std::move(values);
  return kept;
}

Status WaitView::FillTimes() {
  using enum StoredWaitColumn;
  const auto in = Stored(kIn), latency_rest = Stored(kLatencyRest), wakeup_rest = Stored(kWakeupRest);
  for (const auto* column : {&in, &latency_rest, &wakeup_rest}) {
    if (!*column) return Fail(column->error());
  }
  std::vector<uint64_t> latency(latency_rest->begin(), latency_rest->end());
  std::span<const uint64_t> delivery;
  for (size_t bucket = kBucketCount; bucket-- > 0;) {
    const auto part = Stored(static_cast<StoredWaitColumn>(static_cast<size_t>(kDelivery) + bucket));
    if (!part) return Fail(part.error());
    for (size_t i = 0; i < waits_; ++i) latency[i] += (*part)[i];
    delivery = *part;
  }
  std::vector<uint64_t> start(waits_), wakeup(waits_);
  uint64_t first_ns = UINT64_MAX, last_ns = 0;
  for (size_t i = 0; i < waits_; ++i) {
    if (latency[i] > (*in)[i]) return Bad(ColumnAt(kIn).at, "a wait begins before there was time");
    start[i] = (*in)[i] - latency[i];
    wakeup[i] = start[i] + delivery[i] + (*wakeup_rest)[i];
    first_ns = std::min(first_ns, start[i]);
    last_ns = std::max(last_ns, (*in)[i]);
  }
  if (first_ns != first_ns_ || last_ns != last_ns_) {
    return Bad(ColumnAt(kIn).at, "its waits do not run from its first to its last time");
  }
  Kept(WaitColumn::kStart) = std::move(start);
  Kept(WaitColumn::kWakeup) = std::move(wakeup);
  Kept(WaitColumn::kLatency) = std::move(latency);
  return {};
}

Status WaitView::FillShape() {
  const auto shape = Stored(StoredWaitColumn::kShape);
  if (!shape) return Fail(shape.error());
  for (const uint64_t value : *shape) {
    if (value >= kShapeEnd || (value & kKindMask) == 0) {
      return Bad(ColumnAt(StoredWaitColumn::kShape).at, "a wait is of no kind");
    }
  }
  for (const WaitColumn column :
       {WaitColumn::kKind, WaitColumn::kContext, WaitColumn::kHasWaking, WaitColumn::kAffinityKnown}) {
    Kept(column).resize(waits_);
  }
  for (size_t i = 0; i < waits_; ++i) {
    const uint64_t value = (*shape)[i];
    Kept(WaitColumn::kKind)[i] = value & kKindMask;
    Kept(WaitColumn::kContext)[i] = value >> kContextShift & 3;
    Kept(WaitColumn::kHasWaking)[i] = (value & kHasWakingBit) != 0;
    Kept(WaitColumn::kAffinityKnown)[i] = (value & kAffinityBit) != 0;
  }
  return {};
}

// A column that is stored as it is read, once its values have been looked at.
Result<std::span<const uint64_t>> WaitView::Plain(WaitColumn column) {
  const auto values = Stored(StoredAs(column));
  if (!values) return values;
  for (const uint64_t value : *values) {
    if (!CanBe(column, value)) {
      return Bad(ColumnAt(StoredAs(column)).at, "a number of a wait is outside what it can be");
    }
  }
  return values;
}

Result<std::span<const uint64_t>> WaitView::Numbers(WaitColumn column) {
  std::vector<uint64_t>& kept = Kept(column);
  if (!kept.empty()) return kept;
  switch (column) {
    case WaitColumn::kStart:
    case WaitColumn::kWakeup:
    case WaitColumn::kLatency:
      if (auto status = FillTimes(); !status) return Fail(std::move(status.error()));
      return kept;
    case WaitColumn::kKind:
    case WaitColumn::kContext:
    case WaitColumn::kHasWaking:
    case WaitColumn::kAffinityKnown:
      if (auto status = FillShape(); !status) return Fail(std::move(status.error()));
      return kept;
    default: break;
  }
  const auto values = Plain(column);
  if (!values) return values;
  kept.assign(values->begin(), values->end());
  return kept;
}

Result<const WaitView::Texts*> WaitView::Text(WaitText text) {
  Texts& kept = texts_[static_cast<size_t>(text)];
  if (!kept.codes.empty()) return &kept;
  const auto& column = columns_[static_cast<size_t>(StoredWaitColumn::kComm) + static_cast<size_t>(text)];
  const auto inputs = InputsOf(column);
  if (!inputs) return Fail(inputs.error());
  std::vector<uint32_t> codes(waits_);
  const auto begin = [&](const std::vector<std::string_view>& dictionary) -> Status {
    size_t bytes = 0;
    for (const std::string_view word : dictionary) bytes += word.size();
    kept.bytes.clear();
    kept.bytes.reserve(bytes);  // so that the views below stay valid
    kept.dictionary.clear();
    for (const std::string_view word : dictionary) {
      kept.bytes.insert(kept.bytes.end(), word.begin(), word.end());
      kept.dictionary.emplace_back(kept.bytes.data() + kept.bytes.size() - word.size(), word.size());
    }
    return {};
  };
  auto status = reader_.Texts(column, *inputs, begin, [&](size_t i, uint32_t code) { codes[i] = code; });
  if (!status) return OfWaits(std::move(status.error()));
  kept.codes = std::move(codes);
  return &kept;
}

Status WaitView::ReadAll() {
  for (size_t i = 0; i < kWaitColumns; ++i) {
    const auto column = Numbers(static_cast<WaitColumn>(i));
    if (!column) return Fail(column.error());
  }
  for (size_t i = 0; i < kWaitTexts; ++i) {
    const auto column = Text(static_cast<WaitText>(i));
    if (!column) return Fail(column.error());
  }
  return {};
}

MeasuredWait WaitView::WaitAt(size_t i) const {
  MeasuredWait wait;
  wait.kind = static_cast<WaitKind>(At(WaitColumn::kKind, i));
  wait.pid = static_cast<int32_t>(At(WaitColumn::kPid, i));
  wait.comm = texts_[static_cast<size_t>(WaitText::kComm)].At(i);
  wait.thread = static_cast<ThreadKind>(At(WaitColumn::kThread, i));
  wait.prio = static_cast<int32_t>(At(WaitColumn::kPrio, i));
  wait.cpu = static_cast<uint32_t>(At(WaitColumn::kCpu, i));
  wait.start_ns = At(WaitColumn::kStart, i);
  wait.has_waking = At(WaitColumn::kHasWaking, i) != 0;
  wait.wakeup_ns = At(WaitColumn::kWakeup, i);
  wait.in_ns = At(WaitColumn::kIn, i);
  wait.context = static_cast<WakeContext>(At(WaitColumn::kContext, i));
  wait.waker_pid = static_cast<int32_t>(At(WaitColumn::kWakerPid, i));
  wait.waker_comm = texts_[static_cast<size_t>(WaitText::kWakerComm)].At(i);
  for (size_t bucket = 0; bucket < kBucketCount; ++bucket) {
    wait.buckets.ns[bucket] = At(ColumnOf(static_cast<Bucket>(bucket)), i);
  }
  wait.cause = texts_[static_cast<size_t>(WaitText::kCause)].At(i);
  wait.excess_ns = At(WaitColumn::kExcess, i);
  wait.affinity_known = At(WaitColumn::kAffinityKnown, i) != 0;
  wait.slice_bound_ns = At(WaitColumn::kSliceBound, i);
  return wait;
}

}  // namespace wakewatch
