#include "analysis/chunk/format_encoder.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace wakewatch::chunk {
namespace {

constexpr size_t kSampleRuns = 8, kSampleRun = 48;  // rows that stand beside one another, so that differences show
constexpr double kRepeatBits = 3;                   // about what zstd leaves of a difference seen shortly before

}  // namespace

FormatEncoder::FormatEncoder(ColumnEncoder* columns)
    : columns_(columns), ints_(kDictionaryMax), sampled_(kSampleRuns * kSampleRun) {}

void FormatEncoder::Encode(const FormatRows& rows, const RowSides& sides, std::vector<Column>* out) {
  rows_ = &rows;
  sides_ = &sides;
  key_size_ = 0;
  works_.clear();
  for (const FieldSpec& field : rows.format().fields) works_.push_back({.field = &field, .kind = KindOf(field)});
  if (rows.has_tail()) works_.push_back({});
  Sample();
  for (Work& work : works_) TrySides(&work);
  ChooseKey();
  for (Work& work : works_) {
    if (work.done) continue;
    work.kind == ColumnKind::kInteger ? EncodeInts(&work) : EncodeTexts(&work);
  }
  EncodeWide();
  for (const Work& work : works_) out->push_back(work.column);
}

void FormatEncoder::Sample() {
  sample_.clear();
  const size_t n = rows_->count();
  if (n <= kSampleRuns * kSampleRun) {
    for (size_t i = 0; i < n; ++i) sample_.push_back(static_cast<uint32_t>(i));
    return;
  }
  for (size_t run = 0; run < kSampleRuns; ++run) {
    const size_t first = (n - kSampleRun) * run / (kSampleRuns - 1);
    for (size_t i = 0; i < kSampleRun; ++i) sample_.push_back(static_cast<uint32_t>(first + i));
  }
}

bool FormatEncoder::Same(const Work& work, size_t a, size_t b) const {
  if (work.kind == ColumnKind::kFixedText || work.kind == ColumnKind::kFixedBytes) {
    const uint8_t* left = rows_->row(a) + work.field->offset;
    const uint8_t* right = rows_->row(b) + work.field->offset;
    if (work.field->size != 16) return std::memcmp(left, right, work.field->size) == 0;
    return ((LoadNative<uint64_t>(left) ^ LoadNative<uint64_t>(right)) |
            (LoadNative<uint64_t>(left + 8) ^ LoadNative<uint64_t>(right + 8))) == 0;
  }
  const Bytes left = rows_->Cell(a, work.field), right = rows_->Cell(b, work.field);
  return left.size() == right.size() && (left.empty() || std::memcmp(left.data(), right.data(), left.size()) == 0);
}

uint32_t FormatEncoder::TextCode(const Work& work, size_t row) {
  const Bytes cell = rows_->Cell(row, work.field);
  const bool padded = work.kind == ColumnKind::kFixedText || work.kind == ColumnKind::kLocText;
  return padded ? texts_.CodeOfPadded(cell) : texts_.CodeOf(cell);
}

bool FormatEncoder::ConstantText(const Work& work) const {
  for (size_t i = 1; i < rows_->count(); ++i) {
    if (!Same(work, i, 0)) return false;
  }
  return true;
}

bool FormatEncoder::Predict(const Reference& reference, Work* work) {
  if (work->kind == ColumnKind::kInteger) {
    work->done = columns_->PredictInts(
        reference, [values = values_.data()](size_t i) { return values[i]; }, &work->column);
  } else {
    work->done = columns_->PredictTexts(
        reference, &texts_, [&](size_t a, size_t b) { return Same(*work, a, b); },
        [&](size_t row) { return TextCode(*work, row); }, &work->column);
  }
  return work->done;
}

// Constant, or predicted by what stands beside the row.
void FormatEncoder::TrySides(Work* work) {
  if (work->kind == ColumnKind::kInteger) {
    values_.resize(rows_->count());
    rows_->Gather(*work->field, values_.data());
    if (std::all_of(values_.begin(), values_.end(), [&](uint64_t value) { return value == values_[0]; })) {
      work->column = columns_->Constant(values_[0]);
      work->done = true;
      return;
    }
  } else if (ConstantText(*work)) {
    texts_.Clear();
    TextCode(*work, 0);
    work->column = columns_->TextCodes(texts_, {});
    work->done = true;
    return;
  }
  if (sides_->pid_count > 1) {
    if (Predict({kRefNextPid, sides_->next_pids, sides_->pid_count}, work)) return;
    if (Predict({kRefPid, sides_->pids, sides_->pid_count}, work)) return;
  }
  if (work->kind == ColumnKind::kInteger) work->distinct = DistinctInSample();
}

size_t FormatEncoder::DistinctInSample() {
  sampled_.Clear();
  for (const uint32_t row : sample_) sampled_.CodeOf(values_[row]);
  return sampled_.size();
}

bool FormatEncoder::IntCodes() {
  ints_.Clear();
  codes_.resize(values_.size());
  for (size_t i = 0; i < values_.size(); ++i) {
    codes_[i] = ints_.CodeOf(values_[i]);
    if (codes_[i] == IntDictionary::kFull) return false;
  }
  return true;
}

