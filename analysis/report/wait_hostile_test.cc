// Chunks of waits lie in files that anybody may have written: no bytes may crash the reader, and none may be believed
// that contradict one another. Everything here is deterministic.
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>
#include <random>
#include <set>

#include "analysis/report/wait_chunk.h"
#include "analysis/report/wait_test_support.h"

namespace wakewatch {
namespace {

using chunk::Codec;
using wait_test::MadeWaits;

void Seal(std::vector<uint8_t>* bytes) {
  const uint64_t head = XXH3_64bits(bytes->data(), kWaitChecksumOffset);
  const uint64_t sum = XXH3_64bits_withSeed(bytes->data() + kWaitHeaderBytes, bytes->size() - kWaitHeaderBytes, head);
  std::memcpy(bytes->data() + kWaitChecksumOffset, &sum, sizeof sum);
}

// Reads everything a chunk has. Empty when all went well, else the cause of the error.
std::string ReadAll(Bytes bytes) {
  auto view = WaitView::Open(bytes);
  const auto note = [](const Error& error) {
    EXPECT_FALSE(error.cause.empty());
    EXPECT_TRUE(error.offset.has_value()) << error.cause;
    EXPECT_EQ(error.remedy.find("event "), std::string::npos) << error.remedy;
    return error.cause;
  };
  if (!view) return note(view.error());
  if (const auto read = view->ReadAll(); !read) return note(read.error());
  EXPECT_GE(view->waits(), 1u);
  EXPECT_LE(view->waits(), kWaitChunkWaits);
  uint64_t first_ns = UINT64_MAX, last_ns = 0;
  for (size_t i = 0; i < view->waits(); ++i) {
    const MeasuredWait wait = view->WaitAt(i);
    EXPECT_LE(wait.start_ns, wait.in_ns);
    EXPECT_NE(wait.kind, WaitKind::kNone);
    EXPECT_LE(wait.thread, LastOf(ThreadKind{}));
    EXPECT_FALSE(wait_test::Line(wait).empty());
    first_ns = std::min(first_ns, wait.start_ns);
    last_ns = std::max(last_ns, wait.in_ns);
  }
  EXPECT_EQ(first_ns, view->first_ns());
  EXPECT_EQ(last_ns, view->last_ns());
  return {};
}

std::vector<uint8_t> Encoded(size_t count) {
  const MadeWaits made(count, 3);
  WaitEncoder encoder;
  for (const MeasuredWait& wait : made.all()) encoder.Add(wait);
  return encoder.Encode();
}

class WaitHostileTest : public testing::Test {
 protected:
  const std::vector<uint8_t> good_ = Encoded(60);
};

TEST_F(WaitHostileTest, EveryBitFlipIsFound) {
  ASSERT_EQ(ReadAll(good_), "");
  std::vector<uint8_t> bytes = good_;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    ASSERT_NE(ReadAll(bytes), "") << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
}

TEST_F(WaitHostileTest, EveryTruncationIsFound) {
  for (size_t size = 0; size < good_.size(); ++size) {
    std::vector<uint8_t> cut(good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_NE(ReadAll(cut), "") << size << " bytes";
    if (size < kWaitHeaderBytes) continue;
    Seal(&cut);
    ASSERT_NE(ReadAll(cut), "") << size << " bytes, sealed";
  }
  std::vector<uint8_t> longer = good_;
  longer.push_back(0);
  Seal(&longer);
  EXPECT_NE(ReadAll(longer), "");
}

// With the checksum made right again, each byte of the directory and of every column is on its own.
TEST_F(WaitHostileTest, SealedBitFlipsAreRefusedOrConsistent) {
  size_t refused = 0;
  std::set<std::string> causes;
  std::vector<uint8_t> bytes = good_;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    Seal(&bytes);
    const std::string cause = ReadAll(bytes);
    if (!cause.empty()) {
      ++refused;
      causes.insert(cause);
    }
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(causes.size(), 15u) << "many different checks were reached";
}

TEST_F(WaitHostileTest, SealedRandomDamageIsRefusedOrConsistent) {
  std::mt19937_64 random(99);
  const std::vector<uint8_t> full = Encoded(900);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> bytes = round % 2 == 0 ? good_ : full;
    for (uint64_t i = 0; i <= random() % 6; ++i) {
      const size_t at = kWaitHeaderBytes + random() % (random() % 2 == 0 ? 120 : bytes.size() - kWaitHeaderBytes);
      bytes[at] = random() % 3 == 0 ? 0xff : static_cast<uint8_t>(random());
    }
    if (random() % 8 == 0) bytes.resize(kWaitHeaderBytes + random() % (bytes.size() - kWaitHeaderBytes));
    Seal(&bytes);
    ReadAll(bytes);
  }
}

TEST_F(WaitHostileTest, HeadersThatCannotBeAreRefusedWithTheirReason) {
  struct Row {
    const char* story;
    size_t at;
    uint64_t value;
    size_t size;
    ErrorCode code;
  };
  const Row rows[] = {
      {"not a chunk of waits", 0, 0x4b435757, 4, ErrorCode::kCorrupt},
      {"from a newer program", 4, kWaitChunkVersion + 1, 2, ErrorCode::kUnsupported},
      {"other columns", 6, kStoredWaitColumns + 1, 2, ErrorCode::kCorrupt},
      {"no waits", 8, 0, 4, ErrorCode::kCorrupt},
      {"more waits than a chunk may have", 8, kWaitChunkWaits + 1, 4, ErrorCode::kTooLarge},
      {"a list of columns past its end", 12, UINT32_MAX, 4, ErrorCode::kTruncated},
      {"a list of columns that ends early", 12, 3, 4, ErrorCode::kCorrupt},
      {"ends before it begins", 24, 0, 8, ErrorCode::kCorrupt},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    std::vector<uint8_t> bytes = good_;
    std::memcpy(bytes.data() + row.at, &row.value, row.size);
    Seal(&bytes);
    const auto view = WaitView::Open(bytes);
    ASSERT_FALSE(view);
    EXPECT_EQ(view.error().code, row.code) << view.error().Text();
    EXPECT_TRUE(view.error().offset.has_value());
  }
}

// A hand-made chunk: columns are given as raw bytes.
struct RawColumn {
  Codec codec;
  uint32_t ref;
  std::vector<uint8_t> raw;
};
std::vector<uint8_t> HandMade(uint32_t waits, uint64_t first_ns, uint64_t last_ns,
                              const std::vector<RawColumn>& columns) {
  std::vector<uint8_t> bytes(kWaitHeaderBytes);
  for (const RawColumn& column : columns) {
    bytes.push_back(static_cast<uint8_t>(column.codec));
    chunk::PutVarint(&bytes, column.ref);
    chunk::PutVarint(&bytes, column.raw.size());
    chunk::PutVarint(&bytes, column.raw.size());
  }
  const auto directory_bytes = static_cast<uint32_t>(bytes.size() - kWaitHeaderBytes);
  for (const RawColumn& column : columns) bytes.insert(bytes.end(), column.raw.begin(), column.raw.end());
  const auto put = [&](size_t at, auto value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
  put(0, kWaitMagic);
  put(4, kWaitChunkVersion);
  put(6, static_cast<uint16_t>(kStoredWaitColumns));
  put(8, waits);
  put(12, directory_bytes);
  put(16, first_ns);
  put(24, last_ns);
  Seal(&bytes);
  return bytes;
}

TEST(WaitHandMade, ColumnsThatContradictThemselvesAreRefused) {
  using enum Codec;
  constexpr auto kPid = static_cast<size_t>(StoredWaitColumn::kPid),
                 kComm = static_cast<size_t>(StoredWaitColumn::kComm);
  std::vector<RawColumn> good(kStoredWaitColumns, {kConstant, 0, {0}});
  good[0] = {kQuads, chunk::kRefPrevious, {0, 200, 20}};  // in 100, 110
  good[1] = {kQuads, 0, {0, 20, 40}};                     // latency 10, 20: start 90, 90
  good[kPid] = {kCodes8, 0, {2, 2, 4, 0, 1}};             // 1, 3
  good[kPid + 1] = {kPredicted, chunk::kRefPid, {0, 8}};  // kind of thread
  good[kPid + 4] = {kConstant, 0, {2}};                   // shape: wake
  good[kPid + 5] = {kConstant, 0, {1}};                   // no waker
  for (size_t text = kComm; text < kStoredWaitColumns; ++text) good[text] = {kConstant, 0, {1, 2, 'h', 'i'}};
  ASSERT_EQ(ReadAll(HandMade(2, 90, 110, good)), "");
  ASSERT_NE(ReadAll(HandMade(2, 89, 110, good)), "") << "begins later than it says";
  ASSERT_NE(ReadAll(HandMade(2, 90, 111, good)), "") << "ends earlier than it says";
  struct Row {
    const char* story;
    size_t column;
    RawColumn instead;
  };
  const Row rows[] = {
      {"a wait longer than all time", 1, {kQuads, 0, {1, 0xff, 0x0f, 40}}},
      {"latencies that are too few", 1, {kQuads, 0, {0, 20}}},
      {"a latency relative to the clock", 1, {kQuads, chunk::kRefTime, {0, 20, 40}}},
      {"times of their own", 0, {kQuads, 0, {0, 200, 220}}},
      {"a bucket that is no number", 5, {kConstant, 0, {1, 2}}},
      {"pid codes past the dictionary", kPid, {kCodes8, 0, {2, 2, 4, 0, 2}}},
      {"a pid that no task can have", kPid, {kConstant, 0, {0x80, 0x80, 0x80, 0x80, 0x80, 0x01}}},
      {"pids as plain numbers", kPid, {kQuads, 0, {0, 2, 6}}},
      {"pids predicted from themselves", kPid, {kPredicted, chunk::kRefPid, {0, 2}}},
      {"a kind of thread that is not there", kPid + 1, {kConstant, 0, {0x80, 0x02}}},
      {"predicted from what is next", kPid + 1, {kPredicted, chunk::kRefNextPid, {0, 8}}},
      {"an exception past the last row", kPid + 1, {kPredicted, chunk::kRefPid, {2, 8}}},
      {"a CPU that is not there", kPid + 3, {kConstant, 0, {1}}},
      {"a wait of no kind", kPid + 4, {kConstant, 0, {0}}},
      {"a shape with more bits than there are", kPid + 4, {kConstant, 0, {0x82, 0x01}}},
      {"a text as a number", kComm, {kQuads, 0, {0, 1, 2}}},
      {"a text that is cut off", kComm, {kConstant, 0, {1, 9, 'h', 'i'}}},
      {"a predicted text that is not there", kComm, {kPredicted, chunk::kRefPid, {1, 2, 'h', 'i', 0, 1}}},
      {"an encoding that is not there", kComm, {static_cast<Codec>(6), 0, {2}}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    std::vector<RawColumn> columns = good;
    columns[row.column] = row.instead;
    EXPECT_NE(ReadAll(HandMade(2, 90, 110, columns)), "");
  }
}

}  // namespace
}  // namespace wakewatch
