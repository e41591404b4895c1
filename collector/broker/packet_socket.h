// Why: a packet with at most one descriptor beside it, over a pair of SOCK_SEQPACKET sockets. Source: unix(7), cmsg(3).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "collector/descriptor.h"

namespace wakewatch {

// Waits for room. `passed`: a descriptor that goes along, or -1. Errors: kInterrupted (the other side is gone).
Status SendPacket(int socket, Bytes bytes, int passed);

struct Packet {
  std::vector<uint8_t> bytes;
  bool cut = false;   // it was longer than was asked for
  Descriptor passed;  // where one was accepted
};
// Waits for a packet of `bytes_max` at most. A descriptor that comes along is closed unless `accept`. Errors:
// kInterrupted (the other side is gone), kDeadline.
Result<Packet> ReceivePacket(int socket, size_t bytes_max, bool accept,
                             std::optional<std::chrono::milliseconds> timeout);

// True when the other side is gone. Takes no time.
bool IsHungUp(int socket);

// A sealed file in memory that holds `bytes`.
Result<Descriptor> FileInMemory(Bytes bytes);
// All of such a file. Errors: it is not one, or larger than `bytes_max`.
Result<std::vector<uint8_t>> ReadFileInMemory(int fd, size_t bytes_max);

}  // namespace wakewatch
