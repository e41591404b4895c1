#include "collector/agent/service_notifier.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

TEST(ServiceNotifier, TellsWhoeverListens) {
  TestFolder folder;
  for (const std::string& name : {folder.path() + "/notify", "@wakewatch-test-" + std::to_string(getpid())}) {
    SCOPED_TRACE(name);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
    const auto next = [fd] {
      char text[100];
      const ssize_t got = recv(fd, text, sizeof text, 0);
      return got < 0 ? std::string() : std::string(text, static_cast<size_t>(got));
    };
    ServiceNotifier notifier(name);
    notifier.Ready();
    EXPECT_EQ(next(), "READY=1");
    notifier.Alive();
    EXPECT_EQ(next(), "WATCHDOG=1");
    notifier.Stopping();
    EXPECT_EQ(next(), "STOPPING=1");
    close(fd);
    notifier.Ready();  // nobody listens any more
  }
}

TEST(ServiceNotifier, DoesNothingWhereNobodyListens) {
  for (const std::string& name : {std::string(), std::string("relative"), "/" + std::string(200, 'x')}) {
    ServiceNotifier notifier(name);
    notifier.Ready();
    notifier.Alive();
  }
}

}  // namespace
}  // namespace wakewatch
