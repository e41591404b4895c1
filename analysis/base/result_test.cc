#include "analysis/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace wakewatch {
namespace {

TEST(Error, TextNamesFileOffsetCauseAndRemedyAndLeavesOutWhatIsUnknown) {
  Error error{ErrorCode::kCorrupt, "the page is torn", "a.dat", 4096, "copy it again"};
  EXPECT_EQ("a.dat: offset 4096: the page is torn (copy it again)", error.Text());
  error.offset.reset();
  error.remedy.clear();
  EXPECT_EQ("a.dat: the page is torn", error.Text());
  error.file.clear();
  EXPECT_EQ("the page is torn", error.Text());
}

TEST(ErrnoError, GivesTheCodeThatFits) {
  EXPECT_EQ(ErrorCode::kNotFound, ErrnoError(ENOENT, "cannot open", "a").code);
  EXPECT_EQ(ErrorCode::kPermission, ErrnoError(EROFS, "cannot open", "a").code);
  EXPECT_EQ(ErrorCode::kNoSpace, ErrnoError(ENOSPC, "cannot write", "a").code);
  EXPECT_EQ(ErrorCode::kIo, ErrnoError(EIO, "cannot read", "a").code);
  EXPECT_EQ("a: cannot read: Input/output error", ErrnoError(EIO, "cannot read", "a").Text());
}

}  // namespace
}  // namespace wakewatch
