// Why: a collector and its server are upgraded one at a time, in any order. Each says which versions it speaks; the
// server chooses the newest that both know, and where there is none both say which of the two is to be upgraded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "analysis/chunk/chunk.h"
#include "proto/wire/batch_codec.h"

namespace wakewatch {

// All from `oldest` to `newest`. What comes from the network may be the wrong way round, and then holds none.
struct VersionSpan {
  uint32_t oldest = 0, newest = 0;
};

inline constexpr VersionSpan kWireVersions{kWireVersionOldest, kWireVersionNewest};
inline constexpr VersionSpan kChunkVersions{kChunkVersion, kChunkVersion};

// The newest of both; nullopt: there is no common one.
std::optional<uint32_t> CommonVersion(VersionSpan collector, VersionSpan server);
// The server's words where there is none. `what`: "protocol".
std::string NoCommonVersion(const std::string& what, VersionSpan collector, VersionSpan server);
// The collector's, of what the server has chosen; empty: it is one of ours.
std::string WrongChoice(const std::string& what, uint32_t chosen, VersionSpan collector);

}  // namespace wakewatch
