#include "server/rpc/chain_messages.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(ChainMessages, WhatGoesOutComesBack) {
  ChainAnswer answer;
  answer.has_gaps = true;
  answer.wait = {7, "rx", 1, 200, 210, 250, {}};
  answer.wait->chain = {{8, "feed", WakeContext::kTask, "fork", 3, 200, 250},
                        {0, "swapper/3", WakeContext::kTask, "", 3, 150, 160},
                        {-1, "", WakeContext::kHardirq, "irq 24", 0, 100, 120},
                        {-1, "", WakeContext::kUnknown, "not seen", 0, 0, 0}};
  answer.path = {7, "rx", 100, 250, {}};
  answer.path.segments = {{100, 150, PathKind::kSleep, 8, "feed", -1, -1, "", 0, WakeContext::kSoftirq, "softirq RCU"},
                          {150, 200, PathKind::kRun, 8, "feed", 0, -1, "", 0, WakeContext::kUnknown, ""},
                          {200, 240, PathKind::kWait, 7, "rx", 1, 0, "idle", 30, WakeContext::kUnknown, ""},
                          {240, 250, PathKind::kUnknown, 7, "rx", -1, -1, "", 0, WakeContext::kUnknown, "lost"}};
  v1::GetChainResponse message;
  ToMessage(answer, &message);
  const ChainAnswer back = FromMessage(message);
  EXPECT_EQ(ChainJson(back), ChainJson(answer));
  EXPECT_EQ(ChainText(back), ChainText(answer));

  answer.wait.reset();
  v1::GetChainResponse of_span;
  ToMessage(answer, &of_span);
  EXPECT_FALSE(FromMessage(of_span).wait);
  EXPECT_EQ(ChainJson(FromMessage(of_span)), ChainJson(answer));
}

TEST(ChainMessages, WordsOfANewerServerAreUnknown) {
  v1::GetChainResponse message;
  message.add_segments()->set_kind("teleport");
  message.mutable_wait()->add_chain()->set_context("dream");
  const ChainAnswer back = FromMessage(message);
  EXPECT_EQ(back.path.segments[0].kind, PathKind::kUnknown);
  EXPECT_EQ(back.wait->chain[0].context, WakeContext::kUnknown);
}

}  // namespace
}  // namespace wakewatch
