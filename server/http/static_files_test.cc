#include "server/http/static_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "server/http/gzip.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class StaticFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    Write("index.html", "<p>index</p>");
    Write("assets/index-Dk3x81ab.js", script_);
    Write("assets/logo.svg", "<svg/>");
    Write("assets/font-D-_x81ab.woff2", std::string(5000, 'f'));
    Write(".git/config", "secret");
    Write(".env", "secret");
    Write("../static_files_secret.txt", "secret");
    fs::create_symlink("../static_files_secret.txt", folder_ / "link.txt");
    fs::create_directory_symlink("..", folder_ / "up");
  }

  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& bytes) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

  HttpResponse Get(const std::string& path, HttpHeaders headers = {}) {
    if (!files_) {
      auto loaded = StaticFiles::Load(folder_.string());
      EXPECT_TRUE(loaded);
      files_ = std::move(*loaded);
    }
    return files_->Answer({"GET", path, std::move(headers), ""});
  }

  static std::string HeaderOf(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  const std::string script_ = "export const a = 1;\n" + std::string(5000, ' ');
  // Of each test alone, since they may run at the same time.
  const fs::path root_ = fs::path(::testing::TempDir()) / ("static_files." + std::to_string(getpid()));
  const fs::path folder_ = root_ / "dist";
  std::optional<StaticFiles> files_;
};

TEST_F(StaticFilesTest, AnswersByPath) {
  struct Row {
    const char* story;
    std::string path;
    unsigned status;
    std::string content_type, cache_control;
  };
  const std::string html = "text/html; charset=utf-8", forever = "public, max-age=31536000, immutable";
  const Row rows[] = {
      {"the dashboard", "/", 200, html, "no-cache"},
      {"the same", "/index.html", 200, html, "no-cache"},
      {"a page of the dashboard", "/hosts/alpha", 200, html, "no-cache"},
      {"a page with an escape", "/hosts/a%20b", 200, html, "no-cache"},
      {"a script", "/assets/index-Dk3x81ab.js", 200, "text/javascript; charset=utf-8", forever},
      {"a font", "/assets/font-D-_x81ab.woff2", 200, "font/woff2", forever},
      {"a file without hash", "/assets/logo.svg", 200, "image/svg+xml", "no-cache"},
      {"a file that is not", "/assets/index-00000000.js", 404, "", ""},
      {"an asset without a dot", "/assets/nothing", 404, "", ""},
      {"a hidden file", "/.env", 404, "", ""},
      {"a hidden folder", "/.git/config", 200, html, "no-cache"},
      {"a symbolic link", "/link.txt", 404, "", ""},
      {"through a symbolic link", "/up/static_files_secret.txt", 404, "", ""},
      {"upward", "/../static_files_secret.txt", 400, "", ""},
      {"upward, escaped", "/%2e%2e/static_files_secret.txt", 400, "", ""},
      {"upward, half escaped", "/.%2E/static_files_secret.txt", 400, "", ""},
      {"upward, with an escaped slash", "/assets%2f..%2f..%2fstatic_files_secret.txt", 400, "", ""},
      {"upward, at the end", "/assets/..", 400, "", ""},
      {"upward, by backslash", "/..\\static_files_secret.txt", 400, "", ""},
      {"upward, by escaped backslash", "/..%5cstatic_files_secret.txt", 400, "", ""},
      {"upward, escaped twice", "/%252e%252e/static_files_secret.txt", 404, "", ""},
      {"a NUL", "/index.html%00.js", 400, "", ""},
      {"half an escape", "/a%2", 400, "", ""},
      {"no escape", "/a%zz", 400, "", ""},
      {"two slashes", "//etc/passwd", 200, html, "no-cache"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    const HttpResponse answer = Get(row.path);
    EXPECT_EQ(row.status, answer.status);
    ASSERT_TRUE(answer.body);
    EXPECT_EQ(std::string::npos, answer.body->find("secret"));
    if (row.status != 200) continue;
    EXPECT_EQ(row.content_type, HeaderOf(answer, "content-type"));
    EXPECT_EQ(row.cache_control, HeaderOf(answer, "cache-control"));
  }
}

TEST_F(StaticFilesTest, CompressesWhatIsWorthIt) {
  const HttpResponse small = Get("/assets/index-Dk3x81ab.js", {{"accept-encoding", "gzip"}});
  EXPECT_EQ("gzip", HeaderOf(small, "content-encoding"));
  EXPECT_EQ("accept-encoding", HeaderOf(small, "vary"));
  EXPECT_EQ(script_, *Gunzip(*small.body, 1 << 20));
  const HttpResponse plain = Get("/assets/index-Dk3x81ab.js", {{"accept-encoding", "gzip;q=0"}});
  EXPECT_EQ(script_, *plain.body);
  EXPECT_EQ("accept-encoding", HeaderOf(plain, "vary"));
  EXPECT_NE(HeaderOf(small, "etag"), HeaderOf(plain, "etag"));
  EXPECT_EQ("", HeaderOf(Get("/assets/font-D-_x81ab.woff2", {{"accept-encoding", "gzip"}}), "content-encoding"));
}

TEST_F(StaticFilesTest, DoesNotSendWhatTheBrowserHas) {
  const std::string etag = HeaderOf(Get("/"), "etag");
  for (const std::string& tags : {etag, "W/" + etag, "\"other\", " + etag, std::string("*")}) {
    const HttpResponse answer = Get("/", {{"if-none-match", tags}});
    EXPECT_EQ(304u, answer.status) << tags;
    EXPECT_FALSE(answer.body);
    EXPECT_EQ(etag, HeaderOf(answer, "etag"));
  }
  EXPECT_EQ(200u, Get("/", {{"if-none-match", "\"other\""}}).status);
  Write("index.html", "<p>another</p>");
  files_.reset();
  EXPECT_EQ(200u, Get("/", {{"if-none-match", etag}}).status);
}

TEST_F(StaticFilesTest, SaysHowTheDashboardIsBuilt) {
  fs::remove_all(folder_);
  for (const std::string& folder : {std::string(), folder_.string()}) {
    const auto files = StaticFiles::Load(folder);
    ASSERT_TRUE(files) << files.error().Text();
    EXPECT_THAT(*files->Answer({"GET", "/", {}, ""}).body, HasSubstr("npm run build"));
  }
}

TEST_F(StaticFilesTest, RefusesAFolderThatIsNoDashboard) {
  std::error_code ignored;
  Write("large.bin", "");
  fs::resize_file(folder_ / "large.bin", (64u << 20) + 1, ignored);
  const auto files = StaticFiles::Load(folder_.string());
  ASSERT_FALSE(files);
  EXPECT_EQ(ErrorCode::kTooLarge, files.error().code);
  EXPECT_THAT(files.error().Text(), HasSubstr("web/dist"));
  EXPECT_FALSE(StaticFiles::Load((folder_ / "index.html").string()));
}

}  // namespace
}  // namespace wakewatch
