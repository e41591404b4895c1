#include "server/rpc/call_guard.h"

#include <grpcpp/security/auth_context.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wakewatch {
namespace {

std::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

// The names in the certificate that TLS has verified; nullopt: the client showed none.
std::optional<std::vector<std::string>> CertificateNames(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated()) return std::nullopt;
  if (context.FindPropertyValues("x509_pem_cert").empty()) return std::nullopt;
  std::vector<std::string> names;
  for (const char* property : {"x509_subject_alternative_name", "x509_common_name"}) {
    for (const grpc::string_ref& value : context.FindPropertyValues(property)) names.emplace_back(View(value));
  }
  return names;
}

Decision Decide(AccessControl* access, const grpc::AuthContext* context,
                const std::multimap<grpc::string_ref, grpc::string_ref>& metadata, const Need& need) {
  Credentials credentials;
  const auto [begin, end] = metadata.equal_range("authorization");
  if (begin != end) {
    credentials.authorization = View(begin->second);
    if (std::next(begin) != end) return {Verdict::kUnknownCaller, "the call brings two tokens", {}};
  }
  const auto names = context == nullptr ? std::nullopt : CertificateNames(*context);
  if (names) credentials.certificate = &*names;
  return access->Decide(credentials, need);
}

class CallGuard final : public grpc::AuthMetadataProcessor {
 public:
  explicit CallGuard(AccessControl* access) : access_(access) {}
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata* taken_away,
                       OutputMetadata*) override {
    for (const char* const key : {kCallerTokenMetadata, kCallerSignedInMetadata}) {
      const auto [begin, end] = metadata.equal_range(key);
      for (auto at = begin; at != end; ++at) taken_away->emplace(key, View(at->second));
    }
    const auto path = metadata.find(":path");
    if (path == metadata.end()) return {grpc::StatusCode::INTERNAL, "a call without a method"};
    const Decision decision = Decide(access_, context, metadata, access_->NeedOf(View(path->second)));
    return decision.verdict == Verdict::kAllowed ? grpc::Status::OK : ToStatus(decision);
  }

 private:
  AccessControl* const access_;
};

// The gateway has asked for more than the name; a token that has ended since is refused here.
Decision DecideInProcess(AccessControl* access, const std::multimap<grpc::string_ref, grpc::string_ref>& metadata,
                         const Need& need) {
  const auto token = metadata.find(kCallerTokenMetadata);
  if (token == metadata.end()) {
    Decision open{.verdict = Verdict::kAllowed};
    open.caller.everybody = true;
    return open;
  }
  Decision decision = access->Decide({.token_id = View(token->second)}, need);
  decision.caller.signed_in = metadata.find(kCallerSignedInMetadata) != metadata.end();
  return decision;
}

}  // namespace

std::shared_ptr<grpc::AuthMetadataProcessor> MakeCallGuard(AccessControl* access) {
  return std::make_shared<CallGuard>(access);
}

Decision CallerOf(const grpc::ServerContextBase& context, AccessControl* access, const Need& need) {
  if (access == nullptr) {
    Decision open{.verdict = Verdict::kAllowed};
    open.caller.everybody = true;
    return open;
  }
  if (IsInProcess(context)) return DecideInProcess(access, context.client_metadata(), need);
  const auto peer = context.auth_context();
  return Decide(access, peer.get(), context.client_metadata(), need);
}

bool IsInProcess(const grpc::ServerContextBase& context) {
  const auto peer = context.auth_context();
  return peer == nullptr || peer->FindPropertyValues("transport_security_type").empty();
}

grpc::Status ToStatus(const Decision& refusal) {
  const bool unknown = refusal.verdict == Verdict::kUnknownCaller;
  return {unknown ? grpc::StatusCode::UNAUTHENTICATED : grpc::StatusCode::PERMISSION_DENIED, refusal.text};
}

}  // namespace wakewatch
