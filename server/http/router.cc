#include "server/http/router.h"

#include "server/http/gzip.h"

namespace wakewatch {

Router::Router(AccessRules access, StaticFiles files, const ConnectBridge& bridge, std::function<std::string()> metrics,
               std::function<Health()> health)
    : access_(std::move(access)),
      files_(std::move(files)),
      bridge_(bridge),
      metrics_(std::move(metrics)),
      health_(std::move(health)) {}

std::optional<HttpResponse> Router::AnswerByHead(const HttpRequest& head) const {
  if (std::optional<HttpResponse> refusal = access_.Refusal(head)) return refusal;
  if (std::optional<HttpResponse> answer = access_.Preflight(head)) return answer;
  if (head.path.rfind('/', 0) != 0) return TextResponse(400, "The request's target must be a path.");
  if (bridge_.IsCall(head.path)) return bridge_.Refusal(head);
  if (head.method != "GET" && head.method != "HEAD") {
    HttpResponse response = TextResponse(405, "Only GET and HEAD are allowed here.");
    response.headers.emplace_back("allow", "GET, HEAD");
    return response;
  }
  return std::nullopt;
}

HttpResponse Router::Answer(const HttpRequest& request) const {
  if (request.path == "/metrics") return Metrics(request);
  if (request.path == "/healthz") {
    const Health health = health_();
    return TextResponse(health.serving ? 200 : 503, health.text);
  }
  return files_.Answer(request);
}

HttpResponse Router::Metrics(const HttpRequest& request) const {
  HttpResponse response;
  response.headers = {
      {"content-type", "text/plain; version=0.0.4"}, {"cache-control", "no-store"}, {"vary", "accept-encoding"}};
  std::string text = metrics_();
  if (text.size() > kGzipFromBytes && AllowsGzip(request.Header("accept-encoding"))) {
    response.headers.emplace_back("content-encoding", "gzip");
    text = Gzip(text, 1);
  }
  response.body = std::make_shared<const std::string>(std::move(text));
  return response;
}

}  // namespace wakewatch
