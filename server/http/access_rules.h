// Why: every page that the user's browser opens can send requests to loopback. Two checks keep them out: the Host
// header must be a name of loopback (a page whose name was rebound to 127.0.0.1 sends its own name), and the Origin
// header, which browsers put on what pages of another site send, must be ours.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/http_message.h"

namespace wakewatch {

class AccessRules {
 public:
  // `address`: where the server listens; one of its names, besides those that every loopback has. `anywhere`: it is no
  // loopback address, and names are TLS' to prove. `tls`: our pages' origins begin with https.
  AccessRules(const std::string& address, uint16_t port, const std::vector<std::string>& allowed_origins,
              bool tls = false, bool anywhere = false);

  // The refusal of a request, by its headers. nullopt: it may be answered.
  std::optional<HttpResponse> Refusal(const HttpRequest& request) const;
  // The answer to a browser that asks whether a page of another, allowed origin may call. nullopt: it does not ask.
  std::optional<HttpResponse> Preflight(const HttpRequest& request) const;
  // The headers that every answer has; `request` is null where none was understood.
  void AddHeaders(const HttpRequest* request, HttpResponse* response) const;

 private:
  bool IsForeign(std::string_view origin) const { return foreign_origins_.count(LowerCase(origin)) > 0; }

  bool IsOwn(std::string_view origin, std::string_view host) const;

  const uint16_t port_;
  const bool anywhere_;
  const std::string scheme_;
  std::set<std::string> hosts_;        // "localhost:7480"
  std::set<std::string> own_origins_;  // "http://localhost:7480"
  std::set<std::string> foreign_origins_;
};

}  // namespace wakewatch
