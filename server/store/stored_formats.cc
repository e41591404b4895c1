#include "server/store/stored_formats.h"

#include <bit>
#include <string>
#include <utility>

namespace wakewatch {
namespace {

Result<FormatTable> EmptyTable(FormatTable::Machine machine, const std::string& header_page, uint32_t page_size,
                               const std::string& file) {
  auto table = FormatTable::Create(machine, header_page);
  if (!table) {
    table.error().file = file;
    return table;
  }
  if (table->page().page_size != page_size) table->set_page_size(page_size);
  return table;
}

Error Conflict(const std::string& what, const std::string& file) {
  return Error{ErrorCode::kUnsupported,
               "the event formats changed during the recording: " + what,
               file,
               {},
               "SQL over the events still works: wakewatch query FILE \"SELECT …\""};
}

}  // namespace

Result<std::vector<FormatsDelta>> LoadFormats(const Database& db) {
  auto set = db.Prepare("SELECT hash, long_size, big_endian, page_size, header_page FROM main.formats ORDER BY rowid");
  auto event = db.Prepare("SELECT system, text FROM main.format WHERE hash = ?1 ORDER BY position");
  if (!set || !event) return tl::unexpected<Error>(std::move(!set ? set.error() : event.error()));
  std::vector<FormatsDelta> sets;
  while (true) {
    const auto row = set->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return sets;
    FormatsDelta stored;
    stored.hash = set->Unsigned(0);
    stored.long_size = static_cast<uint8_t>(set->Integer(1));
    stored.big_endian = set->Integer(2) != 0;
    stored.page_size = static_cast<uint32_t>(set->Integer(3));
    stored.header_page = set->Text(4);
    event->Reset();
    event->Bind(stored.hash);
    while (true) {
      const auto format = event->Step();
      if (!format) return tl::unexpected<Error>(format.error());
      if (!*format) break;
      stored.events.push_back({event->Text(0), event->Text(1)});
    }
    sets.push_back(std::move(stored));
  }
}

FormatsDelta DeltaOf(const FormatTable& table) {
  FormatsDelta formats;
  formats.hash = table.Hash();
  formats.long_size = table.machine().long_size;
  formats.big_endian = table.machine().order == std::endian::big;
  formats.page_size = table.page().page_size;
  formats.header_page = table.header_page_text();
  for (const EventFormat& event : table.events()) formats.events.push_back({event.system, event.text});
  return formats;
}

Result<FormatTable> BuildFormats(const FormatsDelta& stored, const std::string& file) {
  const FormatTable::Machine machine{stored.big_endian ? std::endian::big : std::endian::little, stored.long_size};
  auto table = EmptyTable(machine, stored.header_page, stored.page_size, file);
  if (!table) return table;
  for (const FormatDelta& event : stored.events) {
    // A format the table does not take was not in the hash either; the comparison below decides.
    (void)table->Add(event.system, event.text);
  }
  if (table->Hash() != stored.hash) {
    return Fail(Error{ErrorCode::kCorrupt,
                      "the stored event formats do not match their checksum",
                      file,
                      {},
                      "copy the recording again from where it was made"});
  }
  return table;
}

Result<FormatTable> MergeFormats(const std::vector<const FormatTable*>& tables, const std::string& file) {
  const FormatTable& first = *tables.front();
  auto merged = EmptyTable(first.machine(), first.header_page_text(), first.page().page_size, file);
  if (!merged) return merged;
  for (const FormatTable* table : tables) {
    if (table->machine().order != first.machine().order || table->machine().long_size != first.machine().long_size ||
        table->page().page_size != first.page().page_size || table->header_page_text() != first.header_page_text()) {
      return Fail(Conflict("the machine is not the same", file));
    }
    for (const EventFormat& event : table->events()) {
      const EventFormat* known = merged->ById(event.id);
      if (known == nullptr) {
        if (auto status = merged->Add(event.system, event.text); !status) {
          return Fail(Conflict(status.error().cause, file));
        }
      } else if (known->system != event.system || known->text != event.text) {
        return Fail(Conflict(
            "event number " + std::to_string(event.id) + " was " + known->name + " and then " + event.name, file));
      }
    }
  }
  return merged;
}

const ChunkFormats* ChunkFormatsList::Find(uint64_t hash) const {
  for (const ChunkFormats& formats : list_) {
    if (formats.hash == hash) return &formats;
  }
  return nullptr;
}

}  // namespace wakewatch
