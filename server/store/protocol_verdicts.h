// Why: what the checker says of the protocols that it ships with is kept: in the catalogue, so that a server that
// starts again need not search again, and in every recording, so that SQL can join it to findings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/sqlite.h"

namespace wakewatch {

struct ProtocolVerdict {
  std::string name;      // of the shipped protocol
  std::string memory;    // "sc", "tso"
  std::string verdict;   // "safe", "loses", "unfinished"
  std::string property;  // "lost-wakeup", "deadlock", "assertion"; empty: nothing is broken
  std::string expected;  // what the protocol's own text says; empty: nothing
  uint64_t states = 0, depth = 0;
  uint64_t steps = 0;  // of the shortest counterexample
  int checker_version = 0;
  std::string text_hash;  // of the text and the kernel's primitives under it
  bool operator==(const ProtocolVerdict&) const = default;
};

// The hash that stands in ProtocolVerdict::text_hash.
std::string ProtocolTextHash(std::string_view text);

// Makes the table protocol_verdict in a file that has none.
Status MakeVerdictTable(const Database& db);
// Replaces the table's rows, inside the caller's transaction.
Status WriteVerdicts(const Database& db, std::span<const ProtocolVerdict> verdicts);
// By name, then memory.
Result<std::vector<ProtocolVerdict>> ReadVerdicts(const Database& db);

}  // namespace wakewatch
