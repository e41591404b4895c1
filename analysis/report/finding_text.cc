#include "analysis/report/finding_text.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "analysis/report/finding_groups.h"
#include "analysis/report/printable.h"
#include "analysis/report/protocol_of_finding.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

constexpr auto kRight = TextTable::Align::kRight;

bool IsLostWakeup(const Finding& finding) { return finding.check == "lost-wakeup"; }

std::string TaskText(const std::string& comm, int32_t pid) {
  return fmt::format("{} (pid {})", PrintableText(comm), pid);
}

std::string EvidenceText(const Finding& finding) {
  std::string out;
  for (const Evidence& evidence : finding.evidence) {
    out += fmt::format("     {} s [{:03}] {}\n", TraceTimeText(evidence.ts_ns), evidence.cpu,
                       PrintableText(evidence.event));
  }
  return out;
}

// What /proc said, one line a task; where in the kernel it was is the first line of its stack.
std::string SnapshotsText(const Finding& finding) {
  std::string out;
  for (const ProcSnapshot& snapshot : finding.snapshots) {
    const std::string at = fmt::format("     {} s {} (pid {}): ", TraceTimeText(snapshot.ts_ns),
                                       PrintableText(snapshot.role), snapshot.pid);
    std::string where = snapshot.stack.substr(0, snapshot.stack.find('\n'));
    if (where.empty()) where = snapshot.wchan;
    if (where.empty()) where = snapshot.error;
    out += at + PrintableText(where) + '\n';
  }
  return out;
}

std::string NamedLine(std::string_view name, const std::string& text) {
  return text.empty() ? std::string() : fmt::format("     {:<12} {}\n", name, PrintableText(text));
}

std::string LostWakeupText(size_t number, const FindingGroup& group) {
  const Finding& worst = *group.worst;
  std::string out = fmt::format("  {}. {}, {}: {}", number, PrintableText(worst.cls), Name(group.confidence),
                                TaskText(worst.comm, worst.pid));
  if (worst.waker_pid >= 0) out += ", waker " + TaskText(worst.waker_comm, worst.waker_pid);
  out += fmt::format("; {}, the longest slept {}, {} s to {} s", CountedText(group.count, "sleep"),
                     DurationText(worst.waited_ns), TraceTimeText(worst.start_ns), TraceTimeText(worst.end_ns));
  if (group.open > 0) out += group.count == 1 ? "; still asleep" : fmt::format("; {} still asleep", group.open);
  out += fmt::format("\n     {}\n", PrintableText(worst.explanation));
  out += NamedLine("rule:", worst.rule);
  out += NamedLine("assumed:", worst.assumption);
  out += NamedLine("surer with:", worst.would_raise);
  if (const std::string_view protocol = ProtocolExplaining(worst.cls); !protocol.empty()) {
    out += NamedLine("protocol:", fmt::format("{}: `wakewatch check {}` shows how", protocol, protocol));
  }
  return out + EvidenceText(worst) + SnapshotsText(worst);
}

// Empty when there are none.
std::string LostWakeupsText(const Report& report, const TextOptions& options) {
  FindingGroups groups = GroupFindings(report, !options.all_threads, IsLostWakeup);
  if (groups.groups.empty()) return {};
  SortBySurety(&groups.groups);
  std::string out = fmt::format("LOST WAKEUPS: {} in {}, the surest first\n", CountText(groups.findings),
                                CountedText(groups.groups.size(), "group"));
  const size_t shown = std::min(groups.groups.size(), options.groups_max);
  for (size_t i = 0; i < shown; ++i) out += LostWakeupText(i + 1, groups.groups[i]);
  return out + LeftOutText(groups.groups.size(), shown, "groups of lost wakeups") + '\n';
}

std::string OtherText(size_t number, const FindingGroup& group) {
  const Finding& worst = *group.worst;
  std::string out =
      fmt::format("  {}. {} ({}), {}: {} waited {}", number, PrintableText(worst.check), PrintableText(worst.cls),
                  Name(worst.confidence), TaskText(worst.comm, worst.pid), DurationText(worst.waited_ns));
  if (worst.cpu >= 0) out += fmt::format(" on CPU {}", worst.cpu);
  out += fmt::format(", {} s to {} s", TraceTimeText(worst.start_ns), TraceTimeText(worst.end_ns));
  if (group.count > 1) out += fmt::format("; the longest of {}", CountText(group.count));
  if (worst.open) out += "; not over yet";
  out += fmt::format("\n     {}\n", PrintableText(worst.explanation));
  if (worst.waker_pid >= 0) out += "     woken by " + TaskText(worst.waker_comm, worst.waker_pid) + '\n';
  return out + EvidenceText(worst) + SnapshotsText(worst);
}

}  // namespace

