// Why: a test or a small set-up needs an authority and a handful of certificates, and should not need a course in the
// openssl command. Keys are on the curve P-256. Where there is a real authority, use that one instead.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

struct CertificateWish {
  std::string common_name;
  std::vector<std::string> dns_names;  // of what it is to be good for
  std::vector<std::string> addresses;  // "192.0.2.7", "2001:db8::7"
  unsigned days = 0;                   // from now on; an hour of it lies in the past, for clocks that are slow
  bool replace = false;                // files that are there already
};
struct CertificatePaths {
  std::string certificate, key;
};

// FOLDER/ca.pem and ca-key.pem; creates the folder. Errors: kConflict (they are there), kInvalidArgument (days), kIo.
Result<CertificatePaths> CreateAuthority(const std::string& folder, const CertificateWish& wish);
// FOLDER/STEM.pem and STEM-key.pem of the authority there. Errors: also kNotFound (no authority), kCorrupt (a damaged
// one), kInvalidArgument (no name at all, or one that is none).
Result<CertificatePaths> IssueServerCertificate(const std::string& folder, const std::string& stem,
                                                const CertificateWish& wish);
Result<CertificatePaths> IssueClientCertificate(const std::string& folder, const std::string& stem,
                                                const CertificateWish& wish);

}  // namespace wakewatch
