#include "server/store/store_check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include <sys/stat.h>

#include "analysis/base/bytes.h"
#include "server/store/annotations.h"
#include "server/store/chunk_loader.h"
#include "server/store/part_files.h"
#include "server/store/quarantine.h"
#include "server/store/recording.h"
#include "server/store/recording_input.h"
#include "server/store/schema.h"
#include "server/store/session_store.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeaderBytes = 100;
constexpr const char* kPutAway =
    "the server puts it away at its next start and serves the rest; save what is left with: sqlite3 FILE .recover";

using FileHandle = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

uint32_t Big(const uint8_t* at) { return Load<uint32_t>(at, std::endian::big); }

Error Damage(ErrorCode code, std::string cause, const std::string& path) {
  return Error{code, std::move(cause), path, {}, kPutAway};
}

// The header against the file's length. Where there is a log the header may be older than the file.
Status CheckHeader(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return Fail(ErrnoError(errno, "looking at", path));
  const FileHandle file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return Fail(ErrnoError(errno, "opening", path));
  std::array<uint8_t, kHeaderBytes> header{};
  if (std::fread(header.data(), 1, header.size(), file.get()) != header.size()) {
    return Fail(Damage(ErrorCode::kTruncated, "it is shorter than a header", path));
  }
  if (!HasSqliteHeader(path, true))
    return Fail(Damage(ErrorCode::kCorrupt, "it does not begin as a recording does", path));
  const uint32_t announced = Load<uint16_t>(header.data() + 16, std::endian::big);
  const uint64_t page_bytes = announced == 1 ? 65536 : announced;
  if (page_bytes < 512 || (page_bytes & (page_bytes - 1)) != 0) {
    return Fail(
        Damage(ErrorCode::kCorrupt, "its header announces pages of " + std::to_string(page_bytes) + " bytes", path));
  }
  const auto bytes = static_cast<uint64_t>(about.st_size);
  const uint64_t pages = Big(header.data() + 28);
  const bool pages_valid = pages != 0 && Big(header.data() + 24) == Big(header.data() + 92);
  if (pages_valid && BytesOf(path) == bytes && bytes < pages * page_bytes) {
    return Fail(Damage(ErrorCode::kTruncated,
                       "it has " + std::to_string(bytes) + " bytes of " + std::to_string(pages * page_bytes), path));
  }
  return {};
}

Status CheckChunks(const std::string& path, const Database& db) {
  const auto input = RecordingInput::Open(path, {path});
  if (!input) return tl::unexpected<Error>(input.error());
  auto loader = ChunkLoader::Create(db, &(*input)->chunk_formats());
  auto rows = db.Prepare("SELECT " + std::string(kChunkRowColumns) + " FROM main.chunk ORDER BY id");
  if (!loader || !rows) return tl::unexpected<Error>(std::move(!loader ? loader.error() : rows.error()));
  LoadedChunk chunk;
  while (true) {
    const auto row = rows->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return {};
    if (const auto loaded = loader->Load(ReadChunkRow(*rows), &chunk); !loaded) {
      return Fail(Damage(ErrorCode::kCorrupt, loaded.error().cause, path));
    }
  }
}

// A log's own checksum: pairs of words, see walChecksumBytes().
struct LogSum {
  uint32_t a = 0, b = 0;
  void Add(Bytes bytes, std::endian order) {
    for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      a += Load<uint32_t>(bytes.data() + at, order) + b;
      b += Load<uint32_t>(bytes.data() + at + 4, order) + a;
    }
  }
  bool Is(const uint8_t* stored) const { return Big(stored) == a && Big(stored + 4) == b; }
};

constexpr size_t kLogHeader = 32, kFrameHeader = 24;

Error LogDamage(const std::string& path, const std::string& where) {
  return Error{ErrorCode::kCorrupt,
               "its log is damaged " + where + ": what was stored from there on is lost",
               path,
               {},
               "restore the recording from a backup if there is one; all else goes on by itself"};
}

Status CheckFrames(const std::string& path, std::FILE* log, Bytes header, uint64_t log_bytes) {
  const uint64_t page_bytes = Big(header.data() + 8);
  const auto order = (Big(header.data()) & 1) != 0 ? std::endian::big : std::endian::little;
  LogSum sum;
  sum.Add(header.first(24), order);
  const bool known = Big(header.data()) >> 1 == 0x377f0682u >> 1 && page_bytes >= 512 && page_bytes <= 65536;
  // Before there is a whole header nothing was committed by way of the log.
  if (!known || !sum.Is(header.data() + 24)) {
    return log_bytes >= kLogHeader + kFrameHeader + 512 ? Status(Fail(LogDamage(path, "in its header"))) : Status();
  }
  std::vector<uint8_t> frame(kFrameHeader + page_bytes);
  uint64_t bad = 0, behind = 0, number = 0;
  while (std::fread(frame.data(), 1, frame.size(), log) == frame.size()) {
    ++number;
    const bool of_this_log = std::equal(frame.begin() + 8, frame.begin() + 16, header.begin() + 16);
    if (bad == 0) {
      LogSum next = sum;
      next.Add(Bytes(frame).first(8), order);
      next.Add(Bytes(frame).subspan(kFrameHeader), order);
      if (of_this_log && next.Is(frame.data() + 16)) {
        sum = next;
      } else {
        bad = number;
      }
      continue;
    }
    // A frame that ends a transaction says how large the file is then.
    if (of_this_log && Big(frame.data() + 4) != 0) behind = number;
  }
  if (behind == 0) return {};
  return Fail(LogDamage(path, "at frame " + std::to_string(bad) + " of " + std::to_string(behind)));
}