std::string FindingsText(const Report& report, const TextOptions& options) {
  const std::string lost = LostWakeupsText(report, options);
  const FindingGroups groups =
      GroupFindings(report, !options.all_threads, [](const Finding& finding) { return !IsLostWakeup(finding); });
  std::string out =
      lost + fmt::format("{}: {} in {}, the longest wait first\n", lost.empty() ? "FINDINGS" : "OTHER FINDINGS",
                         CountText(groups.findings), CountedText(groups.groups.size(), "group"));
  const size_t shown = std::min(groups.groups.size(), options.groups_max);
  for (size_t i = 0; i < shown; ++i) out += OtherText(i + 1, groups.groups[i]);
  if (shown == 0) out += "  none\n";
  out += LeftOutText(groups.groups.size(), shown, "groups of findings");
  const uint64_t of_users = GroupFindings(report, !options.all_threads).user_findings;
  if (of_users > 0) {
    out += fmt::format("  not shown: {} of user tasks; --all shows them\n", CountedText(of_users, "finding"));
  }
  return out;
}

std::string FindingGroupsText(const Report& report, const TextOptions& options) {
  FindingGroups groups = GroupFindings(report, !options.all_threads);
  SortBySurety(&groups.groups);
  std::string out = fmt::format("FINDINGS: {} in {}, the surest first\n", CountText(groups.findings),
                                CountedText(groups.groups.size(), "group"));
  TextTable table({{"check"},
                   {"class"},
                   {"confidence"},
                   {"pid", kRight},
                   {"thread"},
                   {"waker"},
                   {"count", kRight},
                   {"open", kRight},
                   {"first", kRight},
                   {"last", kRight},
                   {"worst", kRight}});
  for (size_t i = 0; i < groups.groups.size() && i < options.groups_max; ++i) {
    const FindingGroup& group = groups.groups[i];
    const Finding& worst = *group.worst;
    table.AddRow({worst.check, worst.cls, std::string(Name(group.confidence)), std::to_string(worst.pid), worst.comm,
                  worst.waker_pid >= 0 ? fmt::format("{} ({})", worst.waker_comm, worst.waker_pid) : "-",
                  CountText(group.count), CountText(group.open), TraceTimeText(group.first_ns),
                  TraceTimeText(group.last_ns), DurationText(worst.waited_ns)});
  }
  out += groups.groups.empty() ? "  none\n" : table.Text();
  out += LeftOutText(groups.groups.size(), table.rows(), "groups of findings");
  if (groups.user_findings > 0) {
    out +=
        fmt::format("  not shown: {} of user tasks; --all shows them\n", CountedText(groups.user_findings, "finding"));
  }
  return out;
}

std::string UndecidableText(const Report& report) {
  if (report.undecidable.empty()) return {};
  TextTable table({{"class"}, {"sleeps", kRight}, {"probes that would decide them"}});
  for (const Undecidable& item : report.undecidable) {
    std::string needs;
    for (const std::string& event : item.needs) needs += (needs.empty() ? "" : ", ") + event;
    table.AddRow({item.cls, CountText(item.sleeps), needs.empty() ? "none: no events do" : needs});
  }
  return "\nNOT DECIDABLE from these events: sleeps that may have lost a wakeup\n" + table.Text();
}

std::string ObligationsText(const Report& report) {
  if (report.obligations.empty()) return {};
  TextTable table({{"class"},
                   {"opened", kRight},
                   {"in time", kRight},
                   {"late", kRight},
                   {"expired", kRight},
                   {"censored", kRight},
                   {"voided", kRight},
                   {"unlearned", kRight},
                   {"open", kRight}});
  for (const ObligationSummary& row : report.obligations) {
    table.AddRow({row.cls, CountText(row.opened), CountText(row.discharged), CountText(row.late),
                  CountText(row.expired), CountText(row.censored), CountText(row.voided), CountText(row.unlearned),
                  CountText(row.open)});
  }
  return "\nOBLIGATIONS: what had to be done by a deadline, and how it ended\n" + table.Text();
}

}  // namespace wakewatch
