#include "server/store/annotations.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "server/store/quarantine.h"
#include "server/store/schema.h"
#include "server/store/store_check.h"

namespace wakewatch {
namespace {

constexpr int kVersion = 1;
constexpr int64_t kApplicationId = 0x5757414e;  // "WWAN"
constexpr const char* kSchema = R"sql(
BEGIN;
CREATE TABLE annotation(
  host TEXT NOT NULL, group_id TEXT NOT NULL,
  triage INTEGER NOT NULL,          -- 0: none, 1: acknowledged, 2: muted
  note TEXT NOT NULL, author TEXT NOT NULL, changed_real_ns INTEGER NOT NULL,
  PRIMARY KEY(host, group_id)) WITHOUT ROWID;
CREATE INDEX annotation_by_time ON annotation(changed_real_ns);
CREATE INDEX annotation_muted ON annotation(host, group_id) WHERE triage = 2;
PRAGMA application_id = 0x5757414e;
PRAGMA user_version = 1;
COMMIT)sql";

constexpr size_t kHostBytesMax = 253, kGroupBytesMax = 64;

// Also what keeps a group's id harmless in SQL and JSON.
bool IsGroupId(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= kGroupBytesMax && std::all_of(text.begin(), text.end(), plain);
}

// Bytes of the UTF-8 character at the beginning of `text`; 0: there is none. Source: RFC 3629.
size_t Utf8Character(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return first == 0 ? 0 : 1;
  if (first >= 0xc2 && first < 0xe0) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    const bool shortest = first != 0xe0 || second >= 0xa0, surrogate = first == 0xed && second >= 0xa0;
    return follows(1) && follows(2) && shortest && !surrogate ? 3 : 0;
  }
  if (first < 0xf0 || first > 0xf4) return 0;
  const bool in_range = (first != 0xf0 || second >= 0x90) && (first != 0xf4 || second < 0x90);
  return follows(1) && follows(2) && follows(3) && in_range ? 4 : 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = Utf8Character(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

Status Validate(const Annotation& annotation) {
  const auto refuse = [](std::string cause, std::string remedy = {}) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument, .cause = std::move(cause), .remedy = std::move(remedy)});
  };
  if (annotation.host.empty()) return refuse("an annotation names its host");
  if (annotation.host.size() > kHostBytesMax || !IsUtf8(annotation.host)) return refuse("this is no name of a host");
  if (!IsGroupId(annotation.group_id)) return refuse("this is no id of a group", "Finding.group_id has it");
  if (annotation.note.size() > kNoteBytesMax) {
    return refuse("the note has " + std::to_string(annotation.note.size()) + " bytes, " +
                      std::to_string(kNoteBytesMax) + " are the limit",
                  "say the rest elsewhere and name the place");
  }
  if (!IsUtf8(annotation.note)) return refuse("the note is not UTF-8, or has a NUL in it");
  return {};
}

Annotation ReadRow(const Statement& row) {
  const int64_t triage = row.Integer(2);
  return {row.Text(0), row.Text(1), triage == 2 ? Triage::kMuted : triage == 1 ? Triage::kAcknowledged : Triage::kNone,
          row.Text(3), row.Text(4), row.Unsigned(5)};
}

// Error kUnsupported: another program's file, or a newer version's, which must not be lost to an older program.
Result<bool> IsNew(const Database& db) {
  const auto id = db.Integer("PRAGMA application_id"), version = db.Integer("PRAGMA user_version");
  if (!id || !version) return tl::unexpected<Error>(!id ? id.error() : version.error());
  const auto tables = db.Integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected<Error>(tables.error());
  if (*id == 0 && *version == 0 && *tables == 0) return true;
  if (*id == kApplicationId && *version == kVersion) return false;
  return Fail(Error{ErrorCode::kUnsupported,
                    *id == kApplicationId ? "it is of version " + std::to_string(*version) + ", of a newer wakewatch"
                                          : "it is another program's database",
                    db.path(),
                    {},
                    "use the wakewatch that wrote it, or move it away"});
}

// Whether the file is of no use where it is.
bool IsDamaged(const std::string& path, const Error& error) {
  if (error.code == ErrorCode::kUnsupported) return !HasSqliteHeader(path, false);
  return error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kTruncated;
}

}  // namespace

std::string AnnotationsPath(const std::string& data_folder) { return data_folder + "/annotations.db"; }

Status CheckAnnotations(const std::string& data_folder, bool full) {
  const std::string path = AnnotationsPath(data_folder);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  // SQLite takes a log only as far as it adds up, and says nothing of the rest.
  STORE_TRY(CheckLog(path));
  const auto db = Database::Open(path, Database::Mode::kRead);
  if (!db) return tl::unexpected<Error>(db.error());
  if (const auto is_new = IsNew(*db); !is_new) return tl::unexpected<Error>(is_new.error());
  return full ? CheckPages(*db) : Status();
}

