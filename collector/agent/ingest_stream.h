// Why: the one place of the collector that knows gRPC. A stream is opened, written to by one thread, and read by a
// thread of its own; it ends once, whoever ends it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "analysis/base/result.h"
#include "proto/wire/client_channel.h"

namespace wakewatch::v1 {
class IngestRequest;
class IngestResponse;
}  // namespace wakewatch::v1

namespace wakewatch {

// Those of gRPC's codes that differ in what is to be done.
enum class StreamEnd {
  kClosed,        // the server ended it in order
  kUnreachable,   // no server, or the connection broke: come back
  kHostClaimed,   // another collector has this host
  kVersions,      // no common version
  kServerFull,    // the server's disk is full, or a message is over its limit
  kNotAllowed,    // who we are, or what we say, is not accepted
  kNoSuchServer,  // something answers that is no Wakewatch server
  kNotTrusted,    // one of the two does not take the other's certificate, or speaks no TLS
};

struct StreamEnding {
  StreamEnd end = StreamEnd::kUnreachable;
  std::string text;  // what the other side says
};

class IngestStream {
 public:
  struct Handler {
    std::function<void(v1::IngestResponse&)> received;  // on the reading thread
    std::function<void()> ended;                        // nothing more will be received; not before Connect
  };

  // Does not wait for anything. Errors: as OpenChannel.
  static Result<std::unique_ptr<IngestStream>> Open(const std::string& server, const ServerAccess& access,
                                                    Handler handler);
  virtual ~IngestStream() = default;

  // Comes first. Waits until there is a connection, or it is known that there is none, which Close then tells. False:
  // neither in `timeout`, which bounds names that are not found and servers that do not answer, or it was cancelled.
  virtual bool Connect(std::chrono::milliseconds timeout) = 0;
  // Blocks while the other side takes nothing. False: the stream has ended.
  virtual bool Write(const v1::IngestRequest& request) = 0;
  // Nothing more will be written.
  virtual void WritesDone() = 0;
  // Ends the stream at once, from any thread; Write and reading return.
  virtual void Cancel() = 0;
  // Waits for the end of reading. Call once, when nobody writes any more.
  virtual StreamEnding Close() = 0;
};

}  // namespace wakewatch
