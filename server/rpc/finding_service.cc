#include "server/rpc/finding_service.h"

#include <algorithm>
#include <set>
#include <string>

#include "server/live/real_clock.h"
#include "server/rpc/call_guard.h"
#include "server/rpc/report_messages.h"
#include "server/rpc/status.h"
#include "server/rpc/watch.h"

namespace wakewatch {
namespace {

constexpr uint32_t kLimit = 500, kLimitMax = 10'000, kBacklogMax = 1000;
constexpr std::chrono::milliseconds kLookUp{200};

FindingFilter FilterOf(const v1::ListFindingsRequest& request) {
  FindingFilter filter;
  filter.check = request.check();
  filter.cls = request.class_();
  filter.group = request.group_id();
  filter.confidence_min = request.confidence_min() == v1::CONFIDENCE_PROVEN   ? Confidence::kProven
                          : request.confidence_min() == v1::CONFIDENCE_STRONG ? Confidence::kStrong
                                                                              : Confidence::kSuspicious;
  filter.pid = request.pid();
  filter.since_ns = request.since_ns();
  filter.until_ns = request.until_ns() == 0 ? UINT64_MAX : request.until_ns();
  filter.limit = std::min(request.limit() == 0 ? kLimit : request.limit(), kLimitMax);
  filter.worst_first = request.worst_first();
  filter.kernel_only = request.kernel_only();
  return filter;
}

// The same, for one of the hosts: what is muted is muted on a host.
FindingFilter FilterFor(FindingFilter filter, const v1::ListFindingsRequest& request, const std::string& host,
                        const Recordings& recordings) {
  if (request.without_muted()) filter.without_groups = recordings.fleet().annotations().Muted(host);
  return filter;
}

void ToMessage(const Annotation& annotation, v1::FindingAnnotation* message) {
  message->set_host(annotation.host);
  message->set_group_id(annotation.group_id);
  message->set_triage(annotation.triage == Triage::kMuted          ? v1::TRIAGE_MUTED
                      : annotation.triage == Triage::kAcknowledged ? v1::TRIAGE_ACKNOWLEDGED
                                                                   : v1::TRIAGE_UNSPECIFIED);
  message->set_note(annotation.note);
  message->set_author(annotation.author);
  message->set_changed_real_ns(annotation.changed_real_ns);
}

// The hosts that are asked about.
grpc::Status HostsOf(const v1::ListFindingsRequest& request, const Recordings& recordings,
                     std::set<std::string>* hosts) {
  if (!request.host().empty()) {
    *hosts = {request.host()};
    return grpc::Status::OK;
  }
  if (!request.recording().empty()) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "a recording is named together with its host"};
  }
  for (const HostState& host : recordings.fleet().Hosts()) hosts->insert(host.name);
  return grpc::Status::OK;
}

}  // namespace

grpc::Status FindingService::ListFindings(grpc::ServerContext*, const v1::ListFindingsRequest* request,
                                          v1::ListFindingsResponse* response) {
  std::set<std::string> hosts;
  if (auto status = HostsOf(*request, *recordings_, &hosts); !status.ok()) return status;
  const FindingFilter filter = FilterOf(*request);
  std::vector<FoundFinding> all;
  for (const std::string& host : hosts) {
    auto found = recordings_->Findings({host, request->recording()}, FilterFor(filter, *request, host, *recordings_));
    // Of all hosts, one whose recording is gone has no findings.
    if (!found && request->host().empty() && found.error().code == ErrorCode::kNotFound) continue;
    if (!found) return ToStatus(found.error());
    response->set_total(response->total() + found->total);
    std::move(found->findings.begin(), found->findings.end(), std::back_inserter(all));
  }
  // Times of several hosts are compared by the wall.
  std::stable_sort(all.begin(), all.end(), [&](const FoundFinding& a, const FoundFinding& b) {
    if (hosts.size() > 1 && !filter.worst_first) return a.start_real_ns > b.start_real_ns;
    return filter.Before(a.finding, b.finding);
  });
  if (all.size() > filter.limit) all.resize(filter.limit);
  for (const FoundFinding& finding : all) ToMessage(finding, response->add_findings());
  return grpc::Status::OK;
}

