#include "analysis/chunk/view_columns.h"

#include <string>
#include <utility>

namespace wakewatch::chunk {

ViewColumns::ViewColumns(Directory directory, const FormatTable& formats)
    : directory_(std::move(directory)), formats_(&formats), cached_(directory_.columns.size()) {
  starts_.push_back(0);
  for (const StoredFormat& stored : directory_.formats) starts_.push_back(starts_.back() + stored.events);
}

bool ViewColumns::IsInteger(const StoredFormat& stored, size_t field) const {
  const std::vector<FieldSpec>& fields = format(stored).fields;
  return field < fields.size() && KindOf(fields[field]) == ColumnKind::kInteger;
}

Result<std::span<const uint64_t>> ViewColumns::Times() {
  if (times_.empty()) {
    std::vector<uint64_t> times(header().events);
    const StoredColumn& column = directory_.columns[kTimes];
    if (auto status = reader_.Times(column, header().first_ns, header().last_ns, &times); !status) {
      return Fail(status.error());
    }
    times_ = std::move(times);
  }
  return times_;
}

Result<ViewColumns::Coded> ViewColumns::KindCodes() {
  if (!kind_codes_.empty()) return Coded{kind_codes_, kinds_};
  const StoredColumn& column = directory_.columns[kKinds];
  std::vector<uint32_t> codes;
  if (auto status = reader_.IntCodes(column, header().events, &kinds_, &codes); !status) return Fail(status.error());
  const size_t formats = directory_.formats.size();
  std::vector<uint32_t> of_kind(kinds_.size());
  for (const uint32_t code : codes) ++of_kind[code];
  std::vector<uint64_t> of_format(formats);
  for (size_t kind = 0; kind < kinds_.size(); ++kind) {
    if (kinds_[kind] >> 16 >= formats) return BadChunk(column.at, "an event's format is not in its list");
    of_format[kinds_[kind] >> 16] += of_kind[kind];
  }
  for (size_t i = 0; i < formats; ++i) {
    if (of_format[i] != directory_.formats[i].events) {
      return BadChunk(column.at, "the events of a format are not as many as its count says");
    }
  }
  kind_codes_ = std::move(codes);
  return Coded{kind_codes_, kinds_};
}

template <typename T, typename Of>
Result<std::span<const T>> ViewColumns::FromKinds(std::vector<T>* kept, Of&& of) {
  if (kept->empty()) {
    const auto kinds = KindCodes();
    if (!kinds) return Fail(kinds.error());
    kept->resize(kinds->codes.size());
    for (size_t i = 0; i < kept->size(); ++i) (*kept)[i] = of(kinds->values[kinds->codes[i]]);
  }
  return *kept;
}

Result<std::span<const uint16_t>> ViewColumns::FormatIndexes() {
  return FromKinds(&format_indexes_, [&](uint64_t kind) { return directory_.formats[kind >> 16].index; });
}
Result<std::span<const uint8_t>> ViewColumns::Flags() {
  return FromKinds(&flags_, [](uint64_t kind) { return static_cast<uint8_t>(kind >> 8); });
}
Result<std::span<const uint8_t>> ViewColumns::PreemptCounts() {
  return FromKinds(&preempt_counts_, [](uint64_t kind) { return static_cast<uint8_t>(kind); });
}

Result<ViewColumns::Coded> ViewColumns::PidCodes() {
  if (pid_codes_.empty()) {
    std::vector<uint32_t> codes;
    const auto status = reader_.IntCodes(directory_.columns[kPids], header().events, &pid_values_, &codes);
    if (!status) return Fail(status.error());
    pid_codes_ = std::move(codes);
  }
  return Coded{pid_codes_, pid_values_};
}

Result<std::span<const int32_t>> ViewColumns::Pids() {
  if (pids_.empty()) {
    const auto pids = PidCodes();
    if (!pids) return Fail(pids.error());
    pids_.resize(header().events);
    for (size_t i = 0; i < pids_.size(); ++i) pids_[i] = static_cast<int32_t>(pids->values[pids->codes[i]]);
  }
  return pids_;
}

Status ViewColumns::LoadSides() {
  if (!own_pids_.empty()) return {};
  const auto pids = PidCodes();
  if (!pids) return Fail(pids.error());
  const auto kinds = KindCodes();
  if (!kinds) return Fail(kinds.error());
  const size_t n = header().events;
  own_pids_.resize(n);
  next_pids_.resize(n);
  std::vector<size_t> at(starts_.begin(), starts_.end() - 1);
  for (size_t i = 0; i < n; ++i) {
    const size_t to = at[kinds->values[kinds->codes[i]] >> 16]++;
    own_pids_[to] = pids->codes[i];
    next_pids_[to] = pids->codes[i + 1 < n ? i + 1 : i];
  }
  return {};
}

Status ViewColumns::LoadRowTimes() {
  if (!row_times_.empty()) return {};
  const auto times = Times();
  if (!times) return Fail(times.error());
  const auto kinds = KindCodes();
  if (!kinds) return Fail(kinds.error());
  row_times_.resize(header().events);
  std::vector<size_t> at(starts_.begin(), starts_.end() - 1);
  for (size_t i = 0; i < row_times_.size(); ++i) {
    row_times_[at[kinds->values[kinds->codes[i]] >> 16]++] = (*times)[i];
  }
  return {};
}

Result<const ViewColumns::Cached*> ViewColumns::KeyCodes(const StoredFormat& stored, size_t field) {
  Cached& cached = CachedAt(stored, field);
  if (cached.code_count != 0) return &cached;
  const StoredColumn& key = column(stored, field);
  if (!IsInteger(stored, field)) {
    return BadChunk(key.at, "a column is predicted from one that is not a number");
  }
  std::vector<uint64_t> dictionary;
  std::vector<uint32_t> codes;
  if (auto status = reader_.IntCodes(key, stored.events, &dictionary, &codes); !status) return Fail(status.error());
  cached.codes = std::move(codes);
  cached.code_count = dictionary.size();
  return &cached;
}

Result<ColumnInputs> ViewColumns::InputsAt(const StoredFormat& stored, size_t field, size_t depth) {
  const StoredColumn& wanted = column(stored, field);
  ColumnInputs inputs{.n = stored.events};
  const size_t start = starts_[IndexOf(stored)];
  if (wanted.codec == Codec::kPredicted && wanted.ref >= kRefField) {
    const auto key = KeyCodes(stored, wanted.ref - kRefField);
    if (!key) return Fail(key.error());
    inputs.codes = (*key)->codes;
    inputs.code_count = (*key)->code_count;
  } else if (wanted.codec == Codec::kPredicted) {
    if (auto status = LoadSides(); !status) return Fail(status.error());
    const std::vector<uint32_t>& pids = wanted.ref == kRefPid ? own_pids_ : next_pids_;
    inputs.codes = {pids.data() + start, stored.events};
    inputs.code_count = pid_values_.size();
  } else if (wanted.codec == Codec::kQuads && wanted.ref == kRefTime) {
    if (auto status = LoadRowTimes(); !status) return Fail(status.error());
    inputs.bases = {row_times_.data() + start, stored.events};
  } else if (wanted.codec == Codec::kQuads && wanted.ref >= kRefField) {
    if (depth >= kBaseChainMax) return BadChunk(wanted.at, "its columns refer to one another without end");
    if (!IsInteger(stored, wanted.ref - kRefField))
      return BadChunk(wanted.at, "a column is relative to one without numbers");
    const auto base = IntegersAt(stored, wanted.ref - kRefField, depth + 1);
    if (!base) return Fail(base.error());
    inputs.bases = *base;
  }
  return inputs;
}

Result<std::span<const uint64_t>> ViewColumns::IntegersAt(const StoredFormat& stored, size_t field, size_t depth) {
  if (!IsInteger(stored, field))
    return Fail(ErrorCode::kInvalidArgument, "the column asked for does not hold integers");
  Cached& cached = CachedAt(stored, field);
  if (cached.integers.empty()) {
    const auto inputs = InputsAt(stored, field, depth);
    if (!inputs) return Fail(inputs.error());
    std::vector<uint64_t> integers(stored.events);
    uint64_t* out = integers.data();
    const FieldSpec& spec = format(stored).fields[field];
    const auto put = [=, &spec](size_t i, uint64_t value) { out[i] = Extend(value, spec); };
    if (auto status = reader_.Ints(column(stored, field), *inputs, put); !status) return Fail(status.error());
    cached.integers = std::move(integers);
  }
  return cached.integers;
}

Result<const ChunkView::TextColumn*> ViewColumns::Texts(const StoredFormat& stored, size_t field) {
  const size_t fields = format(stored).fields.size();
  if (field >= fields + stored.has_tail || IsInteger(stored, field)) {
    return Fail(ErrorCode::kInvalidArgument, "the column asked for does not hold text or bytes");
  }
  Cached& cached = CachedAt(stored, field);
  if (cached.text.codes.empty()) {
    const auto inputs = Inputs(stored, field);
    if (!inputs) return Fail(inputs.error());
    std::vector<uint32_t> codes(stored.events);
    uint32_t* out = codes.data();
    const auto begin = [&](const std::vector<std::string_view>& dictionary) -> Status {
      size_t bytes = 0;
      for (const std::string_view text : dictionary) bytes += text.size();
      cached.text_bytes.clear();
      cached.text_bytes.reserve(bytes);  // so that the views below stay valid
      cached.text.dictionary.clear();
      for (const std::string_view text : dictionary) {
        cached.text_bytes.insert(cached.text_bytes.end(), text.begin(), text.end());
        const auto* end = reinterpret_cast<const char*>(cached.text_bytes.data()) + cached.text_bytes.size();
        cached.text.dictionary.emplace_back(end - text.size(), text.size());
      }
      return {};
    };
    const auto put = [=](size_t i, uint32_t code) { out[i] = code; };
    if (auto status = reader_.Texts(column(stored, field), *inputs, begin, put); !status) return Fail(status.error());
    cached.codes = std::move(codes);
    cached.text.codes = cached.codes;
  }
  return &cached.text;
}

}  // namespace wakewatch::chunk
