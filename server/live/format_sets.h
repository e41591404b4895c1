// Why: the hosts of a fleet mostly run a few kernels, and a parsed set of event formats takes a quarter of a megabyte
// and milliseconds to make. So sets are shared between the sessions that use them, and go when the last of these ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/store/stored_formats.h"

namespace wakewatch {

struct SharedFormats {
  FormatsDelta delta;
  FormatTable table;
};

class FormatSets {
 public:
  // Errors: kCorrupt, a set that does not come out with its hash.
  Result<std::shared_ptr<const SharedFormats>> Get(const FormatsDelta& delta);

 private:
  std::mutex mutex_;
  std::multimap<uint64_t, std::weak_ptr<const SharedFormats>> sets_;  // by hash; two may collide
};

}  // namespace wakewatch
