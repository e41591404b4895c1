// Why: the entry of `wakewatch`: parses, runs one verb, and turns whatever happens into an exit code.
#include <cstdlib>
#include <exception>

#include "server/cli/command_line.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/verb.h"

namespace wakewatch {
namespace {

ExitCode Main(int argc, char** argv) {
  CommandLine line;
  const auto verbs = MakeVerbs(&line);
  if (const auto done = line.Parse(argc, argv)) return *done;
  CatchSignals();
  for (const auto& verb : verbs) {
    if (verb->parsed()) return verb->Run();
  }
  return ExitCode::kUsage;
}

}  // namespace
}  // namespace wakewatch

int main(int argc, char** argv) {
  // What gRPC would say of a connection is said by us, in words for a user.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  wakewatch::SetUpDiagnostics();
  try {
    return static_cast<int>(wakewatch::Main(argc, argv));
  } catch (const std::exception& exception) {
    // Ours never throw; the standard library does when memory ends.
    wakewatch::Complain({wakewatch::ErrorCode::kInternal, exception.what()});
  }
  return static_cast<int>(wakewatch::ExitCode::kError);
}
