#include "analysis/trace/format_learn.h"

#include <traceevent/event-parse.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "analysis/trace/trace_text.h"

namespace wakewatch::format_learn {
namespace {

constexpr size_t kLineBytesMax = 1024;
constexpr size_t kFieldsMax = 1024;  // real events have fewer than 100
constexpr std::string_view kWhite = " \t";

bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool IsWord(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), IsWordChar); }

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kWhite);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

// "offset:24;" at the front of *line.
bool TakeNumber(std::string_view key, std::string_view* line, uint32_t* value) {
  *line = Trim(*line);
  if (!line->starts_with(key)) return false;
  line->remove_prefix(key.size());
  const size_t end = line->find(';');
  if (end == std::string_view::npos || !ParseNumber(line->substr(0, end), 10, value)) return false;
  line->remove_prefix(end + 1);
  return true;
}

// Without "__attribute__((btf_type_tag("user")))", which kernels built with clang leave in. An unbalanced one stays,
// and is refused for its parentheses.
std::string WithoutAttributes(std::string_view text) {
  constexpr std::string_view kAttribute = "__attribute__";
  std::string kept;
  while (true) {
    const size_t at = text.find(kAttribute);
    kept += text.substr(0, at);
    if (at == std::string_view::npos) return kept;
    size_t end = at + kAttribute.size();
    int depth = 0;
    do {
      if (end >= text.size()) return std::string(text);
      depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
      ++end;
    } while (depth > 0);
    text.remove_prefix(end);
  }
}

// "struct sock * sk": words and stars, two words at least, a word at each end.
bool IsTypeAndName(std::string_view text) {
  bool star = true;
  size_t words = 0;
  while (!(text = Trim(text)).empty()) {
    const size_t size = text[0] == '*' ? 1 : std::min(text.find_first_of(" \t*"), text.size());
    star = text[0] == '*';
    if (star ? words == 0 : !IsWord(text.substr(0, size))) return false;
    words += !star;
    text.remove_prefix(size);
  }
  return words >= 2 && !star;
}

// "char comm[16]", "__u8 saddr[sizeof(struct sockaddr_in6)]", "__data_loc char[] name". libtraceevent replaces words
// that end in _PR_FMT by quoted text.
bool IsDeclaration(std::string_view text) {
  const auto odd = [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\'' || c == '\\'; };
  if (std::any_of(text.begin(), text.end(), odd) || text.find("_PR_FMT") != std::string_view::npos) return false;
  const size_t open = text.find('[');
  if (!IsTypeAndName(text.substr(0, open))) return false;
  if (open == std::string_view::npos) return true;
  const size_t close = text.find(']', open);
  if (close == std::string_view::npos || text.find('[', open + 1) < close) return false;
  const std::string_view rest = Trim(text.substr(close + 1));
  return rest.empty() || IsWord(rest);
}

Error Refused(ErrorCode code, std::string cause) { return Error{code, std::move(cause)}; }

struct Lines {
  std::string_view name, id, print_fmt;
  std::vector<FieldLine> fields;
};

Result<Lines> SplitText(std::string_view text) {
  constexpr std::string_view kPrint = "print fmt:";
  Lines lines;
  bool in_fields = false;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const std::string_view trimmed = Trim(line);
    if (trimmed.empty()) continue;
    if (trimmed.starts_with(kPrint)) {
      // To the end of the text: quoted line feeds are a part of it. Its absence means that the text was cut.
      lines.print_fmt = {trimmed.data() + kPrint.size(),
                         static_cast<size_t>(text.data() + text.size() - trimmed.data()) - kPrint.size()};
      return lines;
    }
    if (!in_fields) {
      in_fields = trimmed == "format:";
      if (trimmed.starts_with("name:")) lines.name = Trim(trimmed.substr(5));
      if (trimmed.starts_with("ID:")) lines.id = Trim(trimmed.substr(3));
      continue;
    }
    auto field = ParseFieldLine(line);
    if (!field) {
      return Fail(
          Refused(ErrorCode::kCorrupt, "has a line that describes no field: " + std::string(line.substr(0, 80))));
    }
    if (lines.fields.size() == kFieldsMax) {
      return Fail(Refused(ErrorCode::kTooLarge, "has more than " + std::to_string(kFieldsMax) + " fields"));
    }
    lines.fields.push_back(*std::move(field));
  }
  return Fail(Refused(ErrorCode::kCorrupt, "ends before its print fmt"));
}

