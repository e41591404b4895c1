#include "server/cli/store_checks.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "server/store/part_files.h"
#include "server/store/retention.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFreeBytesWarn = 1u << 30;
constexpr size_t kFilesShown = 20;

void AddEach(const std::vector<Error>& errors, const char* name, Health health, std::vector<MachineCheck>* checks) {
  for (const Error& error : errors) {
    if (checks->size() > kFilesShown * 5) return;
    checks->push_back({name, health, error.file + ": " + error.cause, error.remedy});
  }
}

void AddFiles(const std::vector<std::string>& files, const char* name, const std::string& remedy,
              std::vector<MachineCheck>* checks) {
  for (size_t i = 0; i < files.size() && i < kFilesShown; ++i)
    checks->push_back({name, Health::kWarn, files[i], remedy});
  if (files.size() > kFilesShown) {
    checks->push_back({name, Health::kWarn, fmt::format("and {} more", files.size() - kFilesShown), ""});
  }
}

MachineCheck Space(const std::string& folder) {
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error) return {"space", Health::kFail, error.message(), "see that the folder can be read"};
  const bool little = space.available < kFreeBytesWarn;
  return {"space", little ? Health::kWarn : Health::kOk,
          fmt::format("{:.1f} GiB free", static_cast<double>(space.available) / (1 << 30)),
          little ? "free space, or keep less: --keep, --keep-gib; a full disk refuses batches, and loses nothing" : ""};
}

}  // namespace

std::vector<MachineCheck> CheckStoreHealth(const std::string& data_folder, CheckDepth depth) {
  std::vector<MachineCheck> checks;
  std::error_code error;
  if (!fs::is_directory(HostsFolder(data_folder), error)) {
    return {{"data", Health::kFail, data_folder + ": no data folder of a server",
             "name the folder that `wakewatch serve --data` was given"}};
  }
  const StoreCheck store = CheckStore(data_folder, depth);
  checks.push_back({"data", Health::kOk,
                    fmt::format("{} recordings in {} files, {:.1f} MiB, {}", store.recordings, store.parts,
                                static_cast<double>(store.bytes) / (1 << 20),
                                depth == CheckDepth::kFull ? "every page and chunk read" : "headers and logs read"),
                    depth == CheckDepth::kFull ? "" : "--full reads every page and chunk"});
  checks.push_back(Space(data_folder));
  AddEach(store.damaged, "damaged", Health::kFail, &checks);
  AddEach(store.lost_logs, "log", Health::kFail, &checks);
  AddEach(store.unreadable, "unreadable", Health::kWarn, &checks);
  const HeldHosts held = ReadHeldHosts(data_folder);
  AddFiles(
      {held.begin(), held.end()}, "held back",
      "nothing of this host is removed by age, since most of it is overdue by more than a day: see that the clock is "
      "right, then start the server once with --remove-overdue",
      &checks);
  AddFiles(store.unfinished, "unfinished",
           "nothing: what a crash left of a file; it goes when its session is next opened", &checks);
  AddFiles(store.quarantined, "put away", "read the note beside it; remove both once nobody needs them", &checks);
  return checks;
}

}  // namespace wakewatch
