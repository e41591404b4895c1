#include "server/access/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPrefix = "ww1.";
constexpr size_t kSecretBytes = 32, kSecretChars = 43, kHashChars = 64, kHostCharsMax = 255;
constexpr char kUrlAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string UrlBase64(const unsigned char* bytes, size_t n) {
  std::string text;
  uint32_t bits = 0;
  int held = 0;
  for (size_t i = 0; i < n; ++i) {
    bits = (bits << 8) | bytes[i];
    for (held += 8; held >= 6;) {
      held -= 6;
      text += kUrlAlphabet[(bits >> held) & 63];
    }
  }
  if (held > 0) text += kUrlAlphabet[(bits << (6 - held)) & 63];
  return text;
}

bool IsHash(std::string_view text) {
  return text.size() == kHashChars && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool SameHash(const std::string& left, const std::string& right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace

TokenState StateOf(const Token& token, int64_t now_s) {
  if (token.revoked_s != 0) return TokenState::kRevoked;
  return token.expires_s != 0 && token.expires_s <= now_s ? TokenState::kExpired : TokenState::kGood;
}

std::string_view Name(TokenState state) {
  switch (state) {
    case TokenState::kGood: return "good";
    case TokenState::kExpired: return "expired";
    case TokenState::kRevoked: return "revoked";
  }
  return "unknown";
}

std::optional<TokenText> ParseTokenText(std::string_view text) {
  if (text.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const size_t dot = text.find('.');
  if (dot == text.npos) return std::nullopt;
  const TokenText parts{text.substr(0, dot), text.substr(dot + 1)};
  const bool good = IsTokenId(parts.id) && parts.secret.size() == kSecretChars &&
                    parts.secret.find_first_not_of(kUrlAlphabet) == text.npos;
  return good ? std::optional(parts) : std::nullopt;
}

std::string MakeTokenText(const std::string& id, const std::string& secret) {
  return std::string(kPrefix) + id + "." + secret;
}

Result<std::string> RandomSecret() {
  std::array<unsigned char, kSecretBytes> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) {
    return Fail(ErrorCode::kInternal, "the system gives no random bytes for a secret");
  }
  std::string text = UrlBase64(bytes.data(), bytes.size());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return text;
}

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[hash[i] >> 4];
    text += kDigits[hash[i] & 15];
  }
  return text;
}

bool IsSecretOf(const Token& token, std::string_view secret, int64_t now_s) {
  const std::string hash = Sha256Hex(secret);
  if (!IsHash(hash)) return false;
  // Both are compared, whatever the first says.
  const bool is_new = SameHash(hash, token.sha256);
  const bool is_old = SameHash(hash, token.old_sha256) && now_s < token.old_until_s;
  return is_new | is_old;
}

std::string ToLine(const Token& token) {
  Json roles = Json::array();
  for (const Role role : token.roles) roles.push_back(Name(role));
  Json line = {{"id", token.id}, {"roles", std::move(roles)}};
  if (!token.host.empty()) line["host"] = token.host;
  line["created"] = token.created_s;
  if (token.expires_s != 0) line["expires"] = token.expires_s;
  if (token.revoked_s != 0) line["revoked"] = token.revoked_s;
  line["sha256"] = token.sha256;
  if (!token.old_sha256.empty()) {
    line["old_sha256"] = token.old_sha256;
    line["old_until"] = token.old_until_s;
  }
  return line.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Result<Token> TokenFromLine(std::string_view line) {
  const auto corrupt = [](const std::string& what) {
    return Fail(ErrorCode::kCorrupt, "a line that is no token: " + what);
  };
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return corrupt("no JSON object");
  Token token;
  for (const auto& [key, value] : json.items()) {
    const bool number = value.is_number_unsigned() && value.get<uint64_t>() <= uint64_t{INT64_MAX};
    if (key == "roles") {
      if (!value.is_array()) return corrupt("roles is no list");
      for (const Json& name : value) {
        const auto role = name.is_string() ? ParseRole(name.get<std::string>()) : std::nullopt;
        if (!role) return corrupt("an unknown role");
        token.roles.push_back(*role);
      }
    } else if (key == "created" || key == "expires" || key == "revoked" || key == "old_until") {
      if (!number) return corrupt(key + " is no time");
      (key == "created"   ? token.created_s
       : key == "expires" ? token.expires_s
       : key == "revoked" ? token.revoked_s
                          : token.old_until_s) = value.get<int64_t>();
    } else if (key == "id" || key == "host" || key == "sha256" || key == "old_sha256") {
      if (!value.is_string()) return corrupt(key + " is no text");
      (key == "id"       ? token.id
       : key == "host"   ? token.host
       : key == "sha256" ? token.sha256
                         : token.old_sha256) = value.get<std::string>();
    } else {
      return corrupt("a key that this version does not know");  // perhaps a limit: it must not be left out
    }
  }
  if (!IsTokenId(token.id)) return corrupt("no id");
  if (token.roles.empty()) return corrupt("no roles");
  if (!IsHash(token.sha256)) return corrupt("sha256 is no hash");
  if (!token.old_sha256.empty() && !IsHash(token.old_sha256)) return corrupt("old_sha256 is no hash");
  if (token.host.size() > kHostCharsMax) return corrupt("a host's name that is too long");
  return token;
}

bool IsTokenId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && id.find_first_not_of(kUrlAlphabet) == id.npos;
}

}  // namespace wakewatch
