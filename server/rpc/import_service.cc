#include "server/rpc/import_service.h"

#include <chrono>
#include <string>
#include <utility>

#include "proto/wire/batch_codec.h"
#include "server/live/trace_import.h"
#include "server/rpc/call_guard.h"
#include "server/rpc/report_messages.h"
#include "server/rpc/status.h"

namespace wakewatch {
namespace {

constexpr std::chrono::milliseconds kTellEvery{200};
constexpr Need kMayImport{Need::kRole, Role::kImport};

// Under which name the caller may import: the one that is asked for, that of the caller's token, or one made of the
// file's.
Result<std::string> HostFor(const Caller& caller, const v1::BeginImportRequest& request) {
  const bool bound = !caller.everybody && !caller.token_host.empty();
  if (bound && !request.host().empty() && request.host() != caller.token_host) {
    return Fail(Error{.code = ErrorCode::kPermission,
                      .cause = "this caller may not import under host \"" + request.host() +
                               "\": its token is for host \"" + caller.token_host + "\"",
                      .remedy = "name that host, or none"});
  }
  const std::string host = bound                    ? caller.token_host
                           : request.host().empty() ? HostNameOf(request.file_name())
                                                    : request.host();
  // What a collector may be called.
  v1::Session session;
  session.set_host(host);
  session.set_boot_id("import");
  session.set_session("import");
  if (auto good = SessionFromMessage(session); !good) return Fail(std::move(good.error()));
  return host;
}

// Tells how far an import is, not too often.
class Teller {
 public:
  Teller(grpc::ServerWriter<v1::FinishImportResponse>* writer, uint64_t bytes) : writer_(writer), bytes_(bytes) {}

  // False: nobody listens.
  bool Tell(const ImportProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (told_ && now - last_ < kTellEvery) return true;
    told_ = true;
    last_ = now;
    v1::FinishImportResponse response;
    response.set_bytes_read(progress.bytes_read);
    response.set_bytes(bytes_);
    response.set_events(progress.events);
    return writer_->Write(response);
  }
  void TellEnd(const ImportedTrace& imported) {
    v1::FinishImportResponse response;
    response.set_bytes_read(bytes_);
    response.set_bytes(bytes_);
    response.set_events(imported.events);
    response.set_done(true);
    response.set_host(imported.row.host);
    response.set_recording(imported.row.id);
    for (const std::string& warning : imported.warnings) response.add_warnings(Utf8(warning));
    writer_->Write(response);
  }

 private:
  grpc::ServerWriter<v1::FinishImportResponse>* const writer_;
  const uint64_t bytes_;
  bool told_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace

grpc::Status ImportService::BeginImport(grpc::ServerContext* context, const v1::BeginImportRequest* request,
                                        v1::BeginImportResponse* response) {
  const Decision who = CallerOf(*context, limits_.access, kMayImport);
  if (who.verdict != Verdict::kAllowed) return ToStatus(who);
  auto host = HostFor(who.caller, *request);
  if (!host) return ToStatus(host.error());
  if (auto may = MayImportUnder(*fleet_, *host); !may) return ToStatus(may.error());
  auto id = fleet_->uploads().Begin({.file_name = ShownFileName(request->file_name()),
                                     .host = std::move(*host),
                                     .owner = who.caller.token_id,
                                     .bytes = request->bytes()});
  if (!id) return ToStatus(id.error());
  response->set_import_id(std::move(*id));
  response->set_part_bytes_max(fleet_->uploads().limits().part_bytes_max);
  return grpc::Status::OK;
}

grpc::Status ImportService::UploadPart(grpc::ServerContext* context, const v1::UploadPartRequest* request,
                                       v1::UploadPartResponse* response) {
  const Decision who = CallerOf(*context, limits_.access, kMayImport);
  if (who.verdict != Verdict::kAllowed) return ToStatus(who);
  const auto received =
      fleet_->uploads().Append(request->import_id(), who.caller.token_id, request->offset(), request->data());
  if (!received) return ToStatus(received.error());
  response->set_bytes_received(*received);
  return grpc::Status::OK;
}

grpc::Status ImportService::FinishImport(grpc::ServerContext* context, const v1::FinishImportRequest* request,
                                         grpc::ServerWriter<v1::FinishImportResponse>* writer) {
  const Decision who = CallerOf(*context, limits_.access, kMayImport);
  if (who.verdict != Verdict::kAllowed) return ToStatus(who);
  const auto upload = fleet_->uploads().Take(request->import_id(), who.caller.token_id);
  if (!upload) return ToStatus(upload.error());
  const auto stopping = [&] { return limits_.stopping != nullptr && limits_.stopping->load(); };
  const auto good = [&] { return limits_.access == nullptr || limits_.access->StillGood(who.caller); };
  Teller teller(writer, (*upload)->about().bytes);
  teller.Tell({});
  const auto imported = ImportUpload(fleet_, **upload, [&](const ImportProgress& progress) {
    return !context->IsCancelled() && !(*upload)->cancelled() && !stopping() && good() && teller.Tell(progress);
  });
  fleet_->uploads().Remove(request->import_id());
  if (imported) {
    teller.TellEnd(*imported);
    return grpc::Status::OK;
  }
  if (imported.error().code != ErrorCode::kInterrupted) return ToStatus(imported.error());
  if (stopping()) return {grpc::StatusCode::UNAVAILABLE, "the server stops"};
  if (!good()) return {grpc::StatusCode::UNAUTHENTICATED, "the caller's token is no longer good"};
  return {grpc::StatusCode::CANCELLED, "the import was given up"};
}

grpc::Status ImportService::CancelImport(grpc::ServerContext* context, const v1::CancelImportRequest* request,
                                         v1::CancelImportResponse*) {
  const Decision who = CallerOf(*context, limits_.access, kMayImport);
  if (who.verdict != Verdict::kAllowed) return ToStatus(who);
  if (auto gone = fleet_->uploads().Cancel(request->import_id(), who.caller.token_id); !gone) {
    return ToStatus(gone.error());
  }
  return grpc::Status::OK;
}

}  // namespace wakewatch
