// Why: who may call what is promised for every RPC and every route, so the test takes them from the descriptors: an RPC
// that is added is asked too, and one without a role fails here.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <grpcpp/generic/generic_stub.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <wakewatch/v1/options.pb.h>

#include <chrono>
#include <sstream>

#include "server/access/access_test_support.h"
#include "server/http/gateway_test_support.h"
#include "server/live/fleet.h"
#include "server/live/recordings.h"
#include "server/rpc/grpc_server.h"

namespace wakewatch {
namespace {

namespace pb = google::protobuf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kLongAgo = 1'000'000;

std::vector<const pb::MethodDescriptor*> Methods() {
  std::vector<std::string> files;
  pb::DescriptorPool::internal_generated_database()->FindAllFileNames(&files);
  std::vector<const pb::MethodDescriptor*> methods;
  for (const std::string& name : files) {
    const pb::FileDescriptor* const file = pb::DescriptorPool::generated_pool()->FindFileByName(name);
    if (file == nullptr || file->package() != "wakewatch.v1") continue;
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) methods.push_back(file->service(s)->method(m));
    }
  }
  return methods;
}

std::string PathOf(const pb::MethodDescriptor* method) {
  return "/" + method->service()->full_name() + "/" + method->name();
}

// Spelt out here once more, so that a mistake in Covers does not hide itself.
bool MayCall(const std::string& role, v1::Role needed) {
  switch (needed) {
    case v1::ROLE_INGEST: return role == "ingest" || role == "import" || role == "admin";
    case v1::ROLE_IMPORT: return role == "import" || role == "admin";
    case v1::ROLE_READ: return role == "read" || role == "admin";
    case v1::ROLE_ADMIN: return role == "admin";
    default: return false;
  }
}

struct Who {
  std::string story;
  std::string bearer;  // empty: no header
  std::string role;    // empty: not known
};

