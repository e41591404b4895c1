// Why: a network between a collector and its server that fails as networks do, by a seed. Each connection gets a fault
// of its own; after kFaultsMax of them the network is well, so that everything can arrive.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch::faults {

enum class Fault {
  kNone,
  kRefuse,  // closed as soon as it stands
  kSilent,  // it stands, and nothing comes through
  kCut,     // closed in the middle of a message
  kReset,   // the same, by a reset
  kSlow,    // small pieces, with pauses
  kLate,    // closed towards the collector; what was on its way arrives when the next connection stands already
  kUnheard  // the server hears everything, and none of its answers arrives
};
constexpr Fault LastOf(Fault) { return Fault::kUnheard; }
const char* Name(Fault fault);

// How one connection fails.
struct FaultPlan {
  Fault fault = Fault::kNone;
  bool counts_answers = false;  // `after_bytes` are the server's
  size_t after_bytes = 0;
  size_t piece_bytes = 16384;
  uint32_t pause_ms = 0;
};

class FaultyProxy {
 public:
  static constexpr uint32_t kFaultsMax = 4;

  // Listens on a free port of the loopback interface. Errors: those of sockets; an upstream that is not 127.0.0.1:PORT.
  static Result<std::unique_ptr<FaultyProxy>> Start(const std::string& upstream, uint64_t seed);
  // Closes every connection.
  ~FaultyProxy();
  FaultyProxy(const FaultyProxy&) = delete;
  FaultyProxy& operator=(const FaultyProxy&) = delete;

  std::string address() const;
  // What was done so far, by Name(Fault).
  std::map<std::string, uint64_t> done() const;

 private:
  class Connection;

  FaultyProxy(int listener, const sockaddr_in& upstream, uint64_t seed);
  void Accept();
  FaultPlan NextPlan();

  const int listener_;
  const sockaddr_in upstream_;
  std::mt19937_64 random_;
  uint32_t connections_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> done_;
  std::vector<std::unique_ptr<Connection>> open_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace wakewatch::faults
