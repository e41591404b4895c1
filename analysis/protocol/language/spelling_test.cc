#include "analysis/protocol/language/spelling.h"

#include <gtest/gtest.h>

#include <array>

namespace wakewatch::protocol {
namespace {

TEST(Spelling, NamesTheWordThatWasMeant) {
  constexpr std::array<std::string_view, 6> kWords = {"flag", "task", "if", "kthread", "work", "interrupt"};
  struct Row {
    std::string_view word, meant;
  };
  const Row rows[] = {
      {"flga", "flag"},            // two letters swapped
      {"fla", "flag"},             // one missing
      {"tasks", "task"},           // one too many
      {"wolk", "work"},            // one wrong
      {"fi", "if"},                // as short as that
      {"kthraed", "kthread"},      // in a long word
      {"interupts", "interrupt"},  // two mistakes in a long word
      {"mask", "task"},            // may be a word of its own all the same: a guess is only a guess
      {"lock", ""},                // two wrong of four
      {"flag", ""},                // is the word itself
      {"x", ""},
      {"", ""},
      {"something_else_altogether", ""},
  };
  for (const Row& row : rows) EXPECT_EQ(NearestWord(row.word, kWords), row.meant) << row.word;
}

}  // namespace
}  // namespace wakewatch::protocol
