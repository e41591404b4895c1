#include "collector/cli/options.h"

#include <iostream>
#include <map>
#include <sstream>
#include <vector>

#include <CLI/CLI.hpp>

#include <wakewatch/v1/batch.pb.h>

#include "collector/event_profiles.h"
#include "collector/settings/configuration.h"
#include "proto/wire/address.h"
#include "proto/wire/batch_codec.h"

namespace wakewatch {
namespace {

constexpr int kUsage = 2;
constexpr const char* kExamples =
    "Examples:\n"
    "  sudo wakewatch-collector --server 127.0.0.1:7400\n"
    "  sudo wakewatch-collector --once --duration 30s --profile full\n"
    "  sudo wakewatch-collector --spool /var/lib/wakewatch-collector/spool --spool-mib 4096\n"
    "  sudo wakewatch-collector --evidence deep --probe-rate-max 5000\n"
    "  sudo wakewatch-collector --config /etc/wakewatch/collector.toml --metrics 127.0.0.1:7401\n"
    "A configuration file holds the same names: server = \"127.0.0.1:7400\"\n"
    "What the kernel held of a collector that was killed is not delivered: the next start says how much it was, and "
    "its "
    "recording begins with a gap";

std::string ErrorText(const Status& status) { return status ? std::string() : status.error().Text(); }

std::string CheckHost(const std::string& host) {
  if (host.empty()) return {};
  v1::Session session;
  session.set_host(host);
  session.set_boot_id("boot");
  session.set_session("session");
  const auto checked = SessionFromMessage(session);
  return checked ? std::string() : checked.error().Text();
}

CLI::Validator Checked(std::string (*check)(const std::string&)) {
  return CLI::Validator([check](std::string& text) { return check(text); }, "");
}

template <typename T>
CLI::Validator InRange(T least, T most) {
  return CLI::Range(least, most).description("");  // the help text has a name for the value instead
}

const std::map<std::string, uint64_t>& DurationUnits() {
  static const std::map<std::string, uint64_t> units = {
      {"ms", 1'000'000}, {"s", 1'000'000'000}, {"min", 60'000'000'000}, {"h", 3'600'000'000'000}};
  return units;
}

std::vector<std::string> ProfileNames() {
  std::vector<std::string> names;
  for (const EventProfile& profile : EventProfiles()) names.push_back(profile.name);
  return names;
}

void DefineAccess(ServerAccess* access, CLI::App* app) {
  const auto file = [&](const char* name, std::string* value, const char* help) {
    app->add_option(name, *value, help)->type_name("FILE");
  };
  file("--token-file", &access->token_file, "The token that lets this host deliver");
  file("--tls-ca", &access->tls_ca, "The authority of the server's certificate; default: those of this system");
  file("--tls-cert", &access->tls_certificate, "The certificate of this host, where the server asks for one");
  file("--tls-key", &access->tls_key, "and its key");
}

std::optional<uint64_t> ParsedDuration(std::string text) {
  const std::string refused = CLI::AsNumberWithUnit(DurationUnits(), CLI::AsNumberWithUnit::UNIT_REQUIRED)(text);
  uint64_t ns = 0;
  return refused.empty() && CLI::detail::lexical_cast(text, ns) ? std::optional(ns) : std::nullopt;
}

// What recording may cost the host.
void DefineLimits(CollectorOptions* options, CLI::App* app) {
  app->add_option("--probe-rate-max", options->probe_rate_max,
                  "Events a second of one probe, three times as many of all; a probe above it for 2 s is switched off "
                  "for a minute, then longer")
      ->check(InRange(uint64_t{1}, uint64_t{1} << 40))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--probe-cpu-max", options->probe_cpu_max,
                  "Percent of one CPU that all probes may cost, by what a hit was measured to cost")
      ->check(InRange(0.01, 10'000.0))
      ->type_name("PERCENT")
      ->capture_default_str();
  app->add_option("--event-budget", options->event_budget,
                  "Events a second; above it a smaller profile is recorded until there is room again")
      ->check(InRange(uint64_t{100}, uint64_t{1} << 40))
      ->type_name("N")
      ->capture_default_str();
}

// What waits, and where.
void DefineWaiting(CollectorOptions* options, CLI::App* app) {
  app->add_option("--queue-mib", options->queue_mib, "What may wait in memory for the server")
      ->check(InRange(1, 1 << 16))
      ->type_name("MIB")
      ->capture_default_str();
  app->add_option("--spool", options->spool,
                  "Keep what is recorded in this folder until the server has it, over restarts and loss of power; "
                  "without it in memory only")
      ->type_name("DIR");
  app->add_option("--spool-mib", options->spool_mib, "What the spool may hold; above it the oldest events are dropped")
      ->check(InRange(uint64_t{16}, uint64_t{1} << 30))
      ->type_name("MIB")
      ->capture_default_str();
  app->add_option("--buffer-kb", options->buffer_kb, "Kernel buffer of each CPU, at most; 64 MiB in all at most")
      ->check(InRange(64, 64 << 10))
      ->type_name("KIB")
      ->capture_default_str();
}

void Define(CollectorOptions* options, CLI::App* app) {
  app->add_option("--server", options->server, "Deliver to this server; by TLS, where it is not on this machine")
      ->check(Checked([](const std::string& t) {
        const auto parsed = ParseAddress(t);
        return parsed ? std::string() : parsed.error().Text();
      }))
      ->type_name("HOST:PORT")
      ->capture_default_str();
  DefineAccess(&options->access, app);
  app->add_option("--host", options->host, "Deliver under this name; default: the name of this machine")
      ->check(Checked(CheckHost))
      ->type_name("NAME");
  app->add_option("--profile", options->profile, "Which events to record")
      ->check(CLI::IsMember(ProfileNames()))
      ->capture_default_str();
  app->add_option("--evidence", options->evidence,
                  "deep: also place probes, which show what no tracepoint does (refused wakes, empty queues, "
                  "completions), where the kernel takes them")
      ->check(CLI::IsMember(std::vector<std::string>{"tracepoints", "deep"}))
      ->capture_default_str();
  DefineLimits(options, app);
  DefineWaiting(options, app);
  app->add_flag("--once", options->once,
                "Record for --duration, deliver, and end: 0 when all of it was acknowledged, 1 when not, 3 when events "
                "were lost. A server that refuses ends it at once; without --once it is asked again and again");
  // Its text is kept as it was given: it is printed with the configuration.
  app->add_option_function<std::string>(
         "--duration", [options](std::string text) { options->duration_ns = ParsedDuration(text).value_or(0); },
         "How long --once records")
      ->check(CLI::Validator([](std::string& text) { return ParsedDuration(text) ? "" : "a number and its unit: 10s"; },
                             ""))
      ->type_name("DURATION")
      ->default_str("10s");
  app->add_option("--metrics", options->metrics, "Serve Prometheus metrics here; on this machine only")
      ->check(Checked([](const std::string& t) { return ErrorText(CheckLoopback(t, "the address for metrics")); }))
      ->type_name("ADDRESS:PORT");
  app->add_option("--tracefs", options->tracefs, "Where tracefs is mounted; default: found among the mounts")
      ->type_name("DIR");
  app->add_option("--user", options->user,
                  "Become this user before the first connection; what takes root is left to a small process without a "
                  "network. Default: wakewatch, where there is such a user, else nobody")
      ->type_name("NAME");
  app->add_flag("--no-drop", options->no_drop,
                "Stay one process with all privileges, where a container allows no second user or no seccomp");
  app->add_option("--log-level", options->log_level, "What is said on standard error")
      ->check(CLI::IsMember(std::vector<std::string>{"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app->set_version_flag("--version", WAKEWATCH_VERSION);
  app->footer(kExamples);
}

// roff takes a backslash as its own, a dash as a hyphen, and a leading dot or quote as a request.
std::string Roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    out += c == '\\' ? "\\e" : c == '-' ? "\\-" : std::string(1, c);
  }
  return out;
}

std::string ManPage(const CLI::App& app) {
  std::string page = ".TH WAKEWATCH\\-COLLECTOR 8 \"\" \"wakewatch " WAKEWATCH_VERSION
                     "\" \"Wakewatch\"\n.SH NAME\nwakewatch\\-collector \\- ";
  page += Roff(app.get_description()) + "\n.SH SYNOPSIS\n.B wakewatch\\-collector\n[options]\n.SH OPTIONS\n";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    std::string term = "--" + option->get_lnames().front();
    if (option->get_items_expected_max() > 0) term += " " + option->get_type_name();
    page += ".TP\n.B " + Roff(term) + "\n" + Roff(option->get_description());
    if (!option->get_default_str().empty()) page += Roff(" (default: " + option->get_default_str() + ")");
    page += "\n";
  }
  page +=
      ".SH EXIT STATUS\n0: ended as it was told to; 1: an error, or \\-\\-once could not deliver; 2: the command "
      "line makes no sense; 3: \\-\\-once delivered, but events were lost.\n.SH EXAMPLES\n.nf\n";
  std::istringstream footer(app.get_footer());
  std::string line;
  std::getline(footer, line);
  while (std::getline(footer, line)) page += Roff(line) + "\n";
  return page + ".fi\n";
}

}  // namespace

std::optional<int> ParseCollectorOptions(int argc, const char* const* argv, CollectorOptions* options) {
  CLI::App app("records this machine's kernel threads and delivers what it records to a Wakewatch server (needs root)",
               "wakewatch-collector");
  Define(options, &app);
  Configuration configuration(&app);
  bool man = false;
  app.add_flag("--man", man, "Write the man page")->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "wakewatch-collector: error: " << error.what() << " (see --help)\n";
    return kUsage;
  }
  if (man) {
    std::cout << ManPage(app);
    return 0;
  }
  if (const auto filled = configuration.Fill(); !filled) {
    std::cerr << "wakewatch-collector: error: " << filled.error().Text() << "\n";
    return kUsage;
  }
  if (options->no_drop && !options->user.empty()) {
    std::cerr << "wakewatch-collector: error: --no-drop keeps the user, so --user makes no sense (see --help)\n";
    return kUsage;
  }
  if (configuration.print_only()) std::cout << configuration.Text();
  return configuration.check_only() || configuration.print_only() ? std::optional<int>(0) : std::nullopt;
}

}  // namespace wakewatch
