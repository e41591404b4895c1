#include "server/access/token_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "server/access/files.h"

namespace wakewatch {
namespace {

constexpr size_t kBytesMax = 4u << 20;

Token* Find(std::vector<Token>* tokens, const std::string& id) {
  const auto found = std::find_if(tokens->begin(), tokens->end(), [&](const Token& token) { return token.id == id; });
  return found == tokens->end() ? nullptr : &*found;
}

Status NoSuchToken(const TokenFile& file, const std::string& id) {
  return Fail(Error{.code = ErrorCode::kNotFound,
                    .cause = "there is no token \"" + id + "\"",
                    .file = file.path(),
                    .remedy = "wakewatch token list names them"});
}

// Held until it is destroyed, also when the process is killed.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    locked_ = fd_ >= 0 && flock(fd_, LOCK_EX) == 0;
  }
  ~FolderLock() {
    if (fd_ >= 0) close(fd_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  bool locked() const { return locked_; }

 private:
  int fd_;
  bool locked_ = false;
};

}  // namespace

TokenFile::TokenFile(std::string data_folder) : folder_(std::move(data_folder)), path_(folder_ + "/tokens") {}

Result<std::vector<Token>> TokenFile::Read() const {
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0) return Fail(ErrnoError(errno, "cannot read the tokens", path_));
  if ((info.st_mode & 077) != 0) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = "others than its owner may use this file of tokens",
                      .file = path_,
                      .remedy = "chmod 600 " + path_});
  }
  const auto bytes = ReadWholeFile(path_, kBytesMax);
  if (!bytes) return Fail(bytes.error());
  std::vector<Token> tokens;
  std::set<std::string> ids;
  for (size_t begin = 0; begin < bytes->size();) {
    const size_t end = std::min(bytes->find('\n', begin), bytes->size());
    const std::string_view line = std::string_view(*bytes).substr(begin, end - begin);
    if (!line.empty()) {
      auto token = TokenFromLine(line);
      if (token && !ids.insert(token->id).second) token = Fail(ErrorCode::kCorrupt, "two tokens have the same id");
      if (!token) {
        Error error = token.error();
        error.file = path_;
        error.offset = begin;
        error.remedy = "remove the line; its token is then no longer good";
        return Fail(std::move(error));
      }
      tokens.push_back(*std::move(token));
    }
    begin = end + 1;
  }
  return tokens;
}

Status TokenFile::Write(const std::vector<Token>& tokens) const {
  std::string text;
  for (const Token& token : tokens) text += ToLine(token) + '\n';
  return WriteWholeFile(path_, text, 0600, folder_);
}

Status TokenFile::Change(const std::function<Status(std::vector<Token>*)>& change) const {
  if (mkdir(folder_.c_str(), 0750) != 0 && errno != EEXIST) {
    return Fail(ErrnoError(errno, "cannot create the data folder", folder_));
  }
  const FolderLock lock(path_ + ".lock");
  if (!lock.locked()) return Fail(ErrnoError(errno, "cannot lock the tokens", path_ + ".lock"));
  auto tokens = Read();
  if (!tokens && tokens.error().code != ErrorCode::kNotFound) return Fail(tokens.error());
  if (!tokens) tokens.emplace();
  if (auto changed = change(&*tokens); !changed) return changed;
  return Write(*tokens);
}

Result<std::string> CreateToken(const TokenFile& file, const TokenWish& wish, int64_t now_s) {
  const auto refuse = [](std::string cause) { return Fail(ErrorCode::kInvalidArgument, std::move(cause)); };
  if (wish.roles.empty()) return refuse("a token without a role lets nobody do anything");
  if (!wish.host.empty() && !Covers(wish.roles, Role::kIngest)) {
    return refuse("a host is for tokens of the role ingest: it is the only host as which they may deliver");
  }
  if (!wish.id.empty() && !IsTokenId(wish.id)) return refuse("an id has 1 to 64 letters, digits, - and _");
  const auto secret = RandomSecret(), random_id = RandomSecret();
  if (!secret || !random_id) return Fail(secret ? random_id.error() : secret.error());
  Token token;
  token.id = wish.id.empty() ? Sha256Hex(*random_id).substr(0, 10) : wish.id;
  token.roles = wish.roles;
  token.host = wish.host;
  token.created_s = now_s;
  if (wish.lifetime.count() > 0) token.expires_s = now_s + wish.lifetime.count();
  token.sha256 = Sha256Hex(*secret);
  const Status changed = file.Change([&](std::vector<Token>* tokens) -> Status {
    if (Find(tokens, token.id) != nullptr) {
      return Fail(Error{.code = ErrorCode::kConflict,
                        .cause = "there is a token \"" + token.id + "\" already",
                        .file = file.path(),
                        .remedy = "choose another --id, or give it another secret with wakewatch token rotate"});
    }
    tokens->push_back(token);
    return {};
  });
  if (!changed) return Fail(changed.error());
  return MakeTokenText(token.id, *secret);
}

Result<std::string> RotateToken(const TokenFile& file, const std::string& id, std::chrono::seconds keep_old,
                                int64_t now_s) {
  const auto secret = RandomSecret();
  if (!secret) return Fail(secret.error());
  const Status changed = file.Change([&](std::vector<Token>* tokens) -> Status {
    Token* const token = Find(tokens, id);
    if (token == nullptr) return NoSuchToken(file, id);
    if (token->revoked_s != 0) {
      return Fail(Error{.code = ErrorCode::kInvalidArgument,
                        .cause = "the token \"" + id + "\" was revoked",
                        .file = file.path(),
                        .remedy = "make another with wakewatch token create"});
    }
    token->old_sha256 = keep_old.count() > 0 ? token->sha256 : "";
    token->old_until_s = keep_old.count() > 0 ? now_s + keep_old.count() : 0;
    token->sha256 = Sha256Hex(*secret);
    return {};
  });
  if (!changed) return Fail(changed.error());
  return MakeTokenText(id, *secret);
}

Status RevokeToken(const TokenFile& file, const std::string& id, int64_t now_s) {
  return file.Change([&](std::vector<Token>* tokens) -> Status {
    Token* const token = Find(tokens, id);
    if (token == nullptr) return NoSuchToken(file, id);
    if (token->revoked_s == 0) token->revoked_s = now_s;
    return {};
  });
}

}  // namespace wakewatch
