#include "server/access/certificates.h"

#include <gmock/gmock.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <ctime>
#include <fstream>

#include "server/access/access_test_support.h"
#include "server/access/files.h"
#include "server/access/openssl.h"
#include "server/access/tls_files.h"

namespace wakewatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What OpenSSL says of a certificate for a purpose; X509_V_OK: it is good.
int Verify(const std::string& ca_path, const std::string& path, int purpose, const char* host) {
  const auto ca = openssl::CertificateOf(*ReadWholeFile(ca_path, 1 << 20));
  const auto certificate = openssl::CertificateOf(*ReadWholeFile(path, 1 << 20));
  std::unique_ptr<X509_STORE, openssl::Deleter<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), ca.get());
  std::unique_ptr<X509_STORE_CTX, openssl::Deleter<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context.get()), host, 0);
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_X509_STRICT);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

CertificateWish For(const std::string& name) {
  CertificateWish wish;
  wish.common_name = name;
  wish.dns_names = {name};
  wish.days = 30;
  return wish;
}

TEST(Certificates, AreGoodForWhatTheyWereMadeFor) {
  const AccessFolder folder;
  const auto ca = CreateAuthority(folder.path(), For("test authority"));
  ASSERT_FALSE(ca) << "a name with a space is no host's";
  CertificateWish authority;
  authority.common_name = "test authority";
  authority.days = 30;
  ASSERT_TRUE(CreateAuthority(folder.path(), authority));
  const std::string ca_path = folder.path() + "/ca.pem";
  CertificateWish server = For("server.example");
  server.addresses = {"192.0.2.7", "2001:db8::7"};
  const auto made = IssueServerCertificate(folder.path(), "server", server);
  const auto client = IssueClientCertificate(folder.path(), "web-1", For("web-1"));
  ASSERT_TRUE(made && client);
  EXPECT_EQ(X509_V_OK, Verify(ca_path, made->certificate, X509_PURPOSE_SSL_SERVER, "server.example"));
  EXPECT_EQ(X509_V_OK, Verify(ca_path, client->certificate, X509_PURPOSE_SSL_CLIENT, "web-1"));
  EXPECT_NE(X509_V_OK, Verify(ca_path, made->certificate, X509_PURPOSE_SSL_CLIENT, "server.example"));
  EXPECT_NE(X509_V_OK, Verify(ca_path, client->certificate, X509_PURPOSE_SSL_SERVER, "web-1"));
  EXPECT_NE(X509_V_OK, Verify(ca_path, made->certificate, X509_PURPOSE_SSL_SERVER, "other.example"));
  const auto facts = ReadCertificate(made->certificate);
  ASSERT_TRUE(facts);
  EXPECT_THAT(facts->names, ElementsAre("server.example", "192.0.2.7", "2001:db8::7"));
  EXPECT_EQ(30 * 86'400 + 3600, facts->not_after_s - facts->not_before_s);
  EXPECT_LT(facts->not_before_s, std::time(nullptr));
  for (const std::string& key : {folder.path() + "/ca-key.pem", made->key, client->key}) {
    struct stat info {};
    ASSERT_EQ(0, stat(key.c_str(), &info));
    EXPECT_EQ(0600u, info.st_mode & 07777) << key;
  }
}

TEST(Certificates, WishesThatMakeNoSense) {
  const AccessFolder folder;
  EXPECT_EQ(ErrorCode::kNotFound, IssueServerCertificate(folder.path(), "server", For("a")).error().code);
  CertificateWish authority;
  authority.common_name = "x";
  EXPECT_EQ(ErrorCode::kInvalidArgument, CreateAuthority(folder.path(), authority).error().code) << "no days";
  authority.days = 1;
  ASSERT_TRUE(CreateAuthority(folder.path(), authority));
  EXPECT_EQ(ErrorCode::kConflict, CreateAuthority(folder.path(), authority).error().code);
  CertificateWish comma = For("a");
  comma.dns_names = {"a,DNS:b"};
  EXPECT_EQ(ErrorCode::kInvalidArgument, IssueServerCertificate(folder.path(), "s", comma).error().code);
  EXPECT_EQ(ErrorCode::kInvalidArgument, IssueServerCertificate(folder.path(), "../s", For("a")).error().code);
  EXPECT_EQ(ErrorCode::kInvalidArgument, IssueServerCertificate(folder.path(), "ca", For("a")).error().code);
  CertificateWish address = For("a");
  address.addresses = {"1.2.3"};
  EXPECT_EQ(ErrorCode::kInvalidArgument, IssueServerCertificate(folder.path(), "s", address).error().code);
}

TEST(TlsFiles, AreLookedAtBeforeTheyAreUsed) {
  const AccessFolder folder;
  CertificateWish authority;
  authority.common_name = "x";
  authority.days = 1;
  ASSERT_TRUE(CreateAuthority(folder.path(), authority));
  const auto one = IssueServerCertificate(folder.path(), "one", For("a"));
  const auto two = IssueServerCertificate(folder.path(), "two", For("a"));
  ASSERT_TRUE(one && two);
  const std::string ca = folder.path() + "/ca.pem", none = folder.path() + "/none", text = folder.path() + "/text";
  std::ofstream(text) << "hello\n";
  struct Row {
    const char* story;
    TlsFiles files;
    std::string says;  // empty: good
  };
  const Row rows[] = {
      {"none", {}, ""},
      {"both", {one->certificate, one->key, ""}, ""},
      {"with clients", {one->certificate, one->key, ca}, ""},
      {"no key", {one->certificate, "", ""}, "--tls-key"},
      {"no certificate", {"", one->key, ""}, "--tls-cert"},
      {"only clients", {"", "", ca}, "--tls-cert"},
      {"another's key", {one->certificate, two->key, ""}, "not the key"},
      {"no such file", {none, one->key, ""}, "none"},
      {"a text", {text, one->key, ""}, "no certificate"},
      {"a certificate as key", {one->certificate, one->certificate, ""}, "no private key"},
      {"a text for clients", {one->certificate, one->key, text}, "no certificate"},
  };
  for (const Row& row : rows) {
    const Status checked = CheckTlsFiles(row.files);
    EXPECT_EQ(row.says.empty(), checked.has_value()) << row.story;
    EXPECT_THAT(checked ? "" : checked.error().Text(), HasSubstr(row.says)) << row.story;
  }
  ASSERT_EQ(0, chmod(two->key.c_str(), 0644));
  EXPECT_THAT(CheckTlsFiles({two->certificate, two->key, ""}).error().Text(), HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace wakewatch
