#include "server/store/checked_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include <sqlite3.h>
#include <xxhash.h>

namespace wakewatch {
namespace {

constexpr const char* kName = "wakewatch-checked";
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr size_t kHeaderBytes = 100, kPageSizeAt = 16, kReservedAt = 20;
constexpr size_t kPageBytesMin = 512, kPageBytesMax = 65536;

sqlite3_vfs* Inner() { return sqlite3_vfs_find(nullptr); }

struct CheckedFile {
  sqlite3_file base;  // first: SQLite sees a sqlite3_file
  sqlite3_file* inner;
  std::vector<uint8_t>* scratch;
  bool main;          // the database itself, not its log or a journal
  bool checked;       // its pages have checksums
  size_t page_bytes;  // 0: not known yet
};

CheckedFile& Self(sqlite3_file* file) { return *reinterpret_cast<CheckedFile*>(file); }
sqlite3_file* InnerOf(sqlite3_file* file) { return Self(file).inner; }

bool IsPage(const CheckedFile& file, int bytes, sqlite3_int64 offset) {
  return file.page_bytes != 0 && static_cast<size_t>(bytes) == file.page_bytes && offset % bytes == 0;
}

// What the first page says of all of them.
void Learn(CheckedFile* file, const uint8_t* header, size_t bytes) {
  if (bytes < kHeaderBytes || std::string_view(reinterpret_cast<const char*>(header), kMagic.size()) != kMagic) return;
  const size_t size = static_cast<size_t>(header[kPageSizeAt]) << 8 | header[kPageSizeAt + 1];
  file->page_bytes = size == 1 ? kPageBytesMax : size;
  if (!std::has_single_bit(file->page_bytes) || file->page_bytes < kPageBytesMin) file->page_bytes = 0;
  file->checked = header[kReservedAt] == kPageCheckBytes;
}

uint64_t StoredCheck(Bytes page) {
  uint64_t check = 0;
  std::memcpy(&check, page.data() + page.size() - kPageCheckBytes, sizeof check);
  return check;
}

// A page that was given room and never written is all zeros.
bool AsWritten(Bytes page, uint64_t offset) {
  const uint64_t stored = StoredCheck(page);
  if (stored == PageCheck(page, offset)) return true;
  return stored == 0 && offset != 0 && std::all_of(page.begin(), page.end(), [](uint8_t byte) { return byte == 0; });
}

// The first page says that there are no checksums, but it has one that holds as soon as it says otherwise.
bool LostItsMark(CheckedFile* file, Bytes page) {
  if (file->checked || page[kReservedAt] == kPageCheckBytes) return false;
  file->scratch->assign(page.begin(), page.end());
  (*file->scratch)[kReservedAt] = kPageCheckBytes;
  return StoredCheck(page) == PageCheck(*file->scratch, 0);
}

int Read(sqlite3_file* base, void* into, int bytes, sqlite3_int64 offset) {
  CheckedFile& file = Self(base);
  const int answer = file.inner->pMethods->xRead(file.inner, into, bytes, offset);
  if (answer != SQLITE_OK || !file.main) return answer;
  const Bytes data(static_cast<const uint8_t*>(into), static_cast<size_t>(bytes));
  if (offset == 0) Learn(&file, data.data(), data.size());
  if (!IsPage(file, bytes, offset)) return SQLITE_OK;
  const bool good =
      file.checked ? AsWritten(data, static_cast<uint64_t>(offset)) : offset != 0 || !LostItsMark(&file, data);
  if (good) return SQLITE_OK;
  sqlite3_log(SQLITE_IOERR_DATA, "the page at offset %lld is not as it was written", offset);
  return SQLITE_IOERR_DATA;
}

int Write(sqlite3_file* base, const void* from, int bytes, sqlite3_int64 offset) {
  CheckedFile& file = Self(base);
  const auto* data = static_cast<const uint8_t*>(from);
  if (file.main && offset == 0) Learn(&file, data, static_cast<size_t>(bytes));
  if (!file.main || !file.checked || !IsPage(file, bytes, offset)) {
    return file.inner->pMethods->xWrite(file.inner, from, bytes, offset);
  }
  std::vector<uint8_t>& page = *file.scratch;
  page.assign(data, data + bytes);
  const uint64_t check = PageCheck(page, static_cast<uint64_t>(offset));
  std::memcpy(page.data() + page.size() - kPageCheckBytes, &check, sizeof check);
  return file.inner->pMethods->xWrite(file.inner, page.data(), bytes, offset);
}

int Close(sqlite3_file* base) {
  CheckedFile& file = Self(base);
  const int answer = file.inner->pMethods == nullptr ? SQLITE_OK : file.inner->pMethods->xClose(file.inner);
  sqlite3_free(file.inner);
  delete file.scratch;
  base->pMethods = nullptr;
  return answer;
}

const sqlite3_io_methods* Methods() {
  static const sqlite3_io_methods methods = {
      3,
      &Close,
      &Read,
      &Write,
      [](sqlite3_file* f, sqlite3_int64 size) { return InnerOf(f)->pMethods->xTruncate(InnerOf(f), size); },
      [](sqlite3_file* f, int flags) { return InnerOf(f)->pMethods->xSync(InnerOf(f), flags); },
      [](sqlite3_file* f, sqlite3_int64* size) { return InnerOf(f)->pMethods->xFileSize(InnerOf(f), size); },
      [](sqlite3_file* f, int lock) { return InnerOf(f)->pMethods->xLock(InnerOf(f), lock); },
      [](sqlite3_file* f, int lock) { return InnerOf(f)->pMethods->xUnlock(InnerOf(f), lock); },
      [](sqlite3_file* f, int* out) { return InnerOf(f)->pMethods->xCheckReservedLock(InnerOf(f), out); },
      [](sqlite3_file* f, int what, void* value) {
        return InnerOf(f)->pMethods->xFileControl(InnerOf(f), what, value);
      },
      [](sqlite3_file* f) { return InnerOf(f)->pMethods->xSectorSize(InnerOf(f)); },
      [](sqlite3_file* f) { return InnerOf(f)->pMethods->xDeviceCharacteristics(InnerOf(f)); },
      [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
        return InnerOf(f)->pMethods->xShmMap(InnerOf(f), page, size, extend, out);
      },
      [](sqlite3_file* f, int at, int n, int flags) {
        return InnerOf(f)->pMethods->xShmLock(InnerOf(f), at, n, flags);
      },
      [](sqlite3_file* f) { InnerOf(f)->pMethods->xShmBarrier(InnerOf(f)); },
      [](sqlite3_file* f, int remove) { return InnerOf(f)->pMethods->xShmUnmap(InnerOf(f), remove); },
      // Mapped pages would be read past the check.
      [](sqlite3_file*, sqlite3_int64, int, void** out) {
        *out = nullptr;
        return SQLITE_OK;
      },
      [](sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; },
  };
  return &methods;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* base, int flags, int* flags_out) {
  sqlite3_vfs* const inner = Inner();
  auto* const file = new (base) CheckedFile{};
  file->inner = static_cast<sqlite3_file*>(sqlite3_malloc(inner->szOsFile));
  file->scratch = new (std::nothrow) std::vector<uint8_t>();
  int answer = SQLITE_NOMEM;
  if (file->inner != nullptr && file->scratch != nullptr) {
    std::memset(file->inner, 0, static_cast<size_t>(inner->szOsFile));
    answer = inner->xOpen(inner, name, file->inner, flags, flags_out);
  }
  if (answer != SQLITE_OK) {
    sqlite3_free(file->inner);
    delete file->scratch;
    return answer;
  }
  file->main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  file->base.pMethods = Methods();
  return SQLITE_OK;
}

sqlite3_vfs MakeVfs() {
  sqlite3_vfs vfs = {};
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(CheckedFile);
  vfs.mxPathname = Inner()->mxPathname;
  vfs.zName = kName;
  vfs.xOpen = &Open;
  vfs.xDelete = [](sqlite3_vfs*, const char* name, int sync) { return Inner()->xDelete(Inner(), name, sync); };
  vfs.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
    return Inner()->xAccess(Inner(), name, flags, out);
  };
  vfs.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
    return Inner()->xFullPathname(Inner(), name, size, out);
  };
  vfs.xDlOpen = [](sqlite3_vfs*, const char*) -> void* { return nullptr; };  // nothing is loaded through it
  vfs.xDlError = [](sqlite3_vfs*, int size, char* out) { sqlite3_snprintf(size, out, "not allowed"); };
  vfs.xDlSym = [](sqlite3_vfs*, void*, const char*) -> void (*)() { return nullptr; };
  vfs.xDlClose = [](sqlite3_vfs*, void*) {};
  vfs.xRandomness = [](sqlite3_vfs*, int size, char* out) { return Inner()->xRandomness(Inner(), size, out); };
  vfs.xSleep = [](sqlite3_vfs*, int us) { return Inner()->xSleep(Inner(), us); };
  vfs.xCurrentTime = [](sqlite3_vfs*, double* out) { return Inner()->xCurrentTime(Inner(), out); };
  vfs.xGetLastError = [](sqlite3_vfs*, int size, char* out) { return Inner()->xGetLastError(Inner(), size, out); };
  vfs.xCurrentTimeInt64 = [](sqlite3_vfs*, sqlite3_int64* out) { return Inner()->xCurrentTimeInt64(Inner(), out); };
  return vfs;
}

}  // namespace

uint64_t PageCheck(Bytes page, uint64_t offset) {
  return XXH3_64bits_withSeed(page.data(), page.size() - kPageCheckBytes, offset);
}

const char* CheckedVfs() {
  static sqlite3_vfs vfs = MakeVfs();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  return registered == SQLITE_OK ? kName : nullptr;
}

void ReservePageChecks(sqlite3* db) {
  int bytes = kPageCheckBytes;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
}

}  // namespace wakewatch
