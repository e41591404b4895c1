// Why: systemd wants to know when a service has started, that it still lives, and that it is about to end. That is one
// datagram each, and no reason to link its library. Source: sd_notify(3).
#pragma once

#include <chrono>
#include <string>

namespace wakewatch {

class ServiceNotifier {
 public:
  // `socket`: of $NOTIFY_SOCKET, a path or "@name"; empty: nobody listens, and nothing is done.
  explicit ServiceNotifier(const std::string& socket);
  ~ServiceNotifier();
  ServiceNotifier(const ServiceNotifier&) = delete;
  ServiceNotifier& operator=(const ServiceNotifier&) = delete;

  void Ready() { Send("READY=1"); }
  void Stopping() { Send("STOPPING=1"); }
  // To be called often; tells systemd at most once a second.
  void Alive();

 private:
  void Connect();
  void Send(const std::string& text);

  std::string address_;  // as in sockaddr_un
  int fd_ = -1;
  bool connected_ = false;
  std::chrono::steady_clock::time_point told_at_{};
};

}  // namespace wakewatch
