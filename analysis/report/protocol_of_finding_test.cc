#include "analysis/report/protocol_of_finding.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "analysis/checks/lost_wakeup/lost_class.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/shipped.h"
#include "analysis/protocol/sight/diagnosability.h"

namespace wakewatch {
namespace {

TEST(ProtocolOfFinding, EveryClassThatAShippedProtocolExplainsNamesOneThatLosesSo) {
  for (const protocol::ShippedProtocol& shipped : protocol::ShippedProtocols()) {
    const auto text = protocol::Parse(shipped.text, std::string(shipped.name));
    ASSERT_TRUE(text) << text.error().Text();
    for (const std::string& cls : text->explains) {
      const std::string_view named = ProtocolExplaining(cls);
      ASSERT_FALSE(named.empty()) << cls << ", which " << shipped.name << " explains";
      const protocol::ShippedProtocol* const explaining = protocol::ShippedProtocolNamed(named);
      ASSERT_NE(explaining, nullptr) << named;
      const auto explained = protocol::Parse(explaining->text, std::string(named));
      ASSERT_TRUE(explained) << explained.error().Text();
      EXPECT_EQ(std::count(explained->explains.begin(), explained->explains.end(), cls), 1) << named << " of " << cls;
      EXPECT_TRUE(protocol::MemoryThatLoses(*explained)) << named;
    }
  }
}

TEST(ProtocolOfFinding, NamesOnlyShippedProtocols) {
  size_t named = 0;
  for (size_t i = 0; i < kLostClasses; ++i) {
    const std::string_view protocol = ProtocolExplaining(Name(static_cast<LostClass>(i)));
    if (protocol.empty()) continue;
    ++named;
    EXPECT_NE(protocol::ShippedProtocolNamed(protocol), nullptr) << protocol;
  }
  EXPECT_EQ(named, 11u);
  EXPECT_EQ(ProtocolExplaining("undecided"), "");
  EXPECT_EQ(ProtocolExplaining("no-class"), "");
}

}  // namespace
}  // namespace wakewatch
