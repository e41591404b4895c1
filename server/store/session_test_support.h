// Why: tests of a session's parts need what a collector would have sent of a real trace, in many small batches with
// gaps among them, and the report that comes out of whatever they stored.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analysis/report/engine.h"
#include "analysis/report/report_json.h"
#include "analysis/trace/merge.h"
#include "server/store/recording.h"
#include "server/store/session_store.h"
#include "server/store/store_test_support.h"

namespace wakewatch::store_test {

inline SessionInfo MakeSession(const std::string& host = "box", const std::string& session = "s1") {
  return {host, "boot", session, "6.1.0", "mono", "0.1", 8, true};
}

// What a collector sends of a trace, slice by slice.
class LiveTrace {
 public:
  explicit LiveTrace(const std::string& path = WAKEWATCH_SOURCE_DIR "/tests/data/traces/tiny_lost-174-A.dat") {
    auto input = OpenTrace(path);
    EXPECT_TRUE(input) << TextOf(input);
    input_ = std::move(*input);
    auto readers = input_->OpenCpus();
    EXPECT_TRUE(readers) << TextOf(readers);
    for (auto& reader : *readers) {
      auto& events = cpus_[reader->cpu()];
      while (true) {
        EventBlock& block = blocks_.emplace_back();
        const auto more = reader->Fill(&block, 4096);
        EXPECT_TRUE(more) << TextOf(more);
        if (!more || !*more) break;
        events.insert(events.end(), block.events.begin(), block.events.end());
      }
      if (events.empty()) continue;
      start_ns_ = std::min(start_ns_, events.front().ts_ns);
      end_ns_ = std::max(end_ns_, events.back().ts_ns);
    }
  }
  const TraceInput& input() const { return *input_; }
  uint64_t start_ns() const { return start_ns_; }
  uint64_t end_ns() const { return end_ns_; }

  // Every seventh slice of the first CPU is lost: the gap is announced with an open end, and again once it has one.
  std::vector<Batch> Batches(size_t slices, const SessionInfo& session = MakeSession()) const {
    std::vector<Batch> batches(slices);
    Begin(session, &batches.front());
    const uint64_t width_ns = (end_ns_ - start_ns_) / slices + 1;
    for (const auto& [cpu, events] : cpus_) {
      size_t at = 0;
      uint64_t last_ns = 0, lost = 0;
      bool open = false;
      for (size_t slice = 0; slice < slices; ++slice) {
        Batch& batch = batches[slice];
        const uint64_t until_ns = start_ns_ + (slice + 1) * width_ns;
        const size_t from = at;
        while (at < events.size() && events[at].ts_ns < until_ns) ++at;
        if (cpu == cpus_.begin()->first && slice % 7 == 3 && at > from) {
          lost += at - from;
          if (!open) batch.gaps.push_back({cpu, last_ns, UINT64_MAX, kLostUnknown, GapCause::kOverrun});
          open = true;
        } else if (at > from) {
          if (open) batch.gaps.push_back({cpu, last_ns, events[from].ts_ns, lost, GapCause::kOverrun});
          open = false;
          lost = 0;
          Encode(cpu, std::span(events).subspan(from, at - from), &batch);
          last_ns = events[at - 1].ts_ns;
        }
        batch.frontiers.push_back({cpu, until_ns - 1});
      }
    }
    for (size_t slice = 0; slice < slices; ++slice) {
      const uint64_t now_ns = start_ns_ + slice * width_ns;
      batches[slice].sequence = slice + 1;
      batches[slice].clock_pairs = {{now_ns, kRealOffset + now_ns}};
      batches[slice].stats = {{0, slice, 0, 0, 0, slice}};
    }
    batches.back().last = true;
    return batches;
  }
  static constexpr uint64_t kRealOffset = 1'700'000'000'000'000'000;

 private:
  void Begin(const SessionInfo& session, Batch* batch) const {
    batch->session = session;
    batch->formats = DeltaOf(input_->formats());
    for (const ThreadInfo& info : input_->metadata().threads.all()) batch->threads.push_back(info);
    for (const auto& [address, name] : input_->symbols().exact())
      batch->symbols.push_back({address, std::string(name)});
  }

