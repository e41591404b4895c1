// Why: the command line as values. CLI11 parses it, but its header takes seconds a file to compile, so it stays behind
// this one: only command_line.cc and docs.cc see it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "server/cli/exit_code.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace wakewatch {

class Configuration;

struct OptionSpec {
  std::string names;  // "-o,--output"; "-i,--input,file" may also be given by position; "sql" by position only
  std::string help;
  std::string type;  // what stands for the value in help texts: "FILE"
  bool required = false;
  std::vector<std::string> choices = {};                 // the only values allowed; empty: any
  std::function<Status(const std::string&)> check = {};  // its error text is shown to the user
};

// The options of one verb. Values are borrowed; what they hold when they are added is the default, and is shown in help
// texts.
class VerbOptions {
 public:
  explicit VerbOptions(CLI::App* app) : app_(app) {}

  void Text(const OptionSpec& spec, std::string* value);
  void Number(const OptionSpec& spec, uint64_t* value);
  // Given once a value; by position it takes all that is left.
  void List(const OptionSpec& spec, std::vector<std::string>* values);
  void Flag(const std::string& names, const std::string& help, bool* value);
  void Examples(const std::vector<std::string>& lines);
  // Says that only one of the two may be given; names as added, without dashes' aliases: "--format".
  void Excludes(const std::string& name, const std::string& other);

  bool parsed() const;

 private:
  friend class CommandLine;
  CLI::Option* Finish(CLI::Option* option, const OptionSpec& spec);
  CLI::App* app_;
};

// A check out of a parser that answers a Result.
template <typename Parse>
std::function<Status(const std::string&)> CheckedBy(Parse parse) {
  return [parse](const std::string& text) -> Status {
    auto parsed = parse(text);
    return parsed ? Status() : Status(Fail(std::move(parsed.error())));
  };
}

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  VerbOptions AddVerb(const std::string& name, const std::string& description);
  // Works, but no help text names it.
  VerbOptions AddHiddenVerb(const std::string& name, const std::string& description);
  // Gives the verb --config, --check-config and --print-config, and its options names in the environment.
  void TakesConfiguration(const VerbOptions& verb);
  // Nothing when a verb is to run; else help or a complaint has been written and this is the exit code.
  std::optional<ExitCode> Parse(int argc, const char* const* argv);

  const CLI::App& app() const { return *app_; }

 private:
  std::unique_ptr<CLI::App> app_;
  std::vector<std::pair<CLI::App*, std::unique_ptr<Configuration>>> configurations_;  // by verb
};

}  // namespace wakewatch
