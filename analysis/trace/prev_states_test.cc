#include <gtest/gtest.h>

#include <string>

#include "analysis/trace/format.h"

namespace wakewatch {
namespace {

constexpr char kOldest[] =
    "\"…%s…\", REC->prev_pid, REC->prev_state ? __print_flags(REC->prev_state, \"|\", { 1, \"S\"} , { 2, \"D\" }, "
    "{ 4, \"T\" }, { 8, \"t\" }, { 16, \"Z\" }, { 32, \"X\" }, { 64, \"x\" }, { 128, \"W\" }) : \"R\", REC->next_comm";
constexpr char kOld[] =
    "\"…%s%s…\", REC->prev_pid, REC->prev_state & (1024-1) ? __print_flags(REC->prev_state & (1024-1), \"|\", "
    "{ 1, \"S\"} , { 2, \"D\" }, { 4, \"T\" }, { 8, \"t\" }, { 16, \"Z\" }, { 32, \"X\" }, { 64, \"x\" }, "
    "{ 128, \"K\" }, { 256, \"W\" }, { 512, \"P\" }) : \"R\", REC->prev_state & 1024 ? \"+\" : \"\", REC->next_comm";
constexpr char kHex[] =
    "\"…%s%s…\", (REC->prev_state & ((((0x0000 | 0x0001 | 0x0002 | 0x0004) + 1) << 1) - 1)) ? "
    "__print_flags(REC->prev_state & ((((0x0000 | 0x0001 | 0x0002 | 0x0004) + 1) << 1) - 1), \"|\", "
    "{ 0x0001, \"S\" }, { 0x0002, \"D\" }, { 0x0004, \"T\" }, { 0x0008, \"I\" }) : \"R\", "
    "REC->prev_state & (((0x0000 | 0x0001 | 0x0002 | 0x0004) + 1) << 1) ? \"+\" : \"\"";

TEST(PrevStates, SpeaksTheLanguageOfItsKernel) {
  const struct {
    const char *story, *print_fmt;
    uint32_t raw;
    const char* text;
    char letter;
    bool runnable, preempted;
  } rows[] = {
      {"no print fmt: 4.14 and later", "", 0, "R", 'R', true, false},
      {"no print fmt", "", 1, "S", 'S', false, false},
      {"no print fmt", "", 128, "I", 'I', false, false},
      {"no print fmt", "", 256, "R+", 'R', true, true},
      {"2.6.32: dead is 32", kOldest, 32, "X", 'X', false, false},
      {"2.6.32: no preemption is printed", kOldest, 256, "0x100", '?', false, false},
      {"2.6.32", kOldest, 0, "R", 'R', true, false},
      {"3.10: wakekill and uninterruptible", kOld, 130, "D|K", 'D', false, false},
      {"3.10: preempted", kOld, 1024, "R+", 'R', true, true},
      {"3.10: parked", kOld, 512, "P", 'P', false, false},
      {"4.14: hex, and a mask that is computed", kHex, 8, "I", 'I', false, false},
      {"4.14", kHex, 16, "R+", 'R', true, true},
      {"4.14: bits above the mask are not a state", kHex, 32, "R", 'R', true, false},
      {"a shift",
       "REC->prev_state & 7 ? __print_flags(REC->prev_state & ((1 << 3) - 1), \"|\", { (1 << 0), \"S\" }, "
       "{ 0x2UL, \"D\" }) : \"R\", REC->prev_state & (1 << 3) ? \"+\" : \"\"",
       8, "R+", 'R', true, true},
      {"the mask covers the preempted bit",
       "__print_flags(REC->prev_state & 15, \"|\", { 1, \"S\" }) : \"R\", REC->prev_state & 8 ? \"+\" : \"\"", 8, "R+",
       'R', true, true},
      {"a bit without a name", "__print_flags(REC->prev_state & 7, \"|\", { 1, \"S\" })", 5, "S|0x4", 'S', false,
       false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::Message() << row.story << ": " << row.raw);
    const PrevStates states = PrevStates::FromPrintFmt(row.print_fmt);
    EXPECT_EQ(states.Text(row.raw), row.text);
    EXPECT_EQ(states.Letter(row.raw), row.letter);
    EXPECT_EQ(states.Runnable(row.raw), row.runnable);
    EXPECT_EQ(states.PreemptedInKernel(row.raw), row.preempted);
  }
}

TEST(PrevStates, HostileTextFallsBackToWhatMostKernelsMean) {
  const std::string flags = "__print_flags(REC->prev_state";
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "{ 1, \"S\" },";
  const struct {
    const char* story;
    std::string print_fmt;
  } rows[] = {
      {"it ends at once", flags},
      {"it ends in the list", flags + ", \"|\", { 1, \"S"},
      {"an empty list", flags + ", \"|\")"},
      {"names that are not letters", flags + ", \"|\", { 1, \"SLEEP\" })"},
      {"values that are no bits", flags + ", \"|\", { 0, \"R\" }, { 3, \"S\" }, { 4294967296, \"X\" })"},
      {"values that are no numbers", flags + ", \"|\", { TASK_DEAD, \"S\" })"},
      {"a mask of nothing", flags + " & 0, \"|\", { 1, \"S\" })"},
      {"flags of something else", "__print_flags(REC->flags, \"|\", { 1, \"a\" })"},
      {"begun again and again",
       [&] {
         std::string text;
         for (int i = 0; i < 50000; ++i) text += flags;
         return text;
       }()},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const PrevStates states = PrevStates::FromPrintFmt(row.print_fmt);
    EXPECT_EQ(states.Text(128), "I");
    EXPECT_EQ(states.Text(256), "R+");
  }
  const std::string deep(1 << 20, '(');
  const PrevStates nested =
      PrevStates::FromPrintFmt(flags + " & " + deep + ", \"|\", { 1, \"S\" }, { 2, \"D\" }) : \"R\", " +
                               "REC->prev_state & " + deep + " ? \"+\" : \"\"");
  EXPECT_EQ(nested.Text(1), "S");
  EXPECT_EQ(nested.Text(4), "R+") << "what cannot be computed ends behind the last letter";
  const PrevStates repeated = PrevStates::FromPrintFmt(flags + " & 1, \"|\", " + many + ")");
  EXPECT_EQ(repeated.Text(1), "S");
}

}  // namespace
}  // namespace wakewatch
