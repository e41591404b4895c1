#include "analysis/report/model_view.h"

#include <nlohmann/json.hpp>

#include "analysis/model/rules.h"
#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;

Json RuleValue(const RuleInfo& info) {
  return {{"name", info.name},
          {"title", info.title},
          {"finding", info.finding},
          {"negative_control", info.negative_control},
          {"explanation", info.explanation}};
}

std::string Dump(Json rules) {
  const Json answer = {{"schema_version", 1}, {"model_version", kModelVersion}, {"rules", std::move(rules)}};
  return answer.dump(1, ' ', true, Json::error_handler_t::replace) + '\n';
}

Json PlaceValue(const RulePlace& place) {
  return {{"verdict", Name(place.verdict)},
          {"cpu", place.cpu},
          {"ts_ns", place.ts_ns},
          {"pid", place.pid},
          {"text", place.text}};
}

std::string Places(const RuleSummary& rule, size_t places_max) {
  std::string out;
  size_t shown = 0;
  for (const RulePlace& place : rule.places) {
    if (place.verdict != RuleVerdict::kViolation || shown >= places_max) continue;
    if (shown++ == 0)
      out += "\n" + PrintableText(rule.name) + ", the first places of " + CountText(rule.violations) + " violations:\n";
    out += "  " + TraceTimeText(place.ts_ns) + "  CPU " + std::to_string(place.cpu) + "  pid " +
           std::to_string(place.pid) + "  " + PrintableText(place.text) + "\n";
  }
  return out;
}

bool IsControl(const RuleSummary& rule) {
  const RuleInfo* const info = RuleNamed(rule.name);
  return info != nullptr && info->negative_control;
}

}  // namespace

std::string ModelText(const Report& report, size_t places_max) {
  using Align = TextTable::Align;
  TextTable table({{"rule"},
                   {"checked", Align::kRight},
                   {"violations", Align::kRight},
                   {"missing", Align::kRight},
                   {"artefacts", Align::kRight},
                   {"voided", Align::kRight}});
  std::string places, control;
  for (const RuleSummary& rule : report.rules) {
    table.AddRow({rule.name, CountText(rule.checked), CountText(rule.violations), CountText(rule.missing),
                  CountText(rule.artefacts), CountText(rule.voided)});
    if (IsControl(rule)) {
      control += "\n" + PrintableText(rule.name) + " is a negative control: healthy kernels break it.\n";
    } else {
      places += Places(rule, places_max);
    }
  }
  return "Rules of the scheduler, version " + std::to_string(kModelVersion) + "\n" + table.Text() + control + places;
}

std::string ModelLine(const Report& report) {
  RuleSummary sum;
  size_t rules = 0;
  for (const RuleSummary& rule : report.rules) {
    if (IsControl(rule)) continue;
    rules += rule.checked > 0 ? 1 : 0;
    sum.checked += rule.checked;
    sum.violations += rule.violations;
    sum.missing += rule.missing;
    sum.voided += rule.voided;
  }
  if (rules == 0) return {};
  return "model   " + CountText(sum.checked) + " checks of " + std::to_string(rules) +
         " rules of the scheduler: " + CountText(sum.violations) + " violations, " + CountText(sum.missing) +
         " events missing, " + CountText(sum.voided) + " voided; `wakewatch model` has them\n";
}

std::string ModelJson(const Report& report) {
  Json rules = Json::array();
  for (const RuleSummary& rule : report.rules) {
    const RuleInfo* const info = RuleNamed(rule.name);
    Json value = info != nullptr ? RuleValue(*info) : Json{{"name", rule.name}};
    value["checked"] = rule.checked;
    value["violations"] = rule.violations;
    value["missing"] = rule.missing;
    value["artefacts"] = rule.artefacts;
    value["voided"] = rule.voided;
    value["places"] = Json::array();
    for (const RulePlace& place : rule.places) value["places"].push_back(PlaceValue(place));
    rules.push_back(std::move(value));
  }
  return Dump(std::move(rules));
}

std::string RulesText() {
  std::string out;
  for (const RuleInfo& rule : Rules()) {
    out += std::string(out.empty() ? "" : "\n") + std::string(rule.name) + ": " + std::string(rule.title) + "\n\n" +
           std::string(rule.explanation) + "\n";
  }
  return out;
}

std::string RulesJson() {
  Json rules = Json::array();
  for (const RuleInfo& rule : Rules()) rules.push_back(RuleValue(rule));
  return Dump(std::move(rules));
}

}  // namespace wakewatch
