// Why: tests of who may do what need a folder with tokens in every state, and a clock that they can turn.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "server/access/token_file.h"

namespace wakewatch {

class AccessFolder {
 public:
  AccessFolder() {
    std::string path = std::filesystem::temp_directory_path() / "wakewatch-access-XXXXXX";
    path_ = mkdtemp(path.data());
  }
  ~AccessFolder() { std::filesystem::remove_all(path_); }
  AccessFolder(const AccessFolder&) = delete;
  AccessFolder& operator=(const AccessFolder&) = delete;

  const std::string& path() const { return path_; }
  TokenFile tokens() const { return TokenFile(path_); }
  // What a client sends: "Bearer …".
  std::string Bearer(const TokenWish& wish, int64_t now_s = 0) const {
    const auto text = CreateToken(tokens(), wish, now_s);
    EXPECT_TRUE(text) << text.error().Text();
    return "Bearer " + *text;
  }

 private:
  std::string path_;
};

}  // namespace wakewatch
