// Why: latencies, work, softirqs, the timeline and the model of a recording, as the API gives them.
#pragma once

#include <wakewatch/v1/analysis.grpc.pb.h>

#include "server/live/recordings.h"
#include "server/rpc/server_limits.h"

namespace wakewatch {

class AnalysisService final : public v1::AnalysisService::Service {
 public:
  AnalysisService(Recordings* recordings, const ServerLimits& limits) : recordings_(recordings), limits_(limits) {}

  grpc::Status ListThreads(grpc::ServerContext* context, const v1::ListThreadsRequest* request,
                           v1::ListThreadsResponse* response) override;
  grpc::Status WatchThreads(grpc::ServerContext* context, const v1::WatchThreadsRequest* request,
                            grpc::ServerWriter<v1::ListThreadsResponse>* writer) override;
  grpc::Status GetThread(grpc::ServerContext* context, const v1::GetThreadRequest* request,
                         v1::GetThreadResponse* response) override;
  grpc::Status ListWork(grpc::ServerContext* context, const v1::ListWorkRequest* request,
                        v1::ListWorkResponse* response) override;
  grpc::Status ListSoftirqs(grpc::ServerContext* context, const v1::ListSoftirqsRequest* request,
                            v1::ListSoftirqsResponse* response) override;
  grpc::Status GetReport(grpc::ServerContext* context, const v1::GetReportRequest* request,
                         v1::GetReportResponse* response) override;
  grpc::Status Render(grpc::ServerContext* context, const v1::RenderRequest* request,
                      grpc::ServerWriter<v1::RenderResponse>* writer) override;
  grpc::Status GetTimeline(grpc::ServerContext* context, const v1::GetTimelineRequest* request,
                           v1::GetTimelineResponse* response) override;
  grpc::Status GetTimelineDetail(grpc::ServerContext* context, const v1::GetTimelineDetailRequest* request,
                                 v1::GetTimelineDetailResponse* response) override;
  grpc::Status GetHeatMap(grpc::ServerContext* context, const v1::GetHeatMapRequest* request,
                          v1::GetHeatMapResponse* response) override;
  grpc::Status GetDelays(grpc::ServerContext* context, const v1::GetDelaysRequest* request,
                         v1::GetDelaysResponse* response) override;
  grpc::Status ListWaits(grpc::ServerContext* context, const v1::ListWaitsRequest* request,
                         v1::ListWaitsResponse* response) override;
  grpc::Status GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override;
  grpc::Status GetChain(grpc::ServerContext* context, const v1::GetChainRequest* request,
                        v1::GetChainResponse* response) override;
  grpc::Status Compare(grpc::ServerContext* context, const v1::CompareRequest* request,
                       v1::CompareResponse* response) override;

 private:
  // The summary of all of it, or an analysis of the span that was asked for.
  Result<RecordingReport> ReportOf(grpc::ServerContext* context, const v1::RecordingRef& ref);
  Result<RecordingReport> ReportOf(const v1::RecordingRef& ref, const std::function<bool()>& stop);
  // The same with all findings.
  Result<RecordingReport> WithFindings(grpc::ServerContext* context, const v1::RecordingRef& ref);
  // The analysis that was asked for is to be given up.
  std::function<bool()> Stop(grpc::ServerContext* context) const;

  Recordings* const recordings_;
  const ServerLimits& limits_;
};

}  // namespace wakewatch
