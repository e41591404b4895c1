// Why: every fallible call in this tree answers with a value or an Error that a user can act on. An Error says
// what went wrong, where (file and byte offset, where there is one), and what to do about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace wakewatch {

enum class ErrorCode {
  kInvalidArgument,  // the caller asked for something that makes no sense
  kNotFound,
  kCorrupt,      // bytes that contradict themselves or their checksum
  kTruncated,    // the input ends before what it announced
  kUnsupported,  // well formed, but not something this build reads
  kPermission,
  kIo,
  kNoSpace,
  kInterrupted,
  kDeadline,
  kTooLarge,  // a limit that protects this process
  kConflict,  // somebody else has what was asked for
  kInternal,
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string cause;                    // one sentence, no trailing full stop
  std::string file = {};                // path as the user gave it; empty when none
  std::optional<uint64_t> offset = {};  // bytes from the start of `file`
  std::string remedy = {};              // what the user can do; empty when nothing is known

  // "trace.dat: offset 4096: cause (remedy)"; parts that are unknown are left out.
  std::string Text() const;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> Fail(ErrorCode code, std::string cause) {
  return tl::unexpected<Error>(Error{code, std::move(cause)});
}
// An Error for the current value of errno (`saved_errno`), with the code that fits it.
Error ErrnoError(int saved_errno, std::string_view action, std::string file);

std::string_view Name(ErrorCode code);

}  // namespace wakewatch
