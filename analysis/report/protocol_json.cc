#include "analysis/report/protocol_json.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "analysis/report/protocol_diagram.h"
#include "analysis/report/protocol_text.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;
using protocol::CheckResult;
using protocol::StepRecord;
using protocol::Verdict;

std::string Dump(const Json& value) { return value.dump(-1, ' ', true, Json::error_handler_t::replace); }

Json VerdictOrNull(const std::optional<Verdict>& verdict) { return verdict ? Json(Name(*verdict)) : Json(nullptr); }

Json StepValue(const CheckResult& result, const StepRecord& step) {
  return {{"task", step.task < result.tasks.size() ? result.tasks[step.task] : ""},
          {"step", step.flush ? StepText(result, step) : step.statement},
          {"kernel_function", step.kernel_function},
          {"events", {{"E0", step.Texts(0)}, {"E1", step.Texts(1)}}},
          {"silent", step.events.empty()},
          {"line", step.place.line},
          {"column", step.place.column},
          {"accesses", step.accesses},
          {"note", step.note},
          {"flush", step.flush},
          {"cpu", step.task}};
}

}  // namespace

std::string ProtocolJson(const CheckResult& result, double seconds) {
  Json steps = Json::array();
  for (const StepRecord& step : result.counterexample) steps.push_back(StepValue(result, step));
  return Dump({{"schema_version", kProtocolSchemaVersion},
               {"model_version", protocol::kCheckerVersion},
               {"protocol", result.protocol},
               {"title", result.title},
               {"memory", Name(result.memory)},
               {"verdict", Name(result.verdict)},
               {"property", Name(result.property)},
               {"loss", result.loss},
               {"unfinished", result.unfinished},
               {"states", result.states},
               {"transitions", result.transitions},
               {"depth", result.depth},
               {"memory_bytes", result.memory_bytes},
               {"seconds", seconds},
               {"tasks", result.tasks},
               {"assumptions", result.assumptions},
               {"store_buffer", {{"depth", result.store_buffer_depth}, {"full", result.store_buffer_full}}},
               {"omission_probability", result.omission_probability},
               {"signature", {{"E0", SignatureOf(result, 0)}, {"E1", SignatureOf(result, 1)}}},
               {"counterexample", std::move(steps)}});
}

std::string ProtocolStepJson(const CheckResult& result, const StepRecord& step) {
  return Dump(StepValue(result, step));
}

std::string ProtocolListJson(std::span<const ProtocolListRow> rows) {
  Json protocols = Json::array();
  for (const ProtocolListRow& row : rows) {
    const bool checked = row.verdict.has_value();
    const bool comparable = row.expected && (checked || !row.error.empty());
    protocols.push_back({{"protocol", row.name},
                         {"title", row.title},
                         {"explains", row.explains},
                         {"memory", Name(row.memory)},
                         {"verdict", VerdictOrNull(row.verdict)},
                         {"expected", VerdictOrNull(row.expected)},
                         {"as_expected", comparable ? Json(!row.Unexpected()) : Json(nullptr)},
                         {"states", checked ? Json(row.states) : Json(nullptr)},
                         {"seconds", checked ? Json(row.seconds) : Json(nullptr)},
                         {"error", row.error.empty() ? Json(nullptr) : Json(row.error)}});
  }
  return Dump({{"schema_version", kProtocolSchemaVersion},
               {"model_version", protocol::kCheckerVersion},
               {"protocols", std::move(protocols)}});
}

}  // namespace wakewatch