// The same text without anything that was not checked. libtraceevent takes what stands in front of the first empty line
// for the common fields; here all stand there. The print fmt is not for the layout, and parsing it costs most of the
// time.
std::string CheckedText(const Lines& lines) {
  std::string text = "name: " + std::string(lines.name) + "\nID: " + std::string(lines.id) + "\nformat:\n";
  for (const FieldLine& field : lines.fields) {
    text += "\tfield:" + field.declaration + ";\toffset:" + std::to_string(field.offset) +
            ";\tsize:" + std::to_string(field.size) + ";\tsigned:" + (field.is_signed ? "1;\n" : "0;\n");
  }
  return text + "\n\nprint fmt: \"x\"\n";
}

// "__data_loc char[]", "char[16]", "const char[8]", "u8[4]": without the location and the brackets.
std::string_view ElementType(std::string_view type) {
  for (const std::string_view word : {"__data_loc", "__rel_loc", "const"}) {
    if (type.starts_with(word)) type = Trim(type.substr(word.size()));
  }
  return Trim(type.substr(0, type.find('[')));
}

FieldKind KindOf(const tep_format_field& field) {
  const bool text = (field.flags & TEP_FIELD_IS_ARRAY) != 0 && ElementType(field.type) == "char";
  if ((field.flags & TEP_FIELD_IS_DYNAMIC) != 0) return text ? FieldKind::kLocText : FieldKind::kLocBytes;
  if ((field.flags & TEP_FIELD_IS_ARRAY) != 0) return text ? FieldKind::kText : FieldKind::kBytes;
  const bool whole = field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8;
  const std::string_view type = ElementType(field.type);
  const bool structure = type.starts_with("struct ") || type.starts_with("union ");
  const bool pointer = (field.flags & TEP_FIELD_IS_POINTER) != 0;
  if (!whole || (structure && !pointer)) return FieldKind::kBytes;
  return (field.flags & TEP_FIELD_IS_SIGNED) != 0 ? FieldKind::kSigned : FieldKind::kUnsigned;
}

FieldSpec SpecOf(const tep_format_field& field) {
  FieldSpec spec;
  spec.name = field.name;
  spec.type = field.type;
  spec.offset = static_cast<uint16_t>(field.offset);
  spec.size = static_cast<uint16_t>(field.size);
  spec.kind = KindOf(field);
  spec.relative = (field.flags & TEP_FIELD_IS_RELATIVE) != 0;
  const bool integer = spec.kind == FieldKind::kSigned || spec.kind == FieldKind::kUnsigned;
  spec.pointer = integer && (field.flags & TEP_FIELD_IS_POINTER) != 0;
  if (spec.pointer) spec.kind = FieldKind::kUnsigned;
  return spec;
}

// Every later read of a field checks the record's size and nothing else.
Status CheckFields(const std::vector<FieldSpec>& fields) {
  uint32_t end = 0;
  for (const FieldSpec& field : fields) {
    if (field.offset < end) {
      return Fail(Refused(ErrorCode::kCorrupt, "places " + field.name + " over the field in front of it"));
    }
    const bool loc = field.kind == FieldKind::kLocText || field.kind == FieldKind::kLocBytes;
    if (loc && field.size != 4) {
      return Fail(Refused(ErrorCode::kUnsupported, "has a __data_loc of " + std::to_string(field.size) + " bytes, " +
                                                       field.name + "; those of four bytes are read"));
    }
    end = uint32_t{field.offset} + field.size;
  }
  return {};
}

