// Why: the encodings a column can have, each as one call that ends with a compressed blob. Which one a column gets is
// decided in format_encoder.cc; what the bytes mean is written in layout.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/chunk/dictionary.h"
#include "analysis/chunk/layout.h"
#include "analysis/chunk/quads.h"

struct ZSTD_CCtx_s;

namespace wakewatch::chunk {

// A finished column: its directory entry and where its stored bytes are among the encoder's blobs.
struct Column {
  Codec codec = Codec::kConstant;
  uint32_t ref = kRefNone;
  uint32_t raw_bytes = 0, stored_bytes = 0;
  size_t at = 0;  // bytes into ColumnEncoder::blobs()
};

void PutVarint(std::vector<uint8_t>* out, uint64_t value);

// A column of the same events whose codes another column may be predicted from.
struct Reference {
  uint32_t ref = kRefNone;
  std::span<const uint32_t> codes;
  size_t size = 0;  // codes are below it
};

// Decides when a prediction is given up: more misses than first sights of a code explain, and then some.
class MissBudget {
 public:
  MissBudget(size_t rows, size_t codes) : codes_(codes), total_(codes + rows / 16 + 8) {}
  // `misses` were seen in the first `rows` rows.
  bool Exceeded(size_t misses, size_t rows) const { return misses > total_ || misses > codes_ + 24 + rows / 16; }
  // More codes than a third of the rows: there is nothing to learn from them.
  static bool Hopeless(size_t rows, size_t codes) { return codes > rows / 3 + 1; }

 private:
  size_t codes_, total_;
};

class ColumnEncoder {
 public:
  explicit ColumnEncoder(int compression);
  ~ColumnEncoder();

  // Forgets the blobs of the chunk before.
  void Clear() { blobs_.clear(); }
  const std::vector<uint8_t>& blobs() const { return blobs_; }

  Column Constant(uint64_t value);
  Column IntCodes(const IntDictionary& dictionary, std::span<const uint32_t> codes);
  Column TextCodes(const TextDictionary& dictionary, std::span<const uint32_t> codes);
  // next(i) is the i-th number as it is to be stored.
  template <typename Next>
  Column Quads(uint32_t ref, size_t n, Next&& next) {
    if (quads_.size() < QuadsBytesMax(n)) quads_.resize(QuadsBytesMax(n));
    const size_t size = WriteQuads(n, quads_.data(), next);
    return Close(Codec::kQuads, ref, {quads_.data(), size});
  }
  // False, and nothing written, when `reference` does not predict the values; value(i) is row i's.
  template <typename ValueOf>
  bool PredictInts(const Reference& reference, ValueOf&& value_of, Column* column);
  // The same for texts. same(i, j): rows i and j hold the same bytes; code_of(i): the code of row i in *dictionary,
  // which is cleared first.
  template <typename Same, typename CodeOf>
  bool PredictTexts(const Reference& reference, TextDictionary* dictionary, Same&& same, CodeOf&& code_of,
                    Column* column);

 private:
  struct Guess {
    uint32_t row, code;
  };

  void PutDictionary(const TextDictionary& dictionary);
  Codec PutCodes(size_t size, std::span<const uint32_t> codes);
  // Compresses `raw` into blobs_, unless that gains nothing.
  Column Close(Codec codec, uint32_t ref, Bytes raw);
  // The same for raw_, which it clears.
  Column Close(Codec codec, uint32_t ref) {
    const Column column = Close(codec, ref, raw_);
    raw_.clear();
    return column;
  }

  std::unique_ptr<ZSTD_CCtx_s, size_t (*)(ZSTD_CCtx_s*)> zstd_;
  std::vector<uint8_t> raw_, misses_, blobs_;
  std::vector<uint8_t> quads_, frame_;  // scratch that only grows: clearing it would cost as much as filling it
  std::vector<uint64_t> last_values_;
  std::vector<Guess> guesses_;
};

template <typename ValueOf>
bool ColumnEncoder::PredictInts(const Reference& reference, ValueOf&& value_of, Column* column) {
  const size_t n = reference.codes.size();
  if (MissBudget::Hopeless(n, reference.size)) return false;
  const MissBudget budget(n, reference.size);
  last_values_.assign(reference.size, 0);
  misses_.clear();
  size_t misses = 0, last_miss = 0;
  const uint32_t* codes = reference.codes.data();
  uint64_t* last_values = last_values_.data();
  for (size_t i = 0; i < n; ++i) {
    const uint64_t value = value_of(i);
    if (last_values[codes[i]] == value) continue;
    last_values[codes[i]] = value;
    PutVarint(&misses_, i - last_miss);
    PutVarint(&misses_, Zigzag(static_cast<int64_t>(value)));
    last_miss = i;
    if (budget.Exceeded(++misses, i)) return false;
  }
  *column = Close(Codec::kPredicted, reference.ref, misses_);
  return true;
}

template <typename Same, typename CodeOf>
bool ColumnEncoder::PredictTexts(const Reference& reference, TextDictionary* dictionary, Same&& same, CodeOf&& code_of,
                                 Column* column) {
  const size_t n = reference.codes.size();
  if (MissBudget::Hopeless(n, reference.size)) return false;
  const MissBudget budget(n, reference.size);
  dictionary->Clear();
  guesses_.assign(reference.size, Guess{0, code_of(0)});
  misses_.clear();
  size_t misses = 0, last_miss = 0;
  for (size_t i = 0; i < n; ++i) {
    Guess& guess = guesses_[reference.codes[i]];
    if (same(i, guess.row)) continue;
    const uint32_t code = code_of(i);
    guess.row = static_cast<uint32_t>(i);
    if (guess.code == code) continue;
    guess.code = code;
    PutVarint(&misses_, i - last_miss);
    PutVarint(&misses_, code);
    last_miss = i;
    if (budget.Exceeded(++misses, i)) return false;
  }
  PutDictionary(*dictionary);
  raw_.insert(raw_.end(), misses_.begin(), misses_.end());
  *column = Close(Codec::kPredicted, reference.ref);
  return true;
}

}  // namespace wakewatch::chunk
