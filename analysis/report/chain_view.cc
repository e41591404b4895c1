#include "analysis/report/chain_view.h"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/chain_links.h"
#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;
constexpr auto kRight = TextTable::Align::kRight;

std::array<uint64_t, kPathKinds> Totals(const CriticalPath& path) {
  std::array<uint64_t, kPathKinds> totals{};
  for (const PathSegment& segment : path.segments) {
    totals[static_cast<size_t>(segment.kind)] += segment.end_ns - segment.start_ns;
  }
  return totals;
}

std::string WhatText(const PathSegment& segment) {
  switch (segment.kind) {
    case PathKind::kRun: return fmt::format("run on CPU {}", segment.cpu);
    case PathKind::kWait:
      if (segment.holder_pid < 0) return fmt::format("wait for CPU {}", segment.cpu);
      if (segment.holder_pid == 0) {
        return fmt::format("wait for CPU {}, idle for {}", segment.cpu, DurationText(segment.holder_ns));
      }
      return fmt::format("wait for CPU {}, which {} had for {}", segment.cpu,
                         TaskText(segment.holder_pid, segment.holder_comm), DurationText(segment.holder_ns));
    case PathKind::kSleep:
      return segment.context == WakeContext::kUnknown ? "sleep"
                                                      : "sleep until " + SourceText(segment.context, segment.source);
    case PathKind::kUnknown: return "unknown: " + PrintableText(segment.source);
  }
  return {};
}

std::string PathText(const CriticalPath& path) {
  std::string out =
      fmt::format("CRITICAL PATH of {}, {} from {} s to {} s\n", TaskText(path.pid, path.comm),
                  DurationText(path.to_ns - path.from_ns), TraceTimeText(path.from_ns), TraceTimeText(path.to_ns));
  TextTable table({{"from", kRight}, {"for", kRight}, {"task"}, {"what"}});
  for (const PathSegment& segment : path.segments) {
    table.AddRow({TraceTimeText(segment.start_ns), DurationText(segment.end_ns - segment.start_ns),
                  fmt::format("{} ({})", segment.comm, segment.pid), WhatText(segment)});
  }
  out += table.Text();
  const auto totals = Totals(path);
  out += "  in all";
  for (size_t i = 0; i < kPathKinds; ++i) {
    out += fmt::format("{} {} {}", i == 0 ? ":" : ",", Name(static_cast<PathKind>(i)), DurationText(totals[i]));
  }
  return out + '\n';
}

Json SegmentValue(const PathSegment& segment) {
  Json value = {{"start_ns", segment.start_ns}, {"end_ns", segment.end_ns},
                {"kind", Name(segment.kind)},   {"pid", segment.pid},
                {"comm", segment.comm},         {"cpu", KnownOrNull(segment.cpu >= 0, segment.cpu)}};
  if (segment.kind == PathKind::kWait) {
    value["holder"] = {{"pid", KnownOrNull(segment.holder_pid >= 0, segment.holder_pid)},
                       {"comm", segment.holder_comm},
                       {"ns", segment.holder_ns}};
  }
  if (segment.kind == PathKind::kSleep)
    value["until"] = {{"context", Name(segment.context)}, {"source", segment.source}};
  if (segment.kind == PathKind::kUnknown) value["why"] = segment.source;
  return value;
}

}  // namespace

std::string ChainText(const ChainAnswer& answer) {
  std::string out;
  if (answer.has_gaps) out += "!!! EVENTS WERE LOST: what touches a gap is unknown below.\n\n";
  if (answer.wait) {
    const WorstWake& wait = *answer.wait;
    out += fmt::format("WORST WAIT of {}: {}, woken at {} s, running on CPU {} at {} s\n",
                       TaskText(wait.pid, wait.comm), DurationText(wait.in_ns - wait.waking_ns),
                       TraceTimeText(wait.waking_ns), wait.cpu, TraceTimeText(wait.in_ns));
    out += ChainLinksText(TaskText(wait.pid, wait.comm), wait.chain, 2);
    out += '\n';
  }
  return out + PathText(answer.path);
}

std::string ChainJson(const ChainAnswer& answer) {
  Json chain = Json::array(), segments = Json::array(), totals = Json::object(), wait = nullptr;
  if (answer.wait) {
    wait = {{"cpu", answer.wait->cpu},
            {"waking_ns", answer.wait->waking_ns},
            {"wakeup_ns", answer.wait->wakeup_ns},
            {"in_ns", answer.wait->in_ns},
            {"latency_ns", answer.wait->in_ns - answer.wait->waking_ns}};
    for (const ChainLink& link : answer.wait->chain) chain.push_back(ChainLinkValue(link));
  }
  for (const PathSegment& segment : answer.path.segments) segments.push_back(SegmentValue(segment));
  const auto sums = Totals(answer.path);
  for (size_t i = 0; i < kPathKinds; ++i) totals[Name(static_cast<PathKind>(i))] = sums[i];
  const Json value = {{"schema_version", 1},
                      {"task", {{"pid", answer.path.pid}, {"comm", answer.path.comm}}},
                      {"has_gaps", answer.has_gaps},
                      {"wait", std::move(wait)},
                      {"chain", std::move(chain)},
                      {"path",
                       {{"from_ns", answer.path.from_ns},
                        {"to_ns", answer.path.to_ns},
                        {"totals_ns", std::move(totals)},
                        {"segments", std::move(segments)}}}};
  return value.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace wakewatch
