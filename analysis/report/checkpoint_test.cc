#include "analysis/report/checkpoint.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "analysis/report/engine_test_support.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using engine_test::Json;
using engine_test::MadeUpRun;
using engine_test::MakeEngine;
using engine_test::Push;
using engine_test::Recorded;
using engine_test::TightOptions;

std::string StraightRun(const TraceInput& input, const std::vector<Event>& events, const EngineOptions& options) {
  const auto engine = MakeEngine(input, options);
  Push(events, 0, events.size(), engine.get());
  return Json(engine->Finish({}));
}

// Runs up to `cut`, goes on in another engine; the first goes on too, to show that saving did not change it.
void ExpectSameBehind(const TraceInput& input, const std::vector<Event>& events, const EngineOptions& options,
                      size_t cut, const std::string& straight) {
  const auto first = MakeEngine(input, options);
  Push(events, 0, cut, first.get());
  const std::vector<uint8_t> saved = first->Save();
  auto second = Engine::Restore(input, options, saved);
  ASSERT_TRUE(second) << second.error().Text();
  if (cut > 0) EXPECT_EQ((*second)->Save().size(), saved.size()) << "cut at " << cut;
  Push(events, cut, events.size(), first.get());
  Push(events, cut, events.size(), second->get());
  EXPECT_TRUE(Json(first->Finish({})) == straight) << "saving at " << cut << " changed the run";
  EXPECT_TRUE(Json((*second)->Finish({})) == straight) << "cut at " << cut << " of " << events.size();
}

TEST(Checkpoint, ARestoredRunGoesOnAsIfItHadNotStopped) {
  for (const bool live : {false, true}) {
    for (uint32_t seed = 40; seed < 43; ++seed) {
      const MadeUpRun run(seed, 3000);
      const EngineOptions options = TightOptions(live);
      const std::string straight = StraightRun(run.input(), run.events(), options);
      const size_t size = run.events().size();
      for (size_t cut = 0; cut <= size; cut += cut < 20 ? 1 : 271) {
        ExpectSameBehind(run.input(), run.events(), options, cut, straight);
      }
      for (size_t cut = 0; cut < size; ++cut) {
        if (run.events()[cut].type != EventType::kGap) continue;
        ExpectSameBehind(run.input(), run.events(), options, cut, straight);
        ExpectSameBehind(run.input(), run.events(), options, cut + 1, straight);
      }
    }
  }
}

// Restored again and again, as after a row of crashes.
TEST(Checkpoint, ManyRestoresInARowAreOneRun) {
  const MadeUpRun run(50, 4000);
  const EngineOptions options = TightOptions(true);
  const std::string straight = StraightRun(run.input(), run.events(), options);
  auto engine = MakeEngine(run.input(), options);
  for (size_t i = 0; i < run.events().size(); ++i) {
    if (i % 10 == 0) {
      auto restored = Engine::Restore(run.input(), options, engine->Save());
      ASSERT_TRUE(restored) << restored.error().Text();
      engine = *std::move(restored);
    }
    engine->Push(run.events()[i]);
  }
  EXPECT_EQ(Json(engine->Finish({})), straight);
}

void ExpectSameWithRecording(const std::string& path) {
  const Recorded recorded = Recorded::Read(path);
  ASSERT_FALSE(recorded.events.empty()) << path;
  EngineOptions options;
  options.latency_threshold_ns = 200'000;
  options.hung_threshold_ns = 300'000'000;
  options.live = true;
  const std::string straight = StraightRun(*recorded.input, recorded.events, options);
  const size_t size = recorded.events.size();
  for (const size_t cut : {size_t{1}, size / 7, size / 2, size / 10 * 9}) {
    ExpectSameBehind(*recorded.input, recorded.events, options, cut, straight);
  }
  const auto is_gap = [](const Event& event) { return event.type == EventType::kGap; };
  const auto gap = std::find_if(recorded.events.begin(), recorded.events.end(), is_gap);
  if (gap == recorded.events.end()) return;
  const auto cut = static_cast<size_t>(gap - recorded.events.begin()) + 1;
  ExpectSameBehind(*recorded.input, recorded.events, options, cut, straight);
}

TEST(Checkpoint, OfRealRecordings) {
  const fs::path folder = fs::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces";
  size_t seen = 0;
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".dat") continue;
    ExpectSameWithRecording(file.path().string());
    ++seen;
  }
  EXPECT_GT(seen, 0u);
}

