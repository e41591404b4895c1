#include "server/http/static_files.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include "server/http/gzip.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFilesMax = 4096;
constexpr uint64_t kBytesMax = 64u << 20;
constexpr char kIndex[] = "/index.html";

constexpr char kNoDashboard[] = R"(<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Wakewatch</title></head>
<body>
<h1>Wakewatch is running, without its dashboard</h1>
<p>The dashboard's files were not found when the server started. Build them in the source tree, and start the server again:</p>
<pre>cd web
npm ci
npm run build</pre>
<p>The server looks for <code>index.html</code> in the folder that it was given for the dashboard (<code>web/dist</code>
in the source tree). Meanwhile the <a href="/metrics">metrics</a>, the <a href="/healthz">health</a> and every RPC answer.</p>
</body>
</html>
)";

struct Kind {
  const char* ending;
  const char* content_type;
  bool compressible;
};
constexpr Kind kKinds[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".mjs", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".json", "application/json", true},
    {".map", "application/json", true},
    {".webmanifest", "application/manifest+json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".wasm", "application/wasm", true},
    {".ico", "image/x-icon", true},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".webp", "image/webp", false},
    {".woff", "font/woff", false},
    {".woff2", "font/woff2", false},
};
constexpr Kind kUnknownKind = {"", "application/octet-stream", false};

const Kind& KindOf(const std::string& path) {
  const std::string ending = LowerCase(fs::path(path).extension().string());
  for (const Kind& kind : kKinds) {
    if (ending == kind.ending) return kind;
  }
  return kUnknownKind;
}

// Vite writes "/assets/NAME-HASH.EXT"; another content gets another name, so such a file never changes.
bool HasHash(const std::string& path) {
  constexpr size_t kHashLetters = 8;
  if (path.rfind("/assets/", 0) != 0) return false;
  const std::string stem = fs::path(path).stem().string();
  return stem.size() > kHashLetters && stem[stem.size() - kHashLetters - 1] == '-';
}

std::optional<std::string> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return std::nullopt;
  return bytes;
}

// The regular files below `folder`, hidden ones and symbolic links left out.
std::vector<fs::path> ListFiles(const fs::path& folder, std::error_code* ec) {
  std::vector<fs::path> found;
  for (fs::recursive_directory_iterator at(folder, *ec), end; !*ec && at != end; at.increment(*ec)) {
    const bool hidden = at->path().filename().string().front() == '.';
    if (hidden && at->is_directory()) at.disable_recursion_pending();
    if (!hidden && fs::is_regular_file(at->symlink_status())) found.push_back(at->path());
    if (found.size() > kFilesMax) break;
  }
  return found;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `path` without its escapes; nullopt for a broken escape.
std::optional<std::string> Unescape(std::string_view path) {
  std::string plain;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      plain += path[i];
      continue;
    }
    const int high = i + 2 < path.size() ? HexDigit(path[i + 1]) : -1;
    const int low = high < 0 ? -1 : HexDigit(path[i + 2]);
    if (low < 0) return std::nullopt;
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return plain;
}

// What no link of the dashboard has: control bytes, backslashes, steps upward.
bool IsSuspect(std::string_view path) {
  const std::optional<std::string> plain = Unescape(path);
  if (!plain) return true;
  for (const char c : *plain) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') return true;
  }
  const std::string framed = *plain + "/";
  return framed.find("/../") != framed.npos || framed.find("/./") != framed.npos;
}

bool LooksLikeFile(std::string_view path) {
  return path.rfind("/assets/", 0) == 0 || path.substr(path.rfind('/') + 1).find('.') != path.npos;
}

bool HasMatch(std::string_view if_none_match, std::string_view etag) {
  for (std::string_view item : ListItems(if_none_match)) {
    if (item.rfind("W/", 0) == 0) item.remove_prefix(2);
    if (item == "*" || item == etag) return true;
  }
  return false;
}

}  // namespace

Result<StaticFiles> StaticFiles::Load(const std::string& folder) {
  StaticFiles loaded;
  if (!folder.empty()) {
    std::error_code ec;
    uint64_t total_bytes = 0;
    const fs::path root(folder);
    const std::vector<fs::path> found = ListFiles(root, &ec);
    if (ec && ec != std::errc::no_such_file_or_directory)
      return Fail(ErrnoError(ec.value(), "read the folder", folder));
    for (const fs::path& path : found) {
      total_bytes += fs::file_size(path, ec);
      if (ec) return Fail(ErrnoError(ec.value(), "read", path.string()));
      if (found.size() > kFilesMax || total_bytes > kBytesMax) {
        return Fail(
            Error{.code = ErrorCode::kTooLarge,
                  .cause = fmt::format("the folder has more than {} files or {} MiB, which is no built dashboard",
                                       kFilesMax, kBytesMax >> 20),
                  .file = folder,
                  .remedy = "give the folder that `npm run build` writes, web/dist"});
      }
      std::optional<std::string> bytes = ReadFile(path);
      if (!bytes) return Fail(ErrnoError(errno, "read", path.string()));
      const std::string name = "/" + fs::relative(path, root, ec).generic_string();
      loaded.files_.emplace(name, MakeFile(name, std::move(*bytes)));
    }
  }
  if (loaded.files_.count(kIndex) == 0) loaded.files_.emplace(kIndex, MakeFile(kIndex, kNoDashboard));
  return loaded;
}

StaticFiles::File StaticFiles::MakeFile(const std::string& path, std::string bytes) {
  const Kind& kind = KindOf(path);
  File file;
  file.content_type = kind.content_type;
  file.cache_control = HasHash(path) ? "public, max-age=31536000, immutable" : "no-cache";
  const std::string hash = fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
  if (kind.compressible && bytes.size() > kGzipFromBytes) {
    std::string small = Gzip(bytes, 9);
    if (small.size() < bytes.size()) {
      file.gzip = {std::make_shared<const std::string>(std::move(small)), "\"" + hash + "-gzip\""};
    }
  }
  file.plain = {std::make_shared<const std::string>(std::move(bytes)), "\"" + hash + "\""};
  return file;
}

HttpResponse StaticFiles::Answer(const HttpRequest& request) const {
  const auto found = files_.find(request.path == "/" ? std::string(kIndex) : request.path);
  if (found != files_.end()) return AnswerWith(found->second, request);
  if (IsSuspect(request.path)) return TextResponse(400, "The path is malformed.");
  if (LooksLikeFile(request.path)) return TextResponse(404, "There is no such file.");
  return AnswerWith(files_.find(kIndex)->second, request);
}

HttpResponse StaticFiles::AnswerWith(const File& file, const HttpRequest& request) {
  const bool gzip = file.gzip.body && AllowsGzip(request.Header("accept-encoding"));
  const Variant& variant = gzip ? file.gzip : file.plain;
  HttpResponse response;
  response.headers = {{"etag", variant.etag}, {"cache-control", file.cache_control}};
  if (file.gzip.body) response.headers.emplace_back("vary", "accept-encoding");
  if (HasMatch(request.Header("if-none-match"), variant.etag)) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("content-type", file.content_type);
  if (gzip) response.headers.emplace_back("content-encoding", "gzip");
  response.body = variant.body;
  return response;
}

}  // namespace wakewatch
