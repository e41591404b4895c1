#include "server/rpc/analysis_service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "analysis/checks/checks_list.h"
#include "analysis/report/compare.h"
#include "analysis/report/delay_table.h"
#include "analysis/report/report_filter.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_view.h"
#include "server/rpc/chain_messages.h"
#include "server/rpc/compare_messages.h"
#include "server/rpc/report_messages.h"
#include "server/rpc/status.h"
#include "server/rpc/timeline_messages.h"
#include "server/rpc/wait_messages.h"
#include "server/rpc/watch.h"

namespace wakewatch {
namespace {

constexpr uint32_t kDelayRowsDefault = 1000, kWaitsDefault = 100, kRowsMax = 10'000;

size_t LimitOf(uint32_t asked, uint32_t otherwise) { return asked == 0 ? otherwise : std::min(asked, kRowsMax); }

RecordingName NameOf(const v1::RecordingRef& ref) { return {ref.host(), ref.recording()}; }
RecordingSpan SpanOf(const v1::RecordingRef& ref) { return {ref.since_ns(), ref.until_ns(), ref.real_time(), false}; }

void FillThreads(const RecordingReport& report, bool user_tasks, v1::ListThreadsResponse* response) {
  response->set_recording(report.row.id);
  response->set_watermark_ns(report.watermark_ns);
  for (const ThreadSummary& thread : report.report->threads) {
    if (user_tasks || IsKernelThread(thread.kind)) ToMessage(thread, response->add_threads());
  }
}

const char* NameOf(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "info";
    case Severity::kDataLoss: return "warning";
    case Severity::kCorrupt: return "error";
  }
  return "error";
}

// The scheduler's rule of that name, which the table of rules has.
v1::SchedulerRule* RuleIn(v1::GetModelResponse* response, std::string_view name) {
  for (v1::SchedulerRule& rule : *response->mutable_scheduler_rules()) {
    if (rule.name() == name) return &rule;
  }
  v1::SchedulerRule* const rule = response->add_scheduler_rules();
  rule->set_name(std::string(name));
  return rule;
}

Result<ViewOptions> ViewOf(const v1::RenderRequest& request) {
  ViewOptions view;
  switch (request.view()) {
    case v1::VIEW_REPORT: view.view = ReportView::kReport; break;
    case v1::VIEW_LATENCY: view.view = ReportView::kLatency; break;
    case v1::VIEW_FINDINGS: view.view = ReportView::kFindings; break;
    case v1::VIEW_MODEL: view.view = ReportView::kModel; break;
    default: return Fail(ErrorCode::kInvalidArgument, "a view must be named");
  }
  switch (request.format()) {
    case v1::TEXT_FORMAT_JSON: view.format = OutputFormat::kJson; break;
    case v1::TEXT_FORMAT_CSV: view.format = OutputFormat::kCsv; break;
    case v1::TEXT_FORMAT_NDJSON: view.format = OutputFormat::kNdjson; break;
    default: view.format = OutputFormat::kText; break;
  }
  view.all_threads = request.user_tasks();
  view.rows_max = request.rows();
  view.groups_max = request.groups();
  view.grouped = request.grouped();
  return view;
}

ReportFilter FilterOf(const v1::RenderRequest& request) {
  ReportFilter filter{{request.cpus().begin(), request.cpus().end()},
                      {request.tasks().begin(), request.tasks().end()},
                      {request.checks().begin(), request.checks().end()},
                      {request.classes().begin(), request.classes().end()}};
  for (const Confidence confidence : {Confidence::kStrong, Confidence::kProven}) {
    if (request.confidence_min() == Name(confidence)) filter.confidence_min = confidence;
  }
  return filter;
}

// Puts pieces of text together to messages of some size.
class TextSender {
 public:
  explicit TextSender(grpc::ServerWriter<v1::RenderResponse>* writer) : writer_(writer) {}

