#include "analysis/protocol/compiler/layout.h"

#include <algorithm>

namespace wakewatch::protocol {

const Field* StructLayout::Named(const std::string& field) const {
  for (const Field& candidate : fields) {
    if (candidate.name == field) return &candidate;
  }
  return nullptr;
}

Layout::Layout(const std::vector<StructDecl>& structs, const std::map<std::string, int64_t>& constants,
               uint32_t list_entries, const FieldUse* used)
    : list_entries_(list_entries) {
  for (const StructDecl& decl : structs) {
    if (!error_.empty()) return;
    const auto same = [&](const StructLayout& layout) { return layout.name == decl.name; };
    if (std::any_of(structs_.begin(), structs_.end(), same)) {
      error_ = decl.name + " is declared twice";
      error_place_ = decl.place;
      return;
    }
    Add(decl, constants, used);
  }
}

void Layout::Add(const StructDecl& decl, const std::map<std::string, int64_t>& constants, const FieldUse* used) {
  StructLayout layout;
  layout.name = decl.name;
  for (const VarDecl& var : decl.fields) {
    Field field;
    field.name = var.name;
    error_place_ = var.place;
    if (layout.Named(var.name) != nullptr) {
      error_ = "the field " + var.name + " is declared twice";
      return;
    }
    if (!TypeNamed(var.type, &field.type)) {
      error_ = "there is no type " + var.type + " (a struct stands in front of those that hold it)";
      return;
    }
    int64_t max = field.type.max, initial = 0;
    if ((var.max && !ConstantValue(*var.max, constants, &max)) || max < 0 || max > 255 ||
        (var.initial && !ConstantValue(*var.initial, constants, &initial)) || initial < 0 || initial > max) {
      error_ = "the bound and the first value of " + var.name + " have to be constants, from 0 to 255";
      return;
    }
    field.type.max = static_cast<uint8_t>(max);
    field.initial = static_cast<uint8_t>(initial);
    field.offset = layout.bytes;
    if (used == nullptr || used->contains(decl.name + "." + var.name)) layout.bytes += Bytes(field.type);
    layout.fields.push_back(std::move(field));
  }
  structs_.push_back(std::move(layout));
}

bool Layout::TypeNamed(const std::string& name, Type* type) const {
  if (name == "bit" || name == "flag") {
    *type = {TypeKind::kValue, 0, 1};
  } else if (name == "byte" || name == "counter") {
    *type = {TypeKind::kValue, 0, 255};
  } else if (name == "task" || name == "taskref") {
    *type = {TypeKind::kTask, 0, 255};
  } else if (name == "list") {
    *type = {TypeKind::kList, 0, 255};
  } else if (name == "task_list") {
    *type = {TypeKind::kTaskList, 0, 255};
  } else {
    for (uint32_t i = 0; i < structs_.size(); ++i) {
      if (structs_[i].name != name) continue;
      *type = {TypeKind::kStruct, i, 255};
      return true;
    }
    return false;
  }
  return true;
}

uint32_t Layout::Bytes(const Type& type) const {
  switch (type.kind) {
    case TypeKind::kValue:
    case TypeKind::kTask: return 1;
    case TypeKind::kList:
    case TypeKind::kTaskList: return 1 + list_entries_;
    case TypeKind::kStruct: return structs_[type.structure].bytes;
  }
  return 0;
}

void Layout::AddWords(const Type& type, uint8_t initial, const std::string& name, uint8_t tasks,
                      std::vector<Word>* words) const {
  Word word;
  word.name = name;
  word.initial = initial;
  word.shared = true;
  word.value_names = name.ends_with(".state") ? 1 : 0;
  switch (type.kind) {
    case TypeKind::kValue:
      word.max = type.max;
      words->push_back(std::move(word));
      return;
    case TypeKind::kTask:
      word.kind = WordKind::kTask;
      word.max = tasks;
      words->push_back(std::move(word));
      return;
    case TypeKind::kList:
    case TypeKind::kTaskList:
      word.name = name + ".length";
      word.max = static_cast<uint8_t>(list_entries_);
      words->push_back(word);
      for (uint32_t i = 0; i < list_entries_; ++i) {
        word.name = name + "[" + std::to_string(i) + "]";
        word.kind = type.kind == TypeKind::kTaskList ? WordKind::kTaskEntry : WordKind::kValue;
        word.max = type.kind == TypeKind::kTaskList ? 127 : kEntryValueMask;
        words->push_back(word);
      }
      return;
    case TypeKind::kStruct:
      const StructLayout& layout = structs_[type.structure];
      for (size_t i = 0; i < layout.fields.size(); ++i) {
        const Field& field = layout.fields[i];
        const uint32_t end = i + 1 < layout.fields.size() ? layout.fields[i + 1].offset : layout.bytes;
        if (end > field.offset) AddWords(field.type, field.initial, name + "." + field.name, tasks, words);
      }
      return;
  }
}

bool Calculate(const std::string& op, int64_t left, int64_t right, int64_t* value) {
  if (op == "||")
    *value = left != 0 || right != 0;
  else if (op == "&&")
    *value = left != 0 && right != 0;
  else if (op == "|")
    *value = left | right;
  else if (op == "^")
    *value = left ^ right;
  else if (op == "&")
    *value = left & right;
  else if (op == "==")
    *value = left == right;
  else if (op == "!=")
    *value = left != right;
  else if (op == "<")
    *value = left < right;
  else if (op == "<=")
    *value = left <= right;
  else if (op == ">")
    *value = left > right;
  else if (op == ">=")
    *value = left >= right;
  else if (op == "<<" && right >= 0 && right < 16)
    *value = static_cast<int64_t>(static_cast<uint64_t>(left) << right);
  else if (op == ">>" && right >= 0 && right < 16)
    *value = left >> right;
  else if (op == "+")
    *value = left + right;
  else if (op == "-")
    *value = left - right;
  else if (op == "*")
    *value = left * right;
  else if (op == "/" && right != 0)
    *value = left / right;
  else if (op == "%" && right != 0)
    *value = left % right;
  else
    return false;
  return *value > -(int64_t{1} << 30) && *value < (int64_t{1} << 30);
}

bool ConstantValue(const Expr& expr, const std::map<std::string, int64_t>& constants, int64_t* value) {
  int64_t left = 0, right = 0;
  switch (expr.kind) {
    case ExprKind::kNumber: *value = expr.number; return true;
    case ExprKind::kName: {
      const auto found = constants.find(expr.name);
      if (found == constants.end()) return false;
      *value = found->second;
      return true;
    }
    case ExprKind::kUnary:
      if (!ConstantValue(expr.args[0], constants, &left)) return false;
      *value = expr.op == "!" ? left == 0 : expr.op == "-" ? -left : ~left;
      return true;
    case ExprKind::kBinary:
      return ConstantValue(expr.args[0], constants, &left) && ConstantValue(expr.args[1], constants, &right) &&
             Calculate(expr.op, left, right, value);
    default: return false;
  }
}

}  // namespace wakewatch::protocol
