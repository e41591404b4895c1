// Why: a dashboard asks a server for a tile of the timeline with every movement of the mouse. This asks as it does,
// over gRPC and over HTTP, at every zoom and at random places of a recording, and says how long the answers take: on
// the clock of the one who waits, and, since other programs change that, in CPU time of the server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>
#include <wakewatch/v1/analysis.grpc.pb.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace wakewatch::tiles {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string server = "127.0.0.1:7400", http = "127.0.0.1:7480", host;
  std::vector<int32_t> pids;
  uint32_t questions = 200;
  int64_t server_pid = 0;
};

double MsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// What the process has run on CPUs, all threads together.
double CpuMs(int64_t pid) {
  double ns = 0;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::ifstream stat(task.path() / "schedstat");
    double ran_ns = 0;
    if (stat >> ran_ns) ns += ran_ns;
  }
  return ns * 1e-6;
}

// One connection that is kept open. Answers the body's size, or nothing.
class Http {
 public:
  explicit Http(const std::string& address) : address_(address) {
    const size_t colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    good_ = connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Http() { close(socket_); }
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  std::optional<size_t> Post(const std::string& path, const std::string& type, const std::string& body) {
    const std::string request = "POST " + path + " HTTP/1.1\r\nHost: " + address_ + "\r\nContent-Type: " + type +
                                "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    if (!good_ || send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      return std::nullopt;
    }
    std::string answer;
    size_t head = std::string::npos;
    while ((head = answer.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive(&answer)) return std::nullopt;
    }
    std::string headers = answer.substr(0, head);
    std::transform(headers.begin(), headers.end(), headers.begin(), [](unsigned char c) { return std::tolower(c); });
    const size_t at = headers.find("content-length:");
    if (headers.find(" 200 ") == std::string::npos || at == std::string::npos) return std::nullopt;
    const auto size = static_cast<size_t>(std::atoll(headers.c_str() + at + 15));
    while (answer.size() < head + 4 + size) {
      if (!Receive(&answer)) return std::nullopt;
    }
    return size;
  }

 private:
  bool Receive(std::string* to) {
    char buffer[1 << 16];
    const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
    if (got > 0) to->append(buffer, static_cast<size_t>(got));
    return got > 0;
  }
  const std::string address_;
  int socket_ = -1;
  bool good_ = false;
};

