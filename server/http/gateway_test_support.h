// Why: the gateway is tested from outside, over a socket, with services behind it that do what a test needs. The client
// is a raw socket: what it sends is exactly what stands in the test.
#pragma once

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wakewatch/v1/findings.grpc.pb.h>
#include <wakewatch/v1/fleet.grpc.pb.h>
#include <wakewatch/v1/ingest.grpc.pb.h>
#include <wakewatch/v1/sql.grpc.pb.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "server/http/connect_protocol.h"
#include "server/http/gateway.h"
#include "server/http/http_message.h"

namespace wakewatch {

namespace v1 = ::wakewatch::v1;

constexpr std::chrono::seconds kPatience{180};  // which only a failure takes

template <typename Condition>
bool Eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

class FakeFleet final : public v1::FleetService::Service {
 public:
  grpc::Status ListHosts(grpc::ServerContext* context, const v1::ListHostsRequest*,
                         v1::ListHostsResponse* response) override {
    response->add_hosts()->set_name("alpha");
    response->mutable_hosts(0)->set_events(1234567890123456789u);
    for (const auto& [name, value] : context->client_metadata()) {
      if (name == "authorization") response->add_hosts()->set_name(std::string(value.data(), value.size()));
    }
    context->AddTrailingMetadata("x-note", "two hosts");
    return grpc::Status::OK;
  }
};

class FakeFindings final : public v1::FindingService::Service {
 public:
  // id "big": an explanation of 1 MiB; "never": waits until the caller gives up; "": an error; else itself.
  grpc::Status GetFinding(grpc::ServerContext* context, const v1::GetFindingRequest* request,
                          v1::GetFindingResponse* response) override {
    if (request->id().empty()) return {grpc::StatusCode::NOT_FOUND, "no \"finding\" has\nan empty id"};
    response->mutable_finding()->set_id(request->id());
    if (request->id() == "big") response->mutable_finding()->set_explanation(std::string(1 << 20, 'x'));
    if (request->id() == "never") WaitForCancel(context);
    return grpc::Status::OK;
  }

  // `backlog` messages, of 64 KiB each for host "large"; then nothing until the caller goes away, but for host "ends".
  grpc::Status WatchFindings(grpc::ServerContext* context, const v1::WatchFindingsRequest* request,
                             grpc::ServerWriter<v1::WatchFindingsResponse>* writer) override {
    const bool large = request->host().find("large") != std::string::npos;
    for (uint32_t i = 0; i < request->backlog(); ++i) {
      v1::WatchFindingsResponse response;
      response.set_missed(i);
      if (large) response.add_findings()->set_explanation(std::string(64 * 1024, 'x'));
      if (!writer->Write(response)) break;
      ++written;
    }
    if (request->host().find("ends") != std::string::npos) return grpc::Status::OK;
    WaitForCancel(context);
    return grpc::Status::CANCELLED;
  }

  std::atomic<uint32_t> written = 0, waiting = 0, cancelled = 0;

