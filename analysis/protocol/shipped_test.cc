#include "analysis/protocol/shipped.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {
namespace {

// What the text expects of itself; empty where it says nothing.
std::string Expected(const ProtocolText& text, Memory memory) {
  for (const Expectation& expectation : text.expect) {
    if (expectation.memory.empty() || expectation.memory == Name(memory)) return expectation.verdict;
  }
  return {};
}

TEST(Shipped, EachSaysWhatItIs) {
  ASSERT_GT(ShippedProtocols().size(), 80u);
  for (const ShippedProtocol& shipped : ShippedProtocols()) {
    EXPECT_EQ(shipped.text.substr(0, 3), "// ") << shipped.name << " does not say where it comes from";
    const auto text = Parse(shipped.text, std::string(shipped.name));
    ASSERT_TRUE(text) << shipped.name << ": " << text.error().Text();
    EXPECT_EQ(text->name, shipped.name);
    EXPECT_FALSE(text->title.empty()) << shipped.name;
    const bool loses = std::any_of(text->expect.begin(), text->expect.end(),
                                   [](const Expectation& expectation) { return expectation.verdict == "loses"; });
    EXPECT_TRUE(loses || text->explains.empty()) << shipped.name << " is safe and explains a loss";
  }
}

TEST(Shipped, EachIsWhatItExpectsOfItself) {
  for (const ShippedProtocol& shipped : ShippedProtocols()) {
    const auto text = Parse(shipped.text, std::string(shipped.name));
    ASSERT_TRUE(text) << shipped.name;
    for (const Memory memory : {Memory::kSc, Memory::kTso}) {
      CheckOptions options;
      options.memory = memory;
      options.states_max = 100'000;
      const auto result = CheckProtocol(shipped.text, std::string(shipped.name), options, {});
      ASSERT_TRUE(result) << shipped.name << ": " << result.error().Text();
      EXPECT_EQ(Name(result->verdict), Expected(*text, memory)) << shipped.name << " " << Name(memory);
      EXPECT_FALSE(result->verdict == Verdict::kSafe && result->store_buffer_full) << shipped.name;
    }
  }
}

TEST(Shipped, TheyAreFoundByName) {
  ASSERT_NE(ShippedProtocolNamed("kthread_loop"), nullptr);
  EXPECT_EQ(ShippedProtocolNamed("kthread_loop")->name, "kthread_loop");
  EXPECT_EQ(ShippedProtocolNamed("kthread"), nullptr);
  EXPECT_EQ(ShippedProtocolNamed("prelude"), nullptr);
}

}  // namespace
}  // namespace wakewatch::protocol
