// Why: where recordings lie in the data folder and what their files are called, and the few file operations that must
// survive a crash. Names come from hosts and sessions, so from the network: they are spelt so that no name reaches
// outside its folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// A name as one path component: letters, digits, '-', '_' and '.' (not first) stay, other bytes become %XX, a long name
// ends in its hash. Different names give different components.
std::string FolderName(std::string_view name);

std::string HostsFolder(const std::string& data_folder);
std::string RecordingFolder(const std::string& data_folder, std::string_view host, std::string_view id);

// The id of a recording that begins `now`: "20260131T235959Z-SESSION".
std::string SessionFolderName(std::time_t now, std::string_view session);

// Number of a part file from its path; none when it is not called like one.
std::optional<uint32_t> PartNumber(std::string_view path);
std::string PartPath(const std::string& folder, uint32_t number);

// Names of the folders in `folder`, sorted; empty when it cannot be listed.
std::vector<std::string> FoldersIn(const std::string& folder);

// A part that is being written is called like this until it is whole.
inline constexpr std::string_view kUnfinishedSuffix = ".new";

// Removes what a crash left unfinished in a session folder.
void RemoveUnfinished(const std::string& folder);

// Bytes of a file with its log; 0 when it is not there.
uint64_t BytesOf(const std::string& path);

// When a file was last written into, or its log: what was committed last may be there only. Nanoseconds since the
// epoch, by the clock of this machine; 0 when it is not there.
uint64_t WrittenAt(const std::string& path);
void SetWrittenAt(const std::string& path, uint64_t real_ns);

// Makes all folders on the way to `folder`, durably.
Status MakeFolders(const std::string& folder);
Status SyncFile(const std::string& path);
Status SyncFolder(const std::string& folder);
// Makes `from` durable and puts it in the place of `to`.
Status PutInPlace(const std::string& from, const std::string& to);

// Takes a closed part out of WAL mode, so that it is one file. Waits `patience` for whoever reads it at the moment;
// error kIo: somebody still does.
Status Settle(Database& db, std::chrono::milliseconds patience);

}  // namespace wakewatch
