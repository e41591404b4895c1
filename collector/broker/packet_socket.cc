#include "collector/broker/packet_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace wakewatch {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

Error Gone() { return Error{ErrorCode::kInterrupted, "the other half of the collector is gone"}; }

// One descriptor.
union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

// The first of the descriptors that came along; there is room for one.
Descriptor PassedIn(msghdr* message) {
  Descriptor passed;
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || part->cmsg_len < CMSG_LEN(sizeof(int))) {
      continue;
    }
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    passed = Descriptor(fd);
  }
  return passed;
}

}  // namespace

Status SendPacket(int socket, Bytes bytes, int passed) {
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control{};
  if (passed >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* const head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(head), &passed, sizeof passed);
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return {};
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return Fail(Gone());
    return Fail(ErrnoError(errno, "cannot send to the other half of the collector", {}));
  }
}

Result<Packet> ReceivePacket(int socket, size_t bytes_max, bool accept,
                             std::optional<std::chrono::milliseconds> timeout) {
  pollfd waited{socket, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&waited, 1, timeout ? static_cast<int>(timeout->count()) : -1);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return Fail(ErrnoError(errno, "cannot wait for the other half of the collector", {}));
  if (ready == 0) return Fail(ErrorCode::kDeadline, "the other half of the collector does not answer");
  Packet packet;
  packet.bytes.resize(bytes_max);
  iovec part{packet.bytes.data(), packet.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control{};
  // Without room for them the kernel closes descriptors itself.
  if (accept) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
  }
  ssize_t got = 0;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno != ECONNRESET) {
    return Fail(ErrnoError(errno, "cannot receive from the other half of the collector", {}));
  }
  // An empty packet looks like the end, but for the hang-up.
  if (got < 0 || (got == 0 && IsHungUp(socket))) return Fail(Gone());
  packet.passed = PassedIn(&message);
  packet.cut = (message.msg_flags & MSG_TRUNC) != 0;
  packet.bytes.resize(static_cast<size_t>(got));
  return packet;
}

bool IsHungUp(int socket) {
  pollfd waited{socket, 0, 0};
  return poll(&waited, 1, 0) > 0 && (waited.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

Result<Descriptor> FileInMemory(Bytes bytes) {
  Descriptor file(memfd_create("wakewatch-answer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0) return Fail(ErrnoError(errno, "cannot make a file in memory", {}));
  while (!bytes.empty()) {
    const ssize_t put = write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return Fail(ErrnoError(errno, "cannot write a file in memory", {}));
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  if (fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) return Fail(ErrnoError(errno, "cannot seal a file in memory", {}));
  return file;
}

Result<std::vector<uint8_t>> ReadFileInMemory(int fd, size_t bytes_max) {
  if ((fcntl(fd, F_GET_SEALS) & kSeals) != kSeals) return Fail(ErrorCode::kCorrupt, "an answer is not sealed");
  struct stat status {};
  if (fstat(fd, &status) != 0) return Fail(ErrnoError(errno, "cannot read an answer", {}));
  if (static_cast<uint64_t>(status.st_size) > bytes_max) return Fail(ErrorCode::kTooLarge, "an answer is too large");
  std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
  size_t used = 0;
  while (used < bytes.size()) {
    const ssize_t got = pread(fd, bytes.data() + used, bytes.size() - used, static_cast<off_t>(used));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Fail(ErrnoError(errno, "cannot read an answer", {}));
    used += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace wakewatch
