// Why: what a spool promises is checked against a slow and obvious account of what was put into it: after each crash
// everything that was made durable is there, nothing is there twice, nothing is there that was never written, and every
// number that is not there is told as missing.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "collector/spool/simulated_files_test.h"
#include "collector/spool/spool.h"

namespace wakewatch::spool_test {

inline uint64_t EventsOfNumber(uint64_t number) { return number * 7 % 100 + 1; }

// "cut RECORDS EVENTS MISSING": how many records went into it, their events, and how many numbers were missing.
struct CutCount {
  uint64_t records = 0, events = 0, missing = 0;

  static CutCount Of(const SpoolItem& item) {
    CutCount count;
    if (item.body.starts_with("cut ")) {
      std::sscanf(item.body.c_str(), "cut %lu %lu %lu", &count.records, &count.events, &count.missing);
    } else {
      count = {1, EventsOfNumber(item.first), 0};
    }
    return count;
  }
};

class CountingCut final : public SpoolCut {
 public:
  void Add(const SpoolItem& item) override {
    const CutCount count = CutCount::Of(item);
    all_.records += count.records;
    all_.events += count.events;
    all_.missing += count.missing + item.missing;
  }
  std::string Body() override {
    return "cut " + std::to_string(all_.records) + " " + std::to_string(all_.events) + " " +
           std::to_string(all_.missing);
  }

 private:
  CutCount all_;
};

inline SpoolOptions SmallSpool(uint64_t bytes_max) {
  SpoolOptions options;
  options.folder = "spool";
  options.bytes_max = bytes_max;
  options.segment_bytes = 4096;
  options.free_bytes_min = 0;
  options.cut = [] { return std::make_unique<CountingCut>(); };
  return options;
}

struct RunOptions {
  uint64_t bytes_max = 1u << 20;
  bool errors = false;  // of the disk, or it is full: what is durable may still be dropped to make room, and is missing
  bool flips = false;   // bits change while nobody looks
  uint64_t operations_max = 100;  // of the disk, between crashes
};

// Puts random records into a spool, reads and acknowledges them, and crashes, again and again.
class SpoolRun {
 public:
  explicit SpoolRun(uint64_t seed, const RunOptions& options)
      : options_(options), random_(seed), files_(seed ^ 0x5eed) {
    std::bernoulli_distribution half(0.5);
    if (options.errors) {
      files_.error_rate = half(random_) ? 0.03 : 0;
      files_.read_error_rate = half(random_) ? 0.01 : 0;
      files_.capacity = half(random_) ? Between(10'000, 40'000) : UINT64_MAX;
    }
  }

  void Live(uint64_t lives) {
    for (uint64_t life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
      // Now and then it crashes while it starts.
      files_.power_fails_after = files_.operations() + Between(0, options_.operations_max);
      Start(life);
      while (files_.power()) Step();
      Crash();
    }
    const double errors = std::exchange(files_.error_rate, 0);
    Start(lives);
    ReadAll();
    files_.error_rate = errors;
  }

  void Start(uint64_t life) {
    spool_ = std::make_unique<Spool>(&files_, SmallSpool(options_.bytes_max));
    spool_->Begin(life, "preamble of " + std::to_string(life));
    life_ = life;
    last_read_ = acknowledged_ = 0;
    unsynced_.clear();
    read_items_.clear();
    seen_.clear();
    const std::string& state = spool_->state();
    const uint64_t pointer = state.empty() ? 0 : std::stoull(state);
    if (!files_.power()) return;
    if (files_.read_error_rate > 0) pointer_ = 0;  // where it cannot be read, all is delivered again
    // What a killed process left behind was made durable by the start.
    durable_.merge(kept_);
    kept_.clear();
    if (!options_.flips) {
      EXPECT_GE(pointer, pointer_) << "an acknowledgement was durable";
    }
  }

  void Step() {
    const uint64_t dice = Between(0, 99);
    if (dice < 50) {
      Append();
    } else if (dice < 65) {
      Sync();
    } else if (dice < 85) {
      Read();
    } else if (dice < 93) {
      for (uint64_t i = Between(0, read_items_.size()); i > 0; --i) {
        acknowledged_ = read_items_.front();
        read_items_.pop_front();
      }
      if (acknowledged_ != 0) spool_->Acknowledge(acknowledged_, std::to_string(acknowledged_));
    } else if (spool_->SavePointer()) {
      pointer_ = std::max(pointer_, acknowledged_);
      (void)spool_->Trim();
    }
  }

  void Append() {
    const bool take = spool_->caught_up() && Between(0, 1) == 0;
    const std::string body =
        std::to_string(life_) + " " + std::to_string(++bodies_) + std::string(Between(0, 1500), 'x');
    const auto number = spool_->Append(body);
    // What failed may be found again, where its remains could not be removed.
    maybe_.insert(body);
    if (!number) return;
    Written& written = written_[*number];
    if (written.life != life_) written = {life_, {}};
    written.bodies.insert(body);
    unsynced_.insert(*number);
    if (!take) return;
    const uint64_t missing = spool_->TakeLast();
    Account(*number, *number, missing);
  }

