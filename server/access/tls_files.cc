#include "server/access/tls_files.h"

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>

#include "server/access/files.h"
#include "server/access/openssl.h"

namespace wakewatch {
namespace {

constexpr size_t kPemBytesMax = 1u << 20;

int64_t Seconds(const ASN1_TIME* time) {
  std::tm utc{};
  return ASN1_TIME_to_tm(time, &utc) == 1 ? timegm(&utc) : 0;
}

std::string Text(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

std::string AddressText(const ASN1_STRING* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(address) != 16) return {};
  return inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text) == nullptr ? "" : text;
}

std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  const openssl::Names alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) names.push_back(Text(name->d.dNSName));
    if (name->type == GEN_IPADD) names.push_back(AddressText(name->d.iPAddress));
  }
  if (!names.empty()) return names;
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) names.push_back(Text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

Result<openssl::Certificate> Load(const std::string& path) {
  const auto pem = ReadWholeFile(path, kPemBytesMax);
  if (!pem) return Fail(pem.error());
  openssl::Certificate certificate = openssl::CertificateOf(*pem);
  if (certificate != nullptr) return certificate;
  return Fail(Error{.code = ErrorCode::kCorrupt,
                    .cause = "there is no certificate in PEM form in it: " + openssl::LastError(),
                    .file = path});
}

Status CheckKey(const std::string& path, const std::string& certificate_path, X509* certificate) {
  const auto pem = ReadWholeFile(path, kPemBytesMax);
  if (!pem) return Fail(pem.error());
  const openssl::Key key = openssl::KeyOf(*pem);
  if (key == nullptr) {
    return Fail(
        Error{.code = ErrorCode::kCorrupt,
              .cause = "there is no private key in PEM form, without a pass phrase, in it: " + openssl::LastError(),
              .file = path});
  }
  if (X509_check_private_key(certificate, key.get()) != 1) {
    (void)openssl::LastError();
    return Fail(Error{.code = ErrorCode::kCorrupt,
                      .cause = "this is not the key of the certificate in " + certificate_path,
                      .file = path,
                      .remedy = "name the two that were made together"});
  }
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = "everybody on this machine may read this private key",
                      .file = path,
                      .remedy = "chmod 600 " + path});
  }
  return {};
}

}  // namespace

Result<CertificateFacts> ReadCertificate(const std::string& path) {
  const auto certificate = Load(path);
  if (!certificate) return Fail(certificate.error());
  return CertificateFacts{NamesOf(certificate->get()), Seconds(X509_get0_notBefore(certificate->get())),
                          Seconds(X509_get0_notAfter(certificate->get()))};
}

Status CheckTlsFiles(const TlsFiles& files) {
  if (files.certificate.empty() != files.key.empty() || (!files.client_ca.empty() && files.certificate.empty())) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "TLS needs a certificate and its key",
                      .remedy = "give both --tls-cert and --tls-key; wakewatch cert server makes them"});
  }
  if (!files.used()) return {};
  const auto certificate = Load(files.certificate);
  if (!certificate) return Fail(certificate.error());
  if (auto key = CheckKey(files.key, files.certificate, certificate->get()); !key) return key;
  if (files.client_ca.empty()) return {};
  const auto authority = Load(files.client_ca);
  return authority ? Status() : Status(Fail(authority.error()));
}

std::string StateOfFiles(const TlsFiles& files) {
  std::string state;
  for (const std::string* path : {&files.certificate, &files.key, &files.client_ca}) {
    struct stat info {};
    if (path->empty() || stat(path->c_str(), &info) != 0) {
      state += "- ";
      continue;
    }
    state += std::to_string(info.st_ino) + ' ' + std::to_string(info.st_size) + ' ' +
             std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + ' ';
  }
  return state;
}

}  // namespace wakewatch
