#include "server/live/fleet.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <utility>

#include "server/live/trace_import.h"
#include "server/store/adoption.h"
#include "server/store/part_files.h"

namespace wakewatch {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds kTick{250};

}  // namespace

bool Fleet::Feed::Offer(Batch batch, size_t bytes) { return Pushed(host_->Offer(stream_, std::move(batch), bytes)); }

bool Fleet::Feed::OfferUnreadable(uint64_t sequence, Error error) {
  return Pushed(host_->OfferUnreadable(stream_, sequence, std::move(error)));
}

bool Fleet::Feed::Pushed(bool room) {
  fleet_->Schedule(host_);
  return room && fleet_->QueuedBytes() < fleet_->options_.queue_bytes_max;
}

void Fleet::Feed::OfferSnapshot(uint64_t request_id, ProcSnapshot answer) {
  if (host_->OfferSnapshot(stream_, request_id, std::move(answer))) fleet_->Schedule(host_);
}

void Fleet::Feed::Disconnect() {
  --fleet_->streams_;
  host_->Disconnect(stream_);
}

Fleet::Fleet(const FleetOptions& options) : options_(options) {}

Result<std::unique_ptr<Fleet>> Fleet::Open(const FleetOptions& options) {
  std::error_code error;
  std::filesystem::create_directories(options.data_folder, error);
  if (error) return Fail(ErrnoError(error.value(), "making the data folder", options.data_folder));
  std::unique_ptr<Fleet> fleet(new Fleet(options));
  auto catalogue = Catalogue::Open(options.data_folder, options.check);
  if (!catalogue) return Fail(std::move(catalogue.error()));
  for (const std::string& warning : (*catalogue)->warnings()) options.log(warning, true);
  fleet->catalogue_ = std::move(*catalogue);
  fleet->annotations_ = Annotations::Open(options.data_folder);
  for (const std::string& warning : fleet->annotations_->warnings()) options.log(warning, true);
  fleet->uploads_ = std::make_unique<Uploads>(options.data_folder, options.uploads);
  fleet->verdicts_ = std::make_unique<ShippedVerdicts>(ShippedVerdicts::Options{
      .time_max = options.shipped_check_max,
      .known = fleet->catalogue_->Verdicts(),
      .keep = [raw = fleet.get()](const std::vector<ProtocolVerdict>& verdicts) {
        const auto kept = raw->catalogue_->KeepVerdicts(verdicts);
        if (!kept) raw->options_.log("verdicts of protocols are not kept: " + kept.error().Text(), true);
      }});
  fleet->place_ = {options.data_folder,     options.live,  options.snapshots, &fleet->sets_,
                   fleet->catalogue_.get(), &fleet->feed_, options.log,       &fleet->files_mutex_};
  fleet->place_.bytes_per_day_max = options.host_bytes_per_day_max;
  fleet->place_.events_per_second = options.host_events_per_second;
  fleet->place_.streams = &fleet->streams_;
  fleet->place_.live.verdicts = [raw = fleet.get()] { return raw->verdicts_->Known(); };
  fleet->caretaker_ = std::make_unique<Caretaker>(
      Caretaker::Options{.catalogue = fleet->catalogue_.get(),
                         .retention = options.retention,
                         .holds_back = options.retention_holds_back,
                         .files = &fleet->files_mutex_,
                         .folders_in_use = [raw = fleet.get()] { return raw->FoldersInUse(); },
                         .log = options.log});
  fleet->place_.complete = [raw = fleet.get()](const RecordingRow& row) { raw->caretaker_->Take(row); };
  const unsigned workers = options.workers != 0 ? options.workers : std::thread::hardware_concurrency() + 2;
  for (unsigned i = 0; i < workers; ++i) fleet->workers_.emplace_back([raw = fleet.get()] { raw->WorkLoop(); });
  fleet->clock_ = std::thread([raw = fleet.get()] { raw->ClockLoop(); });
  return fleet;
}

Fleet::~Fleet() { Stop(); }

Result<std::unique_ptr<Fleet::Feed>> Fleet::Connect(const SessionInfo& session, std::shared_ptr<Delivery> delivery) {
  std::shared_ptr<Host> host;
  {
    const std::lock_guard run(run_mutex_);
    if (stopping_) return Fail(ErrorCode::kInterrupted, "the server stops");
    const std::lock_guard lock(hosts_mutex_);
    std::shared_ptr<Host>& entry = hosts_[session.host];
    if (entry == nullptr) {
      if (hosts_.size() > options_.hosts_max) {
        hosts_.erase(session.host);
        return Fail(Error{.code = ErrorCode::kTooLarge,
                          .cause = "this server has as many hosts as it takes, " + std::to_string(options_.hosts_max),
                          .remedy = "stream this host to another server"});
      }
      entry = std::make_shared<Host>(session.host, place_);
    }
    host = entry;
  }
  const auto stream = host->Connect(session, std::move(delivery));
  if (!stream) return Fail(stream.error());
  auto feed = std::make_unique<Feed>();
  feed->fleet_ = this;
  feed->host_ = host;
  feed->stream_ = *stream;
  ++streams_;
  Schedule(host);
  return feed;
}

Result<RecordingRow> Fleet::Adopt(const std::string& file, const std::string& host, const std::string& unique) {
  // A collector of that name may have come meanwhile.
  if (auto may = MayImportUnder(*this, host); !may) return Fail(std::move(may.error()));
  const std::shared_lock files(files_mutex_);
  auto row = AdoptRecording(file, options_.data_folder, host, unique);
  if (!row) return row;
  if (auto status = catalogue_->Update(*row); !status) options_.log(status.error().Text(), true);
  const std::lock_guard run(run_mutex_);
  // Where the server stops, the next one seals it.
  if (!stopping_) caretaker_->Take(*row);
  return row;
}