struct FreeTep {
  void operator()(tep_handle* tep) const { tep_free(tep); }
};

}  // namespace

std::string_view FieldLine::name() const {
  const std::string_view front = Trim(std::string_view(declaration).substr(0, declaration.find('[')));
  const size_t space = front.find_last_of(" \t*");
  return space == std::string_view::npos ? front : front.substr(space + 1);
}

std::optional<FieldLine> ParseFieldLine(std::string_view line) {
  constexpr std::string_view kField = "field:";
  line = Trim(line);
  const size_t end = line.find(';');
  if (line.size() > kLineBytesMax || !line.starts_with(kField) || end == std::string_view::npos) return {};
  FieldLine field;
  field.declaration = Trim(WithoutAttributes(line.substr(kField.size(), end - kField.size())));
  line.remove_prefix(end + 1);
  if (!IsDeclaration(field.declaration)) return {};
  if (!TakeNumber("offset:", &line, &field.offset) || !TakeNumber("size:", &line, &field.size)) return {};
  uint32_t is_signed = 0;  // kernels before 2.6.32 do not say
  if (!Trim(line).empty() && !TakeNumber("signed:", &line, &is_signed)) return {};
  if (!Trim(line).empty()) return {};
  field.is_signed = is_signed != 0;
  return field;
}

Result<Learned> LearnFormat(std::string_view text, FormatTable::Machine machine) {
  if (text.size() > kTextBytesMax) return Fail(Refused(ErrorCode::kTooLarge, "is larger than 1 MiB"));
  const auto lines = SplitText(text);
  if (!lines) return Fail(lines.error());
  uint32_t id = 0;
  if (!IsWord(lines->name)) return Fail(Refused(ErrorCode::kCorrupt, "does not say the event's name"));
  if (!ParseNumber(lines->id, 10, &id) || id > UINT16_MAX) {
    return Fail(Refused(ErrorCode::kCorrupt, "has no ID between 0 and 65535"));
  }
  for (const FieldLine& field : lines->fields) {
    if (field.offset > kRecordBytesMax || field.size > kRecordBytesMax - field.offset) {
      return Fail(Refused(ErrorCode::kCorrupt, "places " + std::string(field.name()) + " outside the record"));
    }
  }

  // A handle keeps every event it has parsed, so each event gets its own. Its complaints would go to the terminal.
  [[maybe_unused]] static const bool quiet = (tep_set_loglevel(TEP_LOG_NONE), true);
  const std::unique_ptr<tep_handle, FreeTep> tep(tep_alloc());
  if (tep == nullptr) return Fail(Refused(ErrorCode::kInternal, "cannot be parsed: out of memory"));
  tep_set_file_bigendian(tep.get(), machine.order == std::endian::big ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
  tep_set_long_size(tep.get(), machine.long_size);
  const std::string checked = CheckedText(*lines);
  tep_event* event = nullptr;
  if (tep_parse_format(tep.get(), &event, checked.c_str(), checked.size(), "events") != 0 || event == nullptr) {
    return Fail(Refused(ErrorCode::kUnsupported, "cannot be parsed by libtraceevent"));
  }
  Learned learned{event->name, static_cast<uint16_t>(id), {}, lines->print_fmt};
  for (const tep_format_field* list : {event->format.common_fields, event->format.fields}) {
    for (const tep_format_field* field = list; field != nullptr; field = field->next) {
      learned.fields.push_back(SpecOf(*field));
    }
  }
  std::stable_sort(learned.fields.begin(), learned.fields.end(),
                   [](const FieldSpec& a, const FieldSpec& b) { return a.offset < b.offset; });
  if (auto status = CheckFields(learned.fields); !status) return Fail(status.error());
  return learned;
}

}  // namespace wakewatch::format_learn
