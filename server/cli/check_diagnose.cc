#include "server/cli/check_diagnose.h"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/sight/diagnosability.h"
#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/output.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;
using protocol::Diagnosability, protocol::LevelDiagnosis, protocol::Memory, protocol::SameSight, protocol::Tell;

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

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string TableText(const std::vector<Diagnosability>& all) {
  using Align = TextTable::Align;
  TextTable table({{"protocol", Align::kLeft},
                   {"memory", Align::kLeft},
                   {"E0", Align::kLeft},
                   {"E1", Align::kLeft},
                   {"states", Align::kRight},
                   {"explains", Align::kLeft}});
  for (const Diagnosability& one : all) {
    table.AddRow({one.protocol, std::string(protocol::Name(one.memory)), std::string(Name(one.levels[0].tell)),
                  std::string(Name(one.levels[1].tell)), CountText(one.states), Joined(one.explains)});
  }
  return "CAN A RECORDING TELL THE LOSS FROM A HEALTHY RUN? E0: by tracepoints, E1: with probes\n" + table.Text(0);
}

std::string SightText(const char* title, const SameSight& sight) {
  std::string text = fmt::format("  {} ({} to the loss", title, CountedText(sight.losing.size(), "step"));
  if (!sight.healthy.empty()) text += fmt::format(", {} of a healthy run", CountedText(sight.healthy.size(), "step"));
  text += "):\n";
  if (sight.observation.empty()) text += "    no event at all\n";
  for (const std::string& event : sight.observation) text += "    " + PrintableText(event) + '\n';
  return text;
}

std::string DetailText(const Diagnosability& one) {
  std::string text;
  for (const LevelDiagnosis& level : one.levels) {
    text += fmt::format("\nE{}: {}; {} with a loss, {} of them also of a healthy run\n", level.level, Name(level.tell),
                        CountedText(level.losing, "observation"), CountText(level.ambiguous));
    if (level.same) text += SightText("the shortest that may be either", *level.same);
    if (level.telling) text += SightText("the shortest that can only be a loss", *level.telling);
  }
  return text;
}

Json ToJson(const std::optional<SameSight>& sight) {
  if (!sight) return nullptr;
  return {{"observation", sight->observation},
          {"losing_steps", sight->losing.size()},
          {"healthy_steps", sight->healthy.size()}};
}

std::string JsonText(const std::vector<Diagnosability>& all) {
  Json protocols = Json::array();
  for (const Diagnosability& one : all) {
    Json levels = Json::object();
    for (const LevelDiagnosis& level : one.levels) {
      levels[fmt::format("E{}", level.level)] = {{"tell", Name(level.tell)},   {"observations", level.sets},
                                                 {"losing", level.losing},     {"ambiguous", level.ambiguous},
                                                 {"same", ToJson(level.same)}, {"telling", ToJson(level.telling)}};
    }
    protocols.push_back({{"protocol", one.protocol},
                         {"title", one.title},
                         {"explains", one.explains},
                         {"memory", protocol::Name(one.memory)},
                         {"states", one.states},
                         {"levels", std::move(levels)}});
  }
  const Json answer = {
      {"schema_version", 1}, {"model_version", protocol::kCheckerVersion}, {"protocols", std::move(protocols)}};
  return answer.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
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
  const auto printed = Print(json ? JsonText(all) : TableText(all) + (alone ? DetailText(all.front()) : ""));
  return printed ? ExitCode::kFine : Complain(printed.error());
}

}  // namespace wakewatch
