// Why: secrets are written so that at no time anybody else may read them, and so that a reader sees all or nothing.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "analysis/base/result.h"

namespace wakewatch {

// Errors: kNotFound, kPermission, kIo; kTooLarge: more than `bytes_max`.
Result<std::string> ReadWholeFile(const std::string& path, size_t bytes_max);
// Beside it first, then in its place, durable. When root writes, the file belongs to the owner of `owner_of`, a path;
// empty: to root.
Status WriteWholeFile(const std::string& path, std::string_view bytes, mode_t mode, const std::string& owner_of = "");

}  // namespace wakewatch
