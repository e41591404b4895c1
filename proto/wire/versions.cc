#include "proto/wire/versions.h"

#include <algorithm>

namespace wakewatch {
namespace {

std::string Text(VersionSpan span) {
  const std::string oldest = std::to_string(span.oldest), newest = std::to_string(span.newest);
  return span.oldest == span.newest ? "version " + oldest : "versions " + oldest + " to " + newest;
}

}  // namespace

std::optional<uint32_t> CommonVersion(VersionSpan collector, VersionSpan server) {
  const uint32_t best = std::min(collector.newest, server.newest);
  if (best < std::max(collector.oldest, server.oldest)) return std::nullopt;
  return best;
}

std::string NoCommonVersion(const std::string& what, VersionSpan collector, VersionSpan server) {
  const bool server_is_older = collector.oldest <= collector.newest && collector.oldest > server.newest;
  return "no common version of the " + what + ": the collector speaks " + Text(collector) + ", this server " +
         Text(server) + "; upgrade the " + (server_is_older ? "server" : "collector");
}

std::string WrongChoice(const std::string& what, uint32_t chosen, VersionSpan collector) {
  if (chosen >= collector.oldest && chosen <= collector.newest) return {};
  return "the server chose version " + std::to_string(chosen) + " of the " + what + ", this collector speaks " +
         Text(collector) + ": upgrade " + (chosen > collector.newest ? "this collector" : "the server");
}

}  // namespace wakewatch
