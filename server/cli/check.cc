#include "server/cli/check.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "analysis/protocol/shipped.h"
#include "analysis/report/printable.h"
#include "analysis/report/protocol_json.h"
#include "analysis/report/protocol_text.h"
#include "server/cli/check_against.h"
#include "server/cli/check_diagnose.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/listing.h"
#include "server/cli/values.h"
#include "server/live/shipped_verdicts.h"

namespace wakewatch {
namespace {

using protocol::Memory;
using protocol::Verdict;

constexpr uint64_t kMiB = 1u << 20;

Error Senseless(std::string cause, std::string remedy) {
  return {.code = ErrorCode::kInvalidArgument, .cause = std::move(cause), .remedy = std::move(remedy)};
}

Error Unfinished(const ProtocolSource& source, const protocol::CheckResult& result) {
  return {.code = ErrorCode::kTooLarge,
          .cause = fmt::format("not finished ({}): {}", protocol::Name(result.memory), result.unfinished),
          .file = source.name,
          .remedy = "allow more with --states, --memory-limit or --seconds, or store less with --hash-compaction"};
}

// One search of several: what the text says of itself is what is expected.
ProtocolListRow RowOf(const ShippedAbout& about, Memory memory) {
  ProtocolListRow row;
  row.name = about.name;
  row.title = about.title;
  row.explains = about.explains;
  row.memory = memory;
  const std::string& expected = memory == Memory::kSc ? about.expected_sc : about.expected_tso;
  for (const Verdict verdict : {Verdict::kSafe, Verdict::kLoses}) {
    if (expected == protocol::Name(verdict)) row.expected = verdict;
  }
  return row;
}

}  // namespace

CheckVerb::CheckVerb(CommandLine* line)
    : Verb(line->AddVerb("check",
                         "Whether a protocol of waits and wakes can lose a wakeup, and the shortest way to it")),
      server_(options(), "Let this server check it"),
      format_(options(), {"text", "json"}),
      states_(protocol::CheckOptions().states_max),
      memory_mib_(protocol::CheckOptions().memory_bytes_max / kMiB) {
  options()->Text({.names = "protocol",
                   .help = "A protocol's text, \"-\" for standard input, or the name of one that comes with wakewatch",
                   .type = "FILE|NAME"},
                  &protocol_);
  options()->Flag("--list", "The protocols that come with wakewatch, and what each expects of itself", &list_);
  options()->Flag("--show", "Print the protocol's text", &show_);
  options()->Flag("--all", "Check all that come with wakewatch; an error where one is not what it expects", &all_);
  options()->Flag("--diagnose",
                  "Whether any recording can tell a loss from a healthy run: of a protocol, or of all that lose",
                  &diagnose_);
  options()->Text({.names = "--against",
                   .help = "Compare the sleeps of a thread in this trace or recording with all runs of the protocol",
                   .type = "FILE"},
                  &trace_);
  options()->List({.names = "--role",
                   .help = "With --against: which thread plays a task of the protocol; may be repeated",
                   .type = "TASK=PID|NAME",
                   .check = CheckRole},
                  &roles_);
  DefineSearch();
  options()->Examples({"wakewatch check --list", "wakewatch check kthread_loop",
                       "wakewatch check mine.wake --memory tso --json", "wakewatch check --show kthread_loop",
                       "wakewatch check kthread_stop_check_before_set --against rec.db --role worker=210"});
}

void CheckVerb::DefineSearch() {
  options()->Text(
      {.names = "--memory",
       .help = "sc: sequential consistency; tso: stores wait in a buffer, as on x86. Default: both; of JSON tso",
       .type = "",
       .choices = {"sc", "tso", "both"}},
      &memory_);
  options()->Number(
      {.names = "--states", .help = "Give up at this many states", .type = "N", .check = CheckedBy(ParsePositive)},
      &states_);
  options()->Number({.names = "--memory-limit",
                     .help = "Give up when states take this much memory",
                     .type = "MIB",
                     .check = CheckedBy(ParsePositive)},
                    &memory_mib_);
  options()->Number({.names = "--seconds", .help = "Give up after this long; 0: never", .type = "S"}, &seconds_);
  options()->Number({.names = "--threads", .help = "Threads of the search; 0: one a CPU", .type = "N"}, &threads_);
  options()->Flag("--no-reduction", "Try also those orders of steps that cannot differ", &no_reduction_);
  options()->Flag("--no-symmetry", "Take tasks that are alike for different", &no_symmetry_);
  options()->Flag("--hash-compaction", "Store 64 bits a state: \"safe\" then holds with a probability, which is said",
                  &hash_compaction_);
}

Status CheckVerb::Sensible() const {
  const int modes = (list_ ? 1 : 0) + (show_ ? 1 : 0) + (all_ ? 1 : 0) + (diagnose_ ? 1 : 0);
  if (modes > 1) {
    return Fail(
        Senseless("only one of --list, --show, --all and --diagnose makes sense", "see wakewatch check --help"));
  }
  const bool needs_protocol = !list_ && !all_;
  if (!diagnose_ && needs_protocol == protocol_.empty()) {
    return Fail(Senseless(needs_protocol ? "which protocol?" : "--list and --all take no protocol",
                          "wakewatch check FILE, or a name that wakewatch check --list shows"));
  }
  if (trace_.empty() ? !roles_.empty() : (modes > 0 || memory_ == "both" || !server_.server().empty())) {
    return Fail(Senseless("--against takes a protocol, perhaps --role, and one memory model; a server is not asked",
                          "wakewatch check NAME --against FILE --role TASK=PID"));
  }
  if (all_ && !server_.server().empty()) {
    return Fail(
        Senseless("a server checks its own protocols by itself", "wakewatch list protocols --server HOST:PORT"));
  }
  if (diagnose_ && (memory_ == "both" || !server_.server().empty())) {
    return Fail(
        Senseless("--diagnose takes one memory model, and no server does it", "leave --memory or --server out"));
  }
  if (needs_protocol && !show_ && format_.format() == OutputFormat::kJson && memory_ == "both") {
    return Fail(Senseless("JSON is of one memory model", "choose --memory sc or --memory tso"));
  }
  return {};
}

std::vector<Memory> CheckVerb::Memories() const {
  if (memory_ == "sc") return {Memory::kSc};
  const bool one = memory_ == "tso" || (memory_.empty() && !all_ && format_.format() == OutputFormat::kJson);
  return one ? std::vector<Memory>{Memory::kTso} : std::vector<Memory>{Memory::kSc, Memory::kTso};
}

CheckWish CheckVerb::Wish(Memory memory) const {
  CheckWish wish;
  wish.options = {.memory = memory,
                  .partial_order = !no_reduction_,
                  .symmetry = !no_symmetry_,
                  .hash_compaction = hash_compaction_,
                  .states_max = states_,
                  .memory_bytes_max = std::min(memory_mib_, UINT64_MAX / kMiB) * kMiB};
  constexpr uint64_t kSecondsMax = 1'000'000;
  wish.time_max = std::chrono::seconds(std::min(seconds_, kSecondsMax));
  return wish;
}

Result<TimedCheck> CheckVerb::Check(const ProtocolSource& source, Memory memory) const {
  const CheckWish wish = Wish(memory);
  if (!server_.server().empty()) {
    // An empty text asks for the server's own protocol of that name.
    const std::string text = source.shipped ? "" : source.text.empty() ? "\n" : source.text;
    return CheckRemotely(server_.remote(), text, source.name, wish, StopFlag());
  }
  constexpr uint64_t kThreadsMax = 256;
  return RunCheck(source.text, source.name, wish.options,
                  {.time_max = wish.time_max,
                   .threads = static_cast<unsigned>(std::min(threads_, kThreadsMax)),
                   .cancelled = [] { return StopFlag().load(); }});
}

ExitCode CheckVerb::Show() const {
  if (!server_.server().empty()) {
    const auto text = ShowProtocolRemotely(server_.remote(), protocol_);
    if (!text) return Complain(text.error());
    const auto printed = Print(*text);
    return printed ? ExitCode::kFine : Complain(printed.error());
  }
  const auto source = ReadProtocol(protocol_);
  if (!source) return Complain(source.error());
  const auto printed = Print(source->text);
  return printed ? ExitCode::kFine : Complain(printed.error());
}

ExitCode CheckVerb::CheckOne() const {
  const auto source = ReadProtocol(protocol_);
  if (!source) return Complain(source.error());
  const bool json = format_.format() == OutputFormat::kJson;
  std::string out;
  bool loses = false;
  std::optional<Error> unfinished;
  for (const Memory memory : Memories()) {
    const auto check = Check(*source, memory);
    if (!check) return Complain(check.error());
    const protocol::CheckResult& result = check->result;
    if (Interrupted()) {
      Say(fmt::format("interrupted after {}, {} deep; nothing is lost as far as that",
                      CountedText(result.states, "state"), CountedText(result.depth, "step")));
      return ExitCode::kInterrupted;
    }
    if (!out.empty()) out += '\n';
    out += json ? ProtocolJson(result, check->seconds) + '\n' : ProtocolText(result);
    loses = loses || result.verdict == Verdict::kLoses;
    if (result.verdict == Verdict::kUnfinished) unfinished = Unfinished(*source, result);
  }
  const auto printed = Print(out);
  if (!printed) return Complain(printed.error());
  if (unfinished) Complain(*unfinished);
  return loses ? ExitCode::kFindings : unfinished ? ExitCode::kError : ExitCode::kFine;
}

ExitCode CheckVerb::Against() const {
  const auto source = ReadProtocol(protocol_);
  if (!source) return Complain(source.error());
  return CheckAgainst(*source, {trace_, roles_, memory_, format_.format() == OutputFormat::kJson});
}

ExitCode CheckVerb::Diagnose() const {
  std::vector<ProtocolSource> sources;
  if (protocol_.empty()) {
    for (const protocol::ShippedProtocol& shipped : protocol::ShippedProtocols()) {
      sources.push_back({std::string(shipped.name), std::string(shipped.text), true});
    }
  } else {
    auto source = ReadProtocol(protocol_);
    if (!source) return Complain(source.error());
    sources.push_back(*std::move(source));
  }
  return DiagnoseProtocols(sources, memory_, format_.format() == OutputFormat::kJson);
}

ExitCode CheckVerb::CheckShipped() const {
  std::vector<ProtocolListRow> rows;
  for (const ShippedAbout& about : ShippedProtocolsAbout()) {
    const protocol::ShippedProtocol* const shipped = protocol::ShippedProtocolNamed(about.name);
    for (const Memory memory : Memories()) {
      ProtocolListRow row = RowOf(about, memory);
      const auto check = Check({about.name, std::string(shipped->text), true}, memory);
      if (Interrupted()) return Complain(Error{.code = ErrorCode::kInterrupted, .cause = "interrupted"});
      if (check) {
        row.verdict = check->result.verdict;
        row.states = check->result.states;
        row.seconds = check->seconds;
      } else {
        row.error = check.error().cause;
      }
      rows.push_back(std::move(row));
    }
  }
  const bool json = format_.format() == OutputFormat::kJson;
  const auto printed = Print(json ? ProtocolListJson(rows) + '\n' : ProtocolListText(rows));
  if (!printed) return Complain(printed.error());
  const auto wrong = std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.Unexpected(); });
  if (wrong == 0) return ExitCode::kFine;
  return Complain(Error{.code = ErrorCode::kInternal,
                        .cause = CountedText(static_cast<uint64_t>(wrong), "verdict") + (wrong == 1 ? " is" : " are") +
                                 " not what the protocols expect"});
}

ExitCode CheckVerb::Run() {
  if (const auto status = Sensible(); !status) return ComplainOfUsage(status.error());
  if (all_) return CheckShipped();
  if (diagnose_) return Diagnose();
  if (!trace_.empty()) return Against();
  if (!list_) return show_ ? Show() : CheckOne();
  const auto listing =
      server_.server().empty() ? Result<Listing>(ListShippedProtocols()) : ListProtocolsRemotely(server_.remote());
  if (!listing) return Complain(listing.error());
  const auto printed = Print(ListingText(*listing, format_.format()));
  return printed ? ExitCode::kFine : Complain(printed.error());
}

}  // namespace wakewatch
