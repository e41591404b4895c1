// Why: routing, files and calls are decided on plain values, so that only the session knows Beast, whose headers are
// slow to compile, and so that the decisions can be tested without a socket.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wakewatch {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  std::string path;     // as sent, escapes and all, without the query
  HttpHeaders headers;  // names in lower case
  std::string body;

  // The first of that name; empty when there is none. `name` is in lower case.
  std::string_view Header(std::string_view name) const;
  size_t Count(std::string_view name) const;
};

struct HttpResponse {
  unsigned status = 200;
  HttpHeaders headers;
  std::shared_ptr<const std::string> body;  // null: none
};

// A sentence for a person, as text/plain.
HttpResponse TextResponse(unsigned status, std::string text);
// The status line and the headers, with the empty line after them. `framing`: more header lines, each with its CRLF.
std::string HeadText(const HttpResponse& response, std::string_view framing);
// The whole of a header's value up to the first ';', in lower case, without spaces around it.
std::string MediaType(std::string_view header);
// Whether a list as in Accept-Encoding ("br, gzip;q=0.5, *;q=0") allows gzip.
bool AllowsGzip(std::string_view accept_encoding);

// The parts of a list between commas, without the spaces around them; empty ones are left out.
std::vector<std::string_view> ListItems(std::string_view list);
std::string LowerCase(std::string_view text);

}  // namespace wakewatch
