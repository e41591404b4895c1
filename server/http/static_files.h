// Why: the dashboard is a folder of built files. They are read once, at the start: what is not listed then cannot be
// asked for, whatever a path looks like, and no request waits for a disk.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "analysis/base/result.h"
#include "server/http/http_message.h"

namespace wakewatch {

class StaticFiles {
 public:
  // Without a folder, or an index.html in it, `/` is a page that says how the dashboard is built. Hidden files and
  // symbolic links are left out. Errors: kTooLarge: more than 4096 files or 64 MiB; kIo: a file cannot be read.
  static Result<StaticFiles> Load(const std::string& folder);

  // GET or HEAD of request.path: the file; index.html for a path that looks like no file, since the dashboard makes its
  // own paths; else 404.
  HttpResponse Answer(const HttpRequest& request) const;

 private:
  struct Variant {
    std::shared_ptr<const std::string> body;
    std::string etag;
  };
  struct File {
    std::string content_type;
    std::string cache_control;
    Variant plain;
    Variant gzip;  // no body where it would not be smaller
  };

  static File MakeFile(const std::string& path, std::string bytes);
  static HttpResponse AnswerWith(const File& file, const HttpRequest& request);

  std::map<std::string, File, std::less<>> files_;  // by path, "/assets/index-Dk3x81ab.js"
};

}  // namespace wakewatch
