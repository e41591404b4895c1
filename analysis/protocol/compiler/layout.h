// Why: where in the state each variable lies. Types are few: a value of up to a byte, a task, a list, or a struct of
// these. Fields that no code of a protocol touches take no room, so that the prelude may be complete and states small.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analysis/protocol/language/ast.h"
#include "analysis/protocol/program.h"

namespace wakewatch::protocol {

enum class TypeKind : uint8_t { kValue, kTask, kList, kTaskList, kStruct };
struct Type {
  TypeKind kind = TypeKind::kValue;
  uint32_t structure = 0;  // of kStruct: index into Layout::structs
  uint8_t max = 255;       // of kValue
};

struct Field {
  std::string name;
  Type type;
  uint32_t offset = 0;  // in its struct
  uint8_t initial = 0;
};
struct StructLayout {
  std::string name;
  std::vector<Field> fields;
  uint32_t bytes = 0;
  const Field* Named(const std::string& field) const;
};

// "completion.done": fields that code touches.
using FieldUse = std::set<std::string>;

class Layout {
 public:
  // `list_entries`: how many entries lists have. `used`: null: every field has room.
  Layout(const std::vector<StructDecl>& structs, const std::map<std::string, int64_t>& constants, uint32_t list_entries,
         const FieldUse* used);

  const std::vector<StructLayout>& structs() const { return structs_; }
  // The first thing wrong with the declarations; empty where nothing is.
  const std::string& error() const { return error_; }
  Place error_place() const { return error_place_; }

  // False where there is no such type.
  bool TypeNamed(const std::string& name, Type* type) const;
  uint32_t Bytes(const Type& type) const;
  // Appends the words of one variable.
  void AddWords(const Type& type, uint8_t initial, const std::string& name, uint8_t tasks,
                std::vector<Word>* words) const;
  uint32_t list_entries() const { return list_entries_; }

 private:
  void Add(const StructDecl& decl, const std::map<std::string, int64_t>& constants, const FieldUse* used);

  const uint32_t list_entries_;
  std::vector<StructLayout> structs_;
  std::string error_;
  Place error_place_;
};

// The value of an expression of numbers, `constants` and operators; false where it is none.
bool ConstantValue(const Expr& expr, const std::map<std::string, int64_t>& constants, int64_t* value);
// False for operators that it does not know, and for a division by 0.
bool Calculate(const std::string& op, int64_t left, int64_t right, int64_t* value);

}  // namespace wakewatch::protocol
