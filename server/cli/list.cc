#include "server/cli/list.h"

#include <nlohmann/json.hpp>

#include "analysis/checks/checks_list.h"
#include "analysis/model/rules.h"
#include "analysis/model/thread_kind.h"
#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"
#include "analysis/trace/formats_list.h"
#include "collector/recorder.h"
#include "server/cli/diagnostics.h"
#include "server/store/recording.h"

namespace wakewatch {
namespace {

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

Listing ListFormats() {
  Listing listing{{"format", "description"}, {}};
  for (const InputFormat& format : InputFormats()) {
    listing.rows.push_back({std::string(format.name), std::string(format.description)});
  }
  listing.rows.push_back(
      {"recording", "a Wakewatch recording (SQLite), made by `wakewatch record` or `wakewatch import`"});
  return listing;
}

Listing ListChecks() {
  Listing listing{{"check", "description"}, {}};
  for (const CheckInfo& check : Checks()) {
    if (!check.adds_findings) continue;
    listing.rows.push_back({std::string(check.name), std::string(check.description)});
  }
  return listing;
}

Listing ListRules() {
  Listing listing{{"rule", "description"}, {}};
  for (const RuleInfo& rule : Rules()) listing.rows.push_back({std::string(rule.name), std::string(rule.title)});
  return listing;
}

Listing ListProfiles() {
  Listing listing{{"profile", "description", "events"}, {}};
  for (const EventProfile& profile : EventProfiles()) {
    listing.rows.push_back({profile.name, profile.description, Joined(profile.events)});
  }
  return listing;
}

Listing ListKinds() {
  Listing listing{{"kind", "pattern", "purpose", "once"}, {}};
  for (const ThreadKindInfo& kind : ThreadKinds()) {
    listing.rows.push_back(
        {std::string(kind.name), std::string(kind.pattern), std::string(kind.purpose), std::string(kind.once)});
  }
  return listing;
}

Result<Listing> ListEvents(const std::string& path) {
  const auto input = OpenTraceOrRecording(path);
  if (!input) return Fail(input.error());
  Listing listing{{"id", "system", "event", "read as", "fields"}, {}};
  for (const EventFormat& format : (*input)->formats().events()) {
    std::vector<std::string> fields;
    for (const FieldSpec& field : format.fields) fields.push_back(field.name);
    const std::string read_as(kEventTypeInfo[static_cast<size_t>(format.type)].name);
    listing.rows.push_back({std::to_string(format.id), format.system, format.name, read_as, Joined(fields)});
  }
  return listing;
}

std::string Write(const Listing& listing, OutputFormat format) {
  std::string out;
  if (format == OutputFormat::kText) {
    std::vector<TextTable::Column> columns;
    for (const std::string& column : listing.columns) columns.push_back({column, TextTable::Align::kLeft});
    TextTable table(std::move(columns));
    for (const auto& row : listing.rows) table.AddRow(row);
    return table.Text(0);
  }
  if (format == OutputFormat::kCsv) {
    const auto append = [&](const std::vector<std::string>& cells) {
      for (size_t i = 0; i < cells.size(); ++i) out += (i == 0 ? "" : ",") + CsvField(cells[i]);
      out += '\n';
    };
    append(listing.columns);
    for (const auto& row : listing.rows) append(row);
    return out;
  }
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const auto& row : listing.rows) {
    nlohmann::ordered_json item;
    for (size_t i = 0; i < row.size(); ++i) item[listing.columns[i]] = row[i];
    items.push_back(std::move(item));
  }
  const nlohmann::ordered_json answer = {{"schema_version", 1}, {"items", std::move(items)}};
  return answer.dump(1, ' ', true, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace

ListVerb::ListVerb(CommandLine* line)
    : Verb(line->AddVerb(
          "list", "Formats, checks, rules, profiles, thread kinds, the events a trace holds, or what a server has")),
      server_(options()),
      format_(options(), {"text", "json", "csv"}) {
  options()->Text({.names = "what",
                   .help = "What to list",
                   .type = "",
                   .required = true,
                   .choices = {"formats", "checks", "rules", "profiles", "kinds", "events", "hosts", "recordings"}},
                  &what_);
  options()->Text({.names = "-i,--input,file",
                   .help = "The trace or recording, for `list events`; the host, for `list recordings`",
                   .type = "FILE"},
                  &path_);
  options()->Examples(
      {"wakewatch list checks", "wakewatch list events trace.dat", "wakewatch list hosts --server 127.0.0.1:7400"});
}

Result<Listing> ListVerb::ListRemote() const {
  return what_ == "hosts" ? ListHostsRemotely(server_.server()) : ListRecordingsRemotely(server_.server(), path_);
}

ExitCode ListVerb::Run() {
  const bool remote = what_ == "hosts" || what_ == "recordings";
  if (remote != !server_.server().empty()) {
    return ComplainOfUsage(Error{.code = ErrorCode::kInvalidArgument,
                                 .cause = remote ? "`list " + what_ + "` asks a server: which one?"
                                                 : "a server is asked for hosts and recordings only",
                                 .remedy = "wakewatch list hosts --server HOST:PORT"});
  }
  if (what_ != "recordings" && (what_ == "events") == path_.empty()) {
    return ComplainOfUsage(Error{
        .code = ErrorCode::kInvalidArgument,
        .cause = what_ == "events" ? "`list events` needs a trace or a recording" : "only `list events` takes a file",
        .remedy = "wakewatch list events FILE"});
  }
  Result<Listing> listing = remote                ? ListRemote()
                            : what_ == "formats"  ? ListFormats()
                            : what_ == "checks"   ? ListChecks()
                            : what_ == "rules"    ? ListRules()
                            : what_ == "profiles" ? ListProfiles()
                            : what_ == "kinds"    ? ListKinds()
                                                  : ListEvents(path_);
  if (!listing) return Complain(listing.error());
  const auto printed = Print(Write(*listing, format_.format()));
  return printed ? ExitCode::kFine : Complain(printed.error());
}

}  // namespace wakewatch