grpc::Status FindingService::ListFindingGroups(grpc::ServerContext*, const v1::ListFindingGroupsRequest* request,
                                               v1::ListFindingGroupsResponse* response) {
  const v1::ListFindingsRequest& asked = request->filter();
  std::set<std::string> hosts;
  if (auto status = HostsOf(asked, *recordings_, &hosts); !status.ok()) return status;
  const FindingFilter filter = FilterOf(asked);
  std::vector<Recordings::FoundGroup> all;
  for (const std::string& host : hosts) {
    auto found = recordings_->FindingGroups({host, asked.recording()}, FilterFor(filter, asked, host, *recordings_));
    if (!found && asked.host().empty() && found.error().code == ErrorCode::kNotFound) continue;
    if (!found) return ToStatus(found.error());
    response->set_total(response->total() + found->total);
    response->set_findings(response->findings() + found->findings);
    std::move(found->groups.begin(), found->groups.end(), std::back_inserter(all));
  }
  if (hosts.size() > 1) {
    std::stable_sort(all.begin(), all.end(), [&](const Recordings::FoundGroup& a, const Recordings::FoundGroup& b) {
      if (filter.worst_first) return a.worst.finding.waited_ns > b.worst.finding.waited_ns;
      return a.last_real_ns > b.last_real_ns;
    });
  }
  if (all.size() > filter.limit) all.resize(filter.limit);
  for (const Recordings::FoundGroup& group : all) ToMessage(group, response->add_groups());
  return grpc::Status::OK;
}

grpc::Status FindingService::GetFinding(grpc::ServerContext*, const v1::GetFindingRequest* request,
                                        v1::GetFindingResponse* response) {
  if (request->id().empty()) return {grpc::StatusCode::INVALID_ARGUMENT, "no id"};
  FindingFilter filter;
  filter.id = request->id();
  filter.limit = 1;
  for (const RecordingRow& row : recordings_->fleet().catalogue().List(request->host())) {
    const auto found = recordings_->Findings({row.host, row.id}, filter);
    if (!found || found->findings.empty()) continue;
    ToMessage(found->findings.front(), response->mutable_finding());
    return grpc::Status::OK;
  }
  return {grpc::StatusCode::NOT_FOUND, "host " + request->host() + " has no finding " + request->id()};
}

grpc::Status FindingService::WatchFindings(grpc::ServerContext* context, const v1::WatchFindingsRequest* request,
                                           grpc::ServerWriter<v1::WatchFindingsResponse>* writer) {
  const Watch watch(context, limits_);
  if (!watch.admitted()) return watch.Refusal();
  const auto watcher = recordings_->fleet().findings().Watch({request->host(), request->kernel_only()},
                                                             std::min(request->backlog(), kBacklogMax));
  bool first = true;  // an empty message tells that the stream is open
  while (watch.GoesOn()) {
    v1::WatchFindingsResponse response;
    uint64_t missed = 0;
    for (const FoundFinding& finding : watcher->Wait(first ? std::chrono::milliseconds(0) : kLookUp, &missed)) {
      ToMessage(finding, response.add_findings());
    }
    response.set_missed(missed);
    if ((first || response.findings_size() > 0 || missed > 0) && !writer->Write(response)) break;
    first = false;
  }
  return watch.End();
}

grpc::Status FindingService::AnnotateFindings(grpc::ServerContext* context, const v1::AnnotateFindingsRequest* request,
                                              v1::AnnotateFindingsResponse* response) {
  const v1::FindingAnnotation& said = request->annotation();
  Annotation annotation{.host = said.host(),
                        .group_id = said.group_id(),
                        .note = said.note(),
                        .author = CallerOf(*context, limits_.access, {Need::kRole, Role::kAdmin}).caller.token_id,
                        .changed_real_ns = RealNowNs()};
  switch (said.triage()) {
    case v1::TRIAGE_UNSPECIFIED: break;
    case v1::TRIAGE_ACKNOWLEDGED: annotation.triage = Triage::kAcknowledged; break;
    case v1::TRIAGE_MUTED: annotation.triage = Triage::kMuted; break;
    default: return {grpc::StatusCode::INVALID_ARGUMENT, "this server does not know that triage"};
  }
  if (auto kept = recordings_->fleet().annotations().Put(annotation); !kept) return ToStatus(kept.error());
  ToMessage(annotation, response->mutable_annotation());
  return grpc::Status::OK;
}

grpc::Status FindingService::ListAnnotations(grpc::ServerContext*, const v1::ListAnnotationsRequest* request,
                                             v1::ListAnnotationsResponse* response) {
  const auto annotations =
      recordings_->fleet().annotations().List(request->host(), request->group_id(), limits_.message_bytes_max / 2);
  if (!annotations) return ToStatus(annotations.error());
  for (const Annotation& annotation : *annotations) ToMessage(annotation, response->add_annotations());
  return grpc::Status::OK;
}

}  // namespace wakewatch
