#include "server/cli/remote.h"

#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <wakewatch/v1/analysis.grpc.pb.h>
#include <wakewatch/v1/fleet.grpc.pb.h>
#include <wakewatch/v1/protocol.grpc.pb.h>
#include <wakewatch/v1/sql.grpc.pb.h>

#include "proto/wire/batch_codec.h"
#include "server/cli/values.h"
#include "server/rpc/chain_messages.h"
#include "server/rpc/compare_messages.h"
#include "server/rpc/protocol_messages.h"
#include "server/rpc/report_messages.h"

namespace wakewatch {
namespace {

Result<ServerChannel> ChannelTo(const RemoteServer& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  return OpenChannel(server.address, server.access, arguments);
}

ErrorCode CodeOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT: return ErrorCode::kInvalidArgument;
    case grpc::StatusCode::NOT_FOUND: return ErrorCode::kNotFound;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED: return ErrorCode::kPermission;
    case grpc::StatusCode::DEADLINE_EXCEEDED: return ErrorCode::kDeadline;
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return ErrorCode::kTooLarge;
    case grpc::StatusCode::DATA_LOSS: return ErrorCode::kCorrupt;
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNIMPLEMENTED: return ErrorCode::kUnsupported;
    case grpc::StatusCode::UNAVAILABLE: return ErrorCode::kIo;
    case grpc::StatusCode::CANCELLED: return ErrorCode::kInterrupted;
    default: return ErrorCode::kInternal;
  }
}

Error FromStatus(const RemoteServer& server, const grpc::Status& status) {
  Error error{.code = CodeOf(status.error_code()), .cause = status.error_message(), .file = server.address};
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    const std::string why = ExplainNoConnection(server.address, server.access).why;
    if (why.empty()) {
      error.remedy = "is the server running there? wakewatch serve --help";
    } else {
      error.cause = why;
    }
  }
  return error;
}

v1::TextFormat ToMessage(OutputFormat format) {
  switch (format) {
    case OutputFormat::kText: return v1::TEXT_FORMAT_TEXT;
    case OutputFormat::kJson: return v1::TEXT_FORMAT_JSON;
    case OutputFormat::kCsv: return v1::TEXT_FORMAT_CSV;
    case OutputFormat::kNdjson: return v1::TEXT_FORMAT_NDJSON;
  }
  return v1::TEXT_FORMAT_UNSPECIFIED;
}

v1::View ToMessage(ReportView view) {
  switch (view) {
    case ReportView::kReport: return v1::VIEW_REPORT;
    case ReportView::kLatency: return v1::VIEW_LATENCY;
    case ReportView::kFindings: return v1::VIEW_FINDINGS;
    case ReportView::kModel: return v1::VIEW_MODEL;
  }
  return v1::VIEW_UNSPECIFIED;
}

void FillRef(const RemoteView& view, v1::RecordingRef* recording) {
  recording->set_host(view.recording.host);
  recording->set_recording(view.recording.recording);
  recording->set_since_ns(view.since_ns);
  recording->set_until_ns(view.until_ns);
  recording->set_real_time(view.real_time);
}

v1::RenderRequest ToMessage(const RemoteView& view) {
  v1::RenderRequest request;
  FillRef(view, request.mutable_recording());
  request.set_view(ToMessage(view.view.view));
  request.set_format(ToMessage(view.view.format));
  request.set_user_tasks(view.view.all_threads);
  request.set_rows(static_cast<uint32_t>(view.view.rows_max));
  request.set_groups(static_cast<uint32_t>(view.view.groups_max));
  for (const std::string& task : view.filter.tasks) request.add_tasks(task);
  for (const std::string& check : view.filter.checks) request.add_checks(check);
  for (const uint32_t cpu : view.filter.cpus) request.add_cpus(cpu);
  for (const std::string& cls : view.filter.classes) request.add_classes(cls);
  request.set_confidence_min(std::string(Name(view.filter.confidence_min)));
  request.set_grouped(view.view.grouped);
  request.set_latency_threshold_ns(view.latency_threshold_ns);
  request.set_sleep_threshold_ns(view.sleep_threshold_ns);
  request.set_hung_threshold_ns(view.hung_threshold_ns);
  request.set_conservation_span_ns(view.conservation_span_ns);
  request.set_dispatch_tolerance_ns(view.dispatch_tolerance_ns);
  return request;
}

SqlValue FromMessage(v1::SqlValue* value) {
  switch (value->value_case()) {
    case v1::SqlValue::kInteger: return value->integer();
    case v1::SqlValue::kReal: return value->real();
    case v1::SqlValue::kText: return std::move(*value->mutable_text());
    case v1::SqlValue::VALUE_NOT_SET: break;
  }
  return std::monostate();
}

