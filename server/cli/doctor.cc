#include "server/cli/doctor.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"
#include "server/cli/diagnostics.h"
#include "server/cli/machine_checks.h"
#include "server/cli/store_checks.h"

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

// What the checks add up to; the name of it in JSON, and the sentence for either case.
struct Verdict {
  const char* key;
  const char* yes;
  const char* no;
  bool good;
};

std::string Text(const std::vector<MachineCheck>& checks, const Verdict& verdict) {
  TextTable table({{"condition"}, {""}, {"found"}});
  for (const MachineCheck& check : checks) {
    table.AddRow({check.name, std::string(Name(check.health)), check.found});
    if (!check.remedy.empty()) table.AddRow({"", "", "-> " + check.remedy});
  }
  return table.Text(0) + "\n" + (verdict.good ? verdict.yes : verdict.no) + "\n";
}

std::string Json(const std::vector<MachineCheck>& checks, const Verdict& verdict) {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const MachineCheck& check : checks) {
    const std::string_view health = check.health == Health::kFail ? "fail" : Name(check.health);
    items.push_back({{"name", check.name}, {"status", health}, {"found", check.found}, {"remedy", check.remedy}});
  }
  const nlohmann::ordered_json answer = {
      {"schema_version", 1}, {verdict.key, verdict.good}, {"checks", std::move(items)}};
  return answer.dump(1, ' ', true, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

DoctorVerb::DoctorVerb(CommandLine* line)
    : Verb(line->AddVerb("doctor", "Whether this machine can be recorded, or a store is whole; and what to do if not")),
      format_(options(), {"text", "json"}) {
  options()->Text(
      {.names = "--tracefs", .help = "Where tracefs is mounted; default: found among the mounts", .type = "DIR"},
      &tracefs_);
  options()->Text({.names = "--folder", .help = "Where recordings are to be written", .type = "DIR"}, &folder_);
  options()->Text({.names = "--data", .help = "Look at a server's data folder instead", .type = "DIR"}, &data_);
  options()->Flag("--full", "With --data: read every page and every chunk, not only headers and logs", &full_);
  options()->Examples(
      {"sudo wakewatch doctor", "wakewatch doctor --json", "wakewatch doctor --data /var/lib/wakewatch --full"});
}

ExitCode DoctorVerb::Run() {
  const auto checks = data_.empty() ? CheckMachine({tracefs_, folder_})
                                    : CheckStoreHealth(data_, full_ ? CheckDepth::kFull : CheckDepth::kQuick);
  const bool good = std::none_of(checks.begin(), checks.end(),
                                 [](const MachineCheck& check) { return check.health == Health::kFail; });
  const Verdict machine{"can_record", "This machine can be recorded.", "This machine cannot be recorded as it is.",
                        good};
  const Verdict store{"store_whole", "This store is whole, as far as was looked.", "This store is damaged.", good};
  const Verdict& verdict = data_.empty() ? machine : store;
  const auto printed = Print(format_.format() == OutputFormat::kJson ? Json(checks, verdict) : Text(checks, verdict));
  if (!printed) return Complain(printed.error());
  return good ? ExitCode::kFine : ExitCode::kError;
}

}  // namespace wakewatch
