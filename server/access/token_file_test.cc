#include "server/access/token_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "server/access/access_test_support.h"

namespace wakewatch {
namespace {

std::string Contents(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(TokenFile, KeepsHashesAndIsForItsOwnerOnly) {
  const AccessFolder folder;
  const auto text = CreateToken(folder.tokens(), {.id = "web", .roles = {Role::kIngest}, .host = "web-1"}, 5);
  ASSERT_TRUE(text);
  const auto parts = ParseTokenText(*text);
  ASSERT_TRUE(parts);
  EXPECT_EQ("web", parts->id);
  const std::string bytes = Contents(folder.tokens().path());
  EXPECT_EQ(bytes.npos, bytes.find(parts->secret));
  EXPECT_NE(bytes.npos, bytes.find(Sha256Hex(parts->secret)));
  struct stat info {};
  ASSERT_EQ(0, stat(folder.tokens().path().c_str(), &info));
  EXPECT_EQ(0600u, info.st_mode & 07777);
  const auto tokens = folder.tokens().Read();
  ASSERT_TRUE(tokens);
  ASSERT_EQ(1u, tokens->size());
  EXPECT_EQ("web-1", tokens->front().host);
  EXPECT_EQ(5, tokens->front().created_s);
}

TEST(TokenFile, SecretsDiffer) {
  std::vector<std::string> secrets;
  for (int i = 0; i < 100; ++i) secrets.push_back(RandomSecret().value());
  std::sort(secrets.begin(), secrets.end());
  EXPECT_EQ(secrets.end(), std::adjacent_find(secrets.begin(), secrets.end()));
  EXPECT_EQ(43u, secrets.front().size());
  // SHA-256 of "abc", from FIPS 180-2.
  EXPECT_EQ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Sha256Hex("abc"));
}

TEST(TokenFile, RefusesWishesThatMakeNoSense) {
  const AccessFolder folder;
  ASSERT_TRUE(CreateToken(folder.tokens(), {.id = "a", .roles = {Role::kRead}}, 1));
  const struct {
    TokenWish wish;
    ErrorCode code;
  } rows[] = {
      {{.id = "a", .roles = {Role::kRead}}, ErrorCode::kConflict},
      {{.id = "b", .roles = {}}, ErrorCode::kInvalidArgument},
      {{.id = "b", .roles = {Role::kRead}, .host = "web-1"}, ErrorCode::kInvalidArgument},
      {{.id = "b.c", .roles = {Role::kRead}}, ErrorCode::kInvalidArgument},
  };
  for (const auto& row : rows) {
    const auto made = CreateToken(folder.tokens(), row.wish, 1);
    ASSERT_FALSE(made);
    EXPECT_EQ(row.code, made.error().code);
  }
  EXPECT_EQ(ErrorCode::kNotFound, RevokeToken(folder.tokens(), "b", 1).error().code);
  EXPECT_EQ(ErrorCode::kNotFound, RotateToken(folder.tokens(), "b", {}, 1).error().code);
  EXPECT_EQ(1u, folder.tokens().Read()->size());
}

TEST(TokenFile, LinesAreReadBackAsTheyWereWritten) {
  Token token;
  token.id = "x";
  token.roles = {Role::kIngest, Role::kRead};
  token.host = "h\"\n\\";
  token.created_s = 1;
  token.expires_s = 2;
  token.revoked_s = 3;
  token.sha256 = std::string(64, 'a');
  token.old_sha256 = std::string(64, 'b');
  token.old_until_s = 4;
  const std::string line = ToLine(token);
  EXPECT_EQ(line.npos, line.find('\n'));
  const auto again = TokenFromLine(line);
  ASSERT_TRUE(again) << again.error().Text();
  EXPECT_EQ(line, ToLine(*again));
  // What is cut anywhere is no token.
  for (size_t n = 0; n < line.size(); ++n) EXPECT_FALSE(TokenFromLine(line.substr(0, n))) << n;
}

TEST(TokenFile, RefusesLinesThatAreNoTokens) {
  const std::string hash(64, 'a');
  const std::string good = R"("id":"a","roles":["read"],"created":1,"sha256":")" + hash + "\"";
  EXPECT_TRUE(TokenFromLine("{" + good + "}"));
  const std::string rows[] = {
      "",
      "[]",
      "{}",
      "{" + good + R"(,"limit":3})",
      "{" + good + R"(,"expires":-1})",
      "{" + good + R"(,"expires":1.5})",
      "{" + good + R"(,"expires":18446744073709551615})",
      "{" + good + R"(,"expires":"never"})",
      R"({"id":"a","roles":[],"sha256":")" + hash + "\"}",
      R"({"id":"a","roles":"read","sha256":")" + hash + "\"}",
      R"({"id":"","roles":["read"],"sha256":")" + hash + "\"}",
      R"({"id":"a","roles":["read"],"sha256":"00"})",
      R"({"id":"a","roles":[1],"sha256":")" + hash + "\"}",
      std::string(5000, '['),
  };
  for (const std::string& row : rows) EXPECT_FALSE(TokenFromLine(row)) << row;
}

TEST(TokenFile, ManyCommandsAtOnceLoseNothing) {
  const AccessFolder folder;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(CreateToken(folder.tokens(), {.roles = {Role::kRead}}, 1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto tokens = folder.tokens().Read();
  ASSERT_TRUE(tokens) << tokens.error().Text();
  EXPECT_EQ(40u, tokens->size());
}

}  // namespace
}  // namespace wakewatch
