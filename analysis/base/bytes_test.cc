#include "analysis/base/bytes.h"

#include <gtest/gtest.h>

#include <vector>

namespace wakewatch {
namespace {

TEST(ByteCursor, ReadsInEitherByteOrder) {
  const std::vector<uint8_t> bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  ByteCursor little(bytes), big(bytes, std::endian::big);
  EXPECT_EQ(0x0201u, little.U16());
  EXPECT_EQ(0x0102u, big.U16());
  EXPECT_EQ(0x06050403u, little.U32());
  EXPECT_EQ(0x03040506u, big.U32());
  EXPECT_EQ(3u, little.left());
  EXPECT_TRUE(little.ok() && big.ok());
}

TEST(ByteCursor, PastTheEndIsStickyAndReadsZero) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  ByteCursor cursor(bytes);
  EXPECT_EQ(0u, cursor.U32());
  EXPECT_FALSE(cursor.ok());
  EXPECT_EQ(0u, cursor.U8()) << "nothing is read once the cursor is bad";
  EXPECT_TRUE(cursor.Span(1).empty());
}

TEST(ByteCursor, ASpanOfAbsurdSizeIsRefused) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  ByteCursor cursor(bytes);
  cursor.Skip(1);
  EXPECT_TRUE(cursor.Span(UINT64_MAX).empty());
  EXPECT_FALSE(cursor.ok());
}

struct VarintCase {
  const char* story;
  std::vector<uint8_t> bytes;
  uint64_t value;
  bool ok;
};

TEST(ByteCursor, Varints) {
  const VarintCase cases[] = {
      {"one byte", {0x7f}, 127, true},
      {"two bytes", {0x80, 0x01}, 128, true},
      {"the largest", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, UINT64_MAX, true},
      {"a bit above 64", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, 0, false},
      {"eleven bytes", {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, false},
      {"ends inside", {0x80}, 0, false},
  };
  for (const VarintCase& c : cases) {
    ByteCursor cursor(c.bytes);
    EXPECT_EQ(c.value, cursor.Varint()) << c.story;
    EXPECT_EQ(c.ok, cursor.ok()) << c.story;
  }
}

TEST(ByteCursor, TextNeedsItsNul) {
  const std::vector<uint8_t> bytes = {'a', 'b', 0, 'c'};
  ByteCursor cursor(bytes);
  EXPECT_EQ("ab", cursor.CString());
  EXPECT_EQ(3u, cursor.at());
  EXPECT_EQ("", cursor.CString());
  EXPECT_FALSE(cursor.ok());
}

TEST(Zigzag, GoesThereAndBack) {
  for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{1}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(value, Unzigzag(Zigzag(value)));
  }
  EXPECT_EQ(1u, Zigzag(-1));
}

}  // namespace
}  // namespace wakewatch
