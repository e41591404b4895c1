#include "analysis/report/protocol_diagram.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "analysis/report/printable.h"

namespace wakewatch {
namespace {

using protocol::CheckResult;
using protocol::StepRecord;

using Lines = std::vector<std::string>;

constexpr size_t kIndent = 2, kBetween = 2;
constexpr size_t kSeenColumns = 32, kTaskNameColumns = 18;

// Bytes of the first `width` characters.
size_t BytesOf(std::string_view text, size_t width) {
  size_t at = 0, characters = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (static_cast<uint8_t>(text[at]) & 0xc0) != 0x80;
    if (begins && characters++ == width) break;
  }
  return at;
}

void Append(Lines lines, Lines* cell) {
  for (std::string& line : lines) cell->push_back(std::move(line));
}

// `text` and its further lines two spaces in, so that what belongs together is seen to.
void AppendHanging(const std::string& text, size_t width, Lines* cell) {
  Lines lines = WrappedLines(text, width);
  if (lines.size() > 1) {
    const size_t first = lines[0].size();
    std::string rest = text.substr(std::min(text.size(), first));
    rest.erase(0, rest.find_first_not_of(' '));
    lines.resize(1);
    for (const std::string& line : WrappedLines(rest, width - 2)) lines.push_back("  " + line);
  }
  Append(std::move(lines), cell);
}

std::string Joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : std::string(between)) + text;
  return out;
}

// The statement, the kernel's function where the statement does not name it, and what it did.
Lines StepCell(const CheckResult& result, const StepRecord& step, size_t width) {
  Lines cell;
  AppendHanging(PrintableText(StepText(result, step)), width, &cell);
  if (!step.kernel_function.empty() && !step.statement.starts_with(step.kernel_function)) {
    AppendHanging("in " + PrintableText(step.kernel_function), width, &cell);
  }
  if (!step.accesses.empty()) AppendHanging(PrintableText(Joined(step.accesses, "; ")), width, &cell);
  return cell;
}

Lines SeenCell(const StepRecord& step, size_t width) {
  Lines cell;
  if (step.events.empty()) return {"silent"};
  const bool at_e0 = std::any_of(step.events.begin(), step.events.end(), [](const auto& e) { return e.level == 0; });
  if (!at_e0) cell.push_back("E0 silent");
  for (const StepRecord::Event& event : step.events) {
    AppendHanging(fmt::format("E{} {}", event.level, PrintableText(event.Text())), width, &cell);
  }
  return cell;
}

std::string TaskTitle(const CheckResult& result, size_t task) {
  return fmt::format("CPU {}: {}", task, PrintableText(task < result.tasks.size() ? result.tasks[task] : "?"));
}

std::vector<size_t> TasksThatMove(const CheckResult& result) {
  std::vector<size_t> tasks;
  for (const StepRecord& step : result.counterexample) {
    if (std::find(tasks.begin(), tasks.end(), step.task) == tasks.end()) tasks.push_back(step.task);
  }
  std::sort(tasks.begin(), tasks.end());
  return tasks;
}

// What the lines of a row take: each cell starts at its column, and its lines stand below one another.
class Grid {
 public:
  explicit Grid(std::vector<size_t> widths) : widths_(std::move(widths)) {}

