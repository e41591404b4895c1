#include "server/cli/backup.h"

#include <fmt/format.h>

#include "server/cli/diagnostics.h"
#include "server/store/backup.h"

namespace wakewatch {

BackupVerb::BackupVerb(CommandLine* line)
    : Verb(line->AddVerb("backup",
                         "Copy a server's recordings while it runs; the copy is a data folder like any other")) {
  options()->Text({.names = "--data", .help = "The server's data folder", .type = "DIR", .required = true}, &data_);
  options()->Text({.names = "--to", .help = "The copy: a folder that is new or empty", .type = "DIR", .required = true},
                  &to_);
  options()->Examples(
      {"wakewatch backup --data /var/lib/wakewatch --to /backup/wakewatch-$(date +%F)",
       "wakewatch serve --data /backup/wakewatch-2026-01-31    # or copy it back and start the server"});
}

ExitCode BackupVerb::Run() {
  const auto report = BackUp(data_, to_);
  if (!report) return Complain(report.error());
  for (const Error& failed : report->failed) Warn(failed.Text());
  Say(fmt::format("{} files with {:.1f} MiB copied to {}", report->parts,
                  static_cast<double>(report->bytes) / (1 << 20), to_));
  if (report->failed.empty()) return ExitCode::kFine;
  Warn(fmt::format("{} files could not be read; see wakewatch doctor --data {}", report->failed.size(), data_));
  return ExitCode::kGaps;
}

}  // namespace wakewatch
