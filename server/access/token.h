// Why: a token is a random secret that its holder keeps and of which the server keeps a hash: a stolen file of tokens
// lets nobody in. Times are seconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "server/access/role.h"

namespace wakewatch {

struct Token {
  std::string id;  // shown in lists and logs; not secret
  std::vector<Role> roles;
  std::string host;  // the only host as which it may deliver; empty: any
  int64_t created_s = 0;
  int64_t expires_s = 0;   // 0: never
  int64_t revoked_s = 0;   // 0: it was not
  std::string sha256;      // of the secret, in hexadecimal
  std::string old_sha256;  // of the one before, which is good until `old_until_s`; empty: none
  int64_t old_until_s = 0;
};

enum class TokenState { kGood, kExpired, kRevoked };
TokenState StateOf(const Token& token, int64_t now_s);
std::string_view Name(TokenState state);

// "ww1.ID.SECRET": 32 random bytes in the alphabet of URLs.
struct TokenText {
  std::string_view id, secret;
};
std::optional<TokenText> ParseTokenText(std::string_view text);
std::string MakeTokenText(const std::string& id, const std::string& secret);

// From the system's source of randomness. Error: kInternal: it gives none.
Result<std::string> RandomSecret();
std::string Sha256Hex(std::string_view bytes);
// Takes the same time whatever `secret` is.
bool IsSecretOf(const Token& token, std::string_view secret, int64_t now_s);

// A line of the file, without its end. Errors: kCorrupt, for anything that is not exactly a token.
std::string ToLine(const Token& token);
Result<Token> TokenFromLine(std::string_view line);

// 1 to 64 of a-z, A-Z, 0-9, '-' and '_'.
bool IsTokenId(std::string_view id);

}  // namespace wakewatch
