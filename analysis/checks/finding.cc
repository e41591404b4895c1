#include "analysis/checks/finding.h"

#include <cstdio>

#include <xxhash.h>

namespace wakewatch {
namespace {

// Fields are hashed with their lengths, so that two different findings cannot spell the same bytes.
class IdHash {
 public:
  IdHash& Add(std::string_view text) {
    Add(static_cast<uint64_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  IdHash& Add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(number >> shift);
    return *this;
  }
  std::string Text() const {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx",
                  static_cast<unsigned long long>(XXH3_64bits(bytes_.data(), bytes_.size())));
    return text;
  }

 private:
  std::string bytes_;
};

uint64_t Number(int32_t pid) { return static_cast<uint32_t>(pid); }

}  // namespace

std::string_view Name(Confidence confidence) {
  switch (confidence) {
    case Confidence::kSuspicious: return "suspicious";
    case Confidence::kStrong: return "strong";
    case Confidence::kProven: return "proven";
  }
  return "suspicious";
}

void Finding::Seal(uint64_t object) {
  id = IdHash().Add(check).Add(Number(pid)).Add(comm).Add(start_ns).Add(object).Text();
  group_id = IdHash().Add(check).Add(cls).Add(Number(pid)).Add(comm).Add(Number(waker_pid)).Add(waker_comm).Text();
}

}  // namespace wakewatch
