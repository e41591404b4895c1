#include "server/store/event_shapes.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <utility>

#include "server/store/event_cursor.h"
#include "server/store/schema.h"

namespace wakewatch {
namespace {

constexpr size_t kTablesMax = 4096;  // a hostile file may announce 65536 formats; all events are in `event` anyway

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Gives each name out once; SQL does not tell upper from lower case.
class Names {
 public:
  bool Take(const std::string& name) { return taken_.insert(Lower(name)).second; }

 private:
  std::set<std::string> taken_;
};

const EventFormat* FormatIn(const ChunkFormats& set, const EventShape& shape) {
  return set.table->Find(shape.system, shape.event);
}

void AddFields(const EventFormat& format, Names* names, EventShape* shape, std::vector<std::string>* fields) {
  const auto add = [&](std::string name, ColumnKind kind, const std::string& field) {
    while (!names->Take(name)) name = "arg_" + name;
    shape->columns.push_back({std::move(name), kind, {}});
    fields->push_back(field);
  };
  for (const FieldSpec& field : format.fields) {
    add(field.name, ColumnKind::kField, field.name);
    const bool integer = field.kind == FieldKind::kSigned || field.kind == FieldKind::kUnsigned;
    if (integer && (field.name == "function" || field.name == "func")) {
      add(field.name + "_name", ColumnKind::kSymbol, field.name);
    }
    if (integer && field.name == "prev_state") add("prev_state_text", ColumnKind::kPrevState, field.name);
  }
}

EventShape ShapeOf(const EventFormat& format, std::string name, const ChunkFormatsList& formats) {
  EventShape shape;
  shape.name = std::move(name);
  shape.system = format.system;
  shape.event = format.name;
  // The kernel's own names for the common fields: many events have a pid, flags or cpu of their own.
  const std::pair<const char*, ColumnKind> common[] = {{"id", ColumnKind::kId},
                                                       {"ts", ColumnKind::kTime},
                                                       {"cpu", ColumnKind::kCpu},
                                                       {"common_pid", ColumnKind::kPid},
                                                       {"common_flags", ColumnKind::kFlags},
                                                       {"common_preempt_count", ColumnKind::kPreemptCount}};
  Names names;
  for (const auto& [column, kind] : common) {
    names.Take(column);
    shape.columns.push_back({column, kind, {}});
  }
  std::vector<std::string> fields;
  AddFields(format, &names, &shape, &fields);
  const size_t first_field = std::size(common);
  for (const ChunkFormats& set : formats.all()) {
    const EventFormat* own = FormatIn(set, shape);
    shape.format.push_back(own == nullptr ? kNoFormat : static_cast<int>(own - set.table->events().data()));
    for (size_t i = 0; i < fields.size(); ++i) {
      const FieldSpec* field = own == nullptr ? nullptr : own->Find(fields[i]);
      shape.columns[first_field + i].field.push_back(field == nullptr ? -1
                                                                      : static_cast<int>(field - own->fields.data()));
    }
  }
  return shape;
}

EventShape AllEvents(const ChunkFormatsList& formats) {
  EventShape shape;
  shape.name = "event";
  shape.columns = {{"id", ColumnKind::kId, {}},
                   {"ts", ColumnKind::kTime, {}},
                   {"cpu", ColumnKind::kCpu, {}},
                   {"type", ColumnKind::kType, {}},
                   {"pid", ColumnKind::kPid, {}},
                   {"flags", ColumnKind::kFlags, {}},
                   {"preempt_count", ColumnKind::kPreemptCount, {}},
                   {"args", ColumnKind::kArgs, {}}};
  shape.format.assign(formats.all().size(), kAllFormats);
  return shape;
}

// "NULL AS x", or "x", or "y AS x" as the table has it.
std::string Column(const EventShape& shape, std::string_view wanted, std::string_view name) {
  const std::string quoted_name = QuotedName(name);
  if (shape.Find(wanted) < 0) return "NULL AS " + quoted_name;
  return QuotedName(wanted) + " AS " + quoted_name;
}

constexpr std::string_view kVectorName =
    "CASE vec WHEN 0 THEN 'HI' WHEN 1 THEN 'TIMER' WHEN 2 THEN 'NET_TX' WHEN 3 THEN 'NET_RX' WHEN 4 THEN 'BLOCK' "
    "WHEN 5 THEN 'IRQ_POLL' WHEN 6 THEN 'TASKLET' WHEN 7 THEN 'SCHED' WHEN 8 THEN 'HRTIMER' WHEN 9 THEN 'RCU' "
    "ELSE CAST(vec AS TEXT) END AS vec_name";  // Source: include/linux/interrupt.h

struct Phase {
  const char* event;
  const char* phase;
};

const EventShape* FindShape(const std::vector<EventShape>& shapes, std::string_view system, std::string_view event) {
  const auto found = std::find_if(shapes.begin(), shapes.end(),
                                  [&](const EventShape& s) { return s.system == system && s.event == event; });
  return found == shapes.end() ? nullptr : &*found;
}

// SELECTs over the tables that exist, under one another; a view of no rows when there are none.
template <typename Select>
std::string View(const std::vector<EventShape>& shapes, const std::string& name, std::string_view system,
                 std::span<const Phase> phases, const Select& select) {
  std::string body;
  for (const Phase& phase : phases) {
    const EventShape* shape = FindShape(shapes, system, phase.event);
    if (shape != nullptr) body += (body.empty() ? "" : " UNION ALL ") + select(*shape, phase);
  }
  if (body.empty()) body = select(EventShape(), phases.front());
  return "CREATE TEMP VIEW " + name + " AS " + body;
}

std::string SelectCommon(const EventShape& shape, const Phase& phase) {
  return "SELECT " + Column(shape, "id", "id") + ", " + Column(shape, "ts", "ts") + ", " + Column(shape, "cpu", "cpu") +
         ", '" + phase.phase + "' AS phase, " + Column(shape, "common_pid", "common_pid") + ", " +
         Column(shape, "common_flags", "common_flags");
}

std::string From(const EventShape& shape) {
  return shape.name.empty() ? " WHERE 0" : " FROM temp." + QuotedName(shape.name);
}

}  // namespace

int EventShape::Find(std::string_view column) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return static_cast<int>(i);
  }
  return -1;
}

