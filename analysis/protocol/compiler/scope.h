// Why: what a name stands for where it is used.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "analysis/protocol/compiler/emitter.h"

namespace wakewatch::protocol {

// Something in the state that tasks share: a global, or a field of a task. Or, of a struct, the whole of it.
struct Ref {
  enum class Base : uint8_t {
    kGlobal,
    kTask,     // of the task number `index`
    kCurrent,  // of the running task
    kSlot,     // of the task whose number + 1 is in the local `slot`
  };
  Base base = Base::kGlobal;
  uint32_t index = 0;
  Slot slot;
  uint32_t offset = 0;  // of a global: from the start of the state; else of the task's region
  Type type;
  uint8_t initial = 0;
  std::string name;  // "done", "worker.exited"; of kCurrent and kSlot without the task: ".exited"
};

struct Scope;

struct Binding {
  enum class Kind : uint8_t {
    kConst,
    kRef,
    kLocal,
    kTask,     // a task that the text names
    kCurrent,  // the running task
    kMany,     // a name that stands for several tasks
    kMacro,    // an expression of the caller's
  };
  Kind kind = Kind::kConst;
  int64_t value = 0;
  Ref ref;
  Slot slot;
  uint32_t task = 0;
  const Expr* expr = nullptr;
  const Scope* scope = nullptr;  // where `expr` is to be read
};

struct Scope {
  const Scope* outer = nullptr;
  std::map<std::string, Binding> names = {};

  const Binding* Find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
      const auto found = scope->names.find(name);
      if (found != scope->names.end()) return &found->second;
    }
    return nullptr;
  }
};

}  // namespace wakewatch::protocol
