// The table of limits in deploy/README.md is what the code says.
#include "server/rpc/server_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "analysis/chunk/chunk.h"
#include "proto/wire/batch_codec.h"
#include "server/live/fleet.h"
#include "server/live/uploads.h"
#include "server/store/annotations.h"

namespace wakewatch {
namespace {

std::string Bytes(uint64_t bytes) {
  for (const auto& [shift, unit] : {std::pair(30, " GiB"), std::pair(20, " MiB"), std::pair(10, " KiB")}) {
    if (bytes >> shift != 0 && bytes % (1ull << shift) == 0) return std::to_string(bytes >> shift) + unit;
  }
  return std::to_string(bytes) + " bytes";
}

// 10,000
std::string Number(uint64_t n) {
  std::string text = std::to_string(n);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

std::string Time(std::chrono::milliseconds time) { return std::to_string(time.count() / 1000) + " s"; }

std::string Table() {
  const ServerLimits server;
  const FleetOptions fleet;
  const BatchLimits batch;
  const SnapshotLimits snapshots;
  std::string table = "| what | at most | defined in |\n|---|---|---|\n";
  const auto row = [&](const std::string& what, const std::string& value, const char* where) {
    table += "| " + what + " | " + value + " | `" + where + "` |\n";
  };
  constexpr char kServer[] = "server/rpc/server_limits.h", kFleet[] = "server/live/fleet.h";
  constexpr char kWire[] = "proto/wire/batch_codec.h", kChunk[] = "analysis/chunk/chunk.h";
  row("a message, in either direction, also decompressed", Bytes(server.message_bytes_max), kServer);
  row("live views of all clients together", Number(server.streams_max), kServer);
  row("rows of an answer to SQL", Number(server.sql_rows_max), kServer);
  row("time of an SQL statement", Time(server.sql_time_max), kServer);
  row("time of an analysis of stored events", Time(server.analysis_time_max), kServer);
  row("time of a timeline", Time(server.timeline_time_max), kServer);
  row("protocol checks at once", Number(server.checks_max), kServer);
  row("text of a protocol check", Bytes(server.check_text_bytes_max), kServer);
  row("states of a protocol check", Number(server.check_states_max), kServer);
  row("steps of a run of it", Number(server.check_steps_max), kServer);
  row("memory of a protocol check", Bytes(server.check_memory_bytes_max), kServer);
  row("time of a protocol check", Time(server.check_time_max), kServer);
  row("hosts", Number(fleet.hosts_max), kFleet);
  row("a host's messages of a day (UTC), `--host-gib-per-day`", Bytes(fleet.host_bytes_per_day_max), kFleet);
  row("events of a host in a second, while others stream, `--host-events-per-second`",
      Number(fleet.host_events_per_second), kFleet);
  row("messages that wait, of all hosts", Bytes(fleet.queue_bytes_max), kFleet);
  row("stacks asked of a host in a minute, `--snapshots-per-minute`", Number(snapshots.per_minute), kFleet);
  row("files on their way to an import, together, `--import-gib`", Bytes(fleet.uploads.bytes_max),
      "server/live/uploads.h");
  row("a part of one", Bytes(fleet.uploads.part_bytes_max), "server/live/uploads.h");
  row("a note about findings", Bytes(kNoteBytesMax), "server/store/annotations.h");
  row("entries of any list of a batch", Number(batch.list_max), kWire);
  row("a name or another text of a batch", Bytes(batch.text_bytes_max), kWire);
  row("an event's format file", Bytes(batch.format_bytes_max), kWire);
  row("the number of a CPU", Number(batch.cpu_max), kWire);
  row("events of a chunk", Number(kChunkEventsMax), kChunk);
  row("a chunk, decompressed", Bytes(kChunkBytesMax), kChunk);
  row("the same, of a chunk that a collector sends", Bytes(kChunkWireBytesMax), kChunk);
  return table;
}

TEST(ServerLimits, TheTableForPeopleSaysWhatTheCodeSays) {
  std::ifstream file(WAKEWATCH_SOURCE_DIR "/deploy/README.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t begin = text.find("| what | at most |");
  ASSERT_NE(begin, text.npos);
  EXPECT_EQ(text.substr(begin, text.find("\n\n", begin) - begin) + "\n", Table()) << "deploy/README.md, # Limits";
}

// One limit in two places.
TEST(ServerLimits, AMessageIsAsLargeForTheServerAsForCollectors) {
  EXPECT_EQ(ServerLimits().message_bytes_max, kMessageBytesMax);
}

// What a collector may send fits what the server reads.
TEST(ServerLimits, AFullChunkIsNoMoreThanAChunkMayBe) {
  EXPECT_LE(kChunkEventsTarget, kChunkEventsMax);
  EXPECT_LE(kChunkPendingBytesTarget, kChunkBytesMax);
}

}  // namespace
}  // namespace wakewatch
