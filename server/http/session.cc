#include "server/http/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <chrono>

namespace wakewatch {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr size_t kHeaderBytesMax = 16 * 1024;
constexpr size_t kReadAheadBytes = 64 * 1024;  // of later requests, while one is answered
constexpr size_t kBodiesAtOnce = 8;            // of the largest size, over all connections
constexpr size_t kRefusedAtOnce = 64;          // connections over the limit that are told so
constexpr milliseconds kLinger{2000};

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

HttpResponse ParseFailure(const error_code& error) {
  if (error == http::error::header_limit) {
    return TextResponse(431, fmt::format("The request's headers have more than {} bytes.", kHeaderBytesMax));
  }
  return TextResponse(400, "This is no valid HTTP/1.1 request: " + error.message() + ".");
}

}  // namespace

Sessions::Sessions(const GatewayOptions& options, const Router& router) : options_(options), router_(router) {}

void Sessions::Open(std::unique_ptr<Connection> connection) {
  bool over_limit = false;
  const auto session = std::make_shared<Session>(std::move(connection), *this);
  {
    const std::lock_guard lock(mutex_);
    over_limit = open_.size() >= options_.connections_max;
    if (open_.size() >= options_.connections_max + kRefusedAtOnce) return;  // closes it
    open_.insert(session);
  }
  asio::post(session->executor(), [session, over_limit] { session->Start(over_limit); });
}

void Sessions::Remove(const std::shared_ptr<Session>& session) {
  const std::lock_guard lock(mutex_);
  open_.erase(session);
  changed_.notify_all();
}

void Sessions::PostToAll(void (Session::*what)()) {
  const std::lock_guard lock(mutex_);
  for (const auto& session : open_) asio::post(session->executor(), [session, what] { ((*session).*what)(); });
}

void Sessions::StopAll(milliseconds patience) {
  const auto none_left = [this] { return open_.empty(); };
  PostToAll(&Session::Stop);
  {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, patience, none_left)) return;
  }
  PostToAll(&Session::Close);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, none_left);
}

bool Sessions::ReserveBody(size_t bytes) {
  const size_t limit = options_.request_bytes_max * kBodiesAtOnce;
  if (body_bytes_.fetch_add(bytes) + bytes <= limit) return true;
  body_bytes_ -= bytes;
  return false;
}

Session::Session(std::unique_ptr<Connection> connection, Sessions& sessions)
    : sessions_(sessions), connection_(std::move(connection)), timer_(connection_->executor()) {}

void Session::Start(bool over_limit) {
  if (state_ == State::kClosed) return;
  Arm(sessions_.options().read_timeout);
  connection_->Handshake([self = shared_from_this(), over_limit](const error_code& error, size_t) {
    if (self->state_ == State::kClosed) return;
    if (error) return self->Close();
    self->Begin(over_limit);
  });
}

void Session::Begin(bool over_limit) {
  if (over_limit) {
    return Refuse(TextResponse(503, fmt::format("The server has its {} connections already. Close some, or try later.",
                                                sessions_.options().connections_max)));
  }
  NextRequest();
}

void Session::NextRequest() {
  state_ = State::kReading;
  call_.reset();
  request_ = {};
  begun_ = !in_.empty();
  has_head_ = answer_complete_ = false;
  sessions_.ReleaseBody(body_bytes_);
  body_bytes_ = 0;
  parser_.emplace();
  parser_->header_limit(kHeaderBytesMax);
  parser_->body_limit(sessions_.options().request_bytes_max);
  Arm(sessions_.options().read_timeout);
  Parse();
}

void Session::Read() {
  if (reading_ || ended_ || state_ == State::kClosed) return;
  if (state_ == State::kAnswering && in_.size() >= kReadAheadBytes) return;
  reading_ = true;
  connection_->ReadSome(asio::buffer(block_), [self = shared_from_this()](const error_code& error, size_t n) {
    self->reading_ = false;
    self->OnRead(error, n);
  });
}