  void Encode(uint32_t cpu, std::span<const Event> events, Batch* batch) const {
    constexpr uint32_t kChunkEvents = 250;
    ChunkEncoder encoder(input_->formats(), cpu);
    const auto cut = [&] {
      if (encoder.events() == 0) return;
      auto chunk = encoder.Finish();
      ASSERT_TRUE(chunk) << TextOf(chunk);
      batch->chunks.push_back(std::move(*chunk));
    };
    for (const Event& event : events) {
      if (event.type == EventType::kGap) {
        cut();
        batch->gaps.push_back({cpu, event.ts_ns, event.gap.end_ns, event.gap.lost, event.gap.cause});
        continue;
      }
      encoder.Add(event);
      if (encoder.events() == kChunkEvents) cut();
    }
    cut();
  }

  std::unique_ptr<TraceInput> input_;
  std::deque<EventBlock> blocks_;
  std::map<uint32_t, std::vector<Event>> cpus_;
  uint64_t start_ns_ = UINT64_MAX, end_ns_ = 0;
};

inline Report ReportOf(const TraceInput& input) {
  auto engine = Engine::Create(input, {});
  EXPECT_TRUE(engine) << TextOf(engine);
  auto readers = input.OpenCpus();
  EXPECT_TRUE(readers) << TextOf(readers);
  std::deque<ReaderBlockSource> sources;
  std::vector<BlockSource*> borrowed;
  for (auto& reader : *readers) borrowed.push_back(&sources.emplace_back(reader.get(), 1000));
  const auto merged = Merger(borrowed).Run([&](const Event& event) {
    (*engine)->Push(event);
    return true;
  });
  EXPECT_TRUE(merged) << TextOf(merged);
  AnomalyCounts anomalies;
  for (auto& reader : *readers) anomalies.Merge(reader->anomalies());
  Report report = (*engine)->Finish(anomalies);
  report.path.clear();
  return report;
}

inline Report ReportOf(const std::string& path) {
  const auto input = OpenTraceOrRecording(path);
  EXPECT_TRUE(input) << TextOf(input);
  return input ? ReportOf(**input) : Report();
}
inline std::string JsonOf(const std::string& path) { return ReportJson(ReportOf(path), true); }

inline std::vector<std::string> LinesOf(const std::string& path, AnomalyCounts* anomalies = nullptr) {
  const auto input = OpenTraceOrRecording(path);
  EXPECT_TRUE(input) << TextOf(input);
  return input ? Lines(**input, 1000, anomalies) : std::vector<std::string>();
}

inline std::unique_ptr<SessionStore> OpenStore(const std::string& data, const SessionStoreOptions& options = {},
                                               const SessionInfo& session = MakeSession()) {
  auto store = SessionStore::Open(data, session, options);
  EXPECT_TRUE(store) << TextOf(store);
  return store ? std::move(*store) : nullptr;
}

// Stores each batch by itself; answers the folder.
inline std::string StoreAll(const std::string& data, const std::vector<Batch>& batches,
                            const SessionStoreOptions& options = {}, const AnalysisRows& rows = {}) {
  const auto store = OpenStore(data, options, *batches.front().session);
  for (const Batch& batch : batches) {
    const auto status = store->Commit({&batch, 1}, rows);
    EXPECT_TRUE(status) << TextOf(status);
  }
  const auto status = store->Close();
  EXPECT_TRUE(status) << TextOf(status);
  return store->folder();
}

inline void Copy(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

inline int64_t CountOf(const std::string& file, const std::string& sql) {
  auto db = Database::Open(file, Database::Mode::kRead);
  EXPECT_TRUE(db) << TextOf(db);
  const auto count = db->Integer(sql);
  EXPECT_TRUE(count) << TextOf(count);
  return count.value_or(-1);
}

// A part for every commit.
inline SessionStoreOptions TinyParts() {
  SessionStoreOptions options;
  options.part_bytes_max = 1;
  return options;
}

}  // namespace wakewatch::store_test
