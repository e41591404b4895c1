#include "tests/faults/faulty_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <utility>

namespace wakewatch::faults {
namespace {

constexpr std::string_view kLoopback = "127.0.0.1";
constexpr size_t kAfterBytesMax = 60'000;  // the opening of a session and some batches
constexpr uint32_t kPauseMsMax = 40;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool SendAll(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

// Linux sends a reset when a connected socket is connected to nothing.
void Reset(int socket) {
  sockaddr nothing{};
  nothing.sa_family = AF_UNSPEC;
  (void)connect(socket, &nothing, sizeof nothing);
}

}  // namespace

const char* Name(Fault fault) {
  switch (fault) {
    case Fault::kNone: return "none";
    case Fault::kRefuse: return "refuse";
    case Fault::kSilent: return "silent";
    case Fault::kCut: return "cut";
    case Fault::kReset: return "reset";
    case Fault::kSlow: return "slow";
    case Fault::kLate: return "late";
    case Fault::kUnheard: return "unheard";
  }
  return "unknown";
}

// Two sockets and a thread for each way between them.
class FaultyProxy::Connection {
 public:
  Connection(int collector, int server, const FaultPlan& plan) : plan_(plan), collector_(collector), server_(server) {
    const int on = 1;
    setsockopt(collector_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    requests_ = std::thread([this] { Carry(collector_, server_, false); });
    answers_ = std::thread([this] { Carry(server_, collector_, true); });
  }
  ~Connection() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    Close();
    requests_.join();
    answers_.join();
    close(collector_);
    close(server_);
  }

 private:
  void Close() {
    shutdown(collector_, SHUT_RDWR);
    shutdown(server_, SHUT_RDWR);
  }
  void Pause() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(plan_.pause_ms), [this] { return over_; });
  }

  void Carry(int from, int to, bool answers) {
    std::array<char, 16384> piece;
    size_t carried = 0;
    for (;;) {
      const ssize_t got = recv(from, piece.data(), std::min(piece.size(), plan_.piece_bytes), 0);
      if (got <= 0) break;
      const auto size = static_cast<size_t>(got);
      const bool counted = plan_.counts_answers == answers;
      const size_t left = plan_.after_bytes - std::min(carried, plan_.after_bytes);
      carried += size;
      if (plan_.fault == Fault::kSilent) {
        Pause();
        break;
      }
      if (plan_.fault == Fault::kSlow) Pause();
      if (!counted || size <= left || !Breaks()) {
        if (!SendAll(to, piece.data(), size)) break;
        continue;
      }
      if (!Break(to, piece.data(), size, left)) break;
    }
    Close();
  }
  bool Breaks() const { return plan_.fault != Fault::kNone && plan_.fault != Fault::kSlow; }

  // The byte has come at which this connection fails; `left` bytes may still pass. False: it is over.
  bool Break(int to, const char* data, size_t size, size_t left) {
    switch (plan_.fault) {
      case Fault::kUnheard:
        if (std::exchange(unheard_, true)) return true;
        Pause();  // the server goes on meanwhile, and is not heard
        return false;
      case Fault::kLate:
        shutdown(collector_, SHUT_RDWR);
        Pause();
        (void)SendAll(to, data, size);
        Pause();
        return false;
      case Fault::kReset:
        (void)SendAll(to, data, left);
        Reset(collector_);
        Reset(server_);
        return false;
      default: (void)SendAll(to, data, left); return false;
    }
  }

  const FaultPlan plan_;
  const int collector_, server_;
  bool unheard_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread requests_, answers_;  // last: they use all of the above
};

Result<std::unique_ptr<FaultyProxy>> FaultyProxy::Start(const std::string& upstream, uint64_t seed) {
  uint16_t port = 0;
  const size_t colon = upstream.find(':');
  if (upstream.substr(0, colon) != kLoopback || colon == std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument, upstream + " is not 127.0.0.1:PORT");
  }
  std::from_chars(upstream.data() + colon + 1, upstream.data() + upstream.size(), port);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return Fail(ErrnoError(errno, "making a socket", {}));
  const sockaddr_in any = Loopback(0);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 || listen(listener, 16) != 0) {
    const int listen_errno = errno;
    close(listener);
    return Fail(ErrnoError(listen_errno, "listening", {}));
  }
  return std::unique_ptr<FaultyProxy>(new FaultyProxy(listener, Loopback(port), seed));
}

FaultyProxy::FaultyProxy(int listener, const sockaddr_in& upstream, uint64_t seed)
    : listener_(listener), upstream_(upstream), random_(seed), thread_([this] { Accept(); }) {}

FaultyProxy::~FaultyProxy() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  open_.clear();
  close(listener_);
}

std::string FaultyProxy::address() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  return std::string(kLoopback) + ":" + std::to_string(ntohs(address.sin_port));
}

std::map<std::string, uint64_t> FaultyProxy::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

FaultPlan FaultyProxy::NextPlan() {
  FaultPlan plan;
  if (connections_++ >= kFaultsMax) return plan;
  const auto below = [this](uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_); };
  plan.fault = static_cast<Fault>(below(static_cast<uint64_t>(LastOf(Fault())) + 1));
  plan.counts_answers = plan.fault == Fault::kUnheard || (plan.fault != Fault::kLate && below(4) == 0);
  plan.after_bytes = below(plan.counts_answers ? 600 : kAfterBytesMax);
  plan.pause_ms = static_cast<uint32_t>(1 + below(kPauseMsMax));
  if (plan.fault == Fault::kSlow) {
    plan.piece_bytes = 1 + below(16384);
    plan.pause_ms = plan.piece_bytes < 2048 ? 0 : 1 + plan.pause_ms / 10;
  }
  return plan;
}

void FaultyProxy::Accept() {
  for (;;) {
    const int collector = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (collector < 0) return;
    const FaultPlan plan = NextPlan();
    {
      const std::lock_guard lock(mutex_);
      ++done_[Name(plan.fault)];
    }
    const int server = plan.fault == Fault::kRefuse ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, reinterpret_cast<const sockaddr*>(&upstream_), sizeof upstream_) != 0) {
      if (server >= 0) close(server);
      close(collector);
      continue;
    }
    open_.push_back(std::make_unique<Connection>(collector, server, plan));
  }
}

}  // namespace wakewatch::faults