  void Add(std::string_view text) {
    message_.mutable_text()->append(text);
    if (message_.text().size() < kPieceBytes) return;
    good_ = good_ && writer_->Write(message_);
    message_.Clear();
  }
  void End(const Report& report) {
    message_.set_end(true);
    message_.set_has_gaps(Incomplete(report));
    if (const auto best = BestConfidence(report)) message_.set_worst_confidence(std::string(Name(*best)));
    good_ = good_ && writer_->Write(message_);
  }

 private:
  static constexpr size_t kPieceBytes = 64u << 10;
  grpc::ServerWriter<v1::RenderResponse>* const writer_;
  v1::RenderResponse message_;
  bool good_ = true;
};

}  // namespace

std::function<bool()> AnalysisService::Stop(grpc::ServerContext* context) const {
  const auto deadline = std::chrono::steady_clock::now() + limits_.analysis_time_max;
  return [this, context, deadline] {
    return context->IsCancelled() || std::chrono::steady_clock::now() >= deadline ||
           (limits_.stopping != nullptr && limits_.stopping->load());
  };
}

Result<RecordingReport> AnalysisService::ReportOf(grpc::ServerContext* context, const v1::RecordingRef& ref) {
  return ReportOf(ref, Stop(context));
}

Result<RecordingReport> AnalysisService::ReportOf(const v1::RecordingRef& ref, const std::function<bool()>& stop) {
  const RecordingSpan span = SpanOf(ref);
  if (span.all()) return recordings_->Summary(NameOf(ref));
  return recordings_->Analyse(NameOf(ref), span, recordings_->fleet().options().live.engine, stop);
}

Result<RecordingReport> AnalysisService::WithFindings(grpc::ServerContext* context, const v1::RecordingRef& ref) {
  auto report = ReportOf(context, ref);
  if (!report || !SpanOf(ref).all()) return report;
  FindingFilter filter;
  filter.limit = recordings_->fleet().options().live.engine.findings_max;
  auto found = recordings_->Findings(NameOf(ref), filter);
  if (!found) return Fail(std::move(found.error()));
  Report whole = *report->report;
  for (FoundFinding& finding : found->findings) whole.findings.push_back(std::move(finding.finding));
  std::sort(whole.findings.begin(), whole.findings.end(), [](const Finding& a, const Finding& b) {
    return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.id < b.id;
  });
  report->report = std::make_shared<const Report>(std::move(whole));
  return report;
}

grpc::Status AnalysisService::ListThreads(grpc::ServerContext* context, const v1::ListThreadsRequest* request,
                                          v1::ListThreadsResponse* response) {
  const auto report = ReportOf(context, request->recording());
  if (!report) return ToStatus(report.error());
  FillThreads(*report, request->user_tasks(), response);
  return grpc::Status::OK;
}

