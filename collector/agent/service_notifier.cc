#include "collector/agent/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace wakewatch {

ServiceNotifier::ServiceNotifier(const std::string& socket_name) : address_(socket_name) {
  const bool known = address_.size() > 1 && (address_.front() == '/' || address_.front() == '@');
  if (!known || address_.size() >= sizeof(sockaddr_un::sun_path)) return;
  if (address_.front() == '@') address_.front() = '\0';
  fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  Connect();
}

// At the beginning, while this process may still do so: the socket's folder may be closed to the user it becomes.
void ServiceNotifier::Connect() {
  if (fd_ < 0) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&to), size) == 0;
}

ServiceNotifier::~ServiceNotifier() {
  if (fd_ >= 0) close(fd_);
}

void ServiceNotifier::Alive() {
  const auto now = std::chrono::steady_clock::now();
  if (now - told_at_ < std::chrono::seconds(1)) return;
  told_at_ = now;
  Send("WATCHDOG=1");
}

void ServiceNotifier::Send(const std::string& text) {
  if (!connected_) Connect();
  // Whoever should listen may be gone; that is no reason to stop recording. It may also be there again.
  if (!connected_ || send(fd_, text.data(), text.size(), MSG_NOSIGNAL) >= 0 || errno == EAGAIN) return;
  Connect();
  if (connected_) (void)send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace wakewatch
