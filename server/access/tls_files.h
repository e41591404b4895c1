// Why: a server's certificate, its key, and the authority that its clients' certificates are from: files, which are
// looked at before a listener relies on them, so that what is wrong is said at the start and in words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

// PEM. All empty: no TLS.
struct TlsFiles {
  std::string certificate, key;
  std::string client_ca;  // clients of gRPC must then have a certificate of it
  bool used() const { return !certificate.empty(); }
};

struct CertificateFacts {
  std::vector<std::string> names;  // DNS names and addresses; the common name where there are none
  int64_t not_before_s = 0, not_after_s = 0;
};

// Errors: kInvalidArgument (only one of certificate and key, a client CA without them), kCorrupt (no PEM, or the key is
// another certificate's), kPermission (others may read the key), kIo, kNotFound.
Status CheckTlsFiles(const TlsFiles& files);
// Of the first certificate in the file. Errors: kCorrupt, kIo, kNotFound.
Result<CertificateFacts> ReadCertificate(const std::string& path);

// Changes whenever one of the files does.
std::string StateOfFiles(const TlsFiles& files);

}  // namespace wakewatch
