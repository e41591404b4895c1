// Why: tracefs, proc and sysfs are read and written as small text files, and every failure must name its file and
// errno.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "collector/descriptor.h"

namespace wakewatch {

// The whole file, to its end (kernel files announce no size). Errors: open or read failed; kTooLarge above `limit`
// bytes.
Result<std::string> ReadTextFile(const std::string& path, size_t limit = 1u << 20);
// As the above, from where `fd` stands; `path` is for errors only.
Result<std::string> ReadDescriptor(int fd, const std::string& path, size_t limit = 1u << 20);
// Opens for reading. `flags` of open(2) are added.
Result<Descriptor> OpenToRead(const std::string& path, int flags = 0);
// Truncates and writes in one write(2), which is what kernel files expect. Does not create the file.
Status WriteTextFile(const std::string& path, std::string_view text);
// Writes behind what is there, without truncating: opening kprobe_events or dynamic_events with O_TRUNC removes every
// probe of the machine. Does not create the file.
Status AppendTextFile(const std::string& path, std::string_view text);

// Names of a folder's entries without "." and "..", sorted.
Result<std::vector<std::string>> ListFolder(const std::string& path);
bool IsFolder(const std::string& path);
bool FileExists(const std::string& path);

// An unsigned decimal number that fills all of `text` (blanks at its ends aside). False when it is anything else.
bool ParseUnsigned(std::string_view text, uint64_t* value);
std::string_view Trimmed(std::string_view text);

}  // namespace wakewatch
