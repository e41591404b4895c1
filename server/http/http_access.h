// Why: who calls by HTTP: a program with a token in its Authorization header, or a browser that has a cookie since its
// user gave a token to the page /login. The cookie is good for as long as its token is, half a day at most, and only
// until the server ends. Requests that could change something must say that they come from our own pages.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/access/access_control.h"
#include "server/http/http_message.h"

namespace wakewatch {

class HttpAccess {
 public:
  // `access` null: everybody may do everything, and there is no page for it. It must outlive this.
  HttpAccess(AccessControl* access, bool tls) : access_(access), tls_(tls) {}

  // The refusal of a request by its head, which may be a way to the page /login. `is_call`: it is for the bridge.
  std::optional<HttpResponse> Refusal(const HttpRequest& head, bool is_call);
  // An answer that lasts may go on.
  bool StillAllowed(const HttpRequest& head, bool is_call);

  // What the services are told of the caller of a call that was not refused: metadata.
  HttpHeaders CallerMetadata(const HttpRequest& head);

  bool IsOwn(std::string_view path) const { return access_ != nullptr && (path == "/login" || path == "/logout"); }
  // GET and POST of /login, POST of /logout.
  HttpResponse Answer(const HttpRequest& request);

 private:
  struct Login {
    std::string token_id;
    int64_t expires_s = 0;
  };
  Need NeedOf(std::string_view path, bool is_call) const;
  Decision Decide(const HttpRequest& head, bool is_call);
  std::string CookieName() const { return tls_ ? "__Host-wakewatch" : "wakewatch"; }
  std::string_view Cookie(const HttpRequest& head) const;
  // The token by which that browser logged in; empty: none, or too long ago.
  std::string TokenIdOf(std::string_view cookie);
  HttpResponse LogIn(const HttpRequest& request);
  HttpResponse LogOut(const HttpRequest& request);
  HttpResponse GoTo(const char* path, std::string_view cookie, int64_t seconds) const;

  AccessControl* const access_;
  const bool tls_;
  std::mutex mutex_;
  std::map<std::string, Login, std::less<>> logins_;  // by the hash of the cookie
};

}  // namespace wakewatch
