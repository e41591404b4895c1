#include "analysis/trace/format.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "analysis/trace/format_learn.h"
#include "analysis/trace/trace_text.h"

namespace wakewatch {
namespace {

using format_learn::FieldLine;

constexpr uint32_t kPageBytesMin = 512, kPageBytesMax = 16 << 20;
constexpr std::string_view kFormatRemedy =
    "its events are left out; record again, and report the format when it comes from a kernel as it is";

// What every kernel since 2.6.31 has, until a format says otherwise.
CommonLayout UsualCommon() {
  CommonLayout common;
  common.type = {"common_type", "unsigned short", 0, 2, FieldKind::kUnsigned};
  common.flags = {"common_flags", "unsigned char", 2, 1, FieldKind::kUnsigned};
  common.preempt_count = {"common_preempt_count", "unsigned char", 3, 1, FieldKind::kUnsigned};
  common.pid = {"common_pid", "int", 4, 4, FieldKind::kSigned};
  common.size = 8;
  return common;
}

bool SamePlace(const FieldSpec& a, const FieldSpec& b) { return a.offset == b.offset && a.size == b.size; }

// Moves the four common fields out of *fields. Kernels may have more of them (PREEMPT_RT has
// common_preempt_lazy_count); these stay, as fields like any other.
Result<CommonLayout> TakeCommon(std::vector<FieldSpec>* fields) {
  CommonLayout common;
  struct Wanted {
    std::string_view name;
    FieldSpec* spec;
    uint16_t size;
  };
  const Wanted wanted[] = {{"common_type", &common.type, 2},
                           {"common_flags", &common.flags, 1},
                           {"common_preempt_count", &common.preempt_count, 1},
                           {"common_pid", &common.pid, 4}};
  uint32_t end = 0;
  for (const Wanted& one : wanted) {
    const auto found =
        std::find_if(fields->begin(), fields->end(), [&](const FieldSpec& field) { return field.name == one.name; });
    const bool integer =
        found != fields->end() && (found->kind == FieldKind::kUnsigned || found->kind == FieldKind::kSigned);
    if (!integer || found->size != one.size) {
      return Fail(ErrorCode::kCorrupt,
                  "has no " + std::string(one.name) + " of " + std::to_string(one.size) + " bytes");
    }
    end = std::max(end, uint32_t{found->offset} + found->size);
    *one.spec = std::move(*found);
    fields->erase(found);
  }
  common.size = static_cast<uint16_t>(end);
  for (const FieldSpec& field : *fields) {
    if (field.offset < end) return Fail(ErrorCode::kCorrupt, "places " + field.name + " in front of the common fields");
  }
  return common;
}

Result<PageLayout> ParseHeaderPage(std::string_view text, uint8_t long_size) {
  PageLayout layout;
  if (text.empty()) {
    // struct buffer_data_page: a 64-bit time, a long, and the data.
    layout.commit_size = long_size;
    layout.data_offset = static_cast<uint16_t>(8 + long_size);
    return layout;
  }
  const auto fail = [](std::string cause) {
    return Fail(Error{
        ErrorCode::kCorrupt, "header_page " + std::move(cause), {}, {}, "copy the recording again, or repeat it"});
  };
  if (text.size() > format_learn::kTextBytesMax) return fail("is larger than 1 MiB");
  std::optional<FieldLine> timestamp, commit, data;
  while (!text.empty()) {
    auto field = format_learn::ParseFieldLine(TakeLine(&text));
    if (!field) continue;  // "overwrite" lies over the commit, and kernels may add others
    const std::string_view name = field->name();
    auto* place = name == "timestamp" ? &timestamp : name == "commit" ? &commit : name == "data" ? &data : nullptr;
    if (place != nullptr) *place = std::move(field);
  }
  if (!timestamp || !commit || !data) return fail("does not say where a page's time, size and data are");
  const bool commit_fits = commit->size == 4 || commit->size == 8;
  if (timestamp->size != 8 || !commit_fits) return fail("gives a page's time or size a width that no kernel has");
  // Data, and with it all in front, begins in the first bytes of a page.
  const uint32_t begin = data->offset;
  if (begin > kPageBytesMin / 2 || timestamp->offset + uint64_t{8} > begin ||
      commit->offset + uint64_t{commit->size} > begin ||
      (commit->offset < timestamp->offset + uint64_t{8} &&
       timestamp->offset < commit->offset + uint64_t{commit->size})) {
    return fail("places a page's header outside of what is in front of its data");
  }
  if (data->size > kPageBytesMax - begin || data->size + begin < kPageBytesMin) {
    return fail("gives a page " + std::to_string(uint64_t{data->size} + begin) + " bytes, which no kernel does");
  }
  layout.timestamp_offset = static_cast<uint16_t>(timestamp->offset);
  layout.commit_offset = static_cast<uint16_t>(commit->offset);
  layout.commit_size = static_cast<uint8_t>(commit->size);
  layout.data_offset = static_cast<uint16_t>(begin);
  layout.page_size = begin + data->size;
  return layout;
}

// Numbers in one byte order: a hash goes into files that other machines read.
void AppendNumber(std::vector<uint8_t>* bytes, uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) bytes->push_back(static_cast<uint8_t>(value >> shift));
}

// A word that can stand in a message.
bool IsSystem(std::string_view text) {
  const auto plain = [](char c) { return c > ' ' && c <= '~'; };
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), plain);
}

// What a text that is no format says about itself in its first line.
std::string_view NameIn(std::string_view text) {
  constexpr std::string_view kName = "name: ";
  const std::string_view line = TakeLine(&text);
  return line.starts_with(kName) ? line.substr(kName.size()) : std::string_view();
}

}  // namespace

