// Why: one connection: requests in, one after the other, and their answers out. It knows HTTP/1.1 (by Beast's parser)
// and time limits, and leaves the answers to the router and the bridge. Everything in it runs on its socket's strand.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "server/http/connection.h"
#include "server/http/router.h"

namespace wakewatch {

class Session;

// The sessions that there are, and what they share.
class Sessions {
 public:
  Sessions(const GatewayOptions& options, const Router& router);

  // Takes a connection; over the limit it is told so and closed.
  void Open(std::unique_ptr<Connection> connection);
  void Remove(const std::shared_ptr<Session>& session);
  // Ends every session: politely, and what is left after `patience` at once. Waits for it.
  void StopAll(std::chrono::milliseconds patience);

  // Memory for a request's body; false: there is none left. What was had is given back.
  bool ReserveBody(size_t bytes);
  void ReleaseBody(size_t bytes) { body_bytes_ -= bytes; }

  const GatewayOptions& options() const { return options_; }
  const Router& router() const { return router_; }

 private:
  void PostToAll(void (Session::*what)());

  const GatewayOptions& options_;
  const Router& router_;
  std::atomic<size_t> body_bytes_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::shared_ptr<Session>> open_;
};

class Session final : public AnswerSink, public std::enable_shared_from_this<Session> {
 public:
  Session(std::unique_ptr<Connection> connection, Sessions& sessions);

  void Start(bool over_limit);
  void Stop();   // ends an answer that is under way with an error, and closes
  void Close();  // at once
  boost::asio::any_io_executor executor() { return connection_->executor(); }

  void Answer(HttpResponse response) override;
  void BeginStream(HttpResponse head) override;
  void StreamPart(std::string bytes, bool last) override;

 private:
  enum class State {
    kReading,    // a request, or waiting for one
    kAnswering,  // a call runs, or something is to be written
    kLingering,  // all is written; what still arrives is dropped, so that the answer is not lost to a reset
    kClosed,
  };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void Begin(bool over_limit);
  void NextRequest();
  void Read();
  void OnRead(const boost::system::error_code& error, size_t n);
  void OnEnd();  // the other side closed
  void Parse();
  bool OnHead();  // false: it is answered
  bool KeepBodyBudget();
  void OnRequest();
  // An answer after which the rest of the request cannot be found.
  void Refuse(HttpResponse response);
  void Send(std::string bytes);
  void Write();
  void OnWritten(const boost::system::error_code& error, size_t n);
  void OnAllWritten();
  void Linger();
  void Arm(std::chrono::milliseconds after);
  void OnTimeout();

  Sessions& sessions_;
  const std::unique_ptr<Connection> connection_;
  boost::asio::steady_timer timer_;
  State state_ = State::kReading;

  std::array<char, 16 * 1024> block_;  // a read goes on while the buffer below is parsed
  std::string in_;                     // arrived, not parsed
  bool reading_ = false;
  bool ended_ = false;  // nothing more arrives

  std::optional<Parser> parser_;
  HttpRequest request_;
  bool begun_ = false;     // the first byte of the request is there
  bool has_head_ = false;  // request_ is filled, but for its body
  bool keep_alive_ = false;
  bool refused_ = false;   // something of the request may still come
  size_t body_bytes_ = 0;  // reserved

  std::shared_ptr<ConnectCall> call_;
  bool chunked_ = false;
  bool answer_complete_ = false;
  std::deque<std::shared_ptr<const std::string>> out_;
  size_t out_offset_ = 0;  // written, of the first of out_
  bool writing_ = false;
};

}  // namespace wakewatch
