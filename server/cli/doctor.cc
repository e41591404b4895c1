#include "server/cli/doctor.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"
#include "server/cli/diagnostics.h"
#include "server/cli/machine_checks.h"

namespace wakewatch {
namespace {

std::string_view Name(Health health) {
  switch (health) {
    case Health::kOk: return "ok";
    case Health::kWarn: return "warn";
    case Health::kFail: return "FAIL";
  }
  return "FAIL";
}

std::string Text(const std::vector<MachineCheck>& checks, bool can_record) {
  TextTable table({{"condition"}, {""}, {"found"}});
  for (const MachineCheck& check : checks) {
    table.AddRow({check.name, std::string(Name(check.health)), check.found});
    if (!check.remedy.empty()) table.AddRow({"", "", "-> " + check.remedy});
  }
  return table.Text(0) +
         (can_record ? "\nThis machine can be recorded.\n" : "\nThis machine cannot be recorded as it is.\n");
}

std::string Json(const std::vector<MachineCheck>& checks, bool can_record) {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const MachineCheck& check : checks) {
    const std::string_view health = check.health == Health::kFail ? "fail" : Name(check.health);
    items.push_back({{"name", check.name}, {"status", health}, {"found", check.found}, {"remedy", check.remedy}});
  }
  const nlohmann::ordered_json answer = {
      {"schema_version", 1}, {"can_record", can_record}, {"checks", std::move(items)}};
  return answer.dump(1, ' ', true, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

DoctorVerb::DoctorVerb(CommandLine* line)
    : Verb(line->AddVerb("doctor", "Whether this machine can be recorded, and what to do if not")),
      format_(options(), {"text", "json"}) {
  options()->Text(
      {.names = "--tracefs", .help = "Where tracefs is mounted; default: found among the mounts", .type = "DIR"},
      &tracefs_);
  options()->Text({.names = "--folder", .help = "Where recordings are to be written", .type = "DIR"}, &folder_);
  options()->Examples({"sudo wakewatch doctor", "wakewatch doctor --json"});
}

ExitCode DoctorVerb::Run() {
  const std::vector<MachineCheck> checks = CheckMachine({tracefs_, folder_});
  const bool can_record = std::none_of(checks.begin(), checks.end(),
                                       [](const MachineCheck& check) { return check.health == Health::kFail; });
  const auto printed =
      Print(format_.format() == OutputFormat::kJson ? Json(checks, can_record) : Text(checks, can_record));
  if (!printed) return Complain(printed.error());
  return can_record ? ExitCode::kFine : ExitCode::kError;
}

}  // namespace wakewatch
