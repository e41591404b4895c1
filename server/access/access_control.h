// Why: every door of the server (gRPC, RPCs over HTTP, /metrics, the dashboard) asks one place who is calling and
// whether that may be. What an RPC needs stands in its descriptor; what nobody has named is refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "server/access/role.h"
#include "server/access/token_file.h"

namespace wakewatch {

struct AccessOptions {
  std::string data_folder;
  // Without a file of tokens everybody may do everything; what listens on loopback only may say so. Else, and from the
  // moment on that a file is there, everybody needs a token or a certificate.
  bool open_without_tokens = false;
  std::function<int64_t()> now_s = {};  // CLOCK_REALTIME when empty
  std::function<void(const std::string&)> warn = {};
};

// What a request brings along.
struct Credentials {
  std::string_view authorization = {};  // "Bearer ww1.…"; empty: none
  std::string_view token_id = {};       // instead of it: a login that was proven by this token
  // The names in a client certificate that TLS has verified. Without one: nullptr.
  const std::vector<std::string>* certificate = nullptr;
};

struct Caller {
  bool everybody = false;  // nothing is asked of anybody
  std::vector<Role> roles;
  std::string token_id;  // also the caller's name; empty: without a token
  std::string token_host;
  std::optional<std::vector<std::string>> certificate;
  bool signed_in = false;  // on the page /login
};

// How the HTTP gateway tells the services who calls by it, in the metadata of its calls in process. From outside these
// two are taken away and never believed.
inline constexpr char kCallerTokenMetadata[] = "wakewatch-caller-token";         // its id
inline constexpr char kCallerSignedInMetadata[] = "wakewatch-caller-signed-in";  // there: by a cookie

// What a call needs.
struct Need {
  enum Kind { kNothing, kRole, kNobodyMay } kind = kNobodyMay;
  Role role = Role::kAdmin;
};

enum class Verdict { kAllowed, kUnknownCaller, kNotAllowed };
struct Decision {
  Verdict verdict = Verdict::kNotAllowed;
  std::string text = {};  // cause and remedy of a refusal; nothing secret is in it
  Caller caller = {};
};

class AccessControl {
 public:
  explicit AccessControl(AccessOptions options);

  // Of "/wakewatch.v1.SqlService/Query", or any other gRPC method.
  Need NeedOf(std::string_view method) const;
  Decision Decide(const Credentials& credentials, const Need& need);
  // The token of a decision is still good, for calls that last. Always true without one.
  bool StillGood(const Caller& caller);
  // When that token ends; 0: it does not.
  int64_t ExpiresAt(const Caller& caller);
  // Nothing is asked of anybody, for now.
  bool IsOpen();

 private:
  struct Tokens {
    bool exist = false;  // has been there once: then nothing is open any more
    std::map<std::string, Token, std::less<>> by_id;
  };
  std::shared_ptr<const Tokens> Current();
  int64_t NowS() const;
  bool AddToken(const Tokens& tokens, const Credentials& credentials, Caller* caller, std::string* problem) const;

  const AccessOptions options_;
  const TokenFile file_;
  std::map<std::string, Need, std::less<>> needs_;
  std::mutex mutex_;
  std::shared_ptr<const Tokens> tokens_;
  std::string seen_;  // which state of the file that is
};

// Whether the caller may deliver as `host`. `replayed`: events of an import, under a host of its own. kPermission: no.
Status MayDeliverAs(const Caller& caller, const std::string& host, bool replayed);

}  // namespace wakewatch
