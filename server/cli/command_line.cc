#include "server/cli/command_line.h"

#include <CLI/CLI.hpp>

#include "collector/settings/configuration.h"
#include "server/cli/diagnostics.h"
#include "server/cli/output.h"

namespace wakewatch {
namespace {

std::string ExampleText(const std::vector<std::string>& lines) {
  std::string text = lines.size() == 1 ? "Example:" : "Examples:";
  for (const std::string& line : lines) text += "\n  " + line;
  return text;
}

}  // namespace

CLI::Option* VerbOptions::Finish(CLI::Option* option, const OptionSpec& spec) {
  if (!spec.type.empty()) option->type_name(spec.type);
  if (spec.required) option->required();
  if (!spec.choices.empty()) option->check(CLI::IsMember(spec.choices));
  if (spec.check) {
    option->check(CLI::Validator(
        [check = spec.check](std::string& text) {
          const Status status = check(text);
          return status ? std::string() : status.error().Text();
        },
        ""));
  }
  return option;
}

void VerbOptions::Text(const OptionSpec& spec, std::string* value) {
  CLI::Option* option = Finish(app_->add_option(spec.names, *value, spec.help), spec);
  if (!value->empty()) option->capture_default_str();
}

void VerbOptions::Number(const OptionSpec& spec, uint64_t* value) {
  Finish(app_->add_option(spec.names, *value, spec.help), spec)->capture_default_str();
}

void VerbOptions::List(const OptionSpec& spec, std::vector<std::string>* values) {
  CLI::Option* option = Finish(app_->add_option(spec.names, *values, spec.help), spec);
  if (option->nonpositional()) option->allow_extra_args(false);
}

void VerbOptions::Flag(const std::string& names, const std::string& help, bool* value) {
  app_->add_flag(names, *value, help);
}

void VerbOptions::Examples(const std::vector<std::string>& lines) { app_->footer(ExampleText(lines)); }

void VerbOptions::Excludes(const std::string& name, const std::string& other) {
  app_->get_option(name)->excludes(app_->get_option(other));
}

bool VerbOptions::parsed() const { return app_->parsed(); }

CommandLine::CommandLine()
    : app_(std::make_unique<CLI::App>("Finds the kernel threads that wake late, and says why", "wakewatch")) {
  app_->set_version_flag("--version", "wakewatch " WAKEWATCH_VERSION);
  app_->require_subcommand(1);
  app_->footer(ExampleText({"sudo wakewatch record -o rec.db --duration 10s", "wakewatch report trace.dat",
                            "wakewatch query rec.db \"select next_comm, count(*) from sched_switch group by 1\""}));
}

CommandLine::~CommandLine() = default;

VerbOptions CommandLine::AddVerb(const std::string& name, const std::string& description) {
  return VerbOptions(app_->add_subcommand(name, description));
}

VerbOptions CommandLine::AddHiddenVerb(const std::string& name, const std::string& description) {
  return VerbOptions(app_->add_subcommand(name, description)->group(""));
}

std::optional<ExitCode> CommandLine::Parse(int argc, const char* const* argv) {
  // CLI11 tells of help and of mistakes by exceptions; they end here.
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& help) {
    app_->exit(help);
    return ExitCode::kFine;
  } catch (const CLI::ParseError& error) {
    const auto given = app_->get_subcommands();
    const std::string verb = given.empty() ? "" : " " + given.front()->get_name();
    return ComplainOfUsage(Error{
        .code = ErrorCode::kInvalidArgument, .cause = error.what(), .remedy = "see wakewatch" + verb + " --help"});
  }
  for (const auto& [verb, configuration] : configurations_) {
    if (!verb->parsed()) continue;
    if (const auto filled = configuration->Fill(); !filled) return ComplainOfUsage(filled.error());
    if (configuration->print_only()) {
      const auto printed = Print(configuration->Text());
      return printed ? ExitCode::kFine : Complain(printed.error());
    }
    if (configuration->check_only()) return ExitCode::kFine;
  }
  return std::nullopt;
}

void CommandLine::TakesConfiguration(const VerbOptions& verb) {
  configurations_.emplace_back(verb.app_, std::make_unique<Configuration>(verb.app_));
}

}  // namespace wakewatch
