#include "server/access/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace wakewatch::openssl {

std::string LastError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

Bio Reading(const std::string& bytes) { return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

Certificate CertificateOf(const std::string& pem) {
  const Bio bio = Reading(pem);
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Key KeyOf(const std::string& pem) {
  const Bio bio = Reading(pem);
  // No pass phrase is asked for: a server has nobody to ask.
  const auto none = [](char*, int, int, void*) { return 0; };
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, none, nullptr));
}

}  // namespace wakewatch::openssl
