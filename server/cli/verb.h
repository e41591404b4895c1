// Why: a verb of the command line is one file pair: it defines its options, help and example, and runs. The help texts,
// the man pages and the completion are made from that one definition.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analysis/report/output_format.h"
#include "server/cli/command_line.h"
#include "server/cli/exit_code.h"
#include "server/cli/output.h"

namespace wakewatch {

class Verb {
 public:
  virtual ~Verb() = default;
  virtual ExitCode Run() = 0;
  bool parsed() const { return options_.parsed(); }

 protected:
  explicit Verb(VerbOptions options) : options_(options) {}
  VerbOptions* options() { return &options_; }

 private:
  VerbOptions options_;
};

// One of each, in the order of the help text. `line` must outlive them.
std::vector<std::unique_ptr<Verb>> MakeVerbs(CommandLine* line);

// --format and --json. `formats`: those that the verb writes, the first is the default.
class FormatOption {
 public:
  FormatOption(VerbOptions* options, std::vector<std::string> formats);
  OutputFormat format() const;

 private:
  std::string text_;
  bool json_ = false;
};

}  // namespace wakewatch
