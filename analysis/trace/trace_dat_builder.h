// Why: the cases that no recording at hand holds (instances, large pages, damage at a chosen place) need small files
// made to order. For tests only; formats come from tests/data/formats, pages are sched_waking
// events on a little-endian 64-bit machine.
#pragma once

#include <zstd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wakewatch::trace_dat_test {

inline std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ByteWriter {
 public:
  template <typename T>
  ByteWriter& Int(T value) {
    bytes_.resize(bytes_.size() + sizeof value);
    PatchInt(bytes_.size() - sizeof value, value);
    return *this;
  }
  ByteWriter& Text(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  ByteWriter& CString(std::string_view text) { return Text(text).Int(uint8_t{0}); }
  ByteWriter& Append(const std::vector<uint8_t>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  ByteWriter& PadTo(size_t size) {
    if (bytes_.size() < size) bytes_.resize(size);
    return *this;
  }
  template <typename T>
  void PatchInt(size_t at, T value) {
    for (size_t i = 0; i < sizeof value; ++i) {
      bytes_[at + i] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i));
    }
  }
  size_t size() const { return bytes_.size(); }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

struct BufferSpec {
  std::string name, clock;
  uint32_t page_size = 4096;
  bool compressed = false;
  uint32_t pages_a_chunk = 2;
  std::vector<std::pair<uint32_t, std::vector<uint8_t>>> cpus;  // CPU, its pages
};

class TraceDatBuilder {
 public:
  explicit TraceDatBuilder(const std::filesystem::path& source_dir) {
    const auto formats = source_dir / "tests/data/formats";
    header_page = ReadWhole(formats / "header_page");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(formats / "events")) {
      if (entry.path().filename() != "format") continue;
      const auto system = entry.path().parent_path().parent_path().filename().string();
      events[system].push_back(ReadWhole(entry.path()));
    }
    const std::string& waking = ReadWhole(formats / "events/sched/sched_waking/format");
    const size_t id = waking.find("ID: ");
    waking_id_ = id == std::string::npos ? 0 : static_cast<uint16_t>(std::stoi(waking.substr(id + 4)));
  }

  // One sub-buffer of `count` sched_waking events, 1000 ns apart from `start_ns`; `pid` is who is woken.
  std::vector<uint8_t> Page(uint64_t start_ns, uint32_t count, int32_t pid, uint32_t sub_buffer = 4096) const {
    constexpr uint32_t kRecordBytes = 36;
    ByteWriter out;
    out.Int(start_ns).Int(uint64_t{count} * (kRecordBytes + 4));
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t delta_ns = i == 0 ? 0 : 1000;
      out.Int(static_cast<uint32_t>(kRecordBytes / 4 | delta_ns << 5));
      out.Int(waking_id_).Int(uint8_t{0}).Int(uint8_t{0}).Int(int32_t{1});
      ByteWriter comm;
      comm.Text("victim").PadTo(16);
      out.Append(comm.Take()).Int(pid).Int(int32_t{120}).Int(int32_t{0});
    }
    return out.PadTo(sub_buffer).Take();
  }

  std::vector<uint8_t> BuildV6() const {
    ByteWriter out;
    Start(&out, "6");
    out.Append(HeaderInfo()).Append(FtraceFormats()).Append(EventFormats());
    out.Int(static_cast<uint32_t>(kallsyms.size())).Text(kallsyms).Int(uint32_t{0});
    out.Int(static_cast<uint64_t>(cmdlines.size())).Text(cmdlines);
    out.Int(cpus).CString("options  ");
    for (const auto& [id, data] : options) Option(&out, id, data);
    std::vector<size_t> places;  // where each instance's offset is to be filled in
    for (size_t i = 1; i < buffers.size(); ++i) {
      places.push_back(out.size() + 6);
      ByteWriter data;
      Option(&out, 3, data.Int(uint64_t{0}).CString(buffers[i].name).Take());
    }
    out.Int(uint16_t{0});
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (i > 0) out.PatchInt(places[i - 1], static_cast<uint64_t>(out.size()));
      WriteV6Buffer(&out, buffers[i]);
    }
    return out.Take();
  }

  std::vector<uint8_t> BuildV7() const {
    ByteWriter out;
    Start(&out, "7");
    out.CString(compression).CString("1.5.4");
    const size_t first_options = out.size();
    out.Int(uint64_t{0});
    const std::pair<uint16_t, std::vector<uint8_t>> sections[] = {
        {uint16_t{16}, HeaderInfo()},
        {uint16_t{17}, FtraceFormats()},
        {uint16_t{18}, EventFormats()},
        {uint16_t{19}, ByteWriter().Int(static_cast<uint32_t>(kallsyms.size())).Text(kallsyms).Take()},
        {uint16_t{21}, ByteWriter().Int(static_cast<uint64_t>(cmdlines.size())).Text(cmdlines).Take()}};
    ByteWriter list;
    for (const auto& [id, bytes] : sections) {
      Option(&list, id, ByteWriter().Int(static_cast<uint64_t>(out.size())).Take());
      Section(&out, id, bytes, compression == "zstd");
    }
    for (const auto& [id, data] : options) Option(&list, id, data);
    std::vector<std::vector<uint8_t>> descriptions;
    for (const BufferSpec& buffer : buffers) descriptions.push_back(WriteV7Buffer(&out, buffer));
    out.PatchInt(first_options, static_cast<uint64_t>(out.size()));
    // As trace-cmd does: what describes the buffers is in a second list.
    const uint64_t second = out.size() + 16 + list.size() + 14;
    Option(&list, 0, ByteWriter().Int(second).Take());
    Section(&out, 0, list.Take(), false);
    ByteWriter tail;
    for (const auto& data : descriptions) Option(&tail, 3, data);
    Option(&tail, 0, ByteWriter().Int(uint64_t{0}).Take());
    Section(&out, 0, tail.Take(), false);
    return out.Take();
  }

  std::string header_page;
  std::map<std::string, std::vector<std::string>> events;  // by system
  std::string kallsyms = "ffffffff81000000 T _text\n";
  std::string cmdlines = "1 init\n2 kthreadd\n14 ksoftirqd/0\n";
  std::string compression = "zstd";  // v7
  uint32_t page_size = 4096, cpus = 2;
  std::vector<std::pair<uint16_t, std::vector<uint8_t>>> options;
  std::vector<BufferSpec> buffers;  // v6: the first is the main one

  static std::vector<uint8_t> TextOption(std::string_view text) { return ByteWriter().CString(text).Take(); }

 private:
  void Start(ByteWriter* out, std::string_view version) const {
    out->Text("\x17\x08\x44tracing").CString(version).Int(uint8_t{0}).Int(uint8_t{8}).Int(page_size);
  }
  static void Option(ByteWriter* out, uint16_t id, const std::vector<uint8_t>& data) {
    out->Int(id).Int(static_cast<uint32_t>(data.size())).Append(data);
  }
  static std::vector<uint8_t> Pack(const std::vector<uint8_t>& bytes) {
    std::vector<uint8_t> packed(ZSTD_compressBound(bytes.size()));
    packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
    return ByteWriter()
        .Int(static_cast<uint32_t>(packed.size()))
        .Int(static_cast<uint32_t>(bytes.size()))
        .Append(packed)
        .Take();
  }
  static void Section(ByteWriter* out, uint16_t id, const std::vector<uint8_t>& bytes, bool packed) {
    const std::vector<uint8_t> body = packed ? Pack(bytes) : bytes;
    out->Int(id).Int(uint16_t{packed}).Int(uint32_t{0}).Int(static_cast<uint64_t>(body.size())).Append(body);
  }
  std::vector<uint8_t> HeaderInfo() const {
    ByteWriter out;
    out.CString("header_page").Int(static_cast<uint64_t>(header_page.size())).Text(header_page);
    return out.CString("header_event").Int(uint64_t{0}).Take();
  }
  std::vector<uint8_t> FtraceFormats() const {
    ByteWriter out;
    const auto ftrace = events.find("ftrace");
    if (ftrace == events.end()) return out.Int(uint32_t{0}).Take();
    out.Int(static_cast<uint32_t>(ftrace->second.size()));
    for (const auto& text : ftrace->second) out.Int(static_cast<uint64_t>(text.size())).Text(text);
    return out.Take();
  }
  std::vector<uint8_t> EventFormats() const {
    ByteWriter out;
    out.Int(static_cast<uint32_t>(events.size() - events.count("ftrace")));
    for (const auto& [system, texts] : events) {
      if (system == "ftrace") continue;
      out.CString(system).Int(static_cast<uint32_t>(texts.size()));
      for (const auto& text : texts) out.Int(static_cast<uint64_t>(text.size())).Text(text);
    }
    return out.Take();
  }
  void WriteV6Buffer(ByteWriter* out, const BufferSpec& buffer) const {
    out->CString("flyrecord");
    const size_t table = out->size();
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) out->Int(uint64_t{0}).Int(uint64_t{0});
    out->PadTo((out->size() + buffer.page_size - 1) / buffer.page_size * buffer.page_size);
    for (const auto& [cpu, pages] : buffer.cpus) {
      out->PatchInt(table + cpu * 16, static_cast<uint64_t>(out->size()));
      out->PatchInt(table + cpu * 16 + 8, static_cast<uint64_t>(pages.size()));
      out->Append(pages);
    }
  }
  // Writes the section; the answer is the option that describes it.
  static std::vector<uint8_t> WriteV7Buffer(ByteWriter* out, const BufferSpec& buffer) {
    ByteWriter about;
    about.Int(static_cast<uint64_t>(out->size())).CString(buffer.name).CString(buffer.clock);
    about.Int(buffer.page_size).Int(static_cast<uint32_t>(buffer.cpus.size()));
    const size_t header = out->size();
    out->Int(uint16_t{3}).Int(uint16_t{buffer.compressed}).Int(uint32_t{0}).Int(uint64_t{0});
    for (const auto& [cpu, pages] : buffer.cpus) {
      out->PadTo((out->size() + 4095) / 4096 * 4096);
      const std::vector<uint8_t> body = buffer.compressed ? Chunks(buffer, pages) : pages;
      // The number of chunks in front of them is not counted.
      about.Int(cpu).Int(static_cast<uint64_t>(out->size()));
      about.Int(static_cast<uint64_t>(body.size() - (buffer.compressed ? 4 : 0)));
      out->Append(body);
    }
    out->PatchInt(header + 8, static_cast<uint64_t>(out->size() - header - 16));
    return about.Take();
  }
  static std::vector<uint8_t> Chunks(const BufferSpec& buffer, const std::vector<uint8_t>& pages) {
    const size_t chunk = size_t{buffer.page_size} * buffer.pages_a_chunk;
    ByteWriter out;
    out.Int(static_cast<uint32_t>((pages.size() + chunk - 1) / chunk));
    for (size_t at = 0; at < pages.size(); at += chunk) {
      const auto from = pages.begin() + static_cast<ptrdiff_t>(at);
      const auto to = pages.size() - at < chunk ? pages.end() : from + static_cast<ptrdiff_t>(chunk);
      out.Append(Pack(std::vector<uint8_t>(from, to)));
    }
    return out.Take();
  }

  uint16_t waking_id_ = 0;
};

}  // namespace wakewatch::trace_dat_test
