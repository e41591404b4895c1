#include "analysis/checks/function_table.h"

#include <gtest/gtest.h>

namespace wakewatch {
namespace {

TEST(FunctionTable, TooManyFunctionsShareOneRow) {
  FunctionTable<uint64_t> table;
  for (int round = 0; round < 2; ++round) {
    for (uint64_t address = 1; address <= 20'000; ++address) ++table.Of(address);
  }
  SymbolTable symbols;
  symbols.Add(1, "first");
  size_t rows = 0;
  uint64_t sum = 0;
  std::string last;
  table.ForEach([&](uint64_t address, uint64_t count) {
    if (rows++ == 0) {
      EXPECT_EQ(FunctionTable<uint64_t>::Name(address, symbols), "first");
      EXPECT_EQ(count, 2u);
    }
    sum += count;
    last = FunctionTable<uint64_t>::Name(address, symbols);
  });
  EXPECT_LE(rows, 16'385u);
  EXPECT_EQ(sum, 40'000u) << "nothing vanishes";
  EXPECT_EQ(last, "other functions");
}

}  // namespace
}  // namespace wakewatch
