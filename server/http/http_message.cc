#include "server/http/http_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace wakewatch {
namespace {

std::string_view Reason(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Payload Too Large";
    case 415: return "Unsupported Media Type";
    case 421: return "Misdirected Request";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Answer";
  }
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string DateText() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[40];
  return std::string(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc));
}

// "gzip;q=0.0" is a refusal.
bool IsRefused(std::string_view parameters) {
  const size_t at = parameters.find("q=");
  if (at == parameters.npos) return false;
  return parameters.substr(at + 2).find_first_not_of("0. \t") == parameters.npos;
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

size_t HttpRequest::Count(std::string_view name) const {
  return static_cast<size_t>(
      std::count_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; }));
}

HttpResponse TextResponse(unsigned status, std::string text) {
  text += '\n';
  return {status,
          {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}},
          std::make_shared<const std::string>(std::move(text))};
}

std::string HeadText(const HttpResponse& response, std::string_view framing) {
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\ndate: {}\r\n", response.status, Reason(response.status), DateText());
  for (const auto& [name, value] : response.headers) {
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  }
  text += framing;
  text += "\r\n";
  return text;
}

std::string MediaType(std::string_view header) { return LowerCase(Trim(header.substr(0, header.find(';')))); }

bool AllowsGzip(std::string_view accept_encoding) {
  bool others = false;
  for (const std::string_view item : ListItems(accept_encoding)) {
    const size_t end = std::min(item.find(';'), item.size());
    const std::string name = MediaType(item);
    if (name == "gzip") return !IsRefused(item.substr(end));
    if (name == "*") others = !IsRefused(item.substr(end));
  }
  return others;
}

std::vector<std::string_view> ListItems(std::string_view list) {
  std::vector<std::string_view> items;
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    const std::string_view item = Trim(list.substr(0, end));
    if (!item.empty()) items.push_back(item);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return items;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace wakewatch
