// Why: the tokens of a server, one JSON object a line, in DATA/tokens with mode 0600. Commands change the file while a
// server reads it: a change is written beside it and put in its place, so that nobody ever sees half of one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "server/access/token.h"

namespace wakewatch {

class TokenFile {
 public:
  explicit TokenFile(std::string data_folder);
  const std::string& path() const { return path_; }

  // Errors: kNotFound: there is no file; kPermission: others may read or write it; kCorrupt: a line is no token, or two
  // have the same id; kTooLarge: above 4 MiB.
  Result<std::vector<Token>> Read() const;
  // Reads (no file: no tokens), lets `change` have its way, and writes, while no other command does. Error: also what
  // `change` answers.
  Status Change(const std::function<Status(std::vector<Token>*)>& change) const;

 private:
  Status Write(const std::vector<Token>& tokens) const;
  std::string folder_, path_;
};

struct TokenWish {
  std::string id;  // empty: one is made up
  std::vector<Role> roles;
  std::string host;
  std::chrono::seconds lifetime{0};  // 0: without end
};
// The token's text, which is nowhere else. Errors: kInvalidArgument (no roles, a host without the role ingest, an id
// that is none), kConflict (the id is there already), kIo.
Result<std::string> CreateToken(const TokenFile& file, const TokenWish& wish, int64_t now_s);
// Another secret; the old one stays good for `keep_old`. Errors: kNotFound, kInvalidArgument (it was revoked).
Result<std::string> RotateToken(const TokenFile& file, const std::string& id, std::chrono::seconds keep_old,
                                int64_t now_s);
// Errors: kNotFound.
Status RevokeToken(const TokenFile& file, const std::string& id, int64_t now_s);

}  // namespace wakewatch
