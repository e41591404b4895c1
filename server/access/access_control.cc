#include "server/access/access_control.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <sys/stat.h>
#include <wakewatch/v1/options.pb.h>

#include <algorithm>
#include <ctime>

namespace wakewatch {
namespace {

namespace pb = google::protobuf;

constexpr char kPackage[] = "wakewatch.v1";
constexpr std::string_view kOurs = "/wakewatch.v1.";
constexpr std::string_view kHealth = "/grpc.health.v1.Health/";
constexpr std::string_view kBearer = "bearer ";

Need NeedOf(v1::Role role) {
  switch (role) {
    case v1::ROLE_INGEST: return {Need::kRole, Role::kIngest};
    case v1::ROLE_IMPORT: return {Need::kRole, Role::kImport};
    case v1::ROLE_READ: return {Need::kRole, Role::kRead};
    case v1::ROLE_ADMIN: return {Need::kRole, Role::kAdmin};
    default: return {Need::kNobodyMay, Role::kAdmin};
  }
}

std::map<std::string, Need, std::less<>> NeedsOfMethods() {
  std::map<std::string, Need, std::less<>> needs;
  std::vector<std::string> files;
  pb::DescriptorPool::internal_generated_database()->FindAllFileNames(&files);
  for (const std::string& name : files) {
    const pb::FileDescriptor* const file = pb::DescriptorPool::generated_pool()->FindFileByName(name);
    if (file == nullptr || file->package() != kPackage) continue;
    for (int s = 0; s < file->service_count(); ++s) {
      const pb::ServiceDescriptor* const service = file->service(s);
      for (int m = 0; m < service->method_count(); ++m) {
        const pb::MethodDescriptor* const method = service->method(m);
        needs.emplace("/" + service->full_name() + "/" + method->name(),
                      NeedOf(method->options().GetExtension(v1::role)));
      }
    }
  }
  return needs;
}

// The token after "Bearer", in any case; nullopt: another scheme.
std::optional<std::string_view> BearerOf(std::string_view authorization) {
  if (authorization.size() < kBearer.size()) return std::nullopt;
  for (size_t i = 0; i < kBearer.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kBearer[i]) return std::nullopt;
  }
  return authorization.substr(kBearer.size());
}

const char kHowToGetOne[] =
    "make one on the server with wakewatch token create, and give it with --token-file, or as \"authorization: "
    "Bearer\"";

}  // namespace

AccessControl::AccessControl(AccessOptions options)
    : options_(std::move(options)),
      file_(options_.data_folder),
      needs_(NeedsOfMethods()),
      tokens_(std::make_shared<Tokens>()) {
  (void)Current();
}

Need AccessControl::NeedOf(std::string_view method) const {
  if (const auto found = needs_.find(method); found != needs_.end()) return found->second;
  if (method.substr(0, kOurs.size()) == kOurs) return {Need::kNobodyMay, Role::kAdmin};
  if (method.substr(0, kHealth.size()) == kHealth) return {Need::kNothing, Role::kRead};
  return {Need::kRole, Role::kRead};  // reflection, and what there is not
}

int64_t AccessControl::NowS() const { return options_.now_s ? options_.now_s() : std::time(nullptr); }

std::shared_ptr<const AccessControl::Tokens> AccessControl::Current() {
  struct stat info {};
  const bool there = stat(file_.path().c_str(), &info) == 0;
  std::string state;
  if (there) {
    for (const int64_t part : {static_cast<int64_t>(info.st_ino), static_cast<int64_t>(info.st_size),
                               static_cast<int64_t>(info.st_mode), static_cast<int64_t>(info.st_uid),
                               static_cast<int64_t>(info.st_mtim.tv_sec), static_cast<int64_t>(info.st_mtim.tv_nsec),
                               static_cast<int64_t>(info.st_ctim.tv_sec), static_cast<int64_t>(info.st_ctim.tv_nsec)}) {
      state += std::to_string(part) + ' ';
    }
  }
  const std::lock_guard lock(mutex_);
  if (state == seen_) return tokens_;
  seen_ = state;
  auto tokens = std::make_shared<Tokens>();
  // A file that went away, or cannot be understood, leaves no token, and never an open door.
  tokens->exist = there || tokens_->exist;
  auto read = file_.Read();
  if (read) {
    for (Token& token : *read) {
      std::string id = token.id;
      tokens->by_id.emplace(std::move(id), std::move(token));
    }
  } else if (options_.warn) {
    options_.warn(read.error().Text() + "; until then no token is accepted");
  }
  tokens_ = std::move(tokens);
  return tokens_;
}

bool AccessControl::IsOpen() { return options_.open_without_tokens && !Current()->exist; }

