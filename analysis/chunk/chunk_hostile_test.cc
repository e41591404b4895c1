// Chunks come over a network and from disks: no bytes may crash the reader, and none may be believed that contradict
// one another. Everything here is deterministic.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>

#include "analysis/chunk/chunk.h"
#include "analysis/chunk/chunk_bytes.h"
#include "analysis/chunk/chunk_test_support.h"
#include "analysis/chunk/column_encoder.h"

namespace wakewatch {
namespace {

using chunk_test::Encode;
using chunk_test::Events;
using chunk_test::MakeFormats;

void Seal(std::vector<uint8_t>* bytes) {
  const uint64_t checksum = chunk::ChecksumOf(*bytes);
  std::memcpy(bytes->data() + chunk::kChecksumOffset, &checksum, sizeof checksum);
}

template <typename T>
void Overwrite(std::vector<uint8_t>* bytes, size_t at, T value) {
  std::memcpy(bytes->data() + at, &value, sizeof value);
}

// Reads everything a chunk has. Empty when all went well, else the cause of the first error.
std::string ReadAll(Bytes bytes, const FormatTable& formats) {
  const auto view = ChunkView::Open(bytes, formats);
  if (!view) return view.error().cause;
  std::string cause;
  const auto note = [&](const auto& result) {
    if (result) return true;
    EXPECT_FALSE(result.error().cause.empty());
    EXPECT_TRUE(result.error().offset.has_value()) << result.error().cause;
    if (cause.empty()) cause = result.error().cause;
    return false;
  };
  for (uint16_t index = 0; index < formats.events().size(); ++index) {
    if (view->Count(index) == 0) continue;
    for (size_t field = 0; field < formats.events()[index].fields.size(); ++field) {
      if (chunk::KindOf(formats.events()[index].fields[field]) == chunk::ColumnKind::kInteger) {
        note(view->Integers(index, field));
      } else {
        note(view->Texts(index, field));
      }
    }
  }
  EventBlock block;
  AnomalyCounts anomalies;
  const RecordDecoder decoder(formats);
  if (note(view->Decode(decoder, &block, &anomalies))) {
    EXPECT_EQ(block.events.size(), view->header().events);
    uint64_t last = view->header().first_ns;
    for (const Event& event : block.events) {
      EXPECT_GE(event.ts_ns, last);
      last = event.ts_ns;
      EXPECT_GE(event.record, block.storage.data());
      EXPECT_LE(event.record + event.record_size, block.storage.data() + block.storage.size());
    }
    EXPECT_EQ(last, view->header().last_ns);
  } else {
    EXPECT_TRUE(block.events.empty());
  }
  return cause;
}

class ChunkHostileTest : public testing::Test {
 protected:
  const FormatTable formats_ = MakeFormats();
  const std::vector<uint8_t> good_ = Encode(formats_, chunk_test::RandomRecords(formats_, 250, 60, 5)).bytes;
};

TEST_F(ChunkHostileTest, EveryBitFlipIsFound) {
  ASSERT_EQ(ReadAll(good_, formats_), "");
  std::vector<uint8_t> bytes = good_;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    const auto view = ChunkView::Open(bytes, formats_);
    ASSERT_FALSE(view.has_value()) << "bit " << bit;
    ASSERT_TRUE(view.error().offset.has_value());
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
}

TEST_F(ChunkHostileTest, EveryTruncationIsFound) {
  for (size_t size = 0; size < good_.size(); ++size) {
    ASSERT_FALSE(ChunkView::Open(Bytes(good_.data(), size), formats_).has_value()) << size << " bytes";
  }
  std::vector<uint8_t> longer = good_;
  longer.push_back(0);
  EXPECT_FALSE(ChunkView::Open(longer, formats_).has_value());
}

// With the checksum made right again, each byte of the directory and of every column is on its own.
TEST_F(ChunkHostileTest, SealedBitFlipsAreRefusedOrConsistent) {
  size_t refused = 0;
  std::set<std::string> causes;
  std::vector<uint8_t> bytes = good_;
  for (size_t bit = 0; bit < bytes.size() * 8; bit += 3) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    Seal(&bytes);
    const std::string cause = ReadAll(bytes, formats_);
    if (!cause.empty()) {
      ++refused;
      causes.insert(cause);
    }
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  EXPECT_GT(refused, 200u);
  EXPECT_GT(causes.size(), 15u);  // many different checks were reached
}

TEST_F(ChunkHostileTest, SealedRandomDamageIsRefusedOrConsistent) {
  std::mt19937_64 random(99);
  const std::vector<uint8_t> scheduler = Encode(formats_, chunk_test::Workload(formats_, 600, 5)).bytes;
  for (int round = 0; round < 6000; ++round) {
    std::vector<uint8_t> bytes = round % 2 == 0 ? good_ : scheduler;
    for (uint64_t i = 0; i <= random() % 6; ++i) {
      const size_t at = chunk::kHeaderBytes + random() % (random() % 2 == 0 ? 150 : bytes.size() - chunk::kHeaderBytes);
      bytes[at] = random() % 3 == 0 ? 0xff : static_cast<uint8_t>(random());
    }
    if (random() % 8 == 0) bytes.resize(chunk::kHeaderBytes + random() % (bytes.size() - chunk::kHeaderBytes));
    Seal(&bytes);
    ReadAll(bytes, formats_);
  }
}

TEST_F(ChunkHostileTest, HeadersThatCannotBeAreRefusedWithTheirReason) {
  struct Row {
    const char* story;
    size_t at;
    uint64_t value;
    size_t size;
    ErrorCode code;
  };
  const Row rows[] = {
      {"not a chunk", chunk::kMagicOffset, 0x12345678, 4, ErrorCode::kCorrupt},
      {"from a newer program", chunk::kVersionOffset, kChunkVersion + 1, 2, ErrorCode::kUnsupported},
      {"no events", chunk::kEventsOffset, 0, 4, ErrorCode::kCorrupt},
      {"more events than a chunk may have", chunk::kEventsOffset, kChunkEventsMax + 1, 4, ErrorCode::kTooLarge},
      {"more events than its formats count", chunk::kEventsOffset, 251, 4, ErrorCode::kCorrupt},
      {"ends before it begins", chunk::kLastOffset, 0, 8, ErrorCode::kCorrupt},
      {"starts at another time than its times", chunk::kFirstOffset, 0, 8, ErrorCode::kCorrupt},
      {"other formats", chunk::kFormatsHashOffset, 1, 8, ErrorCode::kUnsupported},
      {"a directory past its end", chunk::kDirectoryBytesOffset, UINT32_MAX, 4, ErrorCode::kTruncated},
      {"a directory that ends early", chunk::kDirectoryBytesOffset, 3, 4, ErrorCode::kCorrupt},
      {"a column too many", chunk::kColumnsOffset, 1000, 4, ErrorCode::kCorrupt},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    std::vector<uint8_t> bytes = good_;
    std::memcpy(bytes.data() + row.at, &row.value, row.size);
    Seal(&bytes);
    const auto view = ChunkView::Open(bytes, formats_);
    if (view) {
      EXPECT_EQ(view->Times().error().code, row.code);
      EXPECT_NE(ReadAll(bytes, formats_), "");
      continue;
    }
    EXPECT_EQ(view.error().code, row.code) << view.error().Text();
    EXPECT_TRUE(view.error().offset.has_value());
  }
}

// A hand-made chunk of sched_waking events: columns are given as raw bytes.
struct RawColumn {
  chunk::Codec codec;
  uint32_t ref;
  std::vector<uint8_t> raw;
};
std::vector<uint8_t> HandMade(const FormatTable& formats, uint32_t events, uint64_t last_ns,
                              const std::vector<RawColumn>& columns) {
  std::vector<uint8_t> bytes(chunk::kHeaderBytes);
  chunk::PutVarint(&bytes, 1);
  chunk::PutVarint(&bytes, chunk_test::kWakingId);
  chunk::PutVarint(&bytes, events);
  chunk::PutVarint(&bytes, 4);
  bytes.push_back(0);
  for (const RawColumn& column : columns) {
    bytes.push_back(static_cast<uint8_t>(column.codec));
    chunk::PutVarint(&bytes, column.ref);
    chunk::PutVarint(&bytes, column.raw.size());
    chunk::PutVarint(&bytes, column.raw.size());
  }
  const auto directory_bytes = static_cast<uint32_t>(bytes.size() - chunk::kHeaderBytes);
  for (const RawColumn& column : columns) bytes.insert(bytes.end(), column.raw.begin(), column.raw.end());
  const Chunk chunk{0, 100, last_ns, events, formats.Hash(), {}};
  chunk::PutHeader(chunk, directory_bytes, static_cast<uint32_t>(columns.size()), bytes);
  return bytes;
}

TEST_F(ChunkHostileTest, ColumnsThatContradictThemselvesAreRefused) {
  using enum chunk::Codec;
  constexpr uint32_t kKey = chunk::kRefField;
  const std::vector<RawColumn> good = {
      {kQuads, chunk::kRefPrevious, {0, 0, 10, 20}},  // times 100, 110, 130
      {kConstant, 0, {0}},                            // kinds
      {kCodes8, 0, {2, 2, 4, 0, 1, 0}},               // pids 1, 3, 1
      {kConstant, 0, {1, 2, 'h', 'i'}},               // comm
      {kCodes8, 0, {2, 4, 2, 0, 1, 1}},               // pid 2, 3, 3
      {kPredicted, kKey + 1, {0, 8, 1, 10}},          // prio 4, 5, 5
      {kQuads, kKey + 1, {0, 0, 2, 1}},               // target_cpu 2, 4, 2
  };
  ASSERT_EQ(ReadAll(HandMade(formats_, 3, 130, good), formats_), "");
  struct Row {
    const char* story;
    size_t column;
    RawColumn instead;
  };
  const Row rows[] = {
      {"times that end elsewhere", 0, {kQuads, chunk::kRefPrevious, {0, 0, 10, 21}}},
      {"times that do not begin at the first", 0, {kQuads, chunk::kRefPrevious, {0, 1, 10, 19}}},
      {"times that wrap around", 0, {kQuads, chunk::kRefPrevious, {12, 0, 255, 255, 255, 255, 255, 255, 255, 255, 31}}},
      {"times that are too few", 0, {kQuads, chunk::kRefPrevious, {0, 0, 30}}},
      {"times with a number too many", 0, {kQuads, chunk::kRefPrevious, {0, 0, 10, 20, 0}}},
      {"a control byte for a fourth number", 0, {kQuads, chunk::kRefPrevious, {64, 0, 10, 20}}},
      {"times as codes", 0, {kCodes8, 0, {1, 0, 0, 0, 0}}},
      {"kinds of a second format", 1, {kConstant, 0, {128, 128, 8}}},
      {"pid codes past the dictionary", 2, {kCodes8, 0, {2, 2, 4, 0, 2, 0}}},
      {"pid codes that are too few", 2, {kCodes8, 0, {2, 2, 4, 0, 1}}},
      {"a dictionary that is cut off", 2, {kCodes8, 0, {9, 2}}},
      {"an empty dictionary", 2, {kCodes8, 0, {0, 0, 0, 0}}},
      {"pids as plain numbers", 2, {kQuads, 0, {0, 1, 2, 3}}},
      {"a text longer than its field",
       3,
       {kConstant, 0, {1, 17, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q'}}},
      {"a text that is cut off", 3, {kConstant, 0, {1, 9, 'h', 'i'}}},
      {"a text as numbers", 3, {kQuads, 0, {0, 1, 2, 3}}},
      {"predicted texts past the dictionary", 3, {kPredicted, chunk::kRefPid, {1, 2, 'h', 'i', 0, 1}}},
      {"predicted from itself", 5, {kPredicted, kKey + 2, {0, 8}}},
      {"predicted from a text", 5, {kPredicted, kKey, {0, 8}}},
      {"predicted from numbers without codes", 5, {kPredicted, kKey + 3, {0, 8}}},
      {"predicted from a field that is not there", 5, {kPredicted, kKey + 4, {0, 8}}},
      {"predicted from the clock", 5, {kPredicted, chunk::kRefTime, {0, 8}}},
      {"an exception past the last row", 5, {kPredicted, kKey + 1, {3, 8}}},
      {"two exceptions in one row", 5, {kPredicted, kKey + 1, {0, 8, 0, 10}}},
      {"an exception that is cut off", 5, {kPredicted, kKey + 1, {0}}},
      {"relative to itself", 6, {kQuads, kKey + 3, {0, 0, 2, 1}}},
      {"relative to a text", 6, {kQuads, kKey, {0, 0, 2, 1}}},
      {"relative to a pid", 6, {kQuads, chunk::kRefPid, {0, 0, 2, 1}}},
      {"codes that refer to something", 6, {kCodes8, kKey, {1, 0, 0, 0, 0}}},
      {"a constant and more", 6, {kConstant, 0, {2, 2}}},
      {"an encoding that is not there", 6, {static_cast<chunk::Codec>(6), 0, {2}}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    std::vector<RawColumn> columns = good;
    columns[row.column] = row.instead;
    EXPECT_NE(ReadAll(HandMade(formats_, 3, 130, columns), formats_), "");
  }
}

// A few hundred bytes of chunk that would be gigabytes of records.
TEST_F(ChunkHostileTest, RecordsThatWouldFillMemoryAreRefused) {
  Events events(formats_, 0);
  auto record = events.Blank(2, 0, 0, 1);
  events.BeginLocs(2);
  events.PutLoc(&record, 8, std::string(60000, 'x'), true);
  events.EndLocs(&record);
  for (int i = 0; i < 200; ++i) events.Add(1, 2, record);
  std::vector<uint8_t> bytes = Encode(formats_, events).bytes;
  // The same columns said to hold 100,000 rows: constants stay valid at any length, only the times do not.
  const auto directory = chunk::ParseDirectory(bytes, formats_);
  ASSERT_TRUE(directory.has_value());
  constexpr uint32_t kRows = 100000;
  std::vector<uint8_t> blown(bytes.begin(), bytes.begin() + chunk::kHeaderBytes);
  chunk::PutVarint(&blown, 1);
  chunk::PutVarint(&blown, chunk_test::kExecId);
  chunk::PutVarint(&blown, kRows);
  chunk::PutVarint(&blown, 3);
  blown.push_back(0);
  const std::vector<uint8_t> zeros(chunk::QuadControls(kRows) + kRows);
  for (size_t i = 0; i < directory->columns.size(); ++i) {
    const chunk::StoredColumn& column = directory->columns[i];
    blown.push_back(static_cast<uint8_t>(column.codec));
    chunk::PutVarint(&blown, column.ref);
    chunk::PutVarint(&blown, i == chunk::kTimes ? zeros.size() : column.raw_bytes);
    chunk::PutVarint(&blown, i == chunk::kTimes ? zeros.size() : column.stored.size());
  }
  const auto directory_bytes = static_cast<uint32_t>(blown.size() - chunk::kHeaderBytes);
  blown.insert(blown.end(), zeros.begin(), zeros.end());
  for (size_t i = 1; i < directory->columns.size(); ++i) {
    const Bytes stored = directory->columns[i].stored;
    blown.insert(blown.end(), stored.begin(), stored.end());
  }
  chunk::PutHeader({0, 1, 1, kRows, formats_.Hash(), {}}, directory_bytes,
                   static_cast<uint32_t>(directory->columns.size()), blown);
  for (const uint32_t bytes_max : {kChunkBytesMax, kChunkWireBytesMax}) {
    const auto view = ChunkView::Open(blown, formats_, bytes_max);
    ASSERT_TRUE(view.has_value()) << view.error().Text();
    EventBlock block;
    AnomalyCounts anomalies;
    const Status status = view->Decode(RecordDecoder(formats_), &block, &anomalies);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, ErrorCode::kTooLarge);
    EXPECT_TRUE(block.storage.empty());
  }
  const auto announced = ChunkView::Open(bytes, formats_, 1000);
  ASSERT_FALSE(announced.has_value());
  EXPECT_EQ(announced.error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace wakewatch
