#include "server/cli/model.h"

#include "analysis/report/model_view.h"
#include "server/cli/diagnostics.h"
#include "server/cli/view.h"

namespace wakewatch {

ModelVerb::ModelVerb(CommandLine* line)
    : Verb(line->AddVerb("model", "Which rules of the scheduler a trace obeys; without a file, what the rules are")),
      analysis_(options(), false),
      format_(options(), {"text", "json"}),
      fail_on_(options()) {
  options()->Number({.names = "--rows", .help = "Places of each rule's violations in the text", .type = "N"}, &rows_);
  options()->Examples({"wakewatch model trace.dat", "wakewatch model rec.db --json", "wakewatch model",
                       "wakewatch model trace.dat --check model-violation --fail-on proven"});
}

ExitCode ModelVerb::ShowRules() const {
  if (!analysis_.server().empty()) {
    return ComplainOfUsage(Error{.code = ErrorCode::kInvalidArgument,
                                 .cause = "a server is asked about a host: which one?",
                                 .remedy = "wakewatch model --server HOST:PORT HOST"});
  }
  const auto printed = Print(format_.format() == OutputFormat::kJson ? RulesJson() : RulesText());
  return printed ? ExitCode::kFine : Complain(printed.error());
}

ExitCode ModelVerb::Run() {
  if (!analysis_.has_file()) return ShowRules();
  return ShowView(analysis_, {.view = ReportView::kModel, .format = format_.format(), .rows_max = rows_},
                  fail_on_.level());
}

}  // namespace wakewatch