bool AccessControl::AddToken(const Tokens& tokens, const Credentials& credentials, Caller* caller,
                             std::string* problem) const {
  const int64_t now_s = NowS();
  const Token* token = nullptr;
  if (!credentials.authorization.empty()) {
    const auto bearer = BearerOf(credentials.authorization);
    const auto text = bearer ? ParseTokenText(*bearer) : std::nullopt;
    if (!text) {
      *problem = "this is no token: \"Bearer\" and the text that wakewatch token create prints";
      return false;
    }
    const auto found = tokens.by_id.find(text->id);
    // A token that is not there takes as long as one with another secret.
    static const Token kNone = [] {
      Token none;
      none.sha256 = std::string(64, '0');
      return none;
    }();
    const bool same = IsSecretOf(found == tokens.by_id.end() ? kNone : found->second, text->secret, now_s);
    if (same && found != tokens.by_id.end()) token = &found->second;
  } else if (const auto found = tokens.by_id.find(credentials.token_id); found != tokens.by_id.end()) {
    token = &found->second;
  }
  if (token == nullptr) {
    *problem = std::string("the token is not known here (") + kHowToGetOne + ")";
    return false;
  }
  if (const TokenState state = StateOf(*token, now_s); state != TokenState::kGood) {
    *problem = state == TokenState::kExpired ? "the token \"" + token->id + "\" has expired ("
                                             : "the token \"" + token->id + "\" was revoked (";
    *problem += std::string(kHowToGetOne) + ")";
    return false;
  }
  caller->token_id = token->id;
  caller->token_host = token->host;
  caller->roles = token->roles;
  return true;
}

Decision AccessControl::Decide(const Credentials& credentials, const Need& need) {
  Decision decision;
  if (need.kind == Need::kNobodyMay) {
    decision.text = "nobody may call this";
    return decision;
  }
  const auto tokens = Current();
  Caller& caller = decision.caller;
  caller.everybody = options_.open_without_tokens && !tokens->exist;
  if (need.kind == Need::kNothing || caller.everybody) {
    decision.verdict = Verdict::kAllowed;
    return decision;
  }
  const bool has_token = !credentials.authorization.empty() || !credentials.token_id.empty();
  if (!has_token && credentials.certificate == nullptr) {
    decision.verdict = Verdict::kUnknownCaller;
    decision.text = std::string("this needs a token (") + kHowToGetOne + ")";
    return decision;
  }
  if (has_token && !AddToken(*tokens, credentials, &caller, &decision.text)) {
    decision.verdict = Verdict::kUnknownCaller;
    return decision;
  }
  if (credentials.certificate != nullptr) {
    caller.certificate = *credentials.certificate;
    // A certificate says which host it is, and a host may deliver.
    if (!Covers(caller.roles, Role::kIngest)) caller.roles.push_back(Role::kIngest);
  }
  // An import is delivered like events of a host; MayDeliverAs holds it to hosts of its own.
  const bool imports = need.role == Role::kIngest && Covers(caller.roles, Role::kImport);
  if (imports || Covers(caller.roles, need.role)) {
    decision.verdict = Verdict::kAllowed;
    return decision;
  }
  decision.text = "this needs the role " + std::string(Name(need.role)) +
                  ", and the caller has: " + Names(caller.roles) + " (wakewatch token create --role " +
                  std::string(Name(need.role)) + ")";
  return decision;
}

bool AccessControl::StillGood(const Caller& caller) {
  const auto tokens = Current();
  if (caller.everybody) return options_.open_without_tokens && !tokens->exist;
  if (caller.token_id.empty()) return true;
  const auto found = tokens->by_id.find(caller.token_id);
  return found != tokens->by_id.end() && StateOf(found->second, NowS()) == TokenState::kGood;
}

int64_t AccessControl::ExpiresAt(const Caller& caller) {
  const auto tokens = Current();
  const auto found = tokens->by_id.find(caller.token_id);
  return found == tokens->by_id.end() ? 0 : found->second.expires_s;
}

Status MayDeliverAs(const Caller& caller, const std::string& host, bool replayed) {
  if (caller.everybody) return {};
  const auto refuse = [&](const std::string& cause, const std::string& remedy) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = "this caller may not deliver as host \"" + host + "\": " + cause,
                      .remedy = remedy});
  };
  if (!Covers(caller.roles, Role::kIngest)) {
    if (replayed && Covers(caller.roles, Role::kImport)) return {};
    return refuse("its role is to import recordings, not to be a collector",
                  "wakewatch token create --role ingest --host " + host);
  }
  if (!caller.token_host.empty() && caller.token_host != host) {
    // With both roles an import may have a name of its own.
    if (replayed && Covers(caller.roles, Role::kImport)) return {};
    return refuse("its token is for host \"" + caller.token_host + "\"",
                  "start the collector with --host " + caller.token_host + ", or give it a token of its own");
  }
  if (caller.certificate) {
    const auto& names = *caller.certificate;
    if (std::find(names.begin(), names.end(), host) == names.end() &&
        !(replayed && Covers(caller.roles, Role::kImport))) {
      std::string text;
      for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
      return refuse("its certificate is for " + (text.empty() ? std::string("no host") : text),
                    "wakewatch cert client --host " + host + " makes one for it");
    }
  }
  return {};
}

}  // namespace wakewatch
