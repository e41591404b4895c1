// Why: the text of a format file comes from outside, and libtraceevent trusts what it parses: a field that ends inside
// its brackets, or a print fmt that names a field that is not there, brings it down. So each line is checked first, and
// libtraceevent is given the checked lines and nothing else. Private to FormatTable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/format.h"

namespace wakewatch::format_learn {

inline constexpr size_t kTextBytesMax = 1 << 20;  // real ones stay under 64 KiB
inline constexpr uint32_t kRecordBytesMax = 65535;

// One "field:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;" line, in event formats and in header_page.
struct FieldLine {
  std::string declaration;  // "pid_t pid", without __attribute__((…))
  uint32_t offset = 0, size = 0;
  bool is_signed = false;
  std::string_view name() const;  // the declaration's last word in front of a bracket; enough for header_page
};
// Nothing when the line is not one that libtraceevent parses to its end.
std::optional<FieldLine> ParseFieldLine(std::string_view line);

struct Learned {
  std::string name;
  uint16_t id = 0;
  std::vector<FieldSpec> fields;  // the common ones included, by offset; none overlaps another
  std::string_view print_fmt;     // behind "print fmt:"; a part of the text
};
// Errors: kCorrupt (not a format file, or fields that cannot all be in one record), kTooLarge, kUnsupported.
// Their cause reads on from "the format of sched/sched_switch ".
Result<Learned> LearnFormat(std::string_view text, FormatTable::Machine machine);

}  // namespace wakewatch::format_learn
