#include "collector/agent/stream_problems.h"

#include "proto/wire/versions.h"

namespace wakewatch {

std::string RemedyOf(StreamEnd end) {
  switch (end) {
    case StreamEnd::kHostClaimed:
      return "another live collector sends for this host: stop it, or give this one another name with --host";
    case StreamEnd::kVersions: return "upgrade the older of the two, this collector or the server";
    case StreamEnd::kServerFull: return "free space where the server stores, or lower its retention";
    case StreamEnd::kNoSuchServer: return "check the address: what answers there is no Wakewatch server";
    case StreamEnd::kNotTrusted: return "mend the certificate, or name another with --tls-ca";
    case StreamEnd::kUnreachable: return "what is recorded is kept and sent when the server is back";
    default: return {};
  }
}

std::string TextOf(const StreamEnding& ending) {
  const std::string text = ending.text.empty() ? "the server ended the stream" : ending.text;
  const std::string remedy = RemedyOf(ending.end);
  // Our servers say themselves what can be done, in parentheses.
  const bool said = text.find('(') != std::string::npos || text.find("upgrade") != std::string::npos;
  return remedy.empty() || said ? text : text + " (" + remedy + ")";
}

bool TakesPeople(StreamEnd end) { return end != StreamEnd::kUnreachable && end != StreamEnd::kClosed; }

bool IsRefusal(StreamEnd end) {
  return end == StreamEnd::kNotAllowed || end == StreamEnd::kVersions || end == StreamEnd::kNoSuchServer ||
         end == StreamEnd::kNotTrusted;
}

std::string VersionTrouble(const v1::Welcome& welcome) {
  const std::string text = WrongChoice("protocol", welcome.wire_version(), kWireVersions);
  return text.empty() ? WrongChoice("chunk format", welcome.chunk_version(), kChunkVersions) : text;
}

std::string Printable(const std::string& text) {
  constexpr size_t kTextMax = 500;
  std::string printable = text.substr(0, kTextMax);
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return printable;
}

}  // namespace wakewatch
