// Why: a task chooses its own name, and a trace may come from anyone. Text that reaches a terminal or a spreadsheet
// passes through here: control bytes, escape sequences, text that changes direction and broken UTF-8 come out as \xNN.
// Numbers get one way to be written for people; machines get plain nanoseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wakewatch {

// `text` with everything that a terminal might act on written as \xNN, and a backslash as two.
std::string PrintableText(std::string_view text);
// Columns that PrintableText's answer takes, counting one a character.
size_t PrintableWidth(std::string_view printable);
// One field of a CSV line (RFC 4180): printable, in quotes where needed.
std::string CsvField(std::string_view text);

// Three significant digits with a unit: "0 ns", "870 ns", "12.3 us", "4.56 ms", "31.2 s".
std::string DurationText(uint64_t ns);
// With thousands separators: "1,234,567".
std::string CountText(uint64_t n);
// "1 gap", "2,000 gaps".
std::string CountedText(uint64_t n, std::string_view noun);
// A point on the trace clock in seconds: "41.512345".
std::string TraceTimeText(uint64_t ns);

}  // namespace wakewatch
