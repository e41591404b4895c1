// Writes the seeds of the chunk and message targets, which no script can make: fuzz_seeds tests/fuzz/corpus
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <wakewatch/v1/batch.pb.h>

#include "proto/wire/batch_codec.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/message_limits.h"

namespace {

namespace fs = std::filesystem;

void Put(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string BytesOf(const wakewatch::Batch& batch) {
  wakewatch::v1::Batch message;
  wakewatch::BatchToMessage(batch, &message);
  return message.SerializeAsString();
}

// Each number, text and list as large as it may be, so that what lets one more through is a step away.
wakewatch::Batch AtTheLimits() {
  using namespace wakewatch;
  const BatchLimits& limits = fuzz::kMessageLimits;
  const uint32_t cpu = limits.cpu_max;
  const uint64_t time_ns = limits.time_max_ns;
  const std::string text(limits.text_bytes_max, 't');
  Batch batch;
  batch.sequence = 1;
  batch.session = SessionInfo{text, text, text, text, text, text, cpu + 1, true};
  batch.formats = FormatsDelta{1, 8, false, 4096, std::string(limits.format_bytes_max, 'h'), {}};
  batch.formats->events = {{text, std::string(limits.format_bytes_max, 'f')}};
  batch.threads = {ThreadInfo{.pid = 1, .comm = text, .first_seen_ns = time_ns, .affinity = text}};
  batch.symbols.assign(limits.list_max, {1, "s"});
  batch.cpus = {{cpu, true, 0, 0, 0, time_ns}};
  batch.clock_pairs = {{time_ns, time_ns}};
  batch.stats = {{cpu, 1, 2, 3, 4, 5}};
  batch.profiles = {{time_ns, text, {text}, text}};
  batch.chunks = {{cpu, time_ns, time_ns, 1, 7, {1}}};
  batch.gaps = {{cpu, time_ns, time_ns, 1, GapCause::kCorrupt}};
  batch.frontiers = {{cpu, time_ns}};
  return batch;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace wakewatch;
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds CORPUS-FOLDER\n");
    return 2;
  }
  const fs::path corpus = argv[1];
  const auto input = fuzz::OpenSample();
  for (const size_t events : {1u, 20u, 200u}) {
    const auto chunks = fuzz::SampleChunks(*input, events);
    const auto& bytes = chunks.front().bytes;
    Put(corpus / "chunk" / (std::to_string(events) + ".chunk"), std::string(bytes.begin(), bytes.end()));
  }
  Batch first;
  first.sequence = 1;
  first.session = SessionInfo{"box", "boot", "s1", "6.1.0", "mono", "0.1", 2, true};
  first.formats = FormatsDelta{1, 8, false, 4096, "", {{"sched", "name: sched_switch\nID: 1\nformat:\n"}}};
  first.threads = {ThreadInfo{.pid = 14, .comm = "ksoftirqd/0"}};
  first.symbols = {{0xffffffff81000000, "schedule"}};
  first.cpus = {{0, true, 0, 0, 0, 5}};
  first.clock_pairs = {{5, 1'700'000'000'000'000'000}};
  first.stats = {{0, 1, 2, 3, 4, 5}};
  first.profiles = {{5, "standard", {"sched/sched_switch"}, "start"}};
  Put(corpus / "message" / "first.batch", BytesOf(first));
  Batch later;
  later.sequence = 2;
  later.chunks = fuzz::SampleChunks(*input, 20);
  for (Chunk& chunk : later.chunks) {
    later.frontiers.push_back({chunk.cpu, chunk.last_ns});
    chunk.bytes = {1, 2, 3};  // nobody looks into them here, and a small seed is changed where it matters
  }
  later.gaps = {{0, 1, UINT64_MAX, kLostUnknown, GapCause::kOverrun}, {1, 5, 9, 3, GapCause::kOverrun}};
  later.last = true;
  Put(corpus / "message" / "later.batch", BytesOf(later));
  Put(corpus / "message" / "limits.batch", BytesOf(AtTheLimits()));
  return 0;
}
