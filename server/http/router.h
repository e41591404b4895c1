// Why: what answers a request, decided twice: by its head, so that no body is read in vain, and then in full.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/http/access_rules.h"
#include "server/http/connect_bridge.h"
#include "server/http/gateway.h"
#include "server/http/http_access.h"
#include "server/http/static_files.h"

namespace wakewatch {

class Router {
 public:
  // `bridge` and `callers` must outlive the router.
  Router(AccessRules access, HttpAccess* callers, StaticFiles files, const ConnectBridge& bridge,
         std::function<std::string()> metrics, std::function<Health()> health);

  // The answer to a request that gets none by its body: a refusal, or a preflight's. nullopt: read the body.
  std::optional<HttpResponse> AnswerByHead(const HttpRequest& head) const;
  // Whether the request, which AnswerByHead let through, is for the bridge; else Answer has its answer.
  bool IsCall(const HttpRequest& request) const { return bridge_.IsCall(request.path); }
  HttpResponse Answer(const HttpRequest& request) const;
  // The caller of a call that lasts may still call it.
  bool StillAllowed(const HttpRequest& head) const { return callers_->StillAllowed(head, true); }

  // Begins a call, as the bridge does, in the name of the caller.
  std::shared_ptr<ConnectCall> Call(const HttpRequest& request, PostTask post, std::weak_ptr<AnswerSink> sink) const {
    return bridge_.Start(request, callers_->CallerMetadata(request), std::move(post), std::move(sink));
  }

  const AccessRules& access() const { return access_; }

 private:
  HttpResponse Metrics(const HttpRequest& request) const;

  const AccessRules access_;
  HttpAccess* const callers_;
  const StaticFiles files_;
  const ConnectBridge& bridge_;
  const std::function<std::string()> metrics_;
  const std::function<Health()> health_;
};

}  // namespace wakewatch
