// Why: what the event tables look like: their names, their columns, and where in a chunk each column comes from.
// `event` has every event; each event format has a table of its own with its fields as columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/store/stored_formats.h"

namespace wakewatch {

enum class ColumnKind : uint8_t {
  kId,
  kTime,
  kCpu,
  kType,
  kPid,  // the acting task, common_pid
  kFlags,
  kPreemptCount,
  kArgs,       // the whole event as text
  kField,      // as the format says: integer, text or bytes
  kSymbol,     // name of the function a field points to
  kPrevState,  // letters of a prev_state field
};

struct TableColumn {
  std::string name;
  ColumnKind kind = ColumnKind::kField;
  std::vector<int> field;  // by format set: index into EventFormat::fields; -1: absent. Empty for common columns
};

struct EventShape {
  std::string name;           // of the table, unique, usable unquoted unless the event's name is not
  std::string system, event;  // empty: all events
  std::vector<TableColumn> columns;
  std::vector<int> format;  // by format set: see ScanRange::format

  int Find(std::string_view column) const;  // -1: none
  // "CREATE TABLE x(…)" for sqlite3_declare_vtab.
  std::string Declaration() const;
};

// The first is `event`; then one for each event that any of the format sets has. An event whose name is taken (by
// another system's event or a table of the recording) is called SYSTEM_EVENT.
std::vector<EventShape> EventShapes(const ChunkFormatsList& formats);

// CREATE TEMP VIEW statements for `softirq` and `work`, which gather the phases of one thing.
std::vector<std::string> EventViews(const std::vector<EventShape>& shapes);

// `name` as an SQL identifier, in double quotes.
std::string QuotedName(std::string_view name);

}  // namespace wakewatch
