// Why: the parts of the Connect protocol that are plain functions of bytes and names: error codes, envelopes, time
// limits.
#pragma once

#include <grpcpp/support/status_code_enum.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/base/result.h"
#include "server/http/http_message.h"

namespace wakewatch {

struct ConnectError {
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  std::string message;
};

// "invalid_argument", and the HTTP status of a unary answer with that error.
std::string_view ConnectCodeName(grpc::StatusCode code);
unsigned ConnectHttpStatus(grpc::StatusCode code);
// The code for an error of ours about a request.
grpc::StatusCode StatusCodeOf(ErrorCode code);

// How a request is written, by its Content-Type.
struct ConnectFormat {
  bool json = false;
  bool stream = false;
};
std::optional<ConnectFormat> ParseConnectFormat(std::string_view content_type);
std::string_view ContentTypeOf(ConnectFormat format);

// Connect-Timeout-Ms: 1 to 10 digits.
std::optional<std::chrono::milliseconds> ParseConnectTimeout(std::string_view text);

// Each message of a stream comes in an envelope: a byte of flags, four bytes of length (big-endian), the message.
inline constexpr uint8_t kEnvelopeCompressed = 1;
inline constexpr uint8_t kEnvelopeEnd = 2;
inline constexpr size_t kEnvelopeHeadBytes = 5;
std::string Envelope(uint8_t flags, std::string_view message);
struct OpenedEnvelope {
  uint8_t flags = 0;
  std::string_view message;  // in what was given to OpenEnvelope
};
// The one envelope that a request of a server-streaming call is. Error: kInvalidArgument: it is anything else.
Result<OpenedEnvelope> OpenEnvelope(std::string_view body);

// `text` as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD.
std::string JsonText(std::string_view text);
// {"code":"…","message":"…"}
std::string ErrorJson(const ConnectError& error);
// The message of the last envelope. `error` is null when all went well.
std::string EndJson(const ConnectError* error, const HttpHeaders& metadata);
// The whole answer of a unary call that failed.
HttpResponse ErrorResponse(const ConnectError& error);

}  // namespace wakewatch