// The key is the integer with the most distinct values that still repeats: a pid, a timer, a work item. It is stored as
// codes, and what it decides is predicted from it.
void FormatEncoder::ChooseKey() {
  Work* key = nullptr;
  for (Work& work : works_) {
    const bool candidate = !work.done && work.kind == ColumnKind::kInteger && work.distinct * 2 <= sample_.size();
    if (candidate && (key == nullptr || work.distinct > key->distinct)) key = &work;
  }
  if (key == nullptr) return;
  values_.resize(rows_->count());
  rows_->Gather(*key->field, values_.data());
  if (!IntCodes()) {
    key->wide = true;
    return;
  }
  key->column = columns_->IntCodes(ints_, codes_);
  key->done = true;
  key_codes_.swap(codes_);
  key_size_ = ints_.size();
  const auto index = static_cast<size_t>(key - works_.data());
  for (Work& work : works_) {
    if (!work.done) TryKey(&work, index);
  }
}

void FormatEncoder::TryKey(Work* work, size_t key) {
  if (work->kind == ColumnKind::kInteger) {
    if (work->distinct * 2 > sample_.size()) return;
    rows_->Gather(*work->field, values_.data());
  }
  Predict({kRefField + static_cast<uint32_t>(key), key_codes_, key_size_}, work);
}

void FormatEncoder::EncodeTexts(Work* work) {
  texts_.Clear();
  codes_.resize(rows_->count());
  for (size_t i = 0; i < codes_.size(); ++i) {
    codes_[i] = i > 0 && Same(*work, i, i - 1) ? codes_[i - 1] : TextCode(*work, i);
  }
  work->column = columns_->TextCodes(texts_, codes_);
  work->done = true;
}

void FormatEncoder::EncodeInts(Work* work) {
  values_.resize(rows_->count());
  rows_->Gather(*work->field, values_.data());
  work->bits = 1e9;
  for (const uint32_t base : {kRefNone, kRefPrevious, kRefTime}) {
    const double bits = EstimateBits(base);
    if (bits < work->bits) {
      work->bits = bits;
      work->base = base;
    }
  }
  const double code_bits = std::log2(static_cast<double>(work->distinct)) + 1;
  if (!work->wide && work->distinct * 2 <= sample_.size() && code_bits <= work->bits && IntCodes()) {
    work->column = columns_->IntCodes(ints_, codes_);
    work->done = true;
    return;
  }
  work->wide = true;
}

uint64_t FormatEncoder::BaseAt(uint32_t base, size_t row) const {
  switch (base) {
    case kRefNone: return 0;
    case kRefPrevious: return row > 0 ? values_[row - 1] : 0;
    case kRefTime: return sides_->times[row];
    default: return rows_->IntegerAt(row, *works_[base - kRefField].field);
  }
}

double FormatEncoder::EstimateBits(uint32_t base) {
  std::array<uint64_t, 64> seen{};
  double bits = 0;
  for (const uint32_t row : sample_) {
    const uint64_t difference = Zigzag(static_cast<int64_t>(values_[row] - BaseAt(base, row)));
    uint64_t& slot = seen[(difference * 0x9e3779b97f4a7c15ull) >> 58];
    bits += slot == difference + 1 ? kRepeatBits : 2.0 + (8u << QuadClass(difference));
    slot = difference + 1;
  }
  return bits / static_cast<double>(sample_.size());
}

// Columns of numbers, the cheapest first, so that the others can be stored as differences to it.
void FormatEncoder::EncodeWide() {
  std::vector<size_t> order;
  for (size_t i = 0; i < works_.size(); ++i) {
    if (!works_[i].done) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return works_[a].bits < works_[b].bits; });
  for (size_t at = 0; at < order.size(); ++at) {
    Work& work = works_[order[at]];
    rows_->Gather(*work.field, values_.data());
    // A chain of bases is read one column after another; the view refuses long ones, so only the last few are tried.
    for (size_t before = at > 3 ? at - 3 : 0; before < at && at < kBaseChainMax; ++before) {
      const uint32_t base = kRefField + static_cast<uint32_t>(order[before]);
      const double bits = EstimateBits(base);
      if (bits < work.bits) {
        work.bits = bits;
        work.base = base;
      }
    }
    EncodeQuads(&work);
  }
}

void FormatEncoder::EncodeQuads(Work* work) {
  const auto difference = [](uint64_t value, uint64_t base) { return Zigzag(static_cast<int64_t>(value - base)); };
  const size_t n = values_.size();
  const uint64_t* values = values_.data();
  if (work->base == kRefNone) {
    work->column = columns_->Quads(work->base, n, [=](size_t i) { return difference(values[i], 0); });
  } else if (work->base == kRefPrevious) {
    work->column = columns_->Quads(work->base, n, [=, last = uint64_t{0}](size_t i) mutable {
      const uint64_t base = last;
      last = values[i];
      return difference(last, base);
    });
  } else {
    const uint64_t* bases = sides_->times.data();
    if (work->base >= kRefField) {
      base_values_.resize(n);
      rows_->Gather(*works_[work->base - kRefField].field, base_values_.data());
      bases = base_values_.data();
    }
    work->column = columns_->Quads(work->base, n, [=](size_t i) { return difference(values[i], bases[i]); });
  }
  work->done = true;
}

}  // namespace wakewatch::chunk
