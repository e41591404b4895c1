#include "server/http/http_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "server/access/token.h"
#include "server/http/connect_protocol.h"

namespace wakewatch {
namespace {

constexpr int64_t kLoginSeconds = 12 * 3600;
constexpr size_t kLoginsMax = 10'000;
constexpr size_t kFormBytesMax = 4096;

constexpr char kPage[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in – Wakewatch</title></head><body>
<h1>Wakewatch</h1>
{}
</body></html>
)";
constexpr char kForm[] = R"(<p role="status">{}</p>
<form method="post" action="/login">
<label>Token <input name="token" type="password" autocomplete="off" required autofocus></label>
<button>Sign in</button></form>
<p>A token is made on the server: <code>wakewatch token create --role read</code></p>)";
constexpr char kSignedIn[] = R"(<p role="status">Signed in with the token {}.</p>
<p><a href="/">To the dashboard</a></p>
<form method="post" action="/logout"><button>Sign out</button></form>)";

HttpResponse Page(unsigned status, const std::string& content) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "text/html; charset=utf-8"},
                      {"cache-control", "no-store"},
                      // A form says where it comes from only if it may.
                      {"referrer-policy", "same-origin"},
                      {"content-security-policy",
                       "default-src 'none'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action "
                       "'self'"}};
  response.body = std::make_shared<const std::string>(fmt::format(kPage, content));
  return response;
}

bool IsSafe(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The value of a field in application/x-www-form-urlencoded; empty: there is none, or it is malformed.
std::string FormField(std::string_view body, std::string_view name) {
  while (!body.empty()) {
    const size_t end = std::min(body.find('&'), body.size());
    std::string_view pair = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    const size_t equals = pair.find('=');
    if (equals == pair.npos || pair.substr(0, equals) != name) continue;
    pair.remove_prefix(equals + 1);
    std::string value;
    for (size_t i = 0; i < pair.size(); ++i) {
      if (pair[i] != '%') {
        value += pair[i] == '+' ? ' ' : pair[i];
        continue;
      }
      const int high = i + 2 < pair.size() ? HexValue(pair[i + 1]) : -1;
      const int low = i + 2 < pair.size() ? HexValue(pair[i + 2]) : -1;
      if (high < 0 || low < 0) return {};
      value += static_cast<char>(high * 16 + low);
      i += 2;
    }
    const size_t begin = value.find_first_not_of(" \t\r\n");
    return begin == value.npos ? "" : value.substr(begin, value.find_last_not_of(" \t\r\n") - begin + 1);
  }
  return {};
}

}  // namespace

Need HttpAccess::NeedOf(std::string_view path, bool is_call) const {
  if (is_call) {
    // What there is not may say so to whoever may read.
    const Need need = access_->NeedOf(path);
    return need.kind == Need::kNobodyMay ? Need{Need::kRole, Role::kRead} : need;
  }
  if (path == "/healthz" || IsOwn(path)) return {Need::kNothing, Role::kRead};
  return {Need::kRole, Role::kRead};
}

std::string_view HttpAccess::Cookie(const HttpRequest& head) const {
  const std::string wanted = CookieName() + "=";
  for (const auto& [name, value] : head.headers) {
    if (name != "cookie") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(';'), rest.size());
      std::string_view pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      if (pair.substr(0, wanted.size()) == wanted) return pair.substr(wanted.size());
    }
  }
  return {};
}

std::string HttpAccess::TokenIdOf(std::string_view cookie) {
  if (cookie.empty()) return {};
  const std::lock_guard lock(mutex_);
  const auto found = logins_.find(Sha256Hex(cookie));
  return found == logins_.end() || found->second.expires_s <= std::time(nullptr) ? "" : found->second.token_id;
}

Decision HttpAccess::Decide(const HttpRequest& head, bool is_call) {
  Credentials credentials{.authorization = head.Header("authorization")};
  const std::string token_id = credentials.authorization.empty() ? TokenIdOf(Cookie(head)) : "";
  credentials.token_id = token_id;
  return access_->Decide(credentials, NeedOf(head.path, is_call));
}