TEST(Checkpoint, OfTheLabsRecordings) {
  const char* const named = std::getenv("WAKEWATCH_LAB");
  const fs::path lab = named != nullptr ? fs::path(named) : fs::path(WAKEWATCH_SOURCE_DIR) / "../shared/lab";
  size_t seen = 0;
  std::error_code none;
  for (const auto& folder : fs::directory_iterator(lab / "traces", none)) {
    const fs::path file = folder.path() / "trace.dat";
    if (!fs::exists(file)) continue;
    ExpectSameWithRecording(file.string());
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no recordings in " << lab;
}

struct Saved {
  MadeUpRun run{60, 1500};
  EngineOptions options = TightOptions(true);
  std::vector<uint8_t> bytes;
  Saved() {
    const auto engine = MakeEngine(run.input(), options);
    Push(run.events(), 0, 1000, engine.get());
    bytes = engine->Save();
  }
  ErrorCode Refusal(const std::vector<uint8_t>& checkpoint) const {
    const auto engine = Engine::Restore(run.input(), options, checkpoint);
    EXPECT_FALSE(engine);
    return engine ? ErrorCode::kInternal : engine.error().code;
  }
};

TEST(Checkpoint, WhatIsCutOrChangedIsRefused) {
  const Saved saved;
  for (size_t size = 0; size < saved.bytes.size(); size += size < 64 ? 1 : 61) {
    const std::vector<uint8_t> cut(saved.bytes.begin(), saved.bytes.begin() + static_cast<ptrdiff_t>(size));
    const ErrorCode code = saved.Refusal(cut);
    EXPECT_EQ(code, size < 32 ? ErrorCode::kTruncated : ErrorCode::kCorrupt) << size;
  }
  for (size_t at = 0; at < saved.bytes.size(); at += at < 64 ? 1 : 53) {
    std::vector<uint8_t> flipped = saved.bytes;
    flipped[at] ^= static_cast<uint8_t>(1u << (at % 8));
    const ErrorCode code = saved.Refusal(flipped);
    const bool version = at >= 8 && at < 12;
    EXPECT_EQ(code, version ? ErrorCode::kUnsupported : ErrorCode::kCorrupt) << at;
  }
  std::vector<uint8_t> longer = saved.bytes;
  longer.push_back(0);
  EXPECT_EQ(saved.Refusal(longer), ErrorCode::kCorrupt);
}

TEST(Checkpoint, OtherOptionsAreRefused) {
  Saved saved;
  for (const auto& change : std::vector<std::function<void(EngineOptions*)>>{
           [](EngineOptions* options) { ++options->latency_threshold_ns; },
           [](EngineOptions* options) { ++options->hung_threshold_ns; },
           [](EngineOptions* options) { options->since_ns = 1; },
           [](EngineOptions* options) { options->checks = {"work-delay"}; },
           [](EngineOptions* options) { options->findings_max = 7; },
           [](EngineOptions* options) { options->live = false; },
       }) {
    saved.options = TightOptions(true);
    change(&saved.options);
    EXPECT_EQ(saved.Refusal(saved.bytes), ErrorCode::kUnsupported);
  }
}

// Somebody may make a checksum fit. Whatever is read then must be refused or harmless: no crash, no endless loop.
TEST(Checkpoint, WhatLiesUnderARightChecksumIsHarmless) {
  const Saved saved;
  constexpr size_t kChecksumOffset = 24, kHeaderBytes = 32;
  std::mt19937 random(61);
  size_t refused = 0, rounds = 0;
  for (; rounds < 3000; ++rounds) {
    std::vector<uint8_t> forged = saved.bytes;
    if (rounds % 5 == 0) forged.resize(kHeaderBytes + random() % (forged.size() - kHeaderBytes));
    for (uint32_t changes = 1 + random() % 3; changes > 0 && forged.size() > kHeaderBytes; --changes) {
      forged[kHeaderBytes + random() % (forged.size() - kHeaderBytes)] = static_cast<uint8_t>(random());
    }
    const uint64_t head = XXH3_64bits(forged.data(), kChecksumOffset);
    const uint64_t sum = XXH3_64bits_withSeed(forged.data() + kHeaderBytes, forged.size() - kHeaderBytes, head);
    for (size_t i = 0; i < 8; ++i) forged[kChecksumOffset + i] = static_cast<uint8_t>(sum >> (8 * i));
    auto engine = Engine::Restore(saved.run.input(), saved.options, forged);
    if (!engine) {
      EXPECT_EQ(engine.error().code, ErrorCode::kCorrupt);
      ++refused;
      continue;
    }
    Push(saved.run.events(), 1000, saved.run.events().size(), engine->get());
    (void)(*engine)->Save();
    (void)(*engine)->Finish({});
  }
  EXPECT_GT(refused, rounds / 10);
}

}  // namespace
}  // namespace wakewatch
