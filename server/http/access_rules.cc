#include "server/http/access_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace wakewatch {
namespace {

constexpr uint16_t kHttpPort = 80, kHttpsPort = 443;  // which browsers leave out

constexpr const char* kEveryAnswer[][2] = {
    {"content-security-policy",
     "default-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; "
     "base-uri 'none'; form-action 'none'"},
    {"x-content-type-options", "nosniff"},
    {"referrer-policy", "no-referrer"},
    {"cross-origin-opener-policy", "same-origin"},
    {"cross-origin-resource-policy", "same-origin"},
};

}  // namespace

AccessRules::AccessRules(const std::string& address, uint16_t port, const std::vector<std::string>& allowed_origins,
                         bool tls, bool anywhere)
    : port_(port), anywhere_(anywhere), scheme_(tls ? "https://" : "http://") {
  const bool v6 = address.find(':') != address.npos;
  for (const std::string& name : {std::string("localhost"), std::string("127.0.0.1"), std::string("[::1]"),
                                  LowerCase(v6 ? "[" + address + "]" : address)}) {
    hosts_.insert(fmt::format("{}:{}", name, port));
    if (port == (tls ? kHttpsPort : kHttpPort)) hosts_.insert(name);
  }
  for (const std::string& host : hosts_) own_origins_.insert(scheme_ + host);
  for (const std::string& origin : allowed_origins) foreign_origins_.insert(LowerCase(origin));
}

bool AccessRules::IsOwn(std::string_view origin, std::string_view host) const {
  if (!anywhere_) return own_origins_.count(LowerCase(origin)) > 0;
  return !host.empty() && LowerCase(origin) == scheme_ + LowerCase(host);
}

std::optional<HttpResponse> AccessRules::Refusal(const HttpRequest& request) const {
  for (const char* name : {"host", "origin", "content-type", "content-encoding"}) {
    if (request.Count(name) > 1) return TextResponse(400, fmt::format("The request has two {} headers.", name));
  }
  if (request.Count("host") == 0) return TextResponse(400, "The request has no Host header.");
  if (!anywhere_ && hosts_.count(LowerCase(request.Header("host"))) == 0) {
    return TextResponse(421,
                        fmt::format("This server answers only to the names of loopback, so that no web site can "
                                    "reach it under a name of its own. Open http://localhost:{0}/ instead; through "
                                    "a tunnel, use the same port at both ends: ssh -L {0}:localhost:{0} HOST",
                                    port_));
  }
  if (request.Count("origin") > 0) {
    const std::string_view origin = request.Header("origin");
    if (!IsOwn(origin, request.Header("host")) && !IsForeign(origin)) {
      return TextResponse(403,
                          "Pages of this origin may not send requests to this server. If they should, add the "
                          "origin to the server's allowed origins.");
    }
  }
  return std::nullopt;
}

std::optional<HttpResponse> AccessRules::Preflight(const HttpRequest& request) const {
  if (request.method != "OPTIONS" || request.Count("access-control-request-method") == 0) return std::nullopt;
  if (!IsForeign(request.Header("origin"))) return std::nullopt;
  return HttpResponse{204,
                      {{"access-control-allow-methods", "GET, POST"},
                       {"access-control-allow-headers",
                        "authorization, connect-accept-encoding, connect-content-encoding, connect-protocol-version, "
                        "connect-timeout-ms, content-encoding, content-type"},
                       {"access-control-max-age", "7200"}},
                      nullptr};
}

void AccessRules::AddHeaders(const HttpRequest* request, HttpResponse* response) const {
  for (const auto& [name, value] : kEveryAnswer) {
    const auto is_same = [name = name](const auto& header) { return header.first == name; };
    // A page with a form has its own.
    if (std::none_of(response->headers.begin(), response->headers.end(), is_same)) {
      response->headers.emplace_back(name, value);
    }
  }
  if (foreign_origins_.empty()) return;
  response->headers.emplace_back("vary", "origin");
  if (request == nullptr || !IsForeign(request->Header("origin"))) return;
  response->headers.emplace_back("access-control-allow-origin", request->Header("origin"));
}

}  // namespace wakewatch
