// Why: not every machine has trace-cmd. Anyone can keep what the kernel itself hands out: each CPU's pages
// (`cat per_cpu/cpu0/trace_pipe_raw > cpu0.raw`) beside a copy of events/ and header_page. This reader takes such a
// folder, and a copy of a whole tracefs or instance directory (per_cpu/cpuN/trace_pipe_raw).
//
//   cpuN.raw or per_cpu/cpuN/trace_pipe_raw        a CPU's pages, one after the other
//   header_page or events/header_page              how a page begins, and how large it is
//   events/SYSTEM/EVENT/format                     the layouts of the events
//   cpuN.stats or per_cpu/cpuN/stats, saved_cmdlines, trace_clock, kallsyms or kallsyms.zst: optional
// Source: Linux Documentation/trace/ftrace.rst, kernel/trace/ring_buffer.c (ring_buffer_print_page_header).
#pragma once

#include <memory>
#include <string>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// True when `path` is a folder with the page files of at least one CPU. Reads listings only, and opens nothing in it.
bool SniffRawPages(const std::string& path);

// Opens such a folder. The byte order, which nothing in it states, is read off the pages' commit words.
// A CPU whose last page was cut counts as Anomaly::kTruncatedInput and ends in a kGap of cause kCorrupt. What is there
// but cannot be read (kallsyms.gz, kallsyms.xz, a broken list) is left out and counts as Anomaly::kBadSection; broken
// formats are in formats().anomalies(). Times are those of the trace clock; with clock x86-tsc they stay cycles, since
// the folder does not say how long a cycle is.
// Errors: kNotFound (no such folder or buffer, no header_page, no formats), kPermission, kIo, kCorrupt (header_page),
// kUnsupported (a live tracefs, whose pages are gone once they are read).
Result<std::unique_ptr<TraceInput>> OpenRawPages(const std::string& path, const OpenOptions& options);

}  // namespace wakewatch
