// Why: every client (the collector, the command line) reaches a server in the same way: plaintext on this machine, TLS
// to any other, with a token or a certificate of its own. Files are read at each connection, so that a rotated one is
// taken up without a restart, by whoever may still read it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "analysis/base/result.h"

namespace grpc {
class Channel;
class ChannelArguments;
class ClientContext;
}  // namespace grpc

namespace wakewatch {

// What files hold, by path.
using HeldFiles = std::map<std::string, std::string>;

struct ServerAccess {
  std::string token_file;       // as `wakewatch token create -o` writes it
  std::string tls_ca;           // PEM; empty: the authorities of this system
  std::string tls_certificate;  // PEM, and its key: who we are
  std::string tls_key;
  // Of the files above, as they were before privileges were given up: for those that cannot be read any more.
  HeldFiles held = {};
};
// Fills `held`. What cannot be read is left out; OpenChannel says so.
void HoldFiles(ServerAccess* access);

// One of them: as it is now, or as it is held where it cannot be read any more.
Result<std::string> ReadAccessFile(const std::string& path, const ServerAccess& access);

// To another machine always; on this one where a CA or a certificate is given.
bool UsesTls(const std::string& server, const ServerAccess& access);

struct ServerChannel {
  std::shared_ptr<grpc::Channel> channel;
  std::string authorization;  // "Bearer …"; empty: no token

  void Authorize(grpc::ClientContext* context) const;
};
// Errors: kInvalidArgument (the address; one of certificate and key), kNotFound, kPermission (others may read the
// token), kCorrupt (no token in the file).
Result<ServerChannel> OpenChannel(const std::string& server, const ServerAccess& access,
                                  const grpc::ChannelArguments& arguments);

// Why no connection comes about, and what to do, where a look by our own eyes tells more than gRPC does: it takes up to
// some seconds.
struct NoConnection {
  std::string why;     // empty: nothing that TLS explains
  bool lasts = false;  // it was seen, and not only guessed: somebody has to change a certificate or an option
};
NoConnection ExplainNoConnection(const std::string& server, const ServerAccess& access);

}  // namespace wakewatch