std::optional<HttpResponse> HttpAccess::Refusal(const HttpRequest& head, bool is_call) {
  if (access_ == nullptr) return std::nullopt;
  if (head.Count("authorization") > 1) return TextResponse(400, "The request has two authorization headers.");
  const bool by_cookie = head.Count("authorization") == 0 && !Cookie(head).empty();
  if (!IsSafe(head.method) && (by_cookie || IsOwn(head.path)) && head.Count("origin") == 0 && !access_->IsOpen()) {
    return TextResponse(403, "A browser says which page a request comes from, and this one does not.");
  }
  const Decision decision = Decide(head, is_call);
  if (decision.verdict == Verdict::kAllowed) return std::nullopt;
  const bool unknown = decision.verdict == Verdict::kUnknownCaller;
  if (unknown && !is_call && head.method == "GET" && head.path != "/metrics" &&
      head.Header("accept").find("text/html") != std::string_view::npos) {
    return GoTo("/login", "", 0);
  }
  HttpResponse response =
      is_call ? ErrorResponse(
                    {unknown ? grpc::StatusCode::UNAUTHENTICATED : grpc::StatusCode::PERMISSION_DENIED, decision.text})
              : TextResponse(unknown ? 401 : 403, decision.text);
  if (unknown) response.headers.emplace_back("www-authenticate", "Bearer");
  return response;
}

bool HttpAccess::StillAllowed(const HttpRequest& head, bool is_call) {
  return access_ == nullptr || Decide(head, is_call).verdict == Verdict::kAllowed;
}

HttpHeaders HttpAccess::CallerMetadata(const HttpRequest& head) {
  if (access_ == nullptr) return {};
  const Decision decision = Decide(head, true);
  if (decision.caller.everybody) return {};
  // Also where the token has ended since the refusal was decided: then it names nobody, and nothing is allowed to it.
  HttpHeaders metadata{{kCallerTokenMetadata, decision.caller.token_id}};
  if (head.Count("authorization") == 0) metadata.emplace_back(kCallerSignedInMetadata, "1");
  return metadata;
}

HttpResponse HttpAccess::GoTo(const char* path, std::string_view cookie, int64_t seconds) const {
  HttpResponse response;
  response.status = 303;
  response.headers = {{"location", path}, {"cache-control", "no-store"}};
  if (!cookie.empty()) {
    response.headers.emplace_back("set-cookie", fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}",
                                                            CookieName(), cookie, seconds, tls_ ? "; Secure" : ""));
  }
  return response;
}

HttpResponse HttpAccess::LogIn(const HttpRequest& request) {
  if (request.body.size() > kFormBytesMax) return TextResponse(413, "A token is not as long as that.");
  const std::string authorization = "Bearer " + FormField(request.body, "token");
  const Decision decision = access_->Decide({.authorization = authorization}, {Need::kRole, Role::kRead});
  if (decision.verdict != Verdict::kAllowed) {
    const bool unknown = decision.verdict == Verdict::kUnknownCaller;
    return Page(unknown ? 401 : 403,
                fmt::format(kForm, unknown ? "This token is not known here, has expired or was revoked."
                                           : "This token does not let anybody read."));
  }
  const auto cookie = RandomSecret();
  if (!cookie) return TextResponse(500, cookie.error().Text());
  const int64_t now_s = std::time(nullptr), ends_s = access_->ExpiresAt(decision.caller);
  const int64_t seconds = ends_s == 0 ? kLoginSeconds : std::min(kLoginSeconds, ends_s - now_s);
  {
    const std::lock_guard lock(mutex_);
    for (auto at = logins_.begin(); at != logins_.end();) {
      at = at->second.expires_s <= now_s ? logins_.erase(at) : std::next(at);
    }
    if (logins_.size() >= kLoginsMax) return TextResponse(503, "Too many browsers are signed in. Try again later.");
    logins_[Sha256Hex(*cookie)] = {decision.caller.token_id, now_s + seconds};
  }
  return GoTo("/", *cookie, seconds);
}

HttpResponse HttpAccess::LogOut(const HttpRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    logins_.erase(Sha256Hex(Cookie(request)));
  }
  return GoTo("/login", "none", 0);
}

HttpResponse HttpAccess::Answer(const HttpRequest& request) {
  const bool post = request.method == "POST";
  if (post) return request.path == "/login" ? LogIn(request) : LogOut(request);
  if (request.path == "/logout") {
    HttpResponse response = TextResponse(405, "Signing out takes a POST.");
    response.headers.emplace_back("allow", "POST");
    return response;
  }
  const std::string token_id = TokenIdOf(Cookie(request));
  if (!token_id.empty() && Decide({"GET", "/", request.headers, ""}, false).verdict == Verdict::kAllowed) {
    return Page(200, fmt::format(kSignedIn, token_id));  // ids are letters, digits, - and _
  }
  return Page(200, fmt::format(kForm, access_->IsOpen() ? "No token is needed here." : "Sign in with a token."));
}

}  // namespace wakewatch
