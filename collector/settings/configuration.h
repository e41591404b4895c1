// Why: an option can be given as a flag, in the environment or in a file, and one definition must do for all three. The
// options of a CLI11 command are that definition: this fills those that no flag gave from the environment
// (WAKEWATCH_KEEP_GIB for --keep-gib), then from a TOML file (keep-gib = 20), checks each value as the flag's would be,
// and says where each comes from. CLI11 itself lets the file win over the environment and cannot name a line. Source:
// https://toml.io/en/v1.0.0
#pragma once

#include <map>
#include <string>

#include "analysis/base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace wakewatch {

class Configuration {
 public:
  // Adds --config, --check-config and --print-config to `app`, which must outlive this.
  explicit Configuration(CLI::App* app);

  // Once `app` has been parsed. The environment wins over the file, flags over both. Error (kInvalidArgument): a value
  // that the option refuses, or a name in the file that is no option; it names the variable, or the file and line, and
  // what to do.
  Status Fill();

  // --check-config, --print-config: say so and end.
  bool check_only() const { return check_; }
  bool print_only() const { return print_; }
  // All options as a configuration file; behind each value where it comes from.
  std::string Text() const;

 private:
  Status FillFromEnvironment();
  Status FillFromFile();

  CLI::App* app_;
  std::string file_;
  bool check_ = false, print_ = false;
  std::map<const CLI::Option*, std::string> sources_;  // of those that were given; the others have their defaults
};

// "WAKEWATCH_KEEP_GIB" for "keep-gib".
std::string EnvironmentName(const std::string& option);

}  // namespace wakewatch
