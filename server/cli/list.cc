#include "server/cli/list.h"

#include "analysis/checks/checks_list.h"
#include "analysis/model/rules.h"
#include "analysis/model/thread_kind.h"
#include "analysis/trace/formats_list.h"
#include "collector/recorder.h"
#include "server/cli/diagnostics.h"
#include "server/live/shipped_verdicts.h"
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

std::string Expected(const ShippedAbout& about) {
  if (about.expected_sc == about.expected_tso) return about.expected_sc;
  if (about.expected_sc.empty() || about.expected_tso.empty()) {
    return about.expected_sc.empty() ? "tso " + about.expected_tso : "sc " + about.expected_sc;
  }
  return "sc " + about.expected_sc + ", tso " + about.expected_tso;
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

}  // namespace

Listing ListShippedProtocols() {
  Listing listing{{"protocol", "expected", "explains", "title"}, {}};
  for (const ShippedAbout& about : ShippedProtocolsAbout()) {
    listing.rows.push_back({about.name, Expected(about), Joined(about.explains), about.title});
  }
  return listing;
}

ListVerb::ListVerb(CommandLine* line)
    : Verb(line->AddVerb(
          "list",
          "Formats, checks, rules, profiles, thread kinds, protocols, the events a trace holds, or what a server has")),
      server_(options()),
      format_(options(), {"text", "json", "csv"}) {
  options()->Text(
      {.names = "what",
       .help = "What to list",
       .type = "",
       .required = true,
       .choices = {"formats", "checks", "rules", "profiles", "kinds", "protocols", "events", "hosts", "recordings"}},
      &what_);
  options()->Text({.names = "-i,--input,file",
                   .help = "The trace or recording, for `list events`; the host, for `list recordings`",
                   .type = "FILE"},
                  &path_);
  options()->Examples(
      {"wakewatch list checks", "wakewatch list events trace.dat", "wakewatch list hosts --server 127.0.0.1:7400"});
}

Result<Listing> ListVerb::ListRemote() const {
  if (what_ == "protocols") return ListProtocolsRemotely(server_.remote());
  return what_ == "hosts" ? ListHostsRemotely(server_.remote()) : ListRecordingsRemotely(server_.remote(), path_);
}

ExitCode ListVerb::Run() {
  const bool has_server = !server_.server().empty();
  const bool remote = what_ == "hosts" || what_ == "recordings" || (what_ == "protocols" && has_server);
  if (remote != has_server) {
    return ComplainOfUsage(Error{.code = ErrorCode::kInvalidArgument,
                                 .cause = remote ? "`list " + what_ + "` asks a server: which one?"
                                                 : "a server is asked for hosts, recordings and protocols only",
                                 .remedy = "wakewatch list hosts --server HOST:PORT"});
  }
  if (what_ != "recordings" && (what_ == "events") == path_.empty()) {
    return ComplainOfUsage(Error{
        .code = ErrorCode::kInvalidArgument,
        .cause = what_ == "events" ? "`list events` needs a trace or a recording" : "only `list events` takes a file",
        .remedy = "wakewatch list events FILE"});
  }
  Result<Listing> listing = remote                 ? ListRemote()
                            : what_ == "formats"   ? ListFormats()
                            : what_ == "checks"    ? ListChecks()
                            : what_ == "rules"     ? ListRules()
                            : what_ == "profiles"  ? ListProfiles()
                            : what_ == "kinds"     ? ListKinds()
                            : what_ == "protocols" ? ListShippedProtocols()
                                                   : ListEvents(path_);
  if (!listing) return Complain(listing.error());
  const auto printed = Print(ListingText(*listing, format_.format()));
  return printed ? ExitCode::kFine : Complain(printed.error());
}

}  // namespace wakewatch
