// Version 6 is one sequence: every part stands directly behind the one before it, so the first part that cannot be read
// hides all that follow. Only the CPU data is found by offset.
#include "analysis/trace/trace_dat_sections.h"

namespace wakewatch::trace_dat {
namespace {

constexpr size_t kTagBytes = 10;
constexpr std::string_view kTagOptions{"options  \0", kTagBytes};
constexpr std::string_view kTagLatency{"latency  \0", kTagBytes};
constexpr std::string_view kTagFlyrecord{"flyrecord\0", kTagBytes};

// An instance: its table of CPU data lies at an offset of its own, behind the main buffer's data.
struct Instance {
  std::string name;
  uint64_t offset = 0;
  uint32_t cpus = 0;
};

Result<std::string_view> ReadTag(SectionReader* in) {
  const Bytes tag = in->cursor().Span(kTagBytes);
  if (!in->cursor().ok()) return Fail(in->Ended("the kind of trace data"));
  return std::string_view(reinterpret_cast<const char*>(tag.data()), tag.size());
}

Status ReadOptions(SectionReader* in, Contents* contents, std::vector<Instance>* instances) {
  bool after_buffer = false;
  for (;;) {
    const auto option = ReadOption(in, /*sized_done=*/false);
    if (!option) return Fail(option.error());
    if (option->id == kOptionDone) return {};
    ByteCursor data(option->data, in->file().machine.order);
    if (option->id == kOptionBuffer) {
      Instance instance;
      instance.offset = data.U64();
      instance.name = data.CString();
      instance.cpus = contents->metadata.cpus;
      if (data.ok())
        instances->push_back(std::move(instance));
      else
        contents->metadata.anomalies.Add(Anomaly::kBadSection);
      after_buffer = data.ok();
      continue;
    }
    // Directly behind a buffer the count is that buffer's: it was recorded with fewer CPUs than the machine has.
    if (option->id == kOptionCpuCount && after_buffer) {
      const uint32_t cpus = data.U32();
      if (data.ok()) instances->back().cpus = cpus;
    } else if (option->id != kOptionCpuCount) {
      ApplyOption(*option, in->file().machine.order, contents);
    }
    after_buffer = false;
  }
}

// Options may stand in front; then "flyrecord" and one (offset, size) a CPU.
Status ReadCpuTable(SectionReader* in, uint32_t cpus, Buffer* buffer, Contents* contents) {
  // Every CPU takes 16 bytes, which bounds the loop by the file's size.
  if (cpus > in->cursor().left() / 16) return Fail(in->Ended("the table of CPU data"));
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    CpuStream stream;
    stream.cpu = cpu;
    stream.offset = in->cursor().U64();
    stream.size = in->cursor().U64();
    if (stream.size == 0) continue;
    ClipStream(in->file(), &stream, &contents->metadata.anomalies);
    buffer->streams.push_back(stream);
  }
  TidyStreams(&buffer->streams, &contents->metadata.anomalies);
  return {};
}

Error IsLatency(const SectionReader& in) {
  return in.file().At(ErrorCode::kUnsupported, in.file_offset(), "is a latency trace: it holds text, not events",
                      "record events instead, for example `trace-cmd record -e sched`");
}

Status ReadInstance(const File& file, const Instance& instance, uint32_t page_size, Contents* contents) {
  if (instance.offset >= file.bytes.size()) {
    contents->metadata.anomalies.Add(Anomaly::kTruncatedInput);
    return {};
  }
  SectionReader in(file, file.bytes.subspan(instance.offset), instance.offset, /*packed=*/false);
  auto tag = ReadTag(&in);
  Buffer buffer;
  buffer.name = instance.name;
  buffer.page_size = page_size;
  if (!tag || *tag != kTagFlyrecord || !ReadCpuTable(&in, instance.cpus, &buffer, contents)) {
    contents->metadata.anomalies.Add(Anomaly::kBadSection);
    return {};
  }
  contents->buffers.push_back(std::move(buffer));
  return {};
}

Status ReadDescription(SectionReader* in, Contents* contents) {
  if (auto status = ReadHeaderInfo(in, contents); !status) return status;
  if (auto status = ReadFtraceFormats(in, &contents->formats); !status) return status;
  if (auto status = ReadEventFormats(in, &contents->formats); !status) return status;
  if (auto status = ReadKallsyms(in, contents); !status) return status;
  if (auto printk = in->SizedText(4, "the list of trace_printk formats"); !printk) return Fail(printk.error());
  return ReadCommandLines(in, contents);
}

}  // namespace

Status LoadV6(SectionReader* in, Contents* contents) {
  if (auto status = ReadDescription(in, contents); !status) return status;
  const uint32_t cpus = in->cursor().U32();
  if (!in->cursor().ok()) return Fail(in->Ended("the number of CPUs"));
  contents->metadata.cpus = cpus;

  auto tag = ReadTag(in);
  if (!tag) return Fail(tag.error());
  std::vector<Instance> instances;
  if (*tag == kTagOptions) {
    if (auto status = ReadOptions(in, contents, &instances); !status) return status;
    tag = ReadTag(in);
    if (!tag) return Fail(tag.error());
  }
  if (*tag == kTagLatency) return Fail(IsLatency(*in));
  if (*tag != kTagFlyrecord) return Fail(in->Broken("the kind of trace data is none that version 6 knows"));

  // A kernel with large sub-buffers says so in header_page; the file's own page size is the machine's.
  const uint32_t described = contents->formats.page().page_size;
  const uint32_t page_size = described > in->file().page_size ? described : in->file().page_size;
  Buffer main;
  main.page_size = page_size;
  if (auto status = ReadCpuTable(in, cpus, &main, contents); !status) return status;
  contents->buffers.push_back(std::move(main));
  for (const Instance& instance : instances) {
    if (auto status = ReadInstance(in->file(), instance, page_size, contents); !status) return status;
  }
  return {};
}

}  // namespace wakewatch::trace_dat
