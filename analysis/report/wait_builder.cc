#include "analysis/report/wait_builder.h"

#include "analysis/base/archive.h"

namespace wakewatch {
namespace {

constexpr uint32_t kSavedVersion = 1;

tl::unexpected<Error> Refuse(ErrorCode code, std::string cause) {
  return Fail(Error{.code = code, .cause = std::move(cause), .remedy = "replay the events from their start"});
}

}  // namespace

void WaitBuilder::Add(const MeasuredWait& wait) {
  if (!Keeps(wait, user_latency_min_ns_)) return;
  encoder_.Add(wait);
  if (encoder_.full()) Cut();
}

std::optional<WaitChunk> WaitBuilder::Unfinished() const {
  if (encoder_.waits() == 0) return std::nullopt;
  return Current();
}

void WaitBuilder::Cut() {
  if (encoder_.waits() == 0) return;
  finished_.push_back(Current());
  first_wait_ += encoder_.waits();
  encoder_.Clear();
}

std::vector<uint8_t> WaitBuilder::Save() const {
  ArchiveWriter archive;
  archive(kSavedVersion, first_wait_);
  archive(encoder_.waits() == 0 ? std::vector<uint8_t>() : encoder_.Encode());
  return archive.Take();
}

Result<WaitBuilder> WaitBuilder::Restore(Bytes saved, uint64_t user_latency_min_ns) {
  ArchiveReader archive(saved);
  WaitBuilder builder(user_latency_min_ns);
  uint32_t version = 0;
  archive(version);
  if (archive.ok() && version != kSavedVersion) {
    return Refuse(ErrorCode::kUnsupported, "the waits of a checkpoint are of another version");
  }
  std::vector<uint8_t> bytes;
  archive(builder.first_wait_, bytes);
  if (!archive.ok() || !archive.AtEnd()) {
    return Refuse(ErrorCode::kCorrupt, "the waits of a checkpoint contradict themselves");
  }
  if (bytes.empty()) return builder;
  auto view = WaitView::Open(bytes);
  if (!view) return Fail(std::move(view.error()));
  if (auto status = view->ReadAll(); !status) return Fail(std::move(status.error()));
  if (view->waits() >= kWaitChunkWaits) {
    return Refuse(ErrorCode::kCorrupt, "the unfinished waits of a checkpoint are a whole chunk");
  }
  for (size_t i = 0; i < view->waits(); ++i) builder.encoder_.Add(view->WaitAt(i));
  return builder;
}

}  // namespace wakewatch
