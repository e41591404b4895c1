// Why: what is to be checked is a file, standard input, or a protocol that comes with the program; and what comes with
// it may differ between this program and a server.
#pragma once

#include <string>

#include "analysis/base/result.h"

namespace wakewatch {

struct ProtocolSource {
  std::string name;  // the file's, "stdin", or the shipped protocol's
  std::string text;
  bool shipped = false;
};
// A file where there is one of that name, else the shipped protocol; "-" is standard input. Of a file no more is read
// than the checker takes, and a byte. Errors: kNotFound, kIo …; kInterrupted while standard input is waited for.
Result<ProtocolSource> ReadProtocol(const std::string& named);

}  // namespace wakewatch
