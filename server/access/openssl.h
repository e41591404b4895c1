// Why: OpenSSL's objects are freed by functions of their own, and its errors stand in a queue.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace wakewatch::openssl {

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

// The last error of this thread in words; the queue is empty then.
std::string LastError();
Bio Reading(const std::string& bytes);
// Null: there is none in `pem`.
Certificate CertificateOf(const std::string& pem);
Key KeyOf(const std::string& pem);

}  // namespace wakewatch::openssl
