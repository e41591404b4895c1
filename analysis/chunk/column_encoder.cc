#include "analysis/chunk/column_encoder.h"

#include <zstd.h>

namespace wakewatch::chunk {
namespace {

// Below this a zstd frame's own bytes and its set-up time outweigh what it saves.
constexpr size_t kCompressFrom = 160;

void PutDictionaryOf(const std::vector<uint64_t>& values, std::vector<uint8_t>* out) {
  PutVarint(out, values.size());
  uint64_t last = 0;
  for (const uint64_t value : values) {
    PutVarint(out, Zigzag(static_cast<int64_t>(value - last)));
    last = value;
  }
}

}  // namespace

void PutVarint(std::vector<uint8_t>* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<uint8_t>(value));
}

ColumnEncoder::ColumnEncoder(int compression) : zstd_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
  ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_compressionLevel, compression);
}

ColumnEncoder::~ColumnEncoder() = default;

Column ColumnEncoder::Close(Codec codec, uint32_t ref, Bytes raw) {
  const auto size = static_cast<uint32_t>(raw.size());
  Column column{codec, ref, size, size, blobs_.size()};
  if (size >= kCompressFrom) {
    const size_t room = ZSTD_compressBound(size);
    if (frame_.size() < room) frame_.resize(room);
    const size_t got = ZSTD_compress2(zstd_.get(), frame_.data(), frame_.size(), raw.data(), size);
    // A frame that saves less than 1/32 is not worth the reader's time.
    if (!ZSTD_isError(got) && got < size - size / 32) {
      column.stored_bytes = static_cast<uint32_t>(got);
      raw = {frame_.data(), got};
    }
  }
  blobs_.insert(blobs_.end(), raw.begin(), raw.end());
  return column;
}

Codec ColumnEncoder::PutCodes(size_t size, std::span<const uint32_t> codes) {
  const size_t at = raw_.size();
  if (size <= 0x100) {
    raw_.resize(at + codes.size());
    for (size_t i = 0; i < codes.size(); ++i) raw_[at + i] = static_cast<uint8_t>(codes[i]);
    return Codec::kCodes8;
  }
  if (size <= 0x10000) {
    raw_.resize(at + codes.size() * 2);
    for (size_t i = 0; i < codes.size(); ++i) {
      const auto code = static_cast<uint16_t>(codes[i]);
      std::memcpy(&raw_[at + i * 2], &code, 2);
    }
    return Codec::kCodes16;
  }
  raw_.resize(at + codes.size() * 4);
  std::memcpy(&raw_[at], codes.data(), codes.size() * 4);
  return Codec::kCodes32;
}

Column ColumnEncoder::Constant(uint64_t value) {
  PutVarint(&raw_, Zigzag(static_cast<int64_t>(value)));
  return Close(Codec::kConstant, kRefNone);
}

Column ColumnEncoder::IntCodes(const IntDictionary& dictionary, std::span<const uint32_t> codes) {
  if (dictionary.size() == 1) return Constant(dictionary.values()[0]);
  PutDictionaryOf(dictionary.values(), &raw_);
  return Close(PutCodes(dictionary.size(), codes), kRefNone);
}

void ColumnEncoder::PutDictionary(const TextDictionary& dictionary) {
  PutVarint(&raw_, dictionary.size());
  for (size_t code = 0; code < dictionary.size(); ++code) PutVarint(&raw_, dictionary.text(code).size());
  for (size_t code = 0; code < dictionary.size(); ++code) {
    const Bytes text = dictionary.text(code);
    raw_.insert(raw_.end(), text.begin(), text.end());
  }
}

Column ColumnEncoder::TextCodes(const TextDictionary& dictionary, std::span<const uint32_t> codes) {
  PutDictionary(dictionary);
  if (dictionary.size() == 1) return Close(Codec::kConstant, kRefNone);
  return Close(PutCodes(dictionary.size(), codes), kRefNone);
}

}  // namespace wakewatch::chunk