class AccessMatrixTest : public ::testing::Test {
 protected:
  AccessMatrixTest() {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)));
    for (const Role role : kRoles) {
      who_.push_back({std::string(Name(role)), folder_.Bearer({.id = std::string(Name(role)), .roles = {role}}),
                      std::string(Name(role))});
    }
    who_.push_back({"nobody", "", ""});
    who_.push_back({"no token", "Bearer hello", ""});
    who_.push_back(
        {"expired",
         folder_.Bearer({.id = "expired", .roles = {Role::kAdmin}, .lifetime = std::chrono::seconds(1)}, kLongAgo),
         ""});
    who_.push_back({"revoked", folder_.Bearer({.id = "revoked", .roles = {Role::kAdmin}}), ""});
    EXPECT_TRUE(RevokeToken(folder_.tokens(), "revoked", kLongAgo));
    who_.push_back({"another's secret", "Bearer ww1.admin." + std::string(43, 'A'), ""});
    Start();
  }
  ~AccessMatrixTest() override {
    fleet_->Stop();
    gateway_.reset();
    server_->Stop();
    // Whatever was said while it ran, no secret was.
    for (const Who& who : who_) {
      if (who.bearer.size() < 43) continue;
      EXPECT_THAT(log_.str(), Not(HasSubstr(who.bearer.substr(who.bearer.size() - 43))));
    }
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("none"));
  }

  void Start() {
    AccessOptions options{.data_folder = folder_.path()};
    options.open_without_tokens = true;
    options.warn = [](const std::string& text) { spdlog::warn("{}", text); };
    access_ = std::make_unique<AccessControl>(options);
    FleetOptions fleet;
    fleet.data_folder = folder_.path();
    fleet.log = [](const std::string& text, bool) { spdlog::info("{}", text); };
    fleet_ = std::move(Fleet::Open(fleet).value());
    recordings_ = std::make_unique<Recordings>(fleet_.get());
    GrpcServerOptions listen;
    listen.port = 0;
    listen.access = access_.get();
    auto server = GrpcServer::Start(recordings_.get(), listen);
    ASSERT_TRUE(server) << server.error().Text();
    server_ = std::move(*server);
    GatewayOptions gateway;
    gateway.port = 0;
    gateway.access = access_.get();
    auto started = Gateway::Start(
        gateway, server_->InProcessChannel(), [] { return std::string("metrics\n"); },
        [] {
          return Health{true, "fine"};
        });
    ASSERT_TRUE(started) << started.error().Text();
    gateway_ = std::move(*started);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials());
  }

  // One empty message; streams that do not end are called off after their first.
  grpc::StatusCode Call(const std::string& path, const std::string& bearer, bool endless) {
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    if (!bearer.empty()) context.AddMetadata("authorization", bearer);
    const auto call = stub.PrepareCall(&context, path, &queue);
    const auto wait = [&] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    call->StartCall(nullptr);
    (void)wait();
    const grpc::Slice slice("");
    call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
    bool goes_on = wait();
    for (grpc::ByteBuffer message; goes_on;) {
      call->Read(&message, nullptr);
      goes_on = wait();
      if (goes_on && endless) context.TryCancel();
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    (void)wait();
    return status.error_code();
  }

  Answer Http(const std::string& line, const std::string& headers, const std::string& body = "") {
    RawClient client(gateway_->port());
    client.Request(line, headers, body);
    Answer answer = client.ReadHead();
    if (answer.headers.count("content-length") > 0 && line.rfind("HEAD", 0) != 0) {
      // The rest is read where it is counted, so that no stream is waited for.
      RawClient again(gateway_->port());
      again.Request(line, headers, body);
      answer = again.ReadAnswer();
    }
    return answer;
  }
  std::string Origin() const { return "Origin: http://localhost:" + std::to_string(gateway_->port()) + "\r\n"; }
  static std::string Header(const std::string& bearer) {
    return bearer.empty() ? "" : "Authorization: " + bearer + "\r\n";
  }
  const std::string& BearerOf(const std::string& story) const {
    for (const Who& who : who_) {
      if (who.story == story) return who.bearer;
    }
    ADD_FAILURE() << story;
    return who_.front().bearer;
  }

  std::ostringstream log_;
  AccessFolder folder_;
  std::vector<Who> who_;
  std::unique_ptr<AccessControl> access_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Recordings> recordings_;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<Gateway> gateway_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(AccessMatrixTest, EveryRpcByGrpc) {
  size_t asked = 0, refused = 0;
  for (const pb::MethodDescriptor* const method : Methods()) {
    const v1::Role needed = method->options().GetExtension(v1::role);
    EXPECT_NE(v1::ROLE_UNSPECIFIED, needed) << method->full_name() << " has no role";
    for (const Who& who : who_) {
      SCOPED_TRACE(method->full_name() + " by " + who.story);
      const bool endless = method->name().rfind("Watch", 0) == 0;
      const grpc::StatusCode code = Call(PathOf(method), who.bearer, endless);
      ++asked;
      if (MayCall(who.role, needed)) {
        EXPECT_NE(grpc::StatusCode::UNAUTHENTICATED, code);
        EXPECT_NE(grpc::StatusCode::PERMISSION_DENIED, code);
      } else {
        ++refused;
        EXPECT_EQ(who.role.empty() ? grpc::StatusCode::UNAUTHENTICATED : grpc::StatusCode::PERMISSION_DENIED, code);
      }
    }
  }
  EXPECT_GE(asked, 9u * 26u);
  RecordProperty("calls", static_cast<int>(asked));
  std::cout << asked << " calls, " << refused << " that had to be refused\n";
}

TEST_F(AccessMatrixTest, EveryRpcByHttp) {
  size_t asked = 0, refused = 0;
  for (const pb::MethodDescriptor* const method : Methods()) {
    const v1::Role needed = method->options().GetExtension(v1::role);
    const bool stream = method->server_streaming();
    const std::string type = stream ? kStreamJson : kJson, body = stream ? Envelope(0, "{}") : "{}";
    for (const Who& who : who_) {
      SCOPED_TRACE(method->full_name() + " by " + who.story);
      const unsigned status = Http("POST " + PathOf(method), type + Header(who.bearer), body).status;
      ++asked;
      if (MayCall(who.role, needed)) {
        EXPECT_NE(401u, status);
        EXPECT_NE(403u, status);
        EXPECT_NE(0u, status);
      } else {
        ++refused;
        EXPECT_EQ(who.role.empty() ? 401u : 403u, status);
      }
    }
  }
  std::cout << asked << " calls, " << refused << " that had to be refused\n";
}

TEST_F(AccessMatrixTest, EveryRoute) {
  struct Row {
    std::string line;
    bool for_everybody;
    unsigned allowed;  // the status for who may
  };
  const Row rows[] = {{"GET /healthz", true, 200},
                      {"GET /login", true, 200},
                      {"GET /metrics", false, 200},
                      {"HEAD /metrics", false, 200},
                      {"GET /", false, 200},
                      {"GET /index.html", false, 200},
                      {"GET /hosts/alpha", false, 200},
                      {"GET /assets/none.js", false, 404},
                      {"GET /../tokens", false, 400},
                      {"GET /..%2ftokens.txt", false, 400},
                      {"GET /%2e%2e/%2e%2e/etc/passwd.txt", false, 400},
                      {"GET /assets/../../tokens.txt", false, 400},
                      {"GET //etc/passwd.txt", false, 404},
                      {"DELETE /", false, 405},
                      {"POST /wakewatch.v1.FleetService/NoSuch", false, 404}};
  for (const Row& row : rows) {
    for (const Who& who : who_) {
      SCOPED_TRACE(row.line + " by " + who.story);
      const Answer answer = Http(row.line, Header(who.bearer));
      const bool may = row.for_everybody || who.role == "read" || who.role == "admin";
      EXPECT_EQ(may ? row.allowed : who.role.empty() ? 401u : 403u, answer.status);
      EXPECT_THAT(answer.body, Not(HasSubstr("sha256")));
      EXPECT_THAT(answer.body, Not(HasSubstr("root:")));
    }
  }
}

TEST_F(AccessMatrixTest, ABrowserSignsInAndOut) {
  const std::string token = BearerOf("read").substr(7);
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
  const Answer to_login = Http("GET /", "Accept: text/html\r\n");
  EXPECT_EQ(303u, to_login.status);
  EXPECT_EQ("/login", to_login.headers.at("location"));
  const Answer page = Http("GET /login", "");
  EXPECT_THAT(page.headers.at("content-security-policy"), HasSubstr("form-action 'self'"));
  EXPECT_EQ(403u, Http("POST /login", form, "token=" + token).status) << "no origin";
  EXPECT_EQ(403u, Http("POST /login", form + "Origin: http://evil.example\r\n", "token=" + token).status);
  EXPECT_EQ(401u, Http("POST /login", form + Origin(), "token=hello").status);
  EXPECT_EQ(401u, Http("POST /login", form + Origin(), "").status);
  EXPECT_EQ(401u, Http("POST /login", form + Origin(), "token=" + BearerOf("revoked").substr(7)).status);
  EXPECT_EQ(403u, Http("POST /login", form + Origin(), "token=" + BearerOf("ingest").substr(7)).status);
  EXPECT_EQ(413u, Http("POST /login", form + Origin(), "token=" + std::string(5000, 'x')).status);
  const Answer in = Http("POST /login", form + Origin(), "token=%20" + token);
  ASSERT_EQ(303u, in.status);
  const std::string set = in.headers.at("set-cookie");
  for (const char* flag : {"; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"}) {
    EXPECT_THAT(set, HasSubstr(flag));
  }
  EXPECT_THAT(set, Not(HasSubstr(token.substr(token.size() - 43)))) << "the token is not in the cookie";
  const std::string cookie = "Cookie: other=1; " + set.substr(0, set.find(';')) + "\r\n";
  EXPECT_EQ(200u, Http("GET /", cookie).status);
  EXPECT_EQ(200u, Http(kListHosts, kJson + cookie + Origin(), "{}").status);
  EXPECT_EQ(403u, Http(kListHosts, kJson + cookie, "{}").status) << "no origin";
  EXPECT_EQ(403u, Http(kListHosts, kJson + cookie + "Origin: http://evil.example\r\n", "{}").status);
  EXPECT_EQ(403u, Http(kListHosts, kJson + cookie + "Origin: null\r\n", "{}").status);
  EXPECT_THAT(Http("GET /login", cookie).body, HasSubstr("Sign out"));
  EXPECT_EQ(405u, Http("GET /logout", cookie).status);
  EXPECT_EQ(403u, Http("POST /logout", cookie).status);
  EXPECT_EQ(303u, Http("POST /logout", cookie + Origin()).status);
  EXPECT_EQ(401u, Http("GET /", cookie).status);
  const Answer again = Http("POST /login", form + Origin(), "token=" + token);
  const std::string second = "Cookie: " + again.headers.at("set-cookie").substr(0, 53) + "\r\n";
  EXPECT_EQ(200u, Http("GET /", second).status);
  ASSERT_TRUE(RevokeToken(folder_.tokens(), "read", kLongAgo));
  EXPECT_EQ(401u, Http("GET /", second).status) << "a cookie does not outlive its token";
}

// The gateway tells the services who calls by it. Nobody else is believed, by either door.
TEST_F(AccessMatrixTest, EveryCallerIsNamedAndNobodyNamesAnother) {
  const std::string line = "POST /wakewatch.v1.FleetService/GetCaller";
  const std::string forged = "Wakewatch-Caller-Token: admin\r\nWakewatch-Caller-Signed-In: 1\r\n";
  const std::string admin = "{\"name\":\"admin\",\"roles\":[\"ROLE_IMPORT\",\"ROLE_READ\",\"ROLE_ADMIN\"]}";
  const std::string reader = "{\"name\":\"read\",\"roles\":[\"ROLE_READ\"]}";
  EXPECT_EQ(admin, Http(line, kJson + Header(BearerOf("admin")), "{}").body);
  for (const std::string& more : {std::string(), forged}) {
    EXPECT_EQ(reader, Http(line, kJson + Header(BearerOf("read")) + more, "{}").body);
    EXPECT_EQ(401u, Http(line, kJson + more, "{}").status);
    EXPECT_EQ(403u, Http(line, kJson + Header(BearerOf("ingest")) + more, "{}").status);
  }
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
  const Answer in = Http("POST /login", form + Origin(), "token=" + BearerOf("read").substr(7));
  const std::string set = in.headers.at("set-cookie");
  const std::string cookie = "Cookie: " + set.substr(0, set.find(';')) + "\r\n" + Origin();
  for (const std::string& more : {std::string(), forged}) {
    EXPECT_EQ("{\"name\":\"read\",\"roles\":[\"ROLE_READ\"],\"signedIn\":true}",
              Http(line, kJson + cookie + more, "{}").body);
  }

  const auto stub = v1::FleetService::NewStub(channel_);
  const auto call = [&](const std::string& bearer, bool forge, v1::GetCallerResponse* response) {
    grpc::ClientContext context;
    if (!bearer.empty()) context.AddMetadata("authorization", bearer);
    if (forge) {
      context.AddMetadata(kCallerTokenMetadata, "admin");
      context.AddMetadata(kCallerSignedInMetadata, "1");
    }
    return stub->GetCaller(&context, {}, response).error_code();
  };
  for (const bool forge : {false, true}) {
    v1::GetCallerResponse response;
    EXPECT_EQ(grpc::StatusCode::OK, call(BearerOf("read"), forge, &response));
    EXPECT_EQ("read", response.name());
    EXPECT_THAT(response.roles(), ::testing::ElementsAre(v1::ROLE_READ));
    EXPECT_FALSE(response.signed_in());
    EXPECT_EQ(grpc::StatusCode::UNAUTHENTICATED, call("", forge, &response));
    EXPECT_EQ(grpc::StatusCode::PERMISSION_DENIED, call(BearerOf("ingest"), forge, &response));
  }
}

TEST_F(AccessMatrixTest, WhereNobodyIsAskedEverybodyMayDoEverythingWithoutAName) {
  GrpcServerOptions listen;
  listen.port = 0;
  const auto open = GrpcServer::Start(recordings_.get(), listen);
  ASSERT_TRUE(open) << open.error().Text();
  const auto outside =
      grpc::CreateChannel("127.0.0.1:" + std::to_string((*open)->port()), grpc::InsecureChannelCredentials());
  for (const auto& channel : {outside, (*open)->InProcessChannel()}) {
    grpc::ClientContext context;
    context.AddMetadata(kCallerTokenMetadata, "admin");
    v1::GetCallerResponse response;
    EXPECT_TRUE(v1::FleetService::NewStub(channel)->GetCaller(&context, {}, &response).ok());
    EXPECT_EQ("", response.name());
    EXPECT_EQ(4, response.roles_size());
    EXPECT_FALSE(response.signed_in());
  }
}

// Both doors. A stream that does not end ends the test, which then fails, by these times.
TEST_F(AccessMatrixTest, AStreamEndsWithItsToken) {
  constexpr std::chrono::seconds kLongest{60};
  RawClient client(gateway_->port());
  client.Request("POST /wakewatch.v1.FleetService/WatchHosts", kStreamJson + Header(BearerOf("read")),
                 Envelope(0, "{}"));
  ASSERT_EQ(200u, client.ReadHead().status);
  EXPECT_THAT(client.ReadChunk(), HasSubstr("realNs"));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kLongest);
  context.AddMetadata("authorization", BearerOf("read"));
  const auto stub = v1::FleetService::NewStub(channel_);
  const auto reader = stub->WatchHosts(&context, {});
  v1::WatchHostsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_TRUE(RevokeToken(folder_.tokens(), "read", kLongAgo));
  const auto until = std::chrono::steady_clock::now() + kLongest;
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(grpc::StatusCode::UNAUTHENTICATED, reader->Finish().error_code());
  std::string last;
  for (std::string chunk; std::chrono::steady_clock::now() < until && !(chunk = client.ReadChunk()).empty();) {
    last = chunk;
  }
  EXPECT_THAT(last, HasSubstr("unauthenticated")) << "through the gateway";
}