void Fleet::Schedule(const std::shared_ptr<Host>& host) {
  const std::lock_guard lock(run_mutex_);
  Add(host);
}

void Fleet::Add(const std::shared_ptr<Host>& host) {
  if (stopping_) return;
  if (working_.contains(host.get())) {
    again_.insert(host.get());
    return;
  }
  if (!scheduled_.insert(host.get()).second) return;
  runnable_.push_back(host);
  run_changed_.notify_one();
}

void Fleet::WorkLoop() {
  std::unique_lock lock(run_mutex_);
  while (true) {
    run_changed_.wait(lock, [this] { return stopping_ || !runnable_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Host> host = std::move(runnable_.front());
    runnable_.pop_front();
    scheduled_.erase(host.get());
    working_.insert(host.get());
    lock.unlock();
    bool more = false;
    auto resumes_at = Time::max();
    try {
      more = host->Work();
      resumes_at = host->ResumesAt();
    } catch (const std::exception& exception) {
      options_.log("host " + host->name() + ": " + exception.what(), true);
    }
    lock.lock();
    working_.erase(host.get());
    if ((again_.erase(host.get()) > 0 || more) && !stopping_) {
      scheduled_.insert(host.get());
      runnable_.push_back(host);
      run_changed_.notify_one();
    } else if (resumes_at != Time::max()) {
      paced_.emplace(resumes_at, host);
      clock_changed_.notify_one();
    }
  }
}

void Fleet::ClockLoop() {
  std::unique_lock lock(run_mutex_);
  auto tick_at = std::chrono::steady_clock::now() + kTick;
  while (!stopping_) {
    RunPaced();
    if (std::chrono::steady_clock::now() < tick_at) {
      clock_changed_.wait_until(lock, paced_.empty() ? tick_at : std::min(tick_at, paced_.begin()->first));
      continue;
    }
    lock.unlock();
    Tick();
    lock.lock();
    tick_at = std::chrono::steady_clock::now() + kTick;
  }
}

void Fleet::Tick() {
  std::vector<std::shared_ptr<Host>> hosts;
  {
    const std::lock_guard guard(hosts_mutex_);
    for (const auto& [name, host] : hosts_) hosts.push_back(host);
  }
  const auto now = std::chrono::steady_clock::now();
  uploads_->RemoveIdle(now);
  for (const auto& host : hosts) {
    if (host->HasWork(now)) Schedule(host);
  }
}

void Fleet::RunPaced() {
  const auto now = std::chrono::steady_clock::now();
  while (!paced_.empty() && paced_.begin()->first <= now) {
    Add(paced_.begin()->second);
    paced_.erase(paced_.begin());
  }
}

std::set<std::string> Fleet::FoldersInUse() const {
  std::set<std::string> folders;
  const std::lock_guard lock(hosts_mutex_);
  for (const auto& [name, host] : hosts_) {
    if (std::string folder = host->Folder(); !folder.empty()) folders.insert(std::move(folder));
  }
  return folders;
}

void Fleet::Stop() {
  {
    const std::lock_guard lock(run_mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  run_changed_.notify_all();
  clock_changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  if (clock_.joinable()) clock_.join();
  const Error error{.code = ErrorCode::kInterrupted, .cause = "the server stops", .remedy = "reconnect later"};
  for (const auto& [name, host] : hosts_) host->Close(error);
  caretaker_.reset();
  verdicts_->Stop();
}

size_t Fleet::QueuedBytes() const {
  const std::lock_guard lock(hosts_mutex_);
  size_t bytes = 0;
  for (const auto& [name, host] : hosts_) bytes += host->queued_bytes();
  return bytes;
}

std::shared_ptr<Host> Fleet::Find(const std::string& name) const {
  const std::lock_guard lock(hosts_mutex_);
  const auto host = hosts_.find(name);
  return host == hosts_.end() ? nullptr : host->second;
}

RecordingFacts Fleet::FactsOf(const RecordingRow& row) const {
  const std::lock_guard lock(facts_mutex_);
  StoredFacts& known = facts_[row.host];
  if (known.recording == row.id && known.bytes == row.bytes && known.findings == row.findings) return known.facts;
  const auto read = ReadFacts(Parts(RecordingFolder(options_.data_folder, row.host, row.id)));
  known = {row.id, row.bytes, row.findings, read ? *read : RecordingFacts{.lost_unknown = true}};
  return known.facts;
}

std::vector<HostState> Fleet::Hosts() const {
  std::map<std::string, HostState> states;
  std::map<std::string, std::shared_ptr<Host>> streamed;
  {
    const std::lock_guard lock(hosts_mutex_);
    streamed = hosts_;
  }
  for (const std::string& host : catalogue_->Hosts()) {
    if (streamed.contains(host)) continue;
    const auto row = catalogue_->Newest(host);
    if (!row) continue;
    HostState& state = states[host];
    state.name = host;
    state.kernel = row->kernel;
    state.boot_id = row->boot_id;
    state.recording = row->id;
    state.events = row->events;
    state.gaps = row->gaps;
    state.findings = row->findings;
    state.watermark_ns = row->end_ns;
    state.watermark_real_ns = row->end_real_ns;
    const RecordingFacts facts = FactsOf(*row);
    state.worst = facts.worst;
    state.lost_events = facts.lost_events;
    state.lost_unknown = facts.lost_unknown;
    state.cpus = facts.cpus;
    state.collector_version = facts.collector_version;
  }
  for (const auto& [name, host] : streamed) states[name] = host->State();
  std::vector<HostState> list;
  for (auto& [name, state] : states) list.push_back(std::move(state));
  return list;
}

}  // namespace wakewatch
