#include "analysis/report/chain_links.h"

#include <string_view>

#include <fmt/format.h>

#include "analysis/report/printable.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;

std::string_view ContextText(WakeContext context) {
  switch (context) {
    case WakeContext::kTask: return "a task";
    case WakeContext::kSoftirq: return "a softirq";
    case WakeContext::kHardirq: return "a hard interrupt";
    case WakeContext::kUnknown: return "unknown";
  }
  return "unknown";
}

std::string LinkText(const std::string& woken, const ChainLink& link) {
  if (link.waking_ns == 0) return fmt::format("{} was woken: unknown; {}\n", woken, PrintableText(link.source));
  const bool task = link.context == WakeContext::kTask;
  const std::string_view forked = link.source == "fork" ? ", which forked it" : "";
  const std::string by =
      task ? TaskText(link.pid, link.comm) + std::string(forked) : SourceText(link.context, link.source);
  const std::string ran =
      link.in_ns == 0 ? "" : fmt::format(", ran {} later", DurationText(link.in_ns - link.waking_ns));
  return fmt::format("{} was woken at {} s on CPU {} by {}{}\n", woken, TraceTimeText(link.waking_ns), link.cpu, by,
                     ran);
}

}  // namespace

std::string TaskText(int32_t pid, const std::string& comm) {
  return comm.empty() ? fmt::format("pid {}", pid) : fmt::format("{} ({})", PrintableText(comm), pid);
}

// "hrtimer hrtimer_wakeup, in a hard interrupt".
std::string SourceText(WakeContext context, const std::string& source) {
  if (source.empty()) return std::string(ContextText(context));
  if (context == WakeContext::kUnknown) return "unknown: " + PrintableText(source);
  return context == WakeContext::kTask ? PrintableText(source)
                                       : fmt::format("{}, in {}", PrintableText(source), ContextText(context));
}

std::string ChainLinksText(std::string woken, const std::vector<ChainLink>& chain, size_t indent) {
  std::string out;
  for (const ChainLink& link : chain) {
    out += std::string(indent, ' ') + LinkText(woken, link);
    woken = TaskText(link.pid, link.comm);
  }
  return out;
}

Json KnownOrNull(bool known, Json value) { return known ? std::move(value) : Json(nullptr); }

Json ChainLinkValue(const ChainLink& link) {
  return {{"pid", KnownOrNull(link.pid >= 0, link.pid)},
          {"comm", link.comm},
          {"context", Name(link.context)},
          {"source", link.source},
          {"cpu", KnownOrNull(link.waking_ns != 0, link.cpu)},
          {"waking_ns", KnownOrNull(link.waking_ns != 0, link.waking_ns)},
          {"in_ns", KnownOrNull(link.in_ns != 0, link.in_ns)}};
}

}  // namespace wakewatch