// Asks one question; the answer's bytes, or nothing.
using Ask = std::function<std::optional<size_t>(uint64_t start_ns, uint64_t end_ns)>;

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options), stub_(v1::AnalysisService::NewStub(Channel(options.server))), http_(options.http) {}

  int Run() {
    v1::GetTimelineRequest all;
    all.mutable_recording()->set_host(options_.host);
    v1::GetTimelineResponse whole;
    if (!Grpc(&v1::AnalysisService::Stub::GetTimeline, all, &whole)) return 1;
    start_ns_ = whole.start_ns();
    end_ns_ = whole.end_ns();
    std::printf("recording of %s: %.1f s\n", options_.host.c_str(), static_cast<double>(end_ns_ - start_ns_) * 1e-9);
    bool good = true;
    for (const Method& method : Methods()) {
      for (double digits = 3; digits < 12 && std::pow(10, digits - 1) < static_cast<double>(end_ns_ - start_ns_) &&
                              digits <= method.digits_max;
           ++digits) {
        good = Measure(method, digits) && good;
      }
    }
    return good ? 0 : 1;
  }

 private:
  struct Method {
    std::string name;
    double digits_max;
    Ask ask;
  };
  static std::shared_ptr<grpc::Channel> Channel(const std::string& server) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
  }
  template <typename Call, typename Request, typename Response>
  std::optional<size_t> Grpc(Call call, const Request& request, Response* response) {
    grpc::ClientContext context;
    const grpc::Status status = ((*stub_).*call)(&context, request, response);
    if (status.ok()) return response->ByteSizeLong();
    std::fprintf(stderr, "tiles_bench: error: %s\n", status.error_message().c_str());
    return std::nullopt;
  }
  template <typename Request>
  std::optional<size_t> Post(const std::string& method, const Request& request, bool json) {
    std::string body;
    if (json) {
      (void)google::protobuf::util::MessageToJsonString(request, &body);
    } else {
      request.SerializeToString(&body);
    }
    return http_.Post("/wakewatch.v1.AnalysisService/" + method, json ? "application/json" : "application/proto", body);
  }
  v1::GetTimelineRequest Tile(uint64_t start_ns, uint64_t end_ns) const {
    v1::GetTimelineRequest request;
    request.mutable_recording()->set_host(options_.host);
    request.set_start_ns(start_ns);
    request.set_end_ns(end_ns);
    return request;
  }
  v1::GetTimelineDetailRequest Detail(uint64_t start_ns, uint64_t end_ns) const {
    v1::GetTimelineDetailRequest request;
    request.mutable_recording()->set_host(options_.host);
    request.set_start_ns(start_ns);
    request.set_end_ns(end_ns);
    for (const int32_t pid : options_.pids) request.add_pids(pid);
    return request;
  }
  std::vector<Method> Methods() {
    const auto grpc_tile = [this](uint64_t start_ns, uint64_t end_ns) {
      v1::GetTimelineResponse response;
      return Grpc(&v1::AnalysisService::Stub::GetTimeline, Tile(start_ns, end_ns), &response);
    };
    const auto grpc_detail = [this](uint64_t start_ns, uint64_t end_ns) {
      v1::GetTimelineDetailResponse response;
      return Grpc(&v1::AnalysisService::Stub::GetTimelineDetail, Detail(start_ns, end_ns), &response);
    };
    std::vector<Method> methods = {{"tile, gRPC", 12, grpc_tile}, {"detail, gRPC", 9, grpc_detail}};
    for (const bool json : {true, false}) {
      const std::string over = json ? ", HTTP JSON" : ", HTTP proto";
      methods.push_back({"tile" + over, 12, [this, json](uint64_t start_ns, uint64_t end_ns) {
                           return Post("GetTimeline", Tile(start_ns, end_ns), json);
                         }});
      methods.push_back({"detail" + over, 9, [this, json](uint64_t start_ns, uint64_t end_ns) {
                           return Post("GetTimelineDetail", Detail(start_ns, end_ns), json);
                         }});
    }
    return methods;
  }
  bool Measure(const Method& method, double digits) {
    std::mt19937_64 random(1);
    std::vector<double> waited_ms, ran_ms;
    size_t bytes = 0;
    const uint64_t all_ns = end_ns_ - start_ns_;
    const uint64_t span_ns = std::min(all_ns, static_cast<uint64_t>(std::pow(10, digits)));
    for (uint32_t i = 0; i < options_.questions; ++i) {
      const uint64_t start_ns = start_ns_ + random() % (all_ns - span_ns + 1);
      const double before_ms = CpuMs(options_.server_pid);
      const auto begin = Clock::now();
      const auto size = method.ask(start_ns, start_ns + span_ns);
      waited_ms.push_back(MsSince(begin));
      ran_ms.push_back(CpuMs(options_.server_pid) - before_ms);
      if (!size) {
        std::fprintf(stderr, "tiles_bench: error: %s was not answered\n", method.name.c_str());
        return false;
      }
      bytes += *size;
    }
    const auto at = [](std::vector<double>* times, size_t percent) {
      std::sort(times->begin(), times->end());
      return (*times)[(times->size() - 1) * percent / 100];
    };
    std::printf("%-20s 10^%-2.0f ns  waited p50 %7.2f p99 %7.2f ms", method.name.c_str(), digits, at(&waited_ms, 50),
                at(&waited_ms, 99));
    if (options_.server_pid != 0)
      std::printf("  server's CPU p50 %7.2f p99 %7.2f ms", at(&ran_ms, 50), at(&ran_ms, 99));
    std::printf("  %8.1f kB\n", static_cast<double>(bytes) / options_.questions / 1e3);
    std::fflush(stdout);
    return true;
  }

  const Options& options_;
  std::unique_ptr<v1::AnalysisService::Stub> stub_;
  Http http_;
  uint64_t start_ns_ = 0, end_ns_ = 0;
};

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("asks a server for tiles of the timeline", "tiles_bench");
  app.add_option("--server", options.server, "HOST:PORT of gRPC")->capture_default_str();
  app.add_option("--http", options.http, "ADDRESS:PORT of HTTP")->capture_default_str();
  app.add_option("--host", options.host, "Of which host's newest recording")->required();
  app.add_option("--pids", options.pids, "Whose lanes are asked for")->delimiter(',');
  app.add_option("--questions", options.questions, "At each zoom")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--server-pid", options.server_pid, "The server, on this machine: for its CPU time");
  CLI11_PARSE(app, argc, argv);
  return Bench(options).Run();
}

}  // namespace
}  // namespace wakewatch::tiles

int main(int argc, char** argv) { return wakewatch::tiles::Main(argc, argv); }
