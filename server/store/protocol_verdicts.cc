#include "server/store/protocol_verdicts.h"

#include <cstdio>
#include <utility>

#include <xxhash.h>

#include "analysis/protocol/compiler/compiler.h"

namespace wakewatch {

std::string ProtocolTextHash(std::string_view text) {
  std::string whole(protocol::PreludeText());
  whole += '\0';
  whole += text;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(XXH3_64bits(whole.data(), whole.size())));
  return hex;
}

Status MakeVerdictTable(const Database& db) {
  return db.Exec(
      "CREATE TABLE IF NOT EXISTS protocol_verdict(name TEXT NOT NULL, memory TEXT NOT NULL, verdict TEXT NOT NULL, "
      "property TEXT NOT NULL, expected TEXT NOT NULL, states INTEGER NOT NULL, depth INTEGER NOT NULL, "
      "steps INTEGER NOT NULL, checker_version INTEGER NOT NULL, text_hash TEXT NOT NULL, "
      "PRIMARY KEY(name, memory)) WITHOUT ROWID");
}

Status WriteVerdicts(const Database& db, std::span<const ProtocolVerdict> verdicts) {
  STORE_TRY(db.Exec("DELETE FROM protocol_verdict"));
  auto insert = db.Prepare("INSERT INTO protocol_verdict VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  if (!insert) return tl::unexpected<Error>(std::move(insert.error()));
  for (const ProtocolVerdict& v : verdicts) {
    STORE_TRY(insert->Run(v.name, v.memory, v.verdict, v.property, v.expected, v.states, v.depth, v.steps,
                          v.checker_version, v.text_hash));
  }
  return {};
}

Result<std::vector<ProtocolVerdict>> ReadVerdicts(const Database& db) {
  auto select = db.Prepare(
      "SELECT name, memory, verdict, property, expected, states, depth, steps, checker_version, text_hash "
      "FROM protocol_verdict ORDER BY name, memory");
  if (!select) return tl::unexpected<Error>(std::move(select.error()));
  std::vector<ProtocolVerdict> verdicts;
  while (true) {
    const auto more = select->Step();
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) return verdicts;
    verdicts.push_back({select->Text(0), select->Text(1), select->Text(2), select->Text(3), select->Text(4),
                        select->Unsigned(5), select->Unsigned(6), select->Unsigned(7),
                        static_cast<int>(select->Integer(8)), select->Text(9)});
  }
}

}  // namespace wakewatch