void Session::OnRead(const error_code& error, size_t n) {
  if (state_ == State::kClosed) return;
  if (error) {
    ended_ = true;
    return OnEnd();
  }
  if (state_ == State::kLingering) return Read();
  in_.append(block_.data(), n);
  if (state_ == State::kAnswering) return Read();  // to notice when the other side goes away
  if (!begun_) {
    begun_ = true;
    Arm(sessions_.options().read_timeout);
  }
  Parse();
}

void Session::OnEnd() {
  // What has no caller any more need not be computed. An answer that is known is still written.
  if (state_ != State::kAnswering || call_) return Close();
}

void Session::Parse() {
  while (state_ == State::kReading) {
    if (in_.empty()) break;
    error_code error;
    const size_t used = parser_->put(asio::buffer(in_), error);
    in_.erase(0, used);
    if (error == http::error::need_more) {
      if (in_.size() > kReadAheadBytes) return Refuse(TextResponse(400, "A part of the request is too long."));
      break;
    }
    if (error == http::error::body_limit) {
      return Refuse(TextResponse(
          413, fmt::format("The request's body has more than {} bytes.", sessions_.options().request_bytes_max)));
    }
    if (error) return Refuse(ParseFailure(error));
    if (!has_head_ && parser_->is_header_done() && !OnHead()) return;
    if (has_head_ && !KeepBodyBudget()) return;
    if (parser_->is_done()) return OnRequest();
  }
  if (state_ != State::kReading) return;
  if (ended_) return Close();
  Read();
}

bool Session::OnHead() {
  has_head_ = true;
  const auto& message = parser_->get();
  request_.method = View(message.method_string());
  const std::string_view target = View(message.target());
  request_.path = target.substr(0, target.find('?'));
  for (const auto& field : message) {
    request_.headers.emplace_back(LowerCase(View(field.name_string())), View(field.value()));
  }
  keep_alive_ = parser_->keep_alive();
  chunked_ = message.version() >= 11;
  if (std::optional<HttpResponse> answer = sessions_.router().AnswerByHead(request_)) {
    if (!parser_->is_done()) {
      Refuse(std::move(*answer));
    } else {
      state_ = State::kAnswering;
      if (answer->status == 400) keep_alive_ = false;
      Answer(std::move(*answer));
    }
    return false;
  }
  if (parser_->is_done()) return true;
  if (!KeepBodyBudget()) return false;
  Arm(sessions_.options().read_timeout);
  if (LowerCase(request_.Header("expect")) == "100-continue" && in_.empty()) Send("HTTP/1.1 100 Continue\r\n\r\n");
  return true;
}

bool Session::KeepBodyBudget() {
  const size_t announced = parser_->content_length().value_or(0);  // Beast makes room for it at once
  const size_t bytes = std::max(announced, parser_->get().body().size());
  if (bytes <= body_bytes_) return true;
  if (!sessions_.ReserveBody(bytes - body_bytes_)) {
    Refuse(TextResponse(503, "The server holds as many large requests as it may. Try again later."));
    return false;
  }
  body_bytes_ = bytes;
  return true;
}

void Session::OnRequest() {
  state_ = State::kAnswering;
  timer_.cancel();  // what a call may take is the bridge's to say
  request_.body = std::move(parser_->get().body());
  const Router& router = sessions_.router();
  if (!router.IsCall(request_)) {
    Answer(router.Answer(request_));
  } else {
    const PostTask post = [executor = executor()](std::function<void()> task) {
      asio::post(executor, std::move(task));
    };
    call_ = router.Call(request_, post, weak_from_this());
  }
  request_.body = {};
  Read();
}

void Session::Refuse(HttpResponse response) {
  state_ = State::kAnswering;
  keep_alive_ = false;
  refused_ = true;
  Answer(std::move(response));
}

