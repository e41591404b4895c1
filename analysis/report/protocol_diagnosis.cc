#include "analysis/report/protocol_diagnosis.h"

#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/protocol_diagram.h"
#include "analysis/report/protocol_json.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;
using protocol::Diagnosability;
using protocol::LevelDiagnosis;
using protocol::SameSight;
using protocol::StepRecord;
using protocol::Tell;

std::string Joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : std::string(between)) + text;
  return out;
}

std::string_view Sentence(Tell tell) {
  switch (tell) {
    case Tell::kYes: return "every losing run can be told from every healthy one";
    case Tell::kNo: return "no losing run can be told: each looks like a healthy one";
    case Tell::kSometimes: return "some losing runs can be told, others look like healthy ones";
    case Tell::kNothing: return "no run loses";
    case Tell::kUnfinished: return "not finished: the protocol has too many states";
  }
  return {};
}

protocol::CheckResult AsResult(const Diagnosability& diagnosis, const std::vector<StepRecord>& run) {
  protocol::CheckResult result;
  result.tasks = diagnosis.tasks;
  result.counterexample = run;
  return result;
}

std::string ObservationText(const SameSight& sight) {
  std::string out;
  for (const std::string& event : sight.observation) out += "    " + PrintableText(event) + '\n';
  return sight.observation.empty() ? "    nothing\n" : out;
}

std::string LevelText(const Diagnosability& diagnosis, const LevelDiagnosis& level) {
  std::string out = fmt::format("\nE{}: {} ({})\n", level.level, Name(level.tell), Sentence(level.tell));
  if (level.same) {
    out += "  a recording that may be of either:\n" + ObservationText(*level.same);
    out += "\n  A LOSING RUN that it may be of\n" + ProtocolDiagram(AsResult(diagnosis, level.same->losing));
    out += "\n  A HEALTHY RUN that it may be of\n" + ProtocolDiagram(AsResult(diagnosis, level.same->healthy));
  }
  if (level.telling) out += "  a recording that is of a losing run for certain:\n" + ObservationText(*level.telling);
  return out;
}

Json StepsValue(const Diagnosability& diagnosis, const std::vector<StepRecord>& run) {
  Json steps = Json::array();
  const protocol::CheckResult result = AsResult(diagnosis, run);
  for (const StepRecord& step : run) steps.push_back(Json::parse(ProtocolStepJson(result, step)));
  return steps;
}

Json SightValue(const Diagnosability& diagnosis, const std::optional<SameSight>& sight) {
  if (!sight) return nullptr;
  return {{"observation", sight->observation},
          {"losing", StepsValue(diagnosis, sight->losing)},
          {"healthy", sight->healthy.empty() ? Json(nullptr) : StepsValue(diagnosis, sight->healthy)}};
}

Json LevelValue(const Diagnosability& diagnosis, const LevelDiagnosis& level) {
  return {{"level", fmt::format("E{}", level.level)},
          {"tell", Name(level.tell)},
          {"observations", level.sets},
          {"losing", level.losing},
          {"ambiguous", level.ambiguous},
          {"same", SightValue(diagnosis, level.same)},
          {"telling", SightValue(diagnosis, level.telling)}};
}

}  // namespace

std::string DiagnosisTableText(std::span<const Diagnosability> protocols) {
  std::string out = "CAN A LOSS BE TOLD? By the events of E0 (tracepoints) and of E1 (with probes)\n";
  TextTable table({{"protocol"}, {"memory"}, {"states", TextTable::Align::kRight}, {"E0"}, {"E1"}, {"explains"}});
  for (const Diagnosability& diagnosis : protocols) {
    table.AddRow({diagnosis.protocol, std::string(Name(diagnosis.memory)), CountText(diagnosis.states),
                  std::string(Name(diagnosis.levels[0].tell)), std::string(Name(diagnosis.levels[1].tell)),
                  Joined(diagnosis.explains, ", ")});
  }
  return out + (protocols.empty() ? "  none\n" : table.Text());
}

std::string DiagnosisText(const Diagnosability& diagnosis) {
  std::string out = fmt::format("{} ({}, {}): can a loss be told?\n", PrintableText(diagnosis.protocol),
                                Name(diagnosis.memory), CountedText(diagnosis.states, "state"));
  if (!diagnosis.title.empty()) out += "  " + PrintableText(diagnosis.title) + '\n';
  for (const LevelDiagnosis& level : diagnosis.levels) out += LevelText(diagnosis, level);
  return out;
}

std::string DiagnosisJson(std::span<const Diagnosability> protocols) {
  Json rows = Json::array();
  for (const Diagnosability& diagnosis : protocols) {
    Json levels = Json::array();
    for (const LevelDiagnosis& level : diagnosis.levels) levels.push_back(LevelValue(diagnosis, level));
    rows.push_back({{"protocol", diagnosis.protocol},
                    {"title", diagnosis.title},
                    {"explains", diagnosis.explains},
                    {"memory", Name(diagnosis.memory)},
                    {"states", diagnosis.states},
                    {"levels", std::move(levels)}});
  }
  const Json value = {{"schema_version", kProtocolSchemaVersion},
                      {"model_version", protocol::kCheckerVersion},
                      {"protocols", std::move(rows)}};
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace wakewatch
