#include "analysis/report/protocol_text.h"

#include <string_view>

#include <fmt/format.h>

#include "analysis/report/printable.h"
#include "analysis/report/protocol_diagram.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

using protocol::CheckResult;
using protocol::Property;
using protocol::Verdict;

std::string_view VerbOf(const CheckResult& result) {
  switch (result.verdict) {
    case Verdict::kSafe: return "is safe";
    case Verdict::kUnfinished: return "is not decided";
    case Verdict::kLoses: break;
  }
  switch (result.property) {
    case Property::kDeadlock: return "can get stuck for ever";
    case Property::kAssertion: return "can break an assertion";
    default: return "loses a wakeup";
  }
}

// `text` as a paragraph, two spaces in.
std::string Paragraph(std::string_view text) {
  std::string out;
  for (const std::string& line : WrappedLines(PrintableText(text), kDiagramColumns - 2)) out += "  " + line + '\n';
  return out;
}

std::string AssumptionsText(const CheckResult& result) {
  if (result.assumptions.empty()) return {};
  std::string out = "\nASSUMED\n";
  for (const std::string& assumption : result.assumptions) {
    bool first = true;
    for (const std::string& line : WrappedLines(PrintableText(assumption), kDiagramColumns - 4)) {
      out += (first ? "  - " : "    ") + line + '\n';
      first = false;
    }
  }
  return out;
}

std::string RunText(const CheckResult& result) {
  if (result.counterexample.empty()) return {};
  return fmt::format("\nTHE SHORTEST RUN THAT ENDS SO: {}, each with its line of the text and what it did\n",
                     CountedText(result.counterexample.size(), "step")) +
         ProtocolDiagram(result);
}

// All that a recording has of the run, in order: what would have to be found in one.
std::string SignatureText(const CheckResult& result) {
  if (result.counterexample.empty()) return {};
  std::string out = "\nALL THAT A RECORDING HOLDS OF IT\n";
  for (const uint8_t level : {0, 1}) {
    std::string events;
    for (const std::string& event : SignatureOf(result, level)) events += (events.empty() ? "" : ", then ") + event;
    bool first = true;
    for (const std::string& line : WrappedLines(PrintableText(events.empty() ? "nothing" : events), kDiagramColumns - 6)) {
      out += first ? fmt::format("  E{}  {}\n", level, line) : fmt::format("      {}\n", line);
      first = false;
    }
  }
  return out;
}

std::string VerdictCell(const ProtocolListRow& row) {
  if (!row.error.empty()) return "error";
  return row.verdict ? std::string(Name(*row.verdict)) : "-";
}

}  // namespace

std::vector<std::string> SignatureOf(const CheckResult& result, uint8_t level) {
  std::vector<std::string> events;
  for (const protocol::StepRecord& step : result.counterexample) {
    const std::string task = step.task < result.tasks.size() ? result.tasks[step.task] + ": " : "";
    for (const std::string& text : step.Texts(level)) events.push_back(task + text);
  }
  return events;
}

std::string ProtocolVerdictLine(const CheckResult& result) {
  std::string line = fmt::format("{} {} ({}, {}", PrintableText(result.protocol), VerbOf(result), Name(result.memory),
                                 CountedText(result.states, "state"));
  line += ")";
  if (!result.unfinished.empty()) line += ": " + PrintableText(result.unfinished);
  return line;
}

std::string ProtocolText(const CheckResult& result) {
  std::string out = ProtocolVerdictLine(result) + '\n';
  if (!result.title.empty()) out += Paragraph(result.title);
  if (!result.loss.empty()) out += '\n' + Paragraph(result.loss);
  return out + RunText(result) + SignatureText(result) + AssumptionsText(result);
}

std::string ProtocolListText(std::span<const ProtocolListRow> rows) {
  TextTable table({{"protocol"},
                   {"memory"},
                   {"verdict"},
                   {"expected"},
                   {"states", TextTable::Align::kRight},
                   {"time", TextTable::Align::kRight},
                   {""},
                   {"about"}});
  std::string errors;
  for (const ProtocolListRow& row : rows) {
    const bool checked = row.verdict.has_value();
    table.AddRow({row.name, std::string(Name(row.memory)), VerdictCell(row),
                  row.expected ? std::string(Name(*row.expected)) : "-", checked ? CountText(row.states) : "-",
                  checked ? DurationText(static_cast<uint64_t>(row.seconds * 1e9)) : "-",
                  row.Unexpected() ? "not as expected" : "", row.title});
    if (!row.error.empty()) errors += fmt::format("  {}: {}\n", PrintableText(row.name), PrintableText(row.error));
  }
  std::string out = fmt::format("PROTOCOLS: {}\n", CountText(rows.size()));
  out += rows.empty() ? "  none\n" : table.Text();
  return errors.empty() ? out : out + "\nERRORS\n" + errors;
}

}  // namespace wakewatch