// Cancels a call when `stop` becomes true, for as long as it exists.
class CancelOn {
 public:
  CancelOn(const std::atomic<bool>& stop, grpc::ClientContext* context)
      : thread_([this, &stop, context] {
          while (!over_ && !stop) std::this_thread::sleep_for(std::chrono::milliseconds(20));
          if (!over_) context->TryCancel();
        }) {}
  ~CancelOn() {
    over_ = true;
    thread_.join();
  }
  CancelOn(const CancelOn&) = delete;
  CancelOn& operator=(const CancelOn&) = delete;

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

std::string VerdictText(const v1::Protocol& protocol, std::string_view memory) {
  for (const v1::ProtocolVerdict& verdict : protocol.verdicts()) {
    if (verdict.memory() == memory) return verdict.verdict();
  }
  return "not known yet";
}

const char* NameOf(v1::HostStatus status) {
  switch (status) {
    case v1::HOST_STATUS_STREAMING: return "streaming";
    case v1::HOST_STATUS_DISCONNECTED: return "disconnected";
    case v1::HOST_STATUS_ENDED: return "ended";
    default: return "unknown";
  }
}

}  // namespace

Result<RemoteRecording> ParseRemoteRecording(const std::string& text) {
  const size_t slash = text.find('/');
  RemoteRecording recording{text.substr(0, slash), slash == std::string::npos ? "" : text.substr(slash + 1)};
  if (recording.host.empty() || (slash != std::string::npos && recording.recording.empty())) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "with --server a recording is named HOST or HOST/RECORDING, not \"" + text + "\"",
                      .remedy = "wakewatch list recordings --server HOST:PORT names them"});
  }
  return recording;
}

Result<RemoteEnd> RenderRemotely(const RemoteServer& server, const RemoteView& view,
                                 const std::function<bool(std::string_view)>& write) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::AnalysisService::NewStub(channel->channel);
  grpc::ClientContext context;
  channel->Authorize(&context);
  const auto reader = stub->Render(&context, ToMessage(view));
  RemoteEnd end;
  v1::RenderResponse response;
  bool wanted = true;
  while (reader->Read(&response)) {
    if (response.end()) {
      end.incomplete = response.has_gaps();
      if (const auto best = ParseConfidence(response.worst_confidence())) end.best = *best;
    }
    if (wanted && !response.text().empty() && !write(response.text())) {
      wanted = false;
      context.TryCancel();
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok() && wanted) return Fail(FromStatus(server, status));
  return end;
}

Result<QueryEnd> QueryRemotely(const RemoteServer& server, const RemoteRecording& recording, const std::string& sql,
                               const QueryLimits& limits,
                               const std::function<void(const std::vector<std::string>&)>& on_columns,
                               const std::function<bool(const std::vector<SqlValue>&)>& on_row) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::SqlService::NewStub(channel->channel);
  v1::SqlQueryRequest request;
  request.set_host(recording.host);
  request.set_recording(recording.recording);
  request.set_sql(sql);
  request.set_rows_max(limits.rows_max);
  request.set_milliseconds_max(static_cast<uint32_t>(limits.deadline.count()));
  grpc::ClientContext context;
  channel->Authorize(&context);
  const auto reader = stub->Query(&context, request);
  QueryEnd end;
  v1::SqlQueryResponse response;
  bool wanted = true;
  while (reader->Read(&response)) {
    if (response.columns_size() > 0) on_columns({response.columns().begin(), response.columns().end()});
    for (v1::SqlRow& row : *response.mutable_rows()) {
      std::vector<SqlValue> values;
      for (v1::SqlValue& value : *row.mutable_values()) values.push_back(FromMessage(&value));
      if (!wanted || on_row(values)) continue;
      wanted = false;
      context.TryCancel();
    }
    if (response.has_end()) {
      end.rows = response.end().rows();
      end.truncated = response.end().truncated();
      end.chunks_unreadable = response.end().chunks_unreadable();
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok() && wanted) return Fail(FromStatus(server, status));
  return end;
}

Result<Listing> ListHostsRemotely(const RemoteServer& server) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::FleetService::NewStub(channel->channel);
  grpc::ClientContext context;
  channel->Authorize(&context);
  v1::ListHostsResponse response;
  const grpc::Status status = stub->ListHosts(&context, {}, &response);
  if (!status.ok()) return Fail(FromStatus(server, status));
  Listing listing{{"host", "status", "recording", "kernel", "cpus", "events", "events/s", "lost", "findings"}, {}};
  for (const v1::Host& host : response.hosts()) {
    listing.rows.push_back(
        {host.name(), NameOf(host.status()), host.recording(), host.kernel(), std::to_string(host.cpus()),
         std::to_string(host.events()), fmt::format("{:.0f}", host.events_per_s()),
         std::to_string(host.lost_events()) + (host.lost_unknown() ? "+" : ""), std::to_string(host.findings())});
  }
  return listing;
}

