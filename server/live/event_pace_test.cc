#include "server/live/event_pace.h"

#include <gtest/gtest.h>

#include <utility>

namespace wakewatch {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kPerSecond = 1'000'000;

EventPace::Time At(int64_t ms) { return EventPace::Time(std::chrono::hours(1) + milliseconds(ms)); }

TEST(EventPace, WhatIsTakenIsPaidForWithTime) {
  EventPace pace(kPerSecond);
  EXPECT_LE(pace.free_at(), At(0)) << "nothing was taken yet";
  pace.Take(250'000, At(0));
  EXPECT_EQ(pace.free_at(), At(0)) << "that had been saved up";
  pace.Take(20'000, At(0));
  EXPECT_EQ(pace.free_at(), At(20));
  pace.Take(20'000, At(20));
  pace.Take(5'000, At(30));
  EXPECT_EQ(pace.free_at(), At(45)) << "late or early, the rate is the same";
}

// Whoever always takes as soon as it may has the rate, however large its pieces are.
TEST(EventPace, TheRateIsKeptOverAnyTime) {
  for (const uint64_t piece : {1'000u, 20'000u, 777'000u}) {
    SCOPED_TRACE(piece);
    EventPace pace(kPerSecond);
    const EventPace::Time begin = At(0);
    EventPace::Time now = begin;
    uint64_t taken = 0;
    while (now < At(60'000)) {
      pace.Take(piece, now);
      taken += piece;
      now = std::max(now, pace.free_at());
    }
    EXPECT_GE(taken, 60 * kPerSecond);
    EXPECT_LE(taken, 60 * kPerSecond + kPerSecond / 4 + piece) << "what was saved, and the last piece";
  }
}

TEST(EventPace, APauseSavesUpAQuarterOfASecondAndNoMore) {
  EventPace pace(kPerSecond);
  pace.Take(300'000, At(0));
  EXPECT_EQ(pace.free_at(), At(50));
  pace.Take(100'000, At(150));
  EXPECT_EQ(pace.free_at(), At(150));
  pace.Take(250'000, At(3'600'000));
  EXPECT_EQ(pace.free_at(), At(3'600'000));
}

// With the server's default: a collector at its own default budget, and one of 50,000 events a second that delivers an
// outage's batches at eight times as much.
TEST(EventPace, ACollectorIsNeverHeldUp) {
  for (const auto& [events, every_ms] : {std::pair(150'000u, 500), std::pair(25'000u, 62)}) {
    SCOPED_TRACE(events);
    EventPace pace(500'000);
    for (int64_t ms = 0; ms < 60'000; ms += every_ms) {
      EXPECT_LE(pace.free_at(), At(ms));
      pace.Take(events, At(ms));
    }
  }
}

TEST(EventPace, ABatchThatSaysItHoldsMoreThanCanBeDoesNotStopItsHostForGood) {
  EventPace pace(kPerSecond);
  for (int i = 0; i < 3; ++i) pace.Take(UINT64_MAX, At(0));
  EXPECT_EQ(pace.free_at(), At(60'000));
}

TEST(EventPace, ZeroIsNoLimit) {
  EventPace pace(0);
  pace.Take(UINT64_MAX, At(0));
  EXPECT_LE(pace.free_at(), At(0));
}

}  // namespace
}  // namespace wakewatch
