#include "server/cli/verb.h"

#include "server/cli/backup.h"
#include "server/cli/cert.h"
#include "server/cli/chain.h"
#include "server/cli/check.h"
#include "server/cli/diff.h"
#include "server/cli/docs.h"
#include "server/cli/doctor.h"
#include "server/cli/findings.h"
#include "server/cli/import.h"
#include "server/cli/latency.h"
#include "server/cli/list.h"
#include "server/cli/model.h"
#include "server/cli/query.h"
#include "server/cli/record.h"
#include "server/cli/report.h"
#include "server/cli/serve.h"
#include "server/cli/token.h"

namespace wakewatch {

std::vector<std::unique_ptr<Verb>> MakeVerbs(CommandLine* line) {
  std::vector<std::unique_ptr<Verb>> verbs;
  verbs.push_back(std::make_unique<ServeVerb>(line));
  verbs.push_back(std::make_unique<RecordVerb>(line));
  verbs.push_back(std::make_unique<ImportVerb>(line));
  verbs.push_back(std::make_unique<ReportVerb>(line));
  verbs.push_back(std::make_unique<LatencyVerb>(line));
  verbs.push_back(std::make_unique<ModelVerb>(line));
  verbs.push_back(std::make_unique<FindingsVerb>(line));
  verbs.push_back(std::make_unique<ChainVerb>(line));
  verbs.push_back(std::make_unique<DiffVerb>(line));
  verbs.push_back(std::make_unique<CheckVerb>(line));
  verbs.push_back(std::make_unique<QueryVerb>(line));
  verbs.push_back(std::make_unique<ListVerb>(line));
  verbs.push_back(std::make_unique<TokenVerb>(line));
  verbs.push_back(std::make_unique<CertVerb>(line));
  verbs.push_back(std::make_unique<BackupVerb>(line));
  verbs.push_back(std::make_unique<DoctorVerb>(line));
  verbs.push_back(std::make_unique<DocsVerb>(line));
  return verbs;
}

FormatOption::FormatOption(VerbOptions* options, std::vector<std::string> formats) : text_(formats.front()) {
  options->Text({.names = "--format", .help = "How the answer is written", .type = "", .choices = std::move(formats)},
                &text_);
  options->Flag("--json", "The same as --format json", &json_);
  options->Excludes("--json", "--format");
}

OutputFormat FormatOption::format() const {
  return json_ ? OutputFormat::kJson : ParseOutputFormat(text_).value_or(OutputFormat::kText);
}

}  // namespace wakewatch
