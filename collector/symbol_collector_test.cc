#include "collector/symbol_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/test_folder.h"

namespace wakewatch {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr char kKallsyms[] =
    "ffffffff81000000 T vmstat_update\n"
    "ffffffff81001000 t process_timeout\n"
    "ffffffff81002000 D some_data\n"
    "ffffffffc0001000 t nbd_work\t[nbd]\n";

Event WorkStart(uint64_t function) {
  Event event{};
  event.type = EventType::kWorkStart;
  event.work = {0x1234, function, 0, 0, {}};
  return event;
}

TEST(SymbolCollector, NamesEachFunctionOnce) {
  TestFolder folder;
  folder.Write("kallsyms", kKallsyms);
  SymbolCollector symbols(folder.path() + "/kallsyms");
  std::vector<std::string> warnings;
  EXPECT_THAT(symbols.TakeNew(kSecondNs, &warnings), IsEmpty());
  for (int i = 0; i < 3; ++i) symbols.See(WorkStart(0xffffffff81000000));
  symbols.See(WorkStart(0));
  const auto first = symbols.TakeNew(kSecondNs, &warnings);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].address, 0xffffffff81000000u);
  EXPECT_EQ(first[0].name, "vmstat_update");
  symbols.See(WorkStart(0xffffffff81000000));
  symbols.See(WorkStart(0xffffffff81001000));
  const auto second = symbols.TakeNew(2 * kSecondNs, &warnings);
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].name, "process_timeout");
  EXPECT_THAT(symbols.TakeNew(3 * kSecondNs, &warnings), IsEmpty());
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(SymbolCollector, AddressesThatShareASlotOfTheCacheAreAllNamed) {
  TestFolder folder;
  std::string text;
  for (uint64_t i = 0; i < 4096; ++i) {
    char line[64];
    snprintf(line, sizeof line, "%016llx t f%llu\n", 0xffffffff81000000ull + i * 16,
             static_cast<unsigned long long>(i));
    text += line;
  }
  folder.Write("kallsyms", text);
  SymbolCollector symbols(folder.path() + "/kallsyms");
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < 4096; ++i) symbols.See(WorkStart(0xffffffff81000000ull + i * 16));
  }
  std::vector<std::string> warnings;
  EXPECT_THAT(symbols.TakeNew(kSecondNs, &warnings), SizeIs(4096));
}

TEST(SymbolCollector, AModuleLoadedLaterIsFoundAtTheSecondReading) {
  TestFolder folder;
  folder.Write("kallsyms", kKallsyms);
  SymbolCollector symbols(folder.path() + "/kallsyms");
  std::vector<std::string> warnings;
  symbols.See(WorkStart(0xffffffffd0000000));
  const auto first = symbols.TakeNew(kSecondNs, &warnings);
  folder.Write("kallsyms", std::string(kKallsyms) + "ffffffffd0000000 t late_work\t[late]\n");
  const auto too_soon = symbols.TakeNew(2 * kSecondNs, &warnings);
  const auto found = symbols.TakeNew(12 * kSecondNs, &warnings);
  for (const auto& names : {first, too_soon}) {
    for (const Symbol& symbol : names) EXPECT_THAT(symbol.name, ::testing::Not(HasSubstr("late_work")));
  }
  if (first.empty()) {
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found[0].name, HasSubstr("late_work"));
  }
}

TEST(SymbolCollector, NamesAreReadAgainWhenTheyAreNeededAfterALongTime) {
  TestFolder folder;
  folder.Write("kallsyms", kKallsyms);
  SymbolCollector symbols(folder.path() + "/kallsyms");
  std::vector<std::string> warnings;
  symbols.See(WorkStart(0xffffffff81000000));
  const auto first = symbols.TakeNew(kSecondNs, &warnings);
  ASSERT_THAT(first, SizeIs(1));
  // Nobody holds the old text any more: what is found now was read now.
  folder.Write("kallsyms", "ffffffff81000000 T other_name\nffffffff81002000 T later_work\n");
  EXPECT_THAT(symbols.TakeNew(1000 * kSecondNs, &warnings), IsEmpty());
  symbols.See(WorkStart(0xffffffff81002000));
  const auto later = symbols.TakeNew(1001 * kSecondNs, &warnings);
  ASSERT_THAT(later, SizeIs(1));
  EXPECT_EQ(later[0].name, "later_work");
}

TEST(SymbolCollector, HiddenAddressesAreSaidOnce) {
  TestFolder folder;
  folder.Write("kallsyms", "0000000000000000 T vmstat_update\n0000000000000000 T other\n");
  const struct {
    const char *story, *file, *text;
  } rows[] = {
      {"kptr_restrict", "kallsyms", "hidden"},
      {"no kallsyms", "missing", "missing"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    SymbolCollector symbols(folder.path() + "/" + row.file);
    std::vector<std::string> warnings;
    symbols.See(WorkStart(0xffffffff81000000));
    EXPECT_THAT(symbols.TakeNew(kSecondNs, &warnings), IsEmpty());
    symbols.See(WorkStart(0xffffffff81001000));
    EXPECT_THAT(symbols.TakeNew(60 * kSecondNs, &warnings), IsEmpty());
    ASSERT_THAT(warnings, SizeIs(1));
    EXPECT_THAT(warnings[0], HasSubstr(row.text));
  }
}

}  // namespace
}  // namespace wakewatch
