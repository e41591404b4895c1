#include "collector/event_formats.h"

#include <algorithm>
#include <bit>

#include "collector/file_io.h"

namespace wakewatch {
namespace {

// Adds one event's format to both halves of *formats.
Status AddFormat(const ReadEventFile& read, const std::string& event, EventFormats* formats) {
  auto text = read(event + "/format");
  if (!text) return Fail(text.error());
  const std::string system = event.substr(0, event.find('/'));
  if (auto added = formats->table.Add(system, *text); !added) return Fail(added.error());
  formats->delta.events.push_back({system, *std::move(text)});
  return {};
}

}  // namespace

ReadEventFile EventFilesBelow(const std::string& events_folder) {
  return [events_folder](const std::string& file) { return ReadTextFile(events_folder + "/" + file); };
}

Result<EventFormats> LoadEventFormats(const ReadEventFile& read, const std::vector<std::string>& events,
                                      uint32_t page_bytes, std::vector<std::string>* warnings) {
  const auto header = read("header_page");
  if (!header) return Fail(header.error());
  const FormatTable::Machine machine{std::endian::native, sizeof(long)};
  auto table = FormatTable::Create(machine, *header);
  if (!table) {
    Error error = table.error();
    error.file = "header_page";
    return Fail(std::move(error));
  }
  EventFormats formats{*std::move(table), {}, {}};
  formats.table.set_page_size(page_bytes);
  for (const std::string& event : events) {
    if (auto added = AddFormat(read, event, &formats); added) {
      formats.usable.push_back(event);
    } else {
      warnings->push_back(event + " is left out: " + added.error().Text());
    }
  }
  // Not every kernel has all of these, and nothing is lost without them.
  for (const char* marker : {"ftrace/print", "ftrace/bprint", "ftrace/bputs", "ftrace/raw_data"}) {
    (void)AddFormat(read, marker, &formats);
  }
  formats.delta.hash = formats.table.Hash();
  formats.delta.long_size = machine.long_size;
  formats.delta.big_endian = machine.order == std::endian::big;
  formats.delta.page_size = page_bytes;
  formats.delta.header_page = *header;
  return formats;
}

std::optional<size_t> FormatIndex(const FormatTable& table, const std::string& event) {
  const size_t slash = std::min(event.find('/'), event.size() - 1);
  const EventFormat* const format = table.Find(event.substr(0, slash), event.substr(slash + 1));
  if (format == nullptr) return std::nullopt;
  return static_cast<size_t>(format - table.events().data());
}

bool HasSameId(const ReadEventFile& read, const FormatTable& table, const std::string& event) {
  const auto index = FormatIndex(table, event);
  const auto text = read(event + "/id");
  uint64_t id = 0;
  return index && text && ParseUnsigned(*text, &id) && id == table.events()[*index].id;
}

}  // namespace wakewatch
