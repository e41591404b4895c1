#include "server/cli/cert.h"

#include <algorithm>

#include "server/access/certificates.h"
#include "server/cli/diagnostics.h"

namespace wakewatch {
namespace {

constexpr uint64_t kAuthorityDays = 1825, kCertificateDays = 397;

}  // namespace

CertVerb::CertVerb(CommandLine* line)
    : Verb(line->AddVerb("cert", "Make an authority, and certificates for a server and the hosts that deliver to it")) {
  options()->Text({.names = "what",
                   .help = "What to make",
                   .type = "",
                   .required = true,
                   .choices = {"create-ca", "server", "client"}},
                  &what_);
  options()->Text({.names = "--dir", .help = "Where the authority is, and what is made goes", .type = "DIR"}, &folder_);
  options()->List(
      {.names = "--name", .help = "A name by which clients call the server; may be repeated", .type = "NAME"}, &names_);
  options()->List({.names = "--ip", .help = "An address by which they do; may be repeated", .type = "ADDRESS"},
                  &addresses_);
  options()->Text(
      {.names = "--host", .help = "The host that the client is; it may deliver as no other", .type = "NAME"}, &host_);
  options()->Number({.names = "--days", .help = "How long it is good; 0: 1825 for an authority, else 397", .type = "N"},
                    &days_);
  options()->Flag("-f,--force", "Replace files that are there", &force_);
  options()->Examples({"wakewatch cert create-ca", "wakewatch cert server --name wake.example.org --ip 192.0.2.7",
                       "wakewatch cert client --host web-1"});
}

ExitCode CertVerb::Run() {
  const bool server = what_ == "server", client = what_ == "client";
  if (client == host_.empty() || (!server && (!names_.empty() || !addresses_.empty()))) {
    return ComplainOfUsage(Error{.code = ErrorCode::kInvalidArgument,
                                 .cause = "--name and --ip are for `cert server`, --host is for `cert client`",
                                 .remedy = "see wakewatch cert --help"});
  }
  CertificateWish wish;
  wish.replace = force_;
  wish.days = static_cast<unsigned>(std::min<uint64_t>(days_ != 0         ? days_
                                                       : server || client ? kCertificateDays
                                                                          : kAuthorityDays,
                                                       UINT32_MAX));
  wish.dns_names = client ? std::vector<std::string>{host_} : names_;
  wish.addresses = addresses_;
  wish.common_name = client           ? host_.substr(0, 64)
                     : !server        ? "Wakewatch authority"
                     : names_.empty() ? "wakewatch server"
                                      : names_.front().substr(0, 64);
  const auto made = server   ? IssueServerCertificate(folder_, "server", wish)
                    : client ? IssueClientCertificate(folder_, host_, wish)
                             : CreateAuthority(folder_, wish);
  if (!made) return ComplainOfUsage(made.error());
  const auto printed = Print(made->certificate + '\n' + made->key + '\n');
  return printed ? ExitCode::kFine : Complain(printed.error());
}

}  // namespace wakewatch
