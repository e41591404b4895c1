#include "analysis/protocol/shipped.h"

#include <algorithm>
#include <vector>

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/embedded.h"

namespace wakewatch::protocol {

namespace {
constexpr std::string_view kPrelude = "prelude";
}

std::string_view PreludeText() {
  for (const EmbeddedText& text : EmbeddedTexts()) {
    if (text.name == kPrelude) return text.text;
  }
  return {};
}

std::span<const ShippedProtocol> ShippedProtocols() {
  static const std::vector<ShippedProtocol> shipped = [] {
    std::vector<ShippedProtocol> all;
    for (const EmbeddedText& text : EmbeddedTexts()) {
      if (text.name != kPrelude) all.push_back({text.name, text.text});
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return all;
  }();
  return shipped;
}

const ShippedProtocol* ShippedProtocolNamed(std::string_view name) {
  for (const ShippedProtocol& protocol : ShippedProtocols()) {
    if (protocol.name == name) return &protocol;
  }
  return nullptr;
}

}  // namespace wakewatch::protocol
