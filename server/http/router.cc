#include "server/http/router.h"

#include "server/http/gzip.h"

namespace wakewatch {

Router::Router(AccessRules access, HttpAccess* callers, StaticFiles files, const ConnectBridge& bridge,
               std::function<std::string()> metrics, std::function<Health()> health)
    : access_(std::move(access)),
      callers_(callers),
      files_(std::move(files)),
      bridge_(bridge),
      metrics_(std::move(metrics)),
      health_(std::move(health)) {}

std::optional<HttpResponse> Router::AnswerByHead(const HttpRequest& head) const {
  if (std::optional<HttpResponse> refusal = access_.Refusal(head)) return refusal;
  if (std::optional<HttpResponse> answer = access_.Preflight(head)) return answer;
  if (head.path.rfind('/', 0) != 0) return TextResponse(400, "The request's target must be a path.");
  const bool is_call = bridge_.IsCall(head.path);
  if (std::optional<HttpResponse> refusal = callers_->Refusal(head, is_call)) return refusal;
  if (is_call) return bridge_.Refusal(head);
  if (callers_->IsOwn(head.path) && head.method == "POST") return std::nullopt;
  if (head.method != "GET" && head.method != "HEAD") {
    HttpResponse response = TextResponse(405, "Only GET and HEAD are allowed here.");
    response.headers.emplace_back("allow", "GET, HEAD");
    return response;
  }
  return std::nullopt;
}

HttpResponse Router::Answer(const HttpRequest& request) const {
  if (callers_->IsOwn(request.path)) return callers_->Answer(request);
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