TEST_F(AccessMatrixTest, NobodyDeliversAsAnotherHost) {
  const std::string web_1 = folder_.Bearer({.id = "web-1", .roles = {Role::kIngest}, .host = "web-1"});
  const auto code = [&](const std::string& bearer, const std::string& host, const std::string& version) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", bearer);
    const auto stub = v1::IngestService::NewStub(channel_);
    const auto stream = stub->Stream(&context);
    v1::IngestRequest request;
    v1::Hello& hello = *request.mutable_hello();
    for (v1::VersionRange* const range : {hello.mutable_wire(), hello.mutable_chunk()}) {
      range->set_oldest(1);
      range->set_newest(1000);
    }
    hello.mutable_session()->set_host(host);
    hello.mutable_session()->set_boot_id("boot-" + host);
    hello.mutable_session()->set_session("s-" + host);
    hello.mutable_session()->set_collector_version(version);
    stream->Write(request);
    stream->WritesDone();
    v1::IngestResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish().error_code();
  };
  using Code = grpc::StatusCode;
  EXPECT_NE(Code::PERMISSION_DENIED, code(web_1, "web-1", "1.0"));
  EXPECT_EQ(Code::PERMISSION_DENIED, code(web_1, "web-2", "1.0"));
  EXPECT_EQ(Code::PERMISSION_DENIED, code(web_1, "web-2", "replay"));
  EXPECT_EQ(Code::PERMISSION_DENIED, code(BearerOf("import"), "web-2", "1.0"));
  EXPECT_EQ(Code::PERMISSION_DENIED, code(BearerOf("admin"), "web-2", "1.0"));
  EXPECT_EQ(Code::PERMISSION_DENIED, code(BearerOf("read"), "web-2", "replay"));
  EXPECT_NE(Code::PERMISSION_DENIED, code(BearerOf("import"), "lab-1", "replay"));
  EXPECT_NE(Code::PERMISSION_DENIED, code(BearerOf("ingest"), "web-3", "1.0"));
  ASSERT_TRUE(Eventually([&] { return !fleet_->Hosts().empty(); }));
  EXPECT_EQ(Code::PERMISSION_DENIED, code(BearerOf("import"), "web-1", "replay")) << "web-1 has a collector of its own";
}

}  // namespace
}  // namespace wakewatch
