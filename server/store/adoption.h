// Why: a trace that was imported into a file becomes a recording of the data folder, found, listed, sealed and aged as
// those of collectors are. Until the file has its name in there nobody sees it, and then it is whole.
#pragma once

#include <string>
#include <string_view>

#include "analysis/base/result.h"
#include "server/store/recording_row.h"

namespace wakewatch {

// The boot and the session of an imported recording begin like this; no machine's boot id does.
inline constexpr std::string_view kImportPrefix = "import-";

// Makes the recording `file`, which must be closed and on the file system of `data_folder`, the only part of a complete
// recording of `host`. `unique`: letters and digits, another one each time. The file is moved; on error it is where it
// was, and no folder is left behind. Errors: kNoSpace, kIo.
Result<RecordingRow> AdoptRecording(const std::string& file, const std::string& data_folder, const std::string& host,
                                    const std::string& unique);

}  // namespace wakewatch
