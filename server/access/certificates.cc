#include "server/access/certificates.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>

#include "server/access/files.h"
#include "server/access/openssl.h"

namespace wakewatch {
namespace {

using openssl::Certificate;
using openssl::Key;

constexpr size_t kPemBytesMax = 1u << 20, kNameCharsMax = 64;  // a common name may have no more
constexpr long kHourS = 3600, kDayS = 86'400;
constexpr unsigned kDaysMax = 3650;
constexpr int kSerialBytes = 16;

Error Trouble(const std::string& what) {
  return Error{.code = ErrorCode::kInternal, .cause = what + ": " + openssl::LastError()};
}

bool IsHostName(const std::string& name) {
  return !name.empty() && name.size() <= 253 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == name.npos;
}

bool IsAddress(const std::string& text) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

Status CheckWish(const CertificateWish& wish) {
  const auto refuse = [](std::string cause) { return Fail(ErrorCode::kInvalidArgument, std::move(cause)); };
  if (wish.days == 0 || wish.days > kDaysMax) return refuse("a certificate is good for 1 to 3650 days");
  if (wish.common_name.empty() || wish.common_name.size() > kNameCharsMax) {
    return refuse("a certificate's name has 1 to 64 characters");
  }
  for (const std::string& name : wish.dns_names) {
    if (!IsHostName(name)) return refuse("\"" + name + "\" is no name of a host");
  }
  for (const std::string& address : wish.addresses) {
    if (!IsAddress(address)) return refuse("\"" + address + "\" is no IP address");
  }
  return {};
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Everything but extensions, issuer and signature.
Certificate Begin(const CertificateWish& wish, EVP_PKEY* key) {
  Certificate certificate(X509_new());
  unsigned char serial[kSerialBytes];
  if (certificate == nullptr || RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7f;  // positive
  std::unique_ptr<BIGNUM, openssl::Deleter<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const auto* const name = reinterpret_cast<const unsigned char*>(wish.common_name.c_str());
  const bool good = X509_set_version(certificate.get(), X509_VERSION_3) == 1 && number != nullptr &&
                    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
                    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kHourS) != nullptr &&
                    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), wish.days * kDayS) != nullptr &&
                    X509_set_pubkey(certificate.get(), key) == 1 &&
                    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1;
  return good ? std::move(certificate) : nullptr;
}

std::string PemOf(X509* certificate) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) return {};
  char* bytes = nullptr;
  const long n = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(n)};
}

std::string PemOf(EVP_PKEY* key) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
  char* bytes = nullptr;
  const long n = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(n)};
}

Result<CertificatePaths> Store(const std::string& folder, const std::string& stem, bool replace, X509* certificate,
                               EVP_PKEY* key) {
  const CertificatePaths paths{folder + "/" + stem + ".pem", folder + "/" + stem + "-key.pem"};
  struct stat info {};
  for (const std::string& path : {paths.certificate, paths.key}) {
    if (replace || stat(path.c_str(), &info) != 0) continue;
    return Fail(Error{.code = ErrorCode::kConflict,
                      .cause = "it is there already",
                      .file = path,
                      .remedy = "give --force to replace it"});
  }
  if (auto written = WriteWholeFile(paths.key, PemOf(key), 0600); !written) return Fail(written.error());
  if (auto written = WriteWholeFile(paths.certificate, PemOf(certificate), 0644); !written) {
    return Fail(written.error());
  }
  return paths;
}

std::string AlternativeNames(const CertificateWish& wish) {
  std::string text;
  for (const std::string& name : wish.dns_names) text += (text.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : wish.addresses) text += (text.empty() ? "IP:" : ",IP:") + address;
  return text;
}

Result<CertificatePaths> Issue(const std::string& folder, const std::string& stem, const CertificateWish& wish,
                               const std::string& usage) {
  if (auto good = CheckWish(wish); !good) return Fail(good.error());
  if (!IsHostName(stem) || stem == "ca")
    return Fail(ErrorCode::kInvalidArgument, "\"" + stem + "\" is no name for a certificate's file");
  const std::string ca_path = folder + "/ca.pem", ca_key_path = folder + "/ca-key.pem";
  const auto ca_pem = ReadWholeFile(ca_path, kPemBytesMax), ca_key_pem = ReadWholeFile(ca_key_path, kPemBytesMax);
  if (!ca_pem || !ca_key_pem) {
    Error error = (ca_pem ? ca_key_pem : ca_pem).error();
    error.remedy = "make the authority first: wakewatch cert create-ca";
    return Fail(std::move(error));
  }
  const Certificate authority = openssl::CertificateOf(*ca_pem);
  const Key authority_key = openssl::KeyOf(*ca_key_pem);
  if (authority == nullptr || authority_key == nullptr ||
      X509_check_private_key(authority.get(), authority_key.get()) != 1) {
    (void)openssl::LastError();
    return Fail(Error{.code = ErrorCode::kCorrupt,
                      .cause = "this and " + ca_key_path + " are no authority's certificate and key",
                      .file = ca_path});
  }
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key == nullptr ? nullptr : Begin(wish, key.get());
  const bool good = certificate != nullptr &&
                    X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority.get())) == 1 &&
                    AddExtension(certificate.get(), authority.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    AddExtension(certificate.get(), authority.get(), NID_key_usage, "critical,digitalSignature") &&
                    AddExtension(certificate.get(), authority.get(), NID_ext_key_usage, usage) &&
                    AddExtension(certificate.get(), authority.get(), NID_subject_alt_name, AlternativeNames(wish)) &&
                    AddExtension(certificate.get(), authority.get(), NID_subject_key_identifier, "hash") &&
                    AddExtension(certificate.get(), authority.get(), NID_authority_key_identifier, "keyid:always") &&
                    X509_sign(certificate.get(), authority_key.get(), EVP_sha256()) > 0;
  if (!good) return Fail(Trouble("the certificate could not be made"));
  return Store(folder, stem, wish.replace, certificate.get(), key.get());
}

}  // namespace

Result<CertificatePaths> CreateAuthority(const std::string& folder, const CertificateWish& wish) {
  if (auto good = CheckWish(wish); !good) return Fail(good.error());
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Fail(ErrnoError(errno, "cannot create it", folder));
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key == nullptr ? nullptr : Begin(wish, key.get());
  const bool good =
      certificate != nullptr &&
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) == 1 &&
      AddExtension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      AddExtension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
      AddExtension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash") &&
      X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  if (!good) return Fail(Trouble("the authority could not be made"));
  return Store(folder, "ca", wish.replace, certificate.get(), key.get());
}

Result<CertificatePaths> IssueServerCertificate(const std::string& folder, const std::string& stem,
                                                const CertificateWish& wish) {
  if (wish.dns_names.empty() && wish.addresses.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "a server's certificate needs a name or an address by which clients call it");
  }
  return Issue(folder, stem, wish, "serverAuth");
}

Result<CertificatePaths> IssueClientCertificate(const std::string& folder, const std::string& stem,
                                                const CertificateWish& wish) {
  if (wish.dns_names.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a client's certificate needs the name of its host");
  }
  return Issue(folder, stem, wish, "clientAuth");
}

}  // namespace wakewatch
