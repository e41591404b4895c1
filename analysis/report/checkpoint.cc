#include "analysis/report/checkpoint.h"

#include <algorithm>
#include <array>

#include <xxhash.h>

namespace wakewatch {
namespace {

// magic, version, number of formats, hash of the terms, checksum of everything else; then the state. Little-endian.
constexpr std::array<uint8_t, 8> kMagic = {'w', 'w', 'c', 'k', 'p', 't', '\r', '\n'};
constexpr size_t kVersionOffset = 8, kFormatsOffset = 12, kTermsOffset = 16, kChecksumOffset = 24, kHeaderBytes = 32;

template <typename T>
void Append(T value, std::vector<uint8_t>* out) {
  for (size_t i = 0; i < sizeof value; ++i) out->push_back(static_cast<uint8_t>(value >> (8 * i)));
}

uint64_t Hash(const std::vector<uint8_t>& bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t Checksum(Bytes bytes) {
  const uint64_t head = XXH3_64bits(bytes.data(), kChecksumOffset);
  return XXH3_64bits_withSeed(bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes, head);
}

tl::unexpected<Error> Refuse(ErrorCode code, std::string cause) {
  return Fail(Error{.code = code, .cause = std::move(cause), .remedy = "replay the events from their start"});
}

}  // namespace

std::vector<uint8_t> SealCheckpoint(const Checkpoint& checkpoint) {
  std::vector<uint8_t> out(kMagic.begin(), kMagic.end());
  out.reserve(kHeaderBytes + checkpoint.state.size());
  Append(kCheckpointVersion, &out);
  Append(static_cast<uint32_t>(checkpoint.formats), &out);
  Append(Hash(checkpoint.terms), &out);
  Append(uint64_t{0}, &out);
  out.insert(out.end(), checkpoint.state.begin(), checkpoint.state.end());
  std::vector<uint8_t> sum;
  Append(Checksum(out), &sum);
  std::copy(sum.begin(), sum.end(), out.begin() + kChecksumOffset);
  return out;
}

Result<Bytes> OpenCheckpoint(Bytes bytes, const std::function<std::vector<uint8_t>(size_t formats)>& terms) {
  if (bytes.size() < kHeaderBytes) return Refuse(ErrorCode::kTruncated, "the checkpoint ends inside its header");
  if (!std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    return Refuse(ErrorCode::kCorrupt, "this is not a checkpoint");
  }
  const auto version = Load<uint32_t>(&bytes[kVersionOffset], std::endian::little);
  if (version != kCheckpointVersion) {
    return Refuse(ErrorCode::kUnsupported, "the checkpoint is of version " + std::to_string(version) +
                                               ", this build goes on from version " +
                                               std::to_string(kCheckpointVersion));
  }
  if (Load<uint64_t>(&bytes[kChecksumOffset], std::endian::little) != Checksum(bytes)) {
    return Refuse(ErrorCode::kCorrupt, "the checkpoint does not match its checksum");
  }
  const auto formats = Load<uint32_t>(&bytes[kFormatsOffset], std::endian::little);
  if (Load<uint64_t>(&bytes[kTermsOffset], std::endian::little) != Hash(terms(formats))) {
    return Refuse(ErrorCode::kUnsupported, "the checkpoint was made with other options, checks or formats");
  }
  return bytes.subspan(kHeaderBytes);
}

}  // namespace wakewatch
