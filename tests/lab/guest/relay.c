// SPDX-License-Identifier: Apache-2.0
// Why: a collector delivers to its own machine only, and the guest's server is outside of it. This passes each
// connection to a port of the guest's loopback on to one address, byte by byte, in both directions, until either ends.
// Usage: relay PORT ADDRESS PORT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address_of(const char* host, const char* port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    fprintf(stderr, "relay: no address: %s\n", host);
    exit(2);
  }
  return address;
}

static int write_all(int to, const char* bytes, ssize_t length) {
  while (length > 0) {
    const ssize_t written = write(to, bytes, (size_t)length);
    if (written <= 0) return 0;
    bytes += written;
    length -= written;
  }
  return 1;
}

static void pump(int near, int far) {
  static char bytes[1 << 16];
  struct pollfd ends[2] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
  while (poll(ends, 2, -1) > 0) {
    for (int from = 0; from < 2; ++from) {
      if (!ends[from].revents) continue;
      const ssize_t length = read(ends[from].fd, bytes, sizeof(bytes));
      if (length <= 0 || !write_all(ends[1 - from].fd, bytes, length)) return;
    }
  }
}

static void serve(int near, const struct sockaddr_in* server) {
  const int far = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  if (connect(far, (const struct sockaddr*)server, sizeof(*server)) != 0) {
    perror("relay: connect");
    return;
  }
  setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  pump(near, far);
}

int main(int count, char** words) {
  if (count != 4) {
    fprintf(stderr, "usage: relay PORT ADDRESS PORT\n");
    return 2;
  }
  const struct sockaddr_in here = address_of("127.0.0.1", words[1]), server = address_of(words[2], words[3]);
  const int door = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  signal(SIGCHLD, SIG_IGN);
  if (bind(door, (const struct sockaddr*)&here, sizeof(here)) != 0 || listen(door, 8) != 0) {
    perror("relay: listen");
    return 1;
  }
  for (;;) {
    const int near = accept(door, NULL, NULL);
    if (near < 0) continue;
    if (fork() == 0) {
      close(door);
      serve(near, &server);
      _exit(0);
    }
    close(near);
  }
}
