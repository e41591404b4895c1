#include "collector/task_snapshot.h"

#include "collector/file_io.h"

namespace wakewatch {
namespace {

constexpr size_t kTextBytesMax = 16u << 10;

void ReadInto(const std::string& path, std::string* text, std::string* error) {
  auto read = ReadTextFile(path, kTextBytesMax);
  if (read) {
    *text = *std::move(read);
    // A task chooses its own name, and messages carry text.
    for (char& c : *text) {
      if (c != '\n' && c != '\t' && (c < ' ' || c > '~')) c = '?';
    }
  } else {
    *error += (error->empty() ? "" : "; ") + read.error().Text();
  }
}

}  // namespace

TaskSnapshot TaskSnapshots::Take(uint64_t request_id, int32_t pid, TimePoint now, uint64_t trace_now_ns) {
  TaskSnapshot snapshot;
  snapshot.request_id = request_id;
  snapshot.pid = pid;
  snapshot.ts_ns = trace_now_ns;
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    taken_ = 0;
  }
  if (pid <= 0) {
    snapshot.error = "there is no task " + std::to_string(pid);
  } else if (++taken_ > per_second_) {
    snapshot.error = "more than " + std::to_string(per_second_) + " requests in a second; ask again later";
  } else {
    const std::string folder = proc_ + "/" + std::to_string(pid);
    ReadInto(folder + "/stack", &snapshot.stack, &snapshot.error);
    ReadInto(folder + "/wchan", &snapshot.wchan, &snapshot.error);
    ReadInto(folder + "/status", &snapshot.status, &snapshot.error);
  }
  return snapshot;
}

}  // namespace wakewatch
