#include "analysis/trace/symbols.h"

#include <gtest/gtest.h>

#include <string>

namespace wakewatch {
namespace {

constexpr char kKallsyms[] =
    "0000000000000000 A fixed_percpu_data\n"
    "0000000000001000 A cpu_debug_store\n"
    "ffffffff81000000 T _text\n"
    "ffffffff81000000 T startup_64\n"
    "ffffffff81000100 t process_timeout\n"
    "ffffffff81000180 w weak_one\n"
    "ffffffff81000200 W weak_two\n"
    "ffffffff81000300 D some_data\n"
    "ffffffff81000400 d local_data\n"
    "ffffffff81000400 t behind_data\n"
    "not a symbol at all\n"
    "ffffffff81000500\n"
    "ffffffff81000510 T\n"
    "ffffffff81000520 T \n"
    "ffffffff81000530T glued\n"
    "fffffffff81000540 T too_wide\n"
    "\n"
    "ffffffffc0001000 t nbd_work\t[nbd]\n"
    "ffffffffc0001100 t last.constprop.0 [nbd]";  // no line feed at the end

TEST(SymbolTable, NamesWhatAnAddressLiesIn) {
  SymbolTable symbols;
  symbols.SetKallsyms(kKallsyms);
  symbols.Add(0xffffffff81000104, "resolved_by_collector+0x4");
  const struct {
    const char* story;
    uint64_t address;
    const char *name, *found;
  } rows[] = {
      {"the first of two names", 0xffffffff81000000, "_text", "_text"},
      {"inside a function", 0xffffffff81000010, "_text+0x10", "_text"},
      {"its last byte", 0xffffffff810000ff, "_text+0xff", "_text"},
      {"the next function", 0xffffffff81000100, "process_timeout", "process_timeout"},
      {"a resolved address wins", 0xffffffff81000104, "resolved_by_collector+0x4", "resolved_by_collector+0x4"},
      {"and stands for itself alone", 0xffffffff81000105, "process_timeout+0x5", "process_timeout"},
      {"a weak function", 0xffffffff81000180, "weak_one", "weak_one"},
      {"another", 0xffffffff81000200, "weak_two", "weak_two"},
      {"data is not a function", 0xffffffff81000300, "0xffffffff81000300", ""},
      {"nor is what lies in it", 0xffffffff81000308, "0xffffffff81000308", ""},
      {"a function where data is said to be", 0xffffffff81000400, "behind_data", "behind_data"},
      {"lines that do not parse name nothing", 0xffffffff81000530, "behind_data+0x130", "behind_data"},
      {"a module's name is not a part of it", 0xffffffffc0001000, "nbd_work", "nbd_work"},
      {"inside a module", 0xffffffffc0001004, "nbd_work+0x4", "nbd_work"},
      {"the last symbol", 0xffffffffc0001100, "last.constprop.0", "last.constprop.0"},
      {"inside the last symbol", 0xffffffffc0001180, "last.constprop.0+0x80", "last.constprop.0"},
      {"far behind the last symbol", 0xffffffffc0101100, "0xffffffffc0101100", ""},
      {"between the kernel and its modules", 0xffffffffa0000000, "0xffffffffa0000000", ""},
      {"in front of the first symbol", 0x10, "0x10", ""},
      {"nothing", 0, "0x0", ""},
      {"the highest address", UINT64_MAX, "0xffffffffffffffff", ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(symbols.Name(row.address), row.name) << row.story;
    EXPECT_EQ(symbols.Find(row.address), row.found) << row.story;
  }
}

TEST(SymbolTable, HiddenAddressesNameNothing) {
  SymbolTable symbols;
  EXPECT_TRUE(symbols.empty());
  EXPECT_EQ(symbols.Name(0x1234), "0x1234");
  symbols.SetKallsyms("0000000000000000 T vmstat_update\n0000000000000000 T other\n");
  EXPECT_FALSE(symbols.empty());
  EXPECT_EQ(symbols.Find(0), "");
  EXPECT_EQ(symbols.Find(0xffffffff81000000), "");
}

TEST(SymbolTable, TheTextMayBeReplaced) {
  SymbolTable symbols;
  symbols.SetKallsyms("00001000 T first\n");  // a 32-bit kernel's
  EXPECT_EQ(symbols.Name(0x1000), "first");
  symbols.SetKallsyms("00001000 T second\n00002000 T third\n");
  EXPECT_EQ(symbols.Name(0x1000), "second");
  EXPECT_EQ(symbols.Name(0x2001), "third+0x1");
  symbols.SetKallsyms("");
  EXPECT_EQ(symbols.Name(0x1000), "0x1000");
}

TEST(SymbolTable, OrderDoesNotMatter) {
  SymbolTable symbols;
  symbols.SetKallsyms("00003000 T c\n00001000 T a\n00002000 T b\n");
  EXPECT_EQ(symbols.Name(0x1fff), "a+0xfff");
  EXPECT_EQ(symbols.Name(0x2000), "b");
  EXPECT_EQ(symbols.Name(0x3000), "c");
}

TEST(SymbolTable, OfManyNamesForOneAddressTheFirstFunctionStays) {
  std::string text = "00002000 D data\n";
  for (int i = 0; i < 100; ++i)
    text += "00002000 t f" + std::to_string(i) + "\n00001000 t g" + std::to_string(i) + "\n";
  SymbolTable symbols;
  symbols.SetKallsyms(text);
  EXPECT_EQ(symbols.Name(0x2000), "f0");
  EXPECT_EQ(symbols.Name(0x1008), "g0+0x8");
}

TEST(SymbolTable, HostileTextIsLeftOut) {
  const std::string rows[] = {
      "\n\n\n",
      std::string(100000, 'f'),
      std::string("00001000 T a\0b\n", 15),
      "00001000 T " + std::string(70000, 'x'),
      "00001000 T\t\n",
      "zz T x\n",
      "-1 T x\n",
      "00001000",
  };
  for (const std::string& text : rows) {
    SymbolTable symbols;
    symbols.SetKallsyms(text + "\n00005000 T good\n");
    EXPECT_EQ(symbols.Name(0x5000), "good");
  }
}

}  // namespace
}  // namespace wakewatch
