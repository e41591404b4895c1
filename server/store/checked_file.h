// Why: SQLite believes every byte that the disk hands back, so a flipped bit in a row is a wrong row and nothing more.
// This layer between SQLite and the file keeps a checksum in the last eight bytes of each page, which SQLite leaves
// alone, and refuses a page that is not the one that was written there. Files stay ordinary SQLite files; one that
// another program has written to has pages without a valid checksum. Source: https://www.sqlite.org/vfs.html,
// https://www.sqlite.org/fileformat.html (reserved bytes per page), https://www.sqlite.org/cksumvfs.html (the idea).
#pragma once

#include <cstdint>

#include "analysis/base/bytes.h"

struct sqlite3;

namespace wakewatch {

// For sqlite3_open_v2. Files are those of the default VFS, whichever that is when they are opened. A file that was made
// without room for checksums is read and written as it is. Pages of the log are copied through: frames have checksums of
// their own. Reading a page that is not as it was written: SQLITE_IOERR_DATA.
const char* CheckedVfs();

// Gives a file that has nothing in it yet room for checksums.
void ReservePageChecks(sqlite3* db);

inline constexpr uint8_t kPageCheckBytes = 8;
// What the last eight bytes of `page` have to be, little-endian; `offset` of the page in its file.
uint64_t PageCheck(Bytes page, uint64_t offset);

}  // namespace wakewatch