void CheckCatalogue(const std::string& path, StoreCheck* check) {
  std::error_code error;
  if (!fs::exists(path, error)) return;
  auto db = Database::Open(path, Database::Mode::kRead);
  auto status = db ? CheckPages(*db) : Status(Fail(db.error()));
  if (status) return;
  status.error().remedy = "nothing: the server makes it again from the recordings at its next start";
  check->damaged.push_back(std::move(status.error()));
}

void CheckAnnotationsOf(const std::string& data_folder, CheckDepth depth, StoreCheck* check) {
  auto status = CheckAnnotations(data_folder, depth == CheckDepth::kFull);
  if (status) return;
  const bool damaged =
      status.error().code != ErrorCode::kUnsupported || !HasSqliteHeader(AnnotationsPath(data_folder), false);
  if (damaged)
    status.error().remedy = "the server puts it away at its next start; take it from a backup, if there is one";
  (damaged ? check->damaged : check->unreadable).push_back(std::move(status.error()));
}

}  // namespace

Status CheckPages(const Database& db) {
  auto check = db.Prepare("PRAGMA integrity_check(1)");
  if (!check) return tl::unexpected<Error>(std::move(check.error()));
  const auto row = check->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  const std::string found = *row ? check->Text(0) : std::string("no answer");
  if (found != "ok") return Fail(Damage(ErrorCode::kCorrupt, "its pages contradict one another: " + found, db.path()));
  return {};
}

bool IsDamage(const std::string& part, const Error& error) {
  switch (error.code) {
    case ErrorCode::kCorrupt:
    case ErrorCode::kTruncated: return true;
    case ErrorCode::kUnsupported: return !HasSqliteHeader(part, true);  // else it is of a newer version
    default: return false;
  }
}

Status CheckPart(const std::string& path, CheckDepth depth) {
  STORE_TRY(CheckHeader(path));
  if (depth == CheckDepth::kQuick) return {};
  const auto db = Database::Open(path, Database::Mode::kRead);
  if (!db) return tl::unexpected<Error>(db.error());
  STORE_TRY(CheckPages(*db));
  const auto version = CheckSchema(*db, kRecordingSchemaVersion);
  if (!version) return tl::unexpected<Error>(version.error());
  // An older one is read after it has been migrated, which would write to it.
  return *version < kRecordingSchemaVersion ? Status() : CheckChunks(path, *db);
}

namespace {

Status CheckLogOnce(const std::string& path) {
  const std::string log = path + "-wal";
  struct stat about {};
  if (stat(log.c_str(), &about) != 0 || about.st_size == 0) return {};
  const FileHandle file(std::fopen(log.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return Fail(ErrnoError(errno, "opening", log));
  std::array<uint8_t, kLogHeader> header{};
  if (std::fread(header.data(), 1, header.size(), file.get()) != header.size()) return {};
  return CheckFrames(path, file.get(), header, static_cast<uint64_t>(about.st_size));
}

}  // namespace

// A server that writes at the moment may have had a frame half written.
Status CheckLog(const std::string& path) {
  auto status = CheckLogOnce(path);
  return status ? status : CheckLogOnce(path);
}

StoreCheck CheckStore(const std::string& data_folder, CheckDepth depth) {
  StoreCheck check;
  CheckCatalogue(data_folder + "/catalogue.db", &check);
  CheckAnnotationsOf(data_folder, depth, &check);
  const std::string hosts = HostsFolder(data_folder);
  for (const std::string& host : FoldersIn(hosts)) {
    for (const std::string& id : FoldersIn(hosts + "/" + host)) {
      const std::string folder = hosts + "/" + host + "/" + id;
      ++check.recordings;
      for (const std::string& part : Parts(folder)) {
        ++check.parts;
        check.bytes += BytesOf(part);
        if (auto status = CheckPart(part, depth); !status) {
          (IsDamage(part, status.error()) ? check.damaged : check.unreadable).push_back(std::move(status.error()));
        }
        if (auto status = CheckLog(part); !status) check.lost_logs.push_back(std::move(status.error()));
      }
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.find(kUnfinishedSuffix) != std::string::npos) check.unfinished.push_back(entry.path().string());
      }
    }
  }
  check.quarantined = Quarantined(data_folder);
  return check;
}

}  // namespace wakewatch