  void Sync() {
    const uint64_t failures = spool_->stats().sync_failures;
    const bool synced = spool_->Sync().has_value();
    if (synced && failures == sync_failures_) durable_.insert(unsynced_.begin(), unsynced_.end());
    sync_failures_ = spool_->stats().sync_failures;
    unsynced_.clear();
  }

  // False: there is nothing more.
  bool Read() {
    const auto item = spool_->Next();
    if (!item) {
      EXPECT_TRUE(!files_.power() || options_.errors || options_.flips) << item.error().Text();
      return true;
    }
    if (!*item) return false;
    Account((*item)->first, (*item)->last, (*item)->missing);
    if ((*item)->body.starts_with("cut ")) {
      CheckCut(**item);
    } else {
      EXPECT_EQ((*item)->first, (*item)->last);
      const Written& written = written_[(*item)->first];
      EXPECT_TRUE(written.bodies.contains((*item)->body) || maybe_.contains((*item)->body))
          << "record " << (*item)->first << " was never written";
      EXPECT_EQ((*item)->head->preamble, "preamble of " + (*item)->body.substr(0, (*item)->body.find(' ')));
    }
    return true;
  }

  void Crash() {
    spool_.reset();
    if (Between(0, 3) == 0) {
      files_.Kill();
      if (!options_.errors) kept_.insert(unsynced_.begin(), unsynced_.end());
    } else {
      files_.LosePower();
      kept_.clear();
    }
    sync_failures_ = 0;
    if (!options_.flips) return;
    for (uint64_t i = Between(0, 3); i > 0; --i) {
      const char* const endings[] = {"", "pointer", ".seg", ".cut"};
      files_.FlipBit(endings[Between(0, 3)]);
    }
  }

  // Everything that is durable and not acknowledged is there.
  void ReadAll() {
    const uint64_t from = spool_->state().empty() ? 0 : std::stoull(spool_->state());
    while (Read() && !testing::Test::HasFailure()) {
    }
    if (options_.flips || options_.errors) return;
    for (const uint64_t number : durable_) {
      if (number > from) {
        EXPECT_TRUE(seen_.contains(number)) << "record " << number << " was durable and is lost";
      }
    }
  }

  Spool& spool() { return *spool_; }
  SimulatedFiles& files() { return files_; }
  uint64_t cut_events() const { return cut_events_; }

 private:
  struct Written {
    uint64_t life = 0;
    std::set<std::string> bodies;
  };

  uint64_t Between(uint64_t least, uint64_t most) {
    return std::uniform_int_distribution<uint64_t>(least, most)(random_);
  }

  void Account(uint64_t first, uint64_t last, uint64_t missing) {
    ASSERT_LE(first, last);
    ASSERT_LT(missing, first);
    if (!options_.flips) {
      EXPECT_GT(first - missing, pointer_) << "it was acknowledged, and that was durable";
    }
    if (last_read_ != 0) {
      EXPECT_EQ(first - missing, last_read_ + 1) << "doubled, or not accounted for";
    }
    last_read_ = last;
    read_items_.push_back(last);
    for (uint64_t number = first; number <= last; ++number) seen_.insert(number);
    if (options_.flips || options_.errors) return;
    for (uint64_t number = first - missing; number < first; ++number) {
      EXPECT_FALSE(durable_.contains(number)) << "record " << number << " was durable and is missing";
    }
  }

  void CheckCut(const SpoolItem& item) {
    const CutCount count = CutCount::Of(item);
    EXPECT_EQ(count.records + count.missing, item.last - item.first + 1);
    uint64_t events = 0;
    for (uint64_t number = item.first; number <= item.last; ++number) events += EventsOfNumber(number);
    if (count.missing == 0) {
      EXPECT_EQ(count.events, events);
    } else {
      EXPECT_LT(count.events, events);
    }
    if (!options_.flips && !options_.errors) {
      EXPECT_EQ(count.missing, 0u);
    }
    cut_events_ += count.events;
  }

  const RunOptions options_;
  std::mt19937_64 random_;
  SimulatedFiles files_;
  std::unique_ptr<Spool> spool_;
  std::map<uint64_t, Written> written_;
  std::set<std::string> maybe_;
  std::set<uint64_t> durable_, unsynced_;
  std::set<uint64_t> kept_;  // by a process that was killed
  uint64_t pointer_ = 0;     // durable
  // Of this life.
  uint64_t life_ = 0, bodies_ = 0, last_read_ = 0, acknowledged_ = 0, sync_failures_ = 0, cut_events_ = 0;
  std::set<uint64_t> seen_;
  std::deque<uint64_t> read_items_;  // not acknowledged
};

}  // namespace wakewatch::spool_test