void Session::Answer(HttpResponse response) {
  if (state_ != State::kAnswering) return;
  sessions_.router().access().AddHeaders(has_head_ ? &request_ : nullptr, &response);
  const bool bodiless = response.status == 204 || response.status == 304;
  std::string framing = keep_alive_ ? "connection: keep-alive\r\n" : "connection: close\r\n";
  if (!bodiless) framing += fmt::format("content-length: {}\r\n", response.body ? response.body->size() : 0);
  answer_complete_ = true;
  out_.push_back(std::make_shared<const std::string>(HeadText(response, framing)));
  if (response.body && !response.body->empty() && request_.method != "HEAD" && !bodiless) {
    out_.push_back(std::move(response.body));
  }
  Write();
}

void Session::BeginStream(HttpResponse head) {
  if (state_ != State::kAnswering) return;
  sessions_.router().access().AddHeaders(&request_, &head);
  if (!chunked_) keep_alive_ = false;  // HTTP/1.0: the end of the connection is the end of the answer
  std::string framing = keep_alive_ ? "connection: keep-alive\r\n" : "connection: close\r\n";
  if (chunked_) framing += "transfer-encoding: chunked\r\n";
  Send(HeadText(head, framing));
}

void Session::StreamPart(std::string bytes, bool last) {
  if (state_ != State::kAnswering) return;
  if (!last && call_ && !sessions_.router().StillAllowed(request_)) {
    return call_->Abort(grpc::StatusCode::UNAUTHENTICATED, "the caller's token is no longer good");
  }
  if (chunked_) {
    bytes.insert(0, fmt::format("{:x}\r\n", bytes.size()));
    bytes += last ? "\r\n0\r\n\r\n" : "\r\n";
  }
  answer_complete_ = last;
  Send(std::move(bytes));
}

void Session::Send(std::string bytes) {
  out_.push_back(std::make_shared<const std::string>(std::move(bytes)));
  Write();
}

void Session::Write() {
  if (writing_ || out_.empty() || state_ == State::kClosed) return;
  writing_ = true;
  if (state_ == State::kAnswering) Arm(sessions_.options().write_timeout);
  std::array<asio::const_buffer, 2> buffers;
  buffers[0] = asio::buffer(*out_.front()) + out_offset_;
  if (out_.size() > 1) buffers[1] = asio::buffer(*out_[1]);
  connection_->WriteSome(buffers, [self = shared_from_this()](const error_code& error, size_t n) {
    self->writing_ = false;
    self->OnWritten(error, n);
  });
}

void Session::OnWritten(const error_code& error, size_t n) {
  if (state_ == State::kClosed) return;
  if (error) return Close();
  out_offset_ += n;
  while (!out_.empty() && out_offset_ >= out_.front()->size()) {
    out_offset_ -= out_.front()->size();
    out_.pop_front();
  }
  if (!out_.empty()) return Write();
  if (state_ == State::kAnswering) OnAllWritten();
}

void Session::OnAllWritten() {
  timer_.cancel();
  if (!answer_complete_) {
    if (call_) call_->PartWritten();
    return;
  }
  if (ended_ && in_.empty()) return Close();
  if (keep_alive_) return NextRequest();
  if (refused_ || !in_.empty()) return Linger();
  Close();
}

void Session::Linger() {
  state_ = State::kLingering;
  call_.reset();
  in_.clear();
  connection_->ShutdownSend();
  if (ended_) return Close();
  Arm(kLinger);
  Read();
}

void Session::Arm(milliseconds after) {
  timer_.expires_after(after);
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    // A wait that ended before it was cancelled still comes here: the time decides.
    if (!error && self->timer_.expiry() <= std::chrono::steady_clock::now()) self->OnTimeout();
  });
}

void Session::OnTimeout() {
  if (state_ != State::kReading || !begun_) return Close();
  Refuse(TextResponse(408, "The request did not arrive in time."));
}

void Session::Stop() {
  if (state_ != State::kAnswering) return Close();
  keep_alive_ = false;
  if (call_ && !answer_complete_) call_->Abort(grpc::StatusCode::UNAVAILABLE, "the server is stopping");
}

void Session::Close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  if (call_) call_->Cancel();
  call_.reset();
  sessions_.ReleaseBody(body_bytes_);
  body_bytes_ = 0;
  timer_.cancel();
  connection_->Close();
  sessions_.Remove(self);
}

}  // namespace wakewatch