  void Add(const std::vector<Lines>& cells) {
    size_t height = 0;
    for (const Lines& cell : cells) height = std::max(height, cell.size());
    for (size_t row = 0; row < height; ++row) {
      std::string line(kIndent, ' ');
      for (size_t i = 0; i < cells.size(); ++i) {
        const std::string text = row < cells[i].size() ? cells[i][row] : std::string();
        line += text + std::string(widths_[i] - std::min(widths_[i], PrintableWidth(text)) + kBetween, ' ');
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text_ += line + '\n';
    }
  }
  // Below a row, as wide as the table.
  void AddNote(const std::string& note) {
    const std::string margin(kIndent + widths_[0] + kBetween, ' ');
    bool first = true;
    for (const std::string& line : WrappedLines(PrintableText(note), kDiagramColumns - margin.size() - 3)) {
      text_ += margin + (first ? "-> " : "   ") + line + '\n';
      first = false;
    }
  }
  std::string Take() { return std::move(text_); }

 private:
  std::vector<size_t> widths_;
  std::string text_;
};

size_t NumberColumns(const CheckResult& result) { return std::to_string(result.counterexample.size()).size(); }

// One column a task.
std::string Wide(const CheckResult& result, const std::vector<size_t>& tasks) {
  const size_t number = NumberColumns(result);
  const size_t left = kDiagramColumns - kIndent - number - kBetween - kSeenColumns - kBetween * tasks.size();
  const size_t width = left / tasks.size();
  std::vector<size_t> widths = {number};
  std::vector<Lines> titles = {{std::string()}};
  for (const size_t task : tasks) {
    widths.push_back(std::min<size_t>(width, 44));
    titles.push_back(WrappedLines(TaskTitle(result, task), widths.back()));
  }
  widths.push_back(kSeenColumns);
  titles.push_back({"a recording sees"});
  Grid grid(widths);
  grid.Add(titles);
  for (size_t i = 0; i < result.counterexample.size(); ++i) {
    const StepRecord& step = result.counterexample[i];
    std::vector<Lines> cells(tasks.size() + 2);
    cells[0] = {fmt::format("{:>{}}", i + 1, number)};
    const auto column = static_cast<size_t>(std::find(tasks.begin(), tasks.end(), step.task) - tasks.begin());
    cells[column + 1] = StepCell(result, step, widths[column + 1]);
    cells.back() = SeenCell(step, kSeenColumns);
    grid.Add(cells);
    if (!step.note.empty()) grid.AddNote(step.note);
  }
  return grid.Take();
}

// One column for all tasks.
std::string Narrow(const CheckResult& result) {
  const size_t number = NumberColumns(result);
  const size_t width = kDiagramColumns - kIndent - number - kTaskNameColumns - kSeenColumns - kBetween * 3;
  Grid grid({number, kTaskNameColumns, width, kSeenColumns});
  grid.Add({{std::string()}, {"task"}, {"step"}, {"a recording sees"}});
  for (size_t i = 0; i < result.counterexample.size(); ++i) {
    const StepRecord& step = result.counterexample[i];
    grid.Add({{fmt::format("{:>{}}", i + 1, number)},
              WrappedLines(TaskTitle(result, step.task), kTaskNameColumns),
              StepCell(result, step, width),
              SeenCell(step, kSeenColumns)});
    if (!step.note.empty()) grid.AddNote(step.note);
  }
  return grid.Take();
}

}  // namespace

std::vector<std::string> WrappedLines(const std::string& text, size_t width) {
  Lines lines;
  std::string_view rest = text;
  width = std::max<size_t>(width, 1);
  while (PrintableWidth(rest) > width) {
    const size_t fits = BytesOf(rest, width);
    // A line ends in front of a space, if that fills a third of it at least; else behind a comma or a bracket, or just
    // where it is full.
    size_t end = rest.rfind(' ', fits);
    if (end == std::string_view::npos || end < width / 3) {
      const size_t mark = rest.substr(0, fits).find_last_of(",(");
      end = mark == std::string_view::npos || mark == 0 ? fits : mark + 1;
    }
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end);
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
  }
  if (!rest.empty() || lines.empty()) lines.emplace_back(rest);
  return lines;
}

std::string StepText(const CheckResult& result, const StepRecord& step) {
  if (step.flush) {
    return fmt::format("a store of {} reaches memory", step.task < result.tasks.size() ? result.tasks[step.task] : "?");
  }
  return step.place.line == 0 ? step.statement : fmt::format("{}: {}", step.place.line, step.statement);
}

std::string ProtocolDiagram(const CheckResult& result) {
  if (result.counterexample.empty()) return {};
  const std::vector<size_t> tasks = TasksThatMove(result);
  return tasks.size() <= kDiagramTasksMax ? Wide(result, tasks) : Narrow(result);
}

}  // namespace wakewatch