std::unique_ptr<Annotations> Annotations::Open(const std::string& data_folder, size_t most) {
  std::unique_ptr<Annotations> annotations(new Annotations(data_folder, most));
  auto opened = annotations->OpenFile();
  if (!opened && IsDamaged(AnnotationsPath(data_folder), opened.error())) {
    opened = annotations->PutAwayDamaged(opened.error());
  }
  if (!opened) {
    annotations->db_ = Database();
    annotations->problem_ = opened.error();
    annotations->problem_.cause = "annotations are not kept: " + annotations->problem_.cause;
    annotations->warnings_.push_back(annotations->problem_.Text());
  }
  return annotations;
}

Status Annotations::PutAwayDamaged(const Error& error) {
  db_ = Database();
  const auto moved = PutAway(data_folder_, AnnotationsPath(data_folder_), error);
  if (!moved) return tl::unexpected<Error>(moved.error());
  warnings_.push_back(error.Text() + "; it was moved to " + *moved + ", and annotations begin anew");
  return OpenFile();
}

Status Annotations::OpenFile() {
  const std::string path = AnnotationsPath(data_folder_);
  if (const auto log = CheckLog(path); !log) warnings_.push_back(log.error().Text());
  auto db = Database::Open(path, Database::Mode::kCreate);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  const auto is_new = IsNew(*db);
  if (!is_new) return tl::unexpected<Error>(is_new.error());
  if (*is_new) {
    STORE_TRY(db->Exec("PRAGMA page_size = 4096"));
    STORE_TRY(db->Exec(kSchema));
  } else {
    STORE_TRY(CheckPages(*db));
  }
  STORE_TRY(db->Exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  const auto count = db->Integer("SELECT count(*) FROM annotation");
  if (!count) return tl::unexpected<Error>(count.error());
  count_ = static_cast<size_t>(*count);
  db_ = std::move(*db);
  return {};
}

Status Annotations::Put(const Annotation& annotation) {
  STORE_TRY(Validate(annotation));
  const std::lock_guard lock(mutex_);
  if (db_.get() == nullptr) return tl::unexpected<Error>(problem_);
  auto known = db_.Prepare("SELECT 1 FROM annotation WHERE host = ?1 AND group_id = ?2");
  if (!known) return tl::unexpected<Error>(std::move(known.error()));
  known->Bind(annotation.host, annotation.group_id);
  const auto row = known->Step();
  if (!row) return tl::unexpected<Error>(row.error());
  known->Reset();
  const bool forget = annotation.triage == Triage::kNone && annotation.note.empty();
  if (forget && !*row) return {};
  if (!forget && !*row && count_ >= most_) {
    return Fail(Error{.code = ErrorCode::kTooLarge,
                      .cause = "there are as many annotations as are kept, " + std::to_string(most_),
                      .remedy = "take away some that nobody needs"});
  }
  auto change = db_.Prepare(forget ? "DELETE FROM annotation WHERE host = ?1 AND group_id = ?2"
                                   : "INSERT OR REPLACE INTO annotation(host, group_id, triage, note, author, "
                                     "changed_real_ns) VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
  if (!change) return tl::unexpected<Error>(std::move(change.error()));
  STORE_TRY(forget ? change->Run(annotation.host, annotation.group_id)
                   : change->Run(annotation.host, annotation.group_id, static_cast<int>(annotation.triage),
                                 annotation.note, annotation.author, annotation.changed_real_ns));
  if (forget) {
    --count_;
  } else if (!*row) {
    ++count_;
  }
  return {};
}

Result<std::vector<Annotation>> Annotations::List(std::string_view host, std::string_view group_id,
                                                  size_t bytes_max) const {
  const std::lock_guard lock(mutex_);
  if (db_.get() == nullptr) return tl::unexpected<Error>(problem_);
  auto rows = db_.Prepare(
      "SELECT host, group_id, triage, note, author, changed_real_ns FROM annotation WHERE (?1 = '' OR host = ?1) AND "
      "(?2 = '' OR group_id = ?2) ORDER BY changed_real_ns DESC, host, group_id");
  if (!rows) return tl::unexpected<Error>(std::move(rows.error()));
  rows->Bind(host, group_id);
  std::vector<Annotation> annotations;
  size_t bytes = 0;
  for (auto row = rows->Step();; row = rows->Step()) {
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return annotations;
    Annotation& one = annotations.emplace_back(ReadRow(*rows));
    constexpr size_t kAround = 40;  // of a message's numbers and lengths
    bytes += one.host.size() + one.group_id.size() + one.note.size() + one.author.size() + kAround;
    if (bytes <= bytes_max) continue;
    return Fail(Error{.code = ErrorCode::kTooLarge,
                      .cause = "there are more annotations than one answer holds",
                      .remedy = "ask for those of one host, or of one group"});
  }
}

std::set<std::string> Annotations::Muted(std::string_view host) const {
  const std::lock_guard lock(mutex_);
  if (db_.get() == nullptr) return {};
  auto rows = db_.Prepare("SELECT group_id FROM annotation WHERE host = ?1 AND triage = 2");
  if (!rows) return {};
  rows->Bind(host);
  std::set<std::string> groups;
  auto row = rows->Step();
  for (; row && *row; row = rows->Step()) {
    if (std::string group = rows->Text(0); IsGroupId(group)) groups.insert(std::move(group));
  }
  return row ? groups : std::set<std::string>();
}

}  // namespace wakewatch
