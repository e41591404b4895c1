#include "server/cli/token.h"

#include <ctime>

#include "server/access/files.h"
#include "server/cli/diagnostics.h"
#include "server/cli/listing.h"
#include "server/cli/values.h"

namespace wakewatch {
namespace {

std::chrono::seconds Seconds(const std::string& duration) {
  return std::chrono::seconds(ParseDuration(duration).value_or(0) / 1'000'000'000);
}

std::string TimeText(int64_t seconds) {
  if (seconds == 0) return "never";
  const std::time_t time = seconds;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[40];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc));
}

Error Usage(std::string cause) {
  return Error{.code = ErrorCode::kInvalidArgument, .cause = std::move(cause), .remedy = "see wakewatch token --help"};
}

}  // namespace

TokenVerb::TokenVerb(CommandLine* line)
    : Verb(line->AddVerb("token", "Make, list, replace and revoke the tokens that let callers use a server")),
      format_(options(), {"text", "json", "csv"}) {
  options()->Text({.names = "what",
                   .help = "What to do",
                   .type = "",
                   .required = true,
                   .choices = {"create", "list", "rotate", "revoke"}},
                  &what_);
  options()->Text({.names = "token", .help = "The one to rotate or revoke, by its id", .type = "ID"}, &id_);
  options()->Text({.names = "--data", .help = "The server's data folder", .type = "DIR"}, &data_);
  options()->List({.names = "--role",
                   .help = "What its holder may do; may be repeated; admin may also import and read",
                   .type = "",
                   .choices = {"ingest", "import", "read", "admin"}},
                  &roles_);
  options()->Text({.names = "--host", .help = "The only host as which it may deliver", .type = "NAME"}, &host_);
  options()->Text({.names = "--id", .help = "The new token's name in lists; default: a random one", .type = "ID"},
                  &new_id_);
  const auto duration = [&](const std::string& name, const std::string& help, std::string* value) {
    options()->Text({.names = name, .help = help, .type = "DURATION", .check = CheckedBy(ParseDuration)}, value);
  };
  duration("--expires", "How long the new token is good; 0: without end", &expires_);
  duration("--keep-old", "How long the old secret stays good beside the new one", &keep_old_);
  options()->Text({.names = "-o,--output",
                   .help = "Write the token to this file, which only its owner may read, and not to standard output",
                   .type = "FILE"},
                  &output_);
  options()->Examples({"wakewatch token create --data ./data --role ingest --host web-1 -o web-1.token",
                       "wakewatch token create --data ./data --role read --expires 30d",
                       "wakewatch token rotate --data ./data 3f0c9a5e21 --keep-old 1d",
                       "wakewatch token revoke --data ./data 3f0c9a5e21", "wakewatch token list --data ./data"});
}

Status TokenVerb::CheckUsage() const {
  const bool creates = what_ == "create", lists = what_ == "list";
  if (creates && roles_.empty()) return Fail(Usage("what may its holder do? --role says it"));
  if (!creates && (!roles_.empty() || !host_.empty() || !new_id_.empty())) {
    return Fail(Usage("--role, --host and --id are for a new token"));
  }
  if ((creates || lists) != id_.empty()) {
    return Fail(Usage(id_.empty() ? "which token? wakewatch token list names them" : "an id is for rotate and revoke"));
  }
  if (!output_.empty() && (lists || what_ == "revoke")) return Fail(Usage("there is no token to write to a file"));
  return {};
}

Result<std::string> TokenVerb::Make(const TokenFile& file) const {
  if (what_ == "rotate") return RotateToken(file, id_, Seconds(keep_old_), std::time(nullptr));
  TokenWish wish{.id = new_id_, .roles = {}, .host = host_, .lifetime = Seconds(expires_)};
  for (const std::string& name : roles_) wish.roles.push_back(*ParseRole(name));
  return CreateToken(file, wish, std::time(nullptr));
}

ExitCode TokenVerb::Show(const TokenFile& file) const {
  auto tokens = file.Read();
  if (!tokens && tokens.error().code != ErrorCode::kNotFound) return Complain(tokens.error());
  if (!tokens) tokens.emplace();
  Listing listing{{"id", "roles", "host", "created", "expires", "state"}, {}};
  for (const Token& token : *tokens) {
    listing.rows.push_back({token.id, Names(token.roles), token.host, TimeText(token.created_s),
                            TimeText(token.expires_s), std::string(Name(StateOf(token, std::time(nullptr))))});
  }
  const auto printed = Print(ListingText(listing, format_.format()));
  return printed ? ExitCode::kFine : Complain(printed.error());
}

ExitCode TokenVerb::Run() {
  if (auto good = CheckUsage(); !good) return ComplainOfUsage(good.error());
  const TokenFile file(data_);
  if (what_ == "list") return Show(file);
  if (what_ == "revoke") {
    const auto revoked = RevokeToken(file, id_, std::time(nullptr));
    return revoked ? ExitCode::kFine : Complain(revoked.error());
  }
  const auto text = Make(file);
  if (!text) return ComplainOfUsage(text.error());
  const auto written = output_.empty() ? Print(*text + '\n') : WriteWholeFile(output_, *text + '\n', 0600);
  if (!written) return Complain(written.error());
  if (what_ == "rotate") Say("the old secret is good for " + keep_old_ + " more");
  return ExitCode::kFine;
}

}  // namespace wakewatch