grpc::Status AnalysisService::WatchThreads(grpc::ServerContext* context, const v1::WatchThreadsRequest* request,
                                           grpc::ServerWriter<v1::ListThreadsResponse>* writer) {
  const uint32_t interval_ms =
      request->interval_ms() == 0 ? 1000 : std::clamp<uint32_t>(request->interval_ms(), 250, 60'000);
  const Watch watch(context, limits_);
  if (!watch.admitted()) return watch.Refusal();
  do {
    v1::ListThreadsResponse response;
    const auto report = ReportOf(context, request->recording());
    if (!report) return ToStatus(report.error());
    FillThreads(*report, request->user_tasks(), &response);
    if (!writer->Write(response)) break;
  } while (watch.Sleep(std::chrono::milliseconds(interval_ms)));
  return watch.End();
}

grpc::Status AnalysisService::GetThread(grpc::ServerContext* context, const v1::GetThreadRequest* request,
                                        v1::GetThreadResponse* response) {
  const auto report = ReportOf(context, request->recording());
  if (!report) return ToStatus(report.error());
  for (const ThreadSummary& thread : report->report->threads) {
    if (thread.pid == request->pid()) ToMessage(thread, response->add_threads());
  }
  if (response->threads_size() > 0) return grpc::Status::OK;
  return {grpc::StatusCode::NOT_FOUND, "no task with pid " + std::to_string(request->pid()) + " was seen"};
}

grpc::Status AnalysisService::ListWork(grpc::ServerContext* context, const v1::ListWorkRequest* request,
                                       v1::ListWorkResponse* response) {
  const auto report = ReportOf(context, request->recording());
  if (!report) return ToStatus(report.error());
  response->set_recording(report->row.id);
  response->set_watermark_ns(report->watermark_ns);
  for (const WorkSummary& work : report->report->work) ToMessage(work, response->add_work());
  return grpc::Status::OK;
}

grpc::Status AnalysisService::ListSoftirqs(grpc::ServerContext* context, const v1::ListSoftirqsRequest* request,
                                           v1::ListSoftirqsResponse* response) {
  const auto report = ReportOf(context, request->recording());
  if (!report) return ToStatus(report.error());
  response->set_recording(report->row.id);
  response->set_watermark_ns(report->watermark_ns);
  for (const SoftirqSummary& softirq : report->report->softirq) ToMessage(softirq, response->add_softirqs());
  for (const TaskletSummary& tasklet : report->report->tasklets) ToMessage(tasklet, response->add_tasklets());
  return grpc::Status::OK;
}

grpc::Status AnalysisService::GetReport(grpc::ServerContext* context, const v1::GetReportRequest* request,
                                        v1::GetReportResponse* response) {
  const auto report = WithFindings(context, request->recording());
  if (!report) return ToStatus(report.error());
  response->set_recording(report->row.id);
  response->set_report_json(ReportJson(*report->report, request->user_tasks()));
  return grpc::Status::OK;
}

grpc::Status AnalysisService::Render(grpc::ServerContext* context, const v1::RenderRequest* request,
                                     grpc::ServerWriter<v1::RenderResponse>* writer) {
  const auto view = ViewOf(*request);
  if (!view) return ToStatus(view.error());
  TextSender sender(writer);
  ViewWriter text(*view, [&](std::string_view piece) { sender.Add(piece); });
  const ReportFilter filter = FilterOf(*request);
  EngineOptions options = recordings_->fleet().options().live.engine;
  const auto take = [](uint64_t wanted_ns, uint64_t* ns) { *ns = wanted_ns == 0 ? *ns : wanted_ns; };
  take(request->latency_threshold_ns(), &options.latency_threshold_ns);
  take(request->sleep_threshold_ns(), &options.sleep_threshold_ns);
  take(request->hung_threshold_ns(), &options.hung_threshold_ns);
  take(request->conservation_span_ns(), &options.conservation_span_ns);
  take(request->dispatch_tolerance_ns(), &options.dispatch_tolerance_ns);
  const bool own_thresholds = request->latency_threshold_ns() > 0 || request->sleep_threshold_ns() > 0 ||
                              request->hung_threshold_ns() > 0 || request->conservation_span_ns() > 0 ||
                              request->dispatch_tolerance_ns() > 0;
  if (text.wants_wakeups()) {
    options.on_wait = [&](const MeasuredWait& wait) {
      if ((view->all_threads || IsKernelThread(wait.thread)) && Shows(filter, wait)) text.Add(wait);
    };
  }
  auto report =
      own_thresholds || text.wants_wakeups()
          ? recordings_->Analyse(NameOf(request->recording()), SpanOf(request->recording()), options, Stop(context))
          : WithFindings(context, request->recording());
  if (!report) return ToStatus(report.error());
  Report shown = *report->report;
  Apply(filter, &shown);
  text.Finish(shown);
  sender.End(shown);
  return grpc::Status::OK;
}

grpc::Status AnalysisService::GetTimeline(grpc::ServerContext*, const v1::GetTimelineRequest* request,
                                          v1::GetTimelineResponse* response) {
  TimelineRequest asked;
  asked.start_ns = request->start_ns();
  asked.end_ns = request->end_ns();
  asked.bins_max = request->bins_max();
  asked.cpus.assign(request->cpus().begin(), request->cpus().end());
  asked.deadline = std::chrono::steady_clock::now() + limits_.timeline_time_max;
  const auto answer = recordings_->Timeline(NameOf(request->recording()), asked);
  if (!answer) return ToStatus(answer.error());
  response->set_start_ns(answer->start_ns);
  response->set_end_ns(answer->end_ns);
  response->set_bin_ns(answer->bin_ns);
  for (const TimelineLane& lane : answer->lanes) ToMessage(lane, response->add_lanes());
  return grpc::Status::OK;
}

grpc::Status AnalysisService::GetTimelineDetail(grpc::ServerContext*, const v1::GetTimelineDetailRequest* request,
                                                v1::GetTimelineDetailResponse* response) {
  TimelineDetailQuestion question = FromMessage(*request);
  question.deadline = std::chrono::steady_clock::now() + limits_.timeline_time_max;
  const auto detail = recordings_->TimelineDetails(NameOf(request->recording()), question);
  if (!detail) return ToStatus(detail.error());
  ToMessage(*detail, response);
  return grpc::Status::OK;
}

grpc::Status AnalysisService::GetHeatMap(grpc::ServerContext* context, const v1::GetHeatMapRequest* request,
                                         v1::GetHeatMapResponse* response) {
  auto filter = FromMessage(request->filter());
  if (!filter) return ToStatus(filter.error());
  const Recordings::HeatMapQuestion question{*std::move(filter), request->columns_max(), request->excess()};
  const auto answer =
      recordings_->WaitsOverTime(NameOf(request->recording()), SpanOf(request->recording()), question, Stop(context));
  if (!answer) return ToStatus(answer.error());
  ToMessage(answer->map, response);
  response->set_watermark_ns(answer->read.watermark_ns);
  for (const TimelineLane& lane : answer->gaps) {
    if (!lane.gaps.empty()) ToMessage(lane, response->add_gaps());
  }
  return grpc::Status::OK;
}

grpc::Status AnalysisService::GetDelays(grpc::ServerContext* context, const v1::GetDelaysRequest* request,
                                        v1::GetDelaysResponse* response) {
  const auto filter = FromMessage(request->filter());
  const auto keys = KeysOf(*request);
  if (!filter || !keys) return ToStatus(!filter ? filter.error() : keys.error());
  DelayTable table(*keys);
  uint64_t waits = 0;
  const auto read = recordings_->Waits(NameOf(request->recording()), SpanOf(request->recording()), Stop(context),
                                       [&](const MeasuredWait& wait) {
                                         if (!filter->Matches(wait)) return;
                                         ++waits;
                                         table.Add(wait);
                                       });
  if (!read) return ToStatus(read.error());
  const auto groups = table.Finish();
  if (!groups) return ToStatus(groups.error());
  response->set_recording(read->row.id);
  response->set_watermark_ns(read->watermark_ns);
  response->set_stored(read->stored);
  response->set_chunks_unreadable(read->chunks_unreadable);
  response->set_rows_total(groups->size());
  response->set_waits(waits);
  for (size_t i = 0; i < std::min(groups->size(), LimitOf(request->limit(), kDelayRowsDefault)); ++i) {
    v1::DelayRow* const row = response->add_rows();
    ToMessage((*groups)[i], *keys, row);
    row->set_host(Utf8(read->row.host));
  }
  return grpc::Status::OK;
}

grpc::Status AnalysisService::ListWaits(grpc::ServerContext* context, const v1::ListWaitsRequest* request,
                                        v1::ListWaitsResponse* response) {
  const auto filter = FromMessage(request->filter());
  if (!filter) return ToStatus(filter.error());
  LongestWaits longest(LimitOf(request->limit(), kWaitsDefault), request->by_excess());
  const auto read = recordings_->Waits(NameOf(request->recording()), SpanOf(request->recording()), Stop(context),
                                       [&](const MeasuredWait& wait) {
                                         if (filter->Matches(wait)) longest.Add(wait);
                                       });
  if (!read) return ToStatus(read.error());
  response->set_recording(read->row.id);
  response->set_watermark_ns(read->watermark_ns);
  response->set_stored(read->stored);
  response->set_chunks_unreadable(read->chunks_unreadable);
  response->set_waits_total(longest.seen());
  for (const OwnedWait& wait : longest.Finish()) ToMessage(wait.Get(), response->add_waits());
  return grpc::Status::OK;
}

grpc::Status AnalysisService::GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                                       v1::GetModelResponse* response) {
  for (const CheckInfo& check : Checks()) {
    if (!check.adds_findings) continue;
    v1::CheckInfo* const out = response->add_checks();
    out->set_name(std::string(check.name));
    out->set_description(std::string(check.description));
  }
  response->set_model_version(kModelVersion);
  for (const RuleInfo& rule : Rules()) ToMessage(rule, response->add_scheduler_rules());
  if (request->recording().host().empty()) return grpc::Status::OK;
  const auto report = ReportOf(context, request->recording());
  if (!report) return ToStatus(report.error());
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    v1::ModelRule* const rule = response->add_rules();
    rule->set_name(std::string(kAnomalyInfo[i].name));
    rule->set_severity(NameOf(kAnomalyInfo[i].severity));
    rule->set_sentence(std::string(kAnomalyInfo[i].sentence));
    rule->set_violations(report->report->anomalies.all()[i]);
  }
  for (const RuleSummary& rule : report->report->rules) ToMessage(rule, RuleIn(response, rule.name));
  for (const ObligationSummary& row : report->report->obligations) ToMessage(row, response->add_obligations());
  for (const Undecidable& row : report->report->undecidable) ToMessage(row, response->add_undecidable());
  return grpc::Status::OK;
}