 private:
  void WaitForCancel(grpc::ServerContext* context) {
    ++waiting;
    if (Eventually([&] { return context->IsCancelled(); })) ++cancelled;
  }
};

class FakeSql final : public v1::SqlService::Service {
 public:
  grpc::Status Query(grpc::ServerContext*, const v1::SqlQueryRequest* request,
                     grpc::ServerWriter<v1::SqlQueryResponse>* writer) override {
    v1::SqlQueryResponse columns, end;
    columns.add_columns(request->sql());
    writer->Write(columns);
    if (request->sql() == "DROP") return {grpc::StatusCode::PERMISSION_DENIED, "not a plain read"};
    end.mutable_end()->set_rows(7);
    writer->Write(end);
    return grpc::Status::OK;
  }
};

struct Answer {
  unsigned status = 0;  // 0: the connection ended before an answer
  std::map<std::string, std::string> headers;
  std::string body;
  bool complete = false;
};

class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_bytes = 0) : port_(port), fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_bytes > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    const timeval patience{kPatience.count(), 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address));
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // May fail halfway, where the server has refused what comes.
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  // With Host, Content-Length where there is a body, and `headers`, each with its CRLF.
  void Request(const std::string& line, const std::string& headers = "", const std::string& body = "") {
    std::string text = line + " HTTP/1.1\r\nHost: localhost:" + std::to_string(port_) + "\r\n" + headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    Send(text + "\r\n" + body);
  }

  Answer ReadHead() {
    Answer answer;
    std::string line = Line();
    if (line.size() < 12) return answer;
    answer.status = static_cast<unsigned>(std::stoul(line.substr(9, 3)));
    while (!(line = Line()).empty()) {
      const size_t colon = line.find(": ");
      answer.headers[LowerCase(line.substr(0, colon))] = line.substr(colon + 2);
    }
    return answer;
  }

  // nullopt-like: an empty string at the end of the body.
  std::string ReadChunk() {
    const std::string size = Line();
    const std::string chunk = Bytes(size.empty() ? 0 : std::stoul(size, nullptr, 16));
    Line();
    return chunk;
  }

  Answer ReadAnswer(bool head_only = false) {
    Answer answer = ReadHead();
    if (answer.status == 0) return answer;
    if (answer.headers.count("transfer-encoding") > 0) {
      for (std::string chunk; !(chunk = ReadChunk()).empty();) answer.body += chunk;
    } else if (answer.headers.count("content-length") > 0 && !head_only) {
      answer.body = Bytes(std::stoul(answer.headers["content-length"]));
    }
    answer.complete = !ended_;
    return answer;
  }

  // Whether the server closes, without another byte.
  bool AtEnd() {
    if (buffer_.empty()) Fill();
    return ended_ && buffer_.empty();
  }

 private:
  bool Fill() {
    char block[64 * 1024];
    const ssize_t n = recv(fd_, block, sizeof block, 0);
    if (n > 0) buffer_.append(block, static_cast<size_t>(n));
    EXPECT_FALSE(n < 0 && errno == EAGAIN) << "the server is silent, and keeps the connection";
    ended_ = ended_ || n <= 0;
    return n > 0;
  }

  std::string Line() {
    size_t end;
    while ((end = buffer_.find("\r\n")) == buffer_.npos) {
      if (!Fill()) return "";
    }
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
  }

  std::string Bytes(size_t n) {
    while (buffer_.size() < n && Fill()) {
    }
    const std::string bytes = buffer_.substr(0, n);
    buffer_.erase(0, n);
    return bytes;
  }

  const uint16_t port_;
  int fd_;
  std::string buffer_;
  bool ended_ = false;
};

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    options_.port = 0;
    v1::IngestRequest::descriptor();  // has it linked in
    grpc::ServerBuilder builder;
    builder.RegisterService(&fleet_);
    builder.RegisterService(&findings_);
    builder.RegisterService(&sql_);
    builder.RegisterService(&ingest_);
    server_ = builder.BuildAndStart();
  }
  ~GatewayTest() override {
    gateway_.reset();
    server_->Shutdown();
  }

  void Start() {
    auto started = Gateway::Start(
        options_, server_->InProcessChannel({}), [] { return std::string("wakewatch_events_total 7\n"); },
        [this] {
          return Health{serving_, serving_ ? "fine" : "the disk is full"};
        });
    ASSERT_TRUE(started) << started.error().Text();
    gateway_ = std::move(*started);
  }

  uint16_t port() const { return gateway_->port(); }

  // One request on a connection of its own.
  Answer Ask(const std::string& line, const std::string& headers = "", const std::string& body = "") {
    RawClient client(port());
    client.Request(line, headers, body);
    return client.ReadAnswer(line.rfind("HEAD ", 0) == 0);
  }

  GatewayOptions options_;
  FakeFleet fleet_;
  FakeFindings findings_;
  FakeSql sql_;
  v1::IngestService::Service ingest_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Gateway> gateway_;
  std::atomic<bool> serving_ = true;
};

inline constexpr char kJson[] = "Content-Type: application/json\r\n";
inline constexpr char kProto[] = "Content-Type: application/proto\r\n";
inline constexpr char kStreamJson[] = "Content-Type: application/connect+json\r\n";
inline constexpr char kStreamProto[] = "Content-Type: application/connect+proto\r\n";

inline constexpr char kListHosts[] = "POST /wakewatch.v1.FleetService/ListHosts";
inline constexpr char kGetFinding[] = "POST /wakewatch.v1.FindingService/GetFinding";
inline constexpr char kWatchFindings[] = "POST /wakewatch.v1.FindingService/WatchFindings";
inline constexpr char kQuery[] = "POST /wakewatch.v1.SqlService/Query";

}  // namespace wakewatch