const FieldSpec* EventFormat::Find(std::string_view field) const {
  for (const FieldSpec& spec : fields) {
    if (spec.name == field) return &spec;
  }
  return nullptr;
}

FormatTable::FormatTable() : common_(UsualCommon()) { by_type_.fill(-1); }

Result<FormatTable> FormatTable::Create(Machine machine, std::string_view header_page) {
  if (machine.long_size != 4 && machine.long_size != 8) {
    return Fail(ErrorCode::kCorrupt, "a machine whose long has " + std::to_string(machine.long_size) + " bytes");
  }
  auto page = ParseHeaderPage(header_page, machine.long_size);
  if (!page) return Fail(page.error());
  FormatTable table;
  table.machine_ = machine;
  table.page_ = *page;
  table.header_page_text_ = header_page;
  return table;
}

Status FormatTable::Add(std::string_view system, std::string_view text) {
  auto status = TryAdd(system, text);
  if (!status) anomalies_.Add(Anomaly::kFormatNotUsable);
  return status;
}

Status FormatTable::TryAdd(std::string_view system, std::string_view text) {
  std::string event = "an event of " + std::string(IsSystem(system) ? system : "a system without a name");
  const auto refuse = [&](Error error) {
    error.cause = "the format of " + event + " " + error.cause;
    error.remedy = kFormatRemedy;
    return Fail(std::move(error));
  };
  if (!IsSystem(system)) return refuse({ErrorCode::kCorrupt, "is not one of a kernel"});
  auto learned = format_learn::LearnFormat(text, machine_);
  if (!learned) {
    const std::string_view name = NameIn(text);
    if (IsSystem(name)) event = std::string(system) + "/" + std::string(name);
    return refuse(learned.error());
  }
  event = std::string(system) + "/" + learned->name;
  if (const EventFormat* known = ById(learned->id); known != nullptr) {
    if (known->system == system && known->text == text) return {};
    return refuse({ErrorCode::kCorrupt, "has ID " + std::to_string(learned->id) + ", which " + known->system + "/" +
                                            known->name + " has already"});
  }
  auto common = TakeCommon(&learned->fields);
  if (!common) return refuse(common.error());
  const bool same = SamePlace(common->type, common_.type) && SamePlace(common->flags, common_.flags) &&
                    SamePlace(common->preempt_count, common_.preempt_count) && SamePlace(common->pid, common_.pid);
  if (have_common_ && !same) {
    return refuse({ErrorCode::kCorrupt, "has its common fields where the formats in front of it do not"});
  }
  if (!have_common_) common_ = *std::move(common);
  have_common_ = true;

  EventFormat format;
  format.id = learned->id;
  format.type = EventTypeOf(system, learned->name);
  format.system = system;
  format.name = std::move(learned->name);
  format.fields = std::move(learned->fields);
  // kernel/trace/trace_probe.h: FIELD_STRING_IP, and FIELD_STRING_FUNC of return probes.
  if (format.Find("__probe_ip") != nullptr || format.Find("__probe_func") != nullptr) {
    format.type = ProbeTypeOf(format.name);
  }
  format.text = text;
  format.fixed_size = common_.size;
  for (const FieldSpec& field : format.fields) {
    format.fixed_size = std::max(format.fixed_size, static_cast<uint16_t>(field.offset + field.size));
    format.has_loc = format.has_loc || field.kind == FieldKind::kLocText || field.kind == FieldKind::kLocBytes;
  }
  if (format.type == EventType::kSchedSwitch) prev_states_ = PrevStates::FromPrintFmt(learned->print_fmt);
  Insert(std::move(format));
  return {};
}

void FormatTable::Insert(EventFormat format) {
  if (by_id_.size() <= format.id) by_id_.resize(format.id + size_t{1}, -1);
  by_id_[format.id] = static_cast<int>(events_.size());
  if (int& first = by_type_[static_cast<size_t>(format.type)]; first < 0) first = static_cast<int>(events_.size());
  text_hashes_.push_back(XXH3_64bits(format.text.data(), format.text.size()));
  events_.push_back(std::move(format));
}

const EventFormat* FormatTable::ByType(EventType type) const {
  const int index = type == EventType::kGeneric ? -1 : by_type_[static_cast<size_t>(type)];
  return index < 0 ? nullptr : &events_[static_cast<size_t>(index)];
}

const EventFormat* FormatTable::Find(std::string_view system, std::string_view name) const {
  for (const EventFormat& event : events_) {
    if (event.name == name && event.system == system) return &event;
  }
  return nullptr;
}

uint64_t FormatTable::Hash() const {
  std::vector<uint8_t> bytes;
  bytes.reserve(events_.size() * 24 + 64);
  for (const uint64_t value : {uint64_t{machine_.order == std::endian::big}, uint64_t{machine_.long_size},
                               uint64_t{page_.timestamp_offset}, uint64_t{page_.commit_offset},
                               uint64_t{page_.commit_size}, uint64_t{page_.data_offset}, uint64_t{page_.page_size}}) {
    AppendNumber(&bytes, value);
  }
  for (const int index : by_id_) {
    if (index < 0) continue;
    const auto at = static_cast<size_t>(index);
    const std::string& system = events_[at].system;
    AppendNumber(&bytes, system.size());
    bytes.insert(bytes.end(), system.begin(), system.end());
    AppendNumber(&bytes, text_hashes_[at]);  // of the text, which has the id and the name in it
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace wakewatch
