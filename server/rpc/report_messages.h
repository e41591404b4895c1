// Why: the shapes of analysis/report and server/live as messages of the API. Texts that a traced task chose may be any
// bytes; messages hold UTF-8, so what is none is replaced here.
#pragma once

#include <string>
#include <string_view>

#include <wakewatch/v1/analysis.pb.h>
#include <wakewatch/v1/findings.pb.h>
#include <wakewatch/v1/fleet.pb.h>

#include "analysis/checks/summary.h"
#include "analysis/model/rules.h"
#include "analysis/report/report.h"
#include "server/live/finding_feed.h"
#include "server/live/host.h"
#include "server/live/recordings.h"
#include "server/store/recording_row.h"
#include "server/store/timeline_query.h"

namespace wakewatch {

// `text` with every byte that is no part of valid UTF-8, and every NUL, replaced by U+FFFD.
std::string Utf8(std::string_view text);

void ToMessage(const Histogram& histogram, v1::Quantiles* message);
void ToMessage(const ThreadSummary& thread, v1::ThreadSummary* message);
void ToMessage(const WorstWait& wait, v1::WorstWait* message);
void ToMessage(const ThreadSummary& thread, v1::ThreadDistribution* message);
void ToMessage(const WorkSummary& work, v1::WorkSummary* message);
void ToMessage(const SoftirqSummary& softirq, v1::SoftirqSummary* message);
void ToMessage(const TaskletSummary& tasklet, v1::TaskletSummary* message);
void ToMessage(const RuleInfo& rule, v1::SchedulerRule* message);
// Counts and places only.
void ToMessage(const RuleSummary& rule, v1::SchedulerRule* message);
void ToMessage(const ObligationSummary& obligation, v1::ObligationSummary* message);
void ToMessage(const Undecidable& undecidable, v1::Undecidable* message);
void ToMessage(const FoundFinding& found, v1::Finding* message);
void ToMessage(const Recordings::FoundGroup& found, v1::FindingGroup* message);
void ToMessage(const HostState& host, v1::Host* message);
void ToMessage(const RecordingRow& recording, v1::Recording* message);

void ToMessage(const TimelineLane& lane, v1::TimelineLane* message);

v1::Confidence ToMessage(Confidence confidence);

}  // namespace wakewatch