grpc::Status AnalysisService::GetChain(grpc::ServerContext* context, const v1::GetChainRequest* request,
                                       v1::GetChainResponse* response) {
  const v1::RecordingRef& ref = request->recording();
  const auto row = recordings_->Find(NameOf(ref));
  if (!row) return ToStatus(row.error());
  const auto answer = recordings_->Chain({row->host, row->id}, SpanOf(ref), request->task(), Stop(context));
  if (!answer) return ToStatus(answer.error());
  response->set_recording(row->id);
  ToMessage(*answer, response);
  return grpc::Status::OK;
}

grpc::Status AnalysisService::Compare(grpc::ServerContext* context, const v1::CompareRequest* request,
                                      v1::CompareResponse* response) {
  for (const v1::RecordingRef* const ref : {&request->before(), &request->after()}) {
    if (ref->until_ns() == 0 || ref->until_ns() > ref->since_ns()) continue;
    return ToStatus({ErrorCode::kInvalidArgument, "a span that is to be compared ends before it begins"});
  }
  const auto stop = Stop(context);  // both must be ready by the one deadline
  const auto before = ReportOf(request->before(), stop);
  if (!before) return ToStatus(before.error());
  const auto after = ReportOf(request->after(), stop);
  if (!after) return ToStatus(after.error());
  const auto part = [](const RecordingReport& of) {
    return ComparedPart{of.row.host, of.row.id, *of.report, of.since_ns, of.until_ns};
  };
  const auto comparison = wakewatch::Compare(part(*before), part(*after), request->user_tasks());
  if (!comparison) return ToStatus(comparison.error());
  ToMessage(*comparison, response);
  return grpc::Status::OK;
}

}  // namespace wakewatch
