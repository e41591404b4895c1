#include "server/cli/check_diagnose.h"

#include <optional>
#include <utility>

#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/sight/diagnosability.h"
#include "analysis/report/protocol_diagnosis.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/output.h"

namespace wakewatch {
namespace {

using protocol::Diagnosability, protocol::Memory;

// None: it loses under neither assumption, as far as its text says.
Result<std::optional<Diagnosability>> DiagnoseOne(const ProtocolSource& source, const std::string& memory, bool alone) {
  const auto text = protocol::Parse(source.text, source.name);
  if (!text) return Fail(text.error());
  std::optional<Memory> under = protocol::MemoryThatLoses(*text);
  if (!under && !alone) return std::optional<Diagnosability>();
  if (!under) under = Memory::kTso;
  if (memory == protocol::Name(Memory::kSc)) under = Memory::kSc;
  if (memory == protocol::Name(Memory::kTso)) under = Memory::kTso;
  auto diagnosed = protocol::DiagnoseText(source.text, source.name, *under, {});
  if (!diagnosed) return Fail(std::move(diagnosed.error()));
  return std::optional<Diagnosability>(*std::move(diagnosed));
}

}  // namespace

ExitCode DiagnoseProtocols(const std::vector<ProtocolSource>& sources, const std::string& memory, bool json) {
  ExitOnSignals();
  const bool alone = sources.size() == 1;
  std::vector<Diagnosability> all;
  for (const ProtocolSource& source : sources) {
    auto one = DiagnoseOne(source, memory, alone);
    if (!one) return Complain(one.error());
    if (*one) all.push_back(**std::move(one));
  }
  const auto printed = Print(json    ? DiagnosisJson(all) + '\n'
                             : alone ? DiagnosisText(all.front())
                                     : DiagnosisTableText(all));
  return printed ? ExitCode::kFine : Complain(printed.error());
}

}  // namespace wakewatch
