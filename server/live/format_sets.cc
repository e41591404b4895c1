#include "server/live/format_sets.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

bool Same(const FormatsDelta& a, const FormatsDelta& b) {
  return a.hash == b.hash && a.long_size == b.long_size && a.big_endian == b.big_endian && a.page_size == b.page_size &&
         a.header_page == b.header_page &&
         std::equal(
             a.events.begin(), a.events.end(), b.events.begin(), b.events.end(),
             [](const FormatDelta& x, const FormatDelta& y) { return x.system == y.system && x.text == y.text; });
}

}  // namespace

Result<std::shared_ptr<const SharedFormats>> FormatSets::Get(const FormatsDelta& delta) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sets_, [](const auto& entry) { return entry.second.expired(); });
  const auto [begin, end] = sets_.equal_range(delta.hash);
  for (auto at = begin; at != end; ++at) {
    // The hash is no proof against somebody who wants two sets to collide.
    if (auto known = at->second.lock(); known != nullptr && Same(known->delta, delta)) return known;
  }
  auto table = BuildFormats(delta, "");
  if (!table) return tl::unexpected<Error>(std::move(table.error()));
  auto made = std::make_shared<const SharedFormats>(SharedFormats{delta, std::move(*table)});
  sets_.emplace(delta.hash, made);
  return made;
}

}  // namespace wakewatch
