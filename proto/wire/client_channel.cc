#include "proto/wire/client_channel.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "proto/wire/address.h"

namespace wakewatch {
namespace {

constexpr char kSystemAuthorities[] = "/etc/ssl/certs/ca-certificates.crt";

Result<std::string> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Fail(ErrnoError(errno == 0 ? EIO : errno, "cannot read it", path));
  return bytes;
}

Result<std::string> ReadToken(const ServerAccess& access) {
  const std::string& path = access.token_file;
  if (path.rfind("ww1.", 0) == 0) {
    // Not named: what is said ends in logs.
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "what --token-file names is a token, and not the file that holds one",
                      .remedy = "put it into a file that only its owner may read, and name that"});
  }
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = "everybody on this machine may read this token",
                      .file = path,
                      .remedy = "chmod 600 " + path});
  }
  auto text = ReadAccessFile(path, access);
  if (!text) return text;
  text->erase(text->find_last_not_of(" \t\r\n") + 1);
  const bool good = text->rfind("ww1.", 0) == 0 &&
                    std::all_of(text->begin(), text->end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (good) return text;
  return Fail(Error{.code = ErrorCode::kCorrupt,
                    .cause = "there is no token in it",
                    .file = path,
                    .remedy = "wakewatch token create -o FILE writes one"});
}

Result<grpc::SslCredentialsOptions> TlsOptions(const ServerAccess& access) {
  if (access.tls_certificate.empty() != access.tls_key.empty()) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "a certificate of this client needs its key, and the other way round",
                      .remedy = "give both --tls-cert and --tls-key"});
  }
  grpc::SslCredentialsOptions options;
  const auto roots = ReadAccessFile(access.tls_ca.empty() ? kSystemAuthorities : access.tls_ca, access);
  if (!roots) {
    Error error = roots.error();
    error.remedy = "name the authority's certificate with --tls-ca";
    return Fail(std::move(error));
  }
  options.pem_root_certs = *roots;
  if (access.tls_certificate.empty()) return options;
  const auto certificate = ReadAccessFile(access.tls_certificate, access), key = ReadAccessFile(access.tls_key, access);
  if (!certificate || !key) return Fail(certificate ? key.error() : certificate.error());
  options.pem_cert_chain = *certificate;
  options.pem_private_key = *key;
  return options;
}

}  // namespace

void HoldFiles(ServerAccess* access) {
  for (const std::string* path : {&access->token_file, &access->tls_ca, &access->tls_certificate, &access->tls_key}) {
    if (path->empty()) continue;
    if (auto text = ReadFile(*path)) access->held[*path] = *std::move(text);
  }
}

Result<std::string> ReadAccessFile(const std::string& path, const ServerAccess& access) {
  auto text = ReadFile(path);
  const auto found = access.held.find(path);
  return text || found == access.held.end() ? text : Result<std::string>(found->second);
}

bool UsesTls(const std::string& server, const ServerAccess& access) {
  const auto address = ParseAddress(server);
  return !access.tls_ca.empty() || !access.tls_certificate.empty() || !address || !IsLoopback(address->host);
}

void ServerChannel::Authorize(grpc::ClientContext* context) const {
  if (!authorization.empty()) context->AddMetadata("authorization", authorization);
}

Result<ServerChannel> OpenChannel(const std::string& server, const ServerAccess& access,
                                  const grpc::ChannelArguments& arguments) {
  if (const auto address = ParseAddress(server); !address) return Fail(address.error());
  ServerChannel opened;
  if (!access.token_file.empty()) {
    const auto token = ReadToken(access);
    if (!token) return Fail(token.error());
    opened.authorization = "Bearer " + *token;
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (UsesTls(server, access)) {
    const auto options = TlsOptions(access);
    if (!options) return Fail(options.error());
    credentials = grpc::SslCredentials(*options);
  }
  opened.channel = grpc::CreateCustomChannel(server, credentials, arguments);
  return opened;
}

}  // namespace wakewatch
