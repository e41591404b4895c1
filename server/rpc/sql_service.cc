#include "server/rpc/sql_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "server/rpc/report_messages.h"
#include "server/rpc/status.h"
#include "server/store/query.h"

namespace wakewatch {
namespace {

constexpr int kRowsPerMessage = 500;
constexpr size_t kSqlBytesMax = 64u << 10;

void ToMessage(const SqlValue& value, v1::SqlValue* message) {
  if (const auto* integer = std::get_if<int64_t>(&value)) message->set_integer(*integer);
  if (const auto* real = std::get_if<double>(&value)) message->set_real(*real);
  if (const auto* text = std::get_if<std::string>(&value)) message->set_text(Utf8(*text));
}

std::string TextOf(const SqlValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string() : *text;
}

// Sends rows in messages of many.
class RowSender {
 public:
  explicit RowSender(grpc::ServerWriter<v1::SqlQueryResponse>* writer) : writer_(writer) {}

  void Columns(const std::vector<std::string>& columns) {
    for (const std::string& column : columns) message_.add_columns(Utf8(column));
    Send();
  }
  bool Row(const std::vector<SqlValue>& row) {
    v1::SqlRow* const out = message_.add_rows();
    for (const SqlValue& value : row) ToMessage(value, out->add_values());
    return message_.rows_size() < kRowsPerMessage || Send();
  }
  void End(const QueryEnd& end, uint32_t part, size_t parts) {
    v1::SqlEnd* const out = message_.mutable_end();
    out->set_rows(end.rows);
    out->set_truncated(end.truncated);
    out->set_chunks_unreadable(end.chunks_unreadable);
    out->set_part(part);
    out->set_parts(static_cast<uint32_t>(parts));
    Send();
  }

 private:
  bool Send() {
    const bool sent = writer_->Write(message_);
    message_.Clear();
    return sent;
  }
  grpc::ServerWriter<v1::SqlQueryResponse>* const writer_;
  v1::SqlQueryResponse message_;
};

}  // namespace

grpc::Status SqlService::Query(grpc::ServerContext*, const v1::SqlQueryRequest* request,
                               grpc::ServerWriter<v1::SqlQueryResponse>* writer) {
  if (request->sql().size() > kSqlBytesMax) return {grpc::StatusCode::INVALID_ARGUMENT, "the statement is too long"};
  const auto parts = recordings_->Parts({request->host(), request->recording()});
  if (!parts) return ToStatus(parts.error());
  if (parts->empty()) return {grpc::StatusCode::NOT_FOUND, "nothing of this recording is stored yet"};
  const uint32_t part = request->part() == 0 ? static_cast<uint32_t>(parts->size()) : request->part();
  if (part > parts->size()) {
    return {grpc::StatusCode::NOT_FOUND, "the recording has " + std::to_string(parts->size()) + " parts"};
  }
  const auto query = RecordingQuery::Open((*parts)[part - 1]);
  if (!query) return ToStatus(query.error());
  QueryLimits limits;
  limits.rows_max =
      request->rows_max() == 0 ? limits_.sql_rows_max : std::min(request->rows_max(), limits_.sql_rows_max);
  limits.deadline = request->milliseconds_max() == 0
                        ? limits_.sql_time_max
                        : std::min(std::chrono::milliseconds(request->milliseconds_max()), limits_.sql_time_max);
  RowSender sender(writer);
  const auto end = (*query)->Run(
      request->sql(), limits, [&](const std::vector<std::string>& columns) { sender.Columns(columns); },
      [&](const std::vector<SqlValue>& row) { return sender.Row(row); });
  if (!end) return ToStatus(end.error());
  sender.End(*end, part, parts->size());
  return grpc::Status::OK;
}

grpc::Status SqlService::GetSchema(grpc::ServerContext*, const v1::GetSchemaRequest* request,
                                   v1::GetSchemaResponse* response) {
  const auto parts = recordings_->Parts({request->host(), request->recording()});
  if (!parts) return ToStatus(parts.error());
  if (parts->empty()) return {grpc::StatusCode::NOT_FOUND, "nothing of this recording is stored yet"};
  const auto query = RecordingQuery::Open(parts->back());
  if (!query) return ToStatus(query.error());
  const QueryLimits limits{.deadline = limits_.sql_time_max, .rows_max = limits_.sql_rows_max};
  const auto ignore_columns = [](const std::vector<std::string>&) {};
  const auto listed = (*query)->Run(
      "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' UNION "
      "SELECT name FROM sqlite_temp_schema WHERE type IN ('table', 'view') ORDER BY 1",
      limits, ignore_columns, [&](const std::vector<SqlValue>& row) {
        response->add_tables()->set_name(TextOf(row[0]));
        return true;
      });
  if (!listed) return ToStatus(listed.error());
  for (v1::SqlTable& table : *response->mutable_tables()) {
    const auto described = (*query)->Run("PRAGMA table_info(\"" + table.name() + "\")", limits, ignore_columns,
                                         [&](const std::vector<SqlValue>& row) {
                                           v1::SqlColumn* const column = table.add_columns();
                                           column->set_name(TextOf(row[1]));
                                           column->set_type(TextOf(row[2]));
                                           return true;
                                         });
    if (!described) return ToStatus(described.error());
  }
  return grpc::Status::OK;
}

}  // namespace wakewatch
