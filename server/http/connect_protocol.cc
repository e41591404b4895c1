#include "server/http/connect_protocol.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <vector>

namespace wakewatch {
namespace {

struct CodeRow {
  const char* name;
  unsigned http_status;
};
// By grpc::StatusCode, from CANCELLED (1) to UNAUTHENTICATED (16); as the protocol lays down.
constexpr CodeRow kCodes[] = {
    {"canceled", 499},
    {"unknown", 500},
    {"invalid_argument", 400},
    {"deadline_exceeded", 504},
    {"not_found", 404},
    {"already_exists", 409},
    {"permission_denied", 403},
    {"resource_exhausted", 429},
    {"failed_precondition", 400},
    {"aborted", 409},
    {"out_of_range", 400},
    {"unimplemented", 501},
    {"internal", 500},
    {"unavailable", 503},
    {"data_loss", 500},
    {"unauthenticated", 401},
};

const CodeRow& RowOf(grpc::StatusCode code) {
  const int index = static_cast<int>(code) - 1;
  const bool known = index >= 0 && index < static_cast<int>(std::size(kCodes));
  return kCodes[known ? index : static_cast<int>(grpc::StatusCode::UNKNOWN) - 1];
}

// How many bytes the UTF-8 sequence at the front of `text` takes; 0: it is none.
size_t SequenceBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < n) return 0;
  for (size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) > 0x9f;
  const bool too_high = lead == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || too_high ? 0 : n;
}

}  // namespace

std::string_view ConnectCodeName(grpc::StatusCode code) { return RowOf(code).name; }
unsigned ConnectHttpStatus(grpc::StatusCode code) { return RowOf(code).http_status; }

grpc::StatusCode StatusCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTooLarge: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kUnsupported: return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorCode::kInternal: return grpc::StatusCode::INTERNAL;
    default: return grpc::StatusCode::INVALID_ARGUMENT;
  }
}

std::optional<ConnectFormat> ParseConnectFormat(std::string_view content_type) {
  const std::string type = MediaType(content_type);
  for (const ConnectFormat format : {ConnectFormat{true, false}, {false, false}, {true, true}, {false, true}}) {
    if (type == ContentTypeOf(format)) return format;
  }
  return std::nullopt;
}

std::string_view ContentTypeOf(ConnectFormat format) {
  if (format.stream) return format.json ? "application/connect+json" : "application/connect+proto";
  return format.json ? "application/json" : "application/proto";
}

std::optional<std::chrono::milliseconds> ParseConnectTimeout(std::string_view text) {
  constexpr size_t kDigitsMax = 10;
  uint64_t milliseconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  if (error != std::errc() || end != text.data() + text.size() || text.size() > kDigitsMax) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

std::string Envelope(uint8_t flags, std::string_view message) {
  const auto n = static_cast<uint32_t>(message.size());
  std::string bytes;
  bytes.reserve(kEnvelopeHeadBytes + message.size());
  bytes += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(n >> shift);
  bytes += message;
  return bytes;
}

Result<OpenedEnvelope> OpenEnvelope(std::string_view body) {
  if (body.size() < kEnvelopeHeadBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the body has {} bytes, and an envelope at least {}", body.size(), kEnvelopeHeadBytes));
  }
  uint32_t n = 0;
  for (size_t i = 1; i < kEnvelopeHeadBytes; ++i) n = n << 8 | static_cast<unsigned char>(body[i]);
  const OpenedEnvelope opened{static_cast<uint8_t>(body[0]), body.substr(kEnvelopeHeadBytes)};
  if (opened.message.size() != n) {
    return Fail(ErrorCode::kInvalidArgument, fmt::format("the envelope announces {} bytes, and {} follow; a request is "
                                                         "one envelope",
                                                         n, opened.message.size()));
  }
  if ((opened.flags & ~kEnvelopeCompressed) != 0) {
    return Fail(ErrorCode::kInvalidArgument, fmt::format("an envelope with the flags {:#04x}", opened.flags));
  }
  return opened;
}

std::string JsonText(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const size_t n = SequenceBytes(text);
    const char c = text[0];
    if (n == 0) {
      json += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (n == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '<' || c == '>')) {
      json += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      json += text.substr(0, n);
    }
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return json + '"';
}

std::string ErrorJson(const ConnectError& error) {
  std::string json = fmt::format("{{\"code\":\"{}\"", ConnectCodeName(error.code));
  if (!error.message.empty()) json += ",\"message\":" + JsonText(error.message);
  return json + '}';
}

std::string EndJson(const ConnectError* error, const HttpHeaders& metadata) {
  std::map<std::string_view, std::vector<std::string_view>> by_name;
  for (const auto& [name, value] : metadata) by_name[name].push_back(value);
  std::string json = "{";
  if (error != nullptr) json += "\"error\":" + ErrorJson(*error) + ',';
  json += "\"metadata\":{";
  for (const auto& [name, values] : by_name) {
    if (json.back() != '{') json += ',';
    json += JsonText(name) + ":[";
    for (const std::string_view value : values) json += (json.back() == '[' ? "" : ",") + JsonText(value);
    json += ']';
  }
  return json + "}}";
}

HttpResponse ErrorResponse(const ConnectError& error) {
  return {ConnectHttpStatus(error.code),
          {{"content-type", "application/json"}, {"cache-control", "no-store"}},
          std::make_shared<const std::string>(ErrorJson(error))};
}

}  // namespace wakewatch