std::string EventShape::Declaration() const {
  std::string sql = "CREATE TABLE x(";
  for (const TableColumn& column : columns) {
    if (&column != &columns.front()) sql += ", ";
    sql += QuotedName(column.name);
    const bool text = column.kind == ColumnKind::kType || column.kind == ColumnKind::kArgs ||
                      column.kind == ColumnKind::kSymbol || column.kind == ColumnKind::kPrevState;
    if (text)
      sql += " TEXT";
    else if (column.kind != ColumnKind::kField)
      sql += " INTEGER";
    // Rendering a whole event costs more than all else in it: `SELECT *` leaves it out.
    if (column.kind == ColumnKind::kArgs) sql += " HIDDEN";
  }
  return sql + ")";
}

std::string QuotedName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::vector<EventShape> EventShapes(const ChunkFormatsList& formats) {
  std::vector<EventShape> shapes = {AllEvents(formats)};
  Names names;
  for (const char* name : {"event", "softirq", "work", "waits"}) names.Take(name);
  for (const char* table : RecordingTables()) names.Take(table);
  std::set<std::pair<std::string, std::string>> seen;
  for (const ChunkFormats& set : formats.all()) {
    for (const EventFormat& format : set.table->events()) {
      if (shapes.size() > kTablesMax) return shapes;
      if (!seen.emplace(format.system, format.name).second) continue;
      std::string name = format.name;
      if (Lower(name).starts_with("sqlite_") || !names.Take(name)) {
        name = format.system + "_" + format.name;
        if (!names.Take(name)) continue;
      }
      shapes.push_back(ShapeOf(format, std::move(name), formats));
    }
  }
  return shapes;
}

std::vector<std::string> EventViews(const std::vector<EventShape>& shapes) {
  static constexpr Phase kSoftirq[] = {
      {"softirq_raise", "raise"}, {"softirq_entry", "entry"}, {"softirq_exit", "exit"}};
  static constexpr Phase kWork[] = {{"workqueue_queue_work", "queue"},
                                    {"workqueue_activate_work", "activate"},
                                    {"workqueue_execute_start", "start"},
                                    {"workqueue_execute_end", "end"}};
  return {View(shapes, "softirq", "irq", kSoftirq,
               [](const EventShape& shape, const Phase& phase) {
                 const std::string name = shape.Find("vec") < 0 ? "NULL AS vec_name" : std::string(kVectorName);
                 return SelectCommon(shape, phase) + ", " + Column(shape, "vec", "vec") + ", " + name + From(shape);
               }),
          View(shapes, "work", "workqueue", kWork, [](const EventShape& shape, const Phase& phase) {
            // The event's own cpu field says where the work is queued.
            return SelectCommon(shape, phase) + ", " + Column(shape, "work", "work") + ", " +
                   Column(shape, "function", "function") + ", " + Column(shape, "function_name", "function_name") +
                   ", " + Column(shape, "workqueue", "workqueue") + ", " + Column(shape, "req_cpu", "req_cpu") + ", " +
                   Column(shape, "arg_cpu", "target_cpu") + From(shape);
          })};
}

}  // namespace wakewatch
