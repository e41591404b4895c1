#include "analysis/base/result.h"

#include <cerrno>
#include <cstring>

namespace wakewatch {

std::string Error::Text() const {
  std::string text;
  if (!file.empty()) text += file + ": ";
  if (offset) text += "offset " + std::to_string(*offset) + ": ";
  text += cause;
  if (!remedy.empty()) text += " (" + remedy + ")";
  return text;
}

Error ErrnoError(int saved_errno, std::string_view action, std::string file) {
  ErrorCode code = ErrorCode::kIo;
  switch (saved_errno) {
    case ENOENT:
    case ENODEV: code = ErrorCode::kNotFound; break;
    case EACCES:
    case EPERM:
    case EROFS: code = ErrorCode::kPermission; break;
    case ENOSPC:
    case EDQUOT: code = ErrorCode::kNoSpace; break;
    case EINTR: code = ErrorCode::kInterrupted; break;
    default: break;
  }
  return Error{code, std::string(action) + ": " + std::strerror(saved_errno), std::move(file)};
}

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kTruncated: return "truncated";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kPermission: return "permission";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kNoSpace: return "no-space";
    case ErrorCode::kInterrupted: return "interrupted";
    case ErrorCode::kDeadline: return "deadline";
    case ErrorCode::kTooLarge: return "too-large";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

}  // namespace wakewatch