Result<Listing> ListRecordingsRemotely(const RemoteServer& server, const std::string& host) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::FleetService::NewStub(channel->channel);
  grpc::ClientContext context;
  channel->Authorize(&context);
  v1::ListRecordingsRequest request;
  request.set_host(host);
  v1::ListRecordingsResponse response;
  const grpc::Status status = stub->ListRecordings(&context, request, &response);
  if (!status.ok()) return Fail(FromStatus(server, status));
  Listing listing{{"host", "recording", "kernel", "events", "bytes", "parts", "findings", "gaps", "state"}, {}};
  for (const v1::Recording& row : response.recordings()) {
    listing.rows.push_back({row.host(), row.id(), row.kernel(), std::to_string(row.events()),
                            std::to_string(row.bytes()), std::to_string(row.parts()), std::to_string(row.findings()),
                            std::to_string(row.gaps()),
                            row.live()      ? "live"
                            : row.trimmed() ? "trimmed"
                                            : "complete"});
  }
  return listing;
}

Result<ChainAnswer> FindChainRemotely(const RemoteServer& server, const RemoteView& view, const std::string& task) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::AnalysisService::NewStub(channel->channel);
  grpc::ClientContext context;
  channel->Authorize(&context);
  v1::GetChainRequest request;
  FillRef(view, request.mutable_recording());
  request.set_task(task);
  v1::GetChainResponse response;
  const grpc::Status status = stub->GetChain(&context, request, &response);
  if (!status.ok()) return Fail(FromStatus(server, status));
  return FromMessage(response);
}

Result<Comparison> CompareRemotely(const RemoteServer& server, const RemoteView& before, const RemoteView& after,
                                   bool user_tasks) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::AnalysisService::NewStub(channel->channel);
  grpc::ClientContext context;
  channel->Authorize(&context);
  v1::CompareRequest request;
  FillRef(before, request.mutable_before());
  FillRef(after, request.mutable_after());
  request.set_user_tasks(user_tasks);
  v1::CompareResponse response;
  const grpc::Status status = stub->Compare(&context, request, &response);
  if (!status.ok()) return Fail(FromStatus(server, status));
  return FromMessage(response);
}

Result<Listing> ListProtocolsRemotely(const RemoteServer& server) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::ProtocolService::NewStub(channel->channel);
  grpc::ClientContext context;
  channel->Authorize(&context);
  v1::ListProtocolsResponse response;
  const grpc::Status status = stub->ListProtocols(&context, {}, &response);
  if (!status.ok()) return Fail(FromStatus(server, status));
  Listing listing{{"protocol", "sc", "tso", "explains", "title"}, {}};
  for (const v1::Protocol& protocol : response.protocols()) {
    std::string explains;
    for (const std::string& cls : protocol.explains()) explains += (explains.empty() ? "" : ", ") + cls;
    listing.rows.push_back(
        {protocol.name(), VerdictText(protocol, "sc"), VerdictText(protocol, "tso"), explains, protocol.title()});
  }
  return listing;
}

Result<TimedCheck> CheckRemotely(const RemoteServer& server, const std::string& text, const std::string& name,
                                 const CheckWish& wish, const std::atomic<bool>& stop) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::ProtocolService::NewStub(channel->channel);
  v1::CheckProtocolRequest request;
  ToMessage(wish, &request);
  request.set_text(Utf8(text));
  request.set_name(name);
  grpc::ClientContext context;
  channel->Authorize(&context);
  v1::CheckProtocolResponse response;
  const CancelOn cancel(stop, &context);
  const grpc::Status status = stub->CheckProtocol(&context, request, &response);
  if (!status.ok()) return Fail(FromStatus(server, status));
  return FromMessage(response);
}

Result<std::string> ShowProtocolRemotely(const RemoteServer& server, const std::string& name) {
  const auto channel = ChannelTo(server);
  if (!channel) return Fail(channel.error());
  const auto stub = v1::ProtocolService::NewStub(channel->channel);
  v1::GetProtocolRequest request;
  request.set_name(name);
  grpc::ClientContext context;
  channel->Authorize(&context);
  v1::GetProtocolResponse response;
  const grpc::Status status = stub->GetProtocol(&context, request, &response);
  if (!status.ok()) return Fail(FromStatus(server, status));
  return response.text();
}

}  // namespace wakewatch
