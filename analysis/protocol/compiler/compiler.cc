#include "analysis/protocol/compiler/compiler.h"

#include <algorithm>

#include "analysis/protocol/compiler/accesses.h"
#include "analysis/protocol/compiler/codegen.h"
#include "analysis/protocol/compiler/desugar.h"
#include "analysis/protocol/language/parser.h"

namespace wakewatch::protocol {

namespace {

constexpr uint8_t kBufferDepthMax = 6;
constexpr int64_t kTaskDead = 64;  // TASK_DEAD of the prelude

// What the last pass used decides what the next one has room for.
struct Pass {
  const FieldUse* fields = nullptr;
  bool stops = true, parks = true, flushes = true;
};

class Compiler {
 public:
  Compiler(const ProtocolText& prelude, const ProtocolText& text, const Desugared& desugared, const std::string& file,
           Memory memory)
      : prelude_(prelude),
        text_(text),
        decls_(desugared.tasks),
        bodies_(desugared.bodies),
        file_(file),
        memory_(memory) {}

  Result<Program> Run(const Pass& pass, Uses* uses);

 private:
  struct Code {
    const TaskDecl* decl;
    Emitter::TaskCode code;
    std::vector<uint32_t> tasks;
    std::set<std::string> companions;
  };

  bool Declare(const Pass& pass);
  bool DeclareGlobals();
  bool DeclareInlines();
  bool Add(Place place, const std::string& name, Binding binding);
  void NameTasks();
  bool Generate(Uses* uses);
  bool GenerateCompanions(Codegen* codegen);
  void PlaceTasks();
  void Relocate();
  bool Fail(Place place, std::string cause, std::string remedy = {}) {
    if (!error_) error_ = ErrorAt(file_, place, std::move(cause), std::move(remedy));
    return false;
  }

  const ProtocolText& prelude_;
  const ProtocolText& text_;
  const std::vector<TaskDecl>& decls_;
  const std::map<std::string, InlineDecl>& bodies_;
  const std::string& file_;
  const Memory memory_;
  std::optional<Error> error_;
  std::map<std::string, int64_t> constants_;
  std::optional<Layout> layout_;
  Symbols symbols_;
  Program program_;
  Emitter emitter_{&program_};
  std::vector<Code> codes_;
  std::deque<TaskDecl> companions_;
};

// "kworker/events": events
std::string PoolOf(const TaskDecl& worker) { return worker.name.substr(worker.name.find('/') + 1); }

bool Compiler::Add(Place place, const std::string& name, Binding binding) {
  if (!symbols_.globals.names.emplace(name, std::move(binding)).second) {
    return Fail(place, name + " is declared twice, or is a name of the prelude", "give it another name");
  }
  return true;
}

bool Compiler::Declare(const Pass& pass) {
  symbols_.memory = memory_;
  symbols_.file = file_;
  const auto constant = [&](const ConstDecl& decl) {
    int64_t value = 0;
    if (!ConstantValue(decl.value, constants_, &value)) {
      return Fail(decl.place, "the value of " + decl.name + " is not constant");
    }
    constants_[decl.name] = value;
    Binding binding;
    binding.value = value;
    return Add(decl.place, decl.name, binding);
  };
  for (const ProtocolText* text : {&prelude_, &text_}) {
    for (const ConstDecl& decl : text->constants) {
      if (!constant(decl)) return false;
    }
  }
  const std::pair<const char*, bool> contexts[] = {{"stops", pass.stops},     {"parks", pass.parks},
                                                   {"flushes", pass.flushes}, {"in_worker", false},
                                                   {"in_interrupt", false},   {"worker_pool", false}};
  for (const auto& [name, value] : contexts) symbols_.globals.names[name].value = value;
  std::vector<StructDecl> structs = prelude_.structs;
  structs.insert(structs.end(), text_.structs.begin(), text_.structs.end());
  uint32_t entries = 0;
  for (const TaskDecl& decl : decls_) entries += decl.kind == "interrupt" || decl.kind == "timer" ? 0 : decl.count;
  uint32_t works = 0;
  for (const HandlerDecl& handler : text_.handlers) works += handler.kind == "work" ? 1 : 0;
  layout_.emplace(structs, constants_, std::clamp(std::max(entries, works), 1u, 31u), pass.fields);
  if (!layout_->error().empty()) return Fail(layout_->error_place(), layout_->error());
  symbols_.layout = &*layout_;
  for (uint32_t i = 0; i < layout_->structs().size(); ++i) {
    if (layout_->structs()[i].name == "task") symbols_.task_struct = {TypeKind::kStruct, i, 255};
  }
  NameTasks();
  return !error_ && DeclareGlobals() && DeclareInlines();
}

void Compiler::NameTasks() {
  uint32_t number = 0;
  Binding current;
  current.kind = Binding::Kind::kCurrent;
  symbols_.globals.names["current"] = current;
  for (const TaskDecl& decl : decls_) {
    Binding binding;
    binding.kind = decl.count == 1 ? Binding::Kind::kTask : Binding::Kind::kMany;
    binding.task = number;
    // A timer is known as what it is armed by, and a pool's workers only to the pool.
    if (decl.kind != "timer" && decl.kind != "kworker" && !Add(decl.place, decl.name, binding)) return;
    for (uint32_t i = 0; i < decl.count; ++i) {
      symbols_.task_names.push_back(decl.count == 1 ? decl.name : decl.name + "[" + std::to_string(i) + "]");
    }
    number += decl.count;
  }
}

bool Compiler::DeclareGlobals() {
  const auto variable = [&](Place place, const std::string& name, const Type& type, uint8_t initial) {
    Binding binding;
    binding.kind = Binding::Kind::kRef;
    binding.ref.offset = static_cast<uint32_t>(program_.words.size());
    binding.ref.type = type;
    binding.ref.initial = initial;
    binding.ref.name = name;
    layout_->AddWords(type, initial, name, kTasksMax, &program_.words);
    return Add(place, name, binding);
  };
  for (const VarDecl& decl : text_.vars) {
    Type type;
    if (!layout_->TypeNamed(decl.type, &type)) {
      return Fail(decl.place, "there is no type " + decl.type,
                  "flag, counter, taskref, wait_queue, completion, spinlock, mutex, or a struct of your own");
    }
    int64_t max = type.max, initial = 0;
    if (decl.max && (!ConstantValue(*decl.max, constants_, &max) || max < 1 || max > 255)) {
      return Fail(decl.place, "the bound of " + decl.name + " has to be a constant from 1 to 255");
    }
    if (decl.initial && (!ConstantValue(*decl.initial, constants_, &initial) || initial < 0 || initial > max)) {
      return Fail(decl.place,
                  "the first value of " + decl.name + " has to be a constant from 0 to " + std::to_string(max));
    }
    type.max = static_cast<uint8_t>(max);
    if (!variable(decl.place, decl.name, type, static_cast<uint8_t>(initial))) return false;
  }
  for (const PoolDecl& pool : text_.pools) {
    Type type;
    layout_->TypeNamed("pool", &type);
    if (!variable(pool.place, pool.name, type, 0)) return false;
  }
  for (const HandlerDecl& handler : text_.handlers) {
    Type type;
    layout_->TypeNamed(handler.kind, &type);
    if (!variable(handler.place, handler.name, type, 0)) return false;
    if (handler.kind != "work") continue;
    const bool known = std::any_of(text_.pools.begin(), text_.pools.end(),
                                   [&](const PoolDecl& pool) { return pool.name == handler.pool; });
    if (!known) return Fail(handler.place, "there is no pool " + handler.pool, "pool " + handler.pool + " workers 1;");
    symbols_.works.push_back({handler.name, handler.pool, handler.delayed, NumberOfWork(text_, handler.name)});
  }
  return true;
}

bool Compiler::DeclareInlines() {
  for (const ProtocolText* text : {&prelude_, &text_}) {
    for (const InlineDecl& decl : text->inlines) {
      // A protocol may have its own version of a function: that is how broken ones are written.
      symbols_.inlines[decl.name] = &decl;
      if (text == &prelude_) symbols_.of_prelude.insert(&decl);
    }
    for (const TaskDecl& decl : text->tasks) {
      if (decl.kind == "companion") symbols_.companions[decl.name] = &decl;
    }
  }
  for (const auto& [name, decl] : bodies_) symbols_.inlines[name] = &decl;
  return true;
}

bool Compiler::Generate(Uses* uses) {
  Codegen codegen(&symbols_, &program_, &emitter_, uses);
  uint32_t number = 0;
  for (const TaskDecl& decl : decls_) {
    symbols_.globals.names["in_interrupt"].value = decl.kind == "interrupt" || decl.kind == "timer";
    symbols_.globals.names["in_worker"].value = decl.kind == "kworker";
    if (decl.kind == "kworker") symbols_.globals.names["worker_pool"] = symbols_.globals.names.at(PoolOf(decl));
    Code code{&decl, codegen.Generate(decl, symbols_.globals), {}, uses->companions};
    codegen.GenerateConditions();
    if (codegen.error()) {
      error_ = codegen.error();
      return false;
    }
    for (uint32_t i = 0; i < decl.count; ++i) code.tasks.push_back(number++);
    codes_.push_back(std::move(code));
  }
  return GenerateCompanions(&codegen);
}

bool Compiler::GenerateCompanions(Codegen* codegen) {
  const size_t made = codes_.size();
  for (size_t i = 0; i < made; ++i) {
    const std::set<std::string> companions = codes_[i].companions;
    for (const std::string& name : companions) {
      const std::vector<uint32_t> tasks = codes_[i].tasks;
      for (const uint32_t task : tasks) {
        const TaskDecl& companion = *symbols_.companions[name];
        companions_.push_back(companion);
        companions_.back().name = name + "(" + symbols_.task_names[task] + ")";
        companions_.back().kind = "timer";
        Scope scope{&symbols_.globals};
        Binding binding;
        binding.kind = Binding::Kind::kTask;
        binding.task = task;
        scope.names[companion.params.at(0).name] = binding;
        symbols_.globals.names["in_interrupt"].value = 1;
        symbols_.globals.names["in_worker"].value = 0;
        Code code{&companions_.back(), codegen->Generate(companions_.back(), scope), {}, {}};
        codegen->GenerateConditions();
        if (codegen->error()) {
          error_ = codegen->error();
          return false;
        }
        code.tasks.push_back(static_cast<uint32_t>(symbols_.task_names.size()));
        symbols_.task_names.push_back(companions_.back().name);
        codes_.push_back(std::move(code));
      }
    }
  }
  if (symbols_.task_names.size() > kTasksMax) return Fail({1, 1}, "with their timers there are too many tasks");
  return true;
}

void Compiler::PlaceTasks() {
  const uint32_t fields = layout_->Bytes(symbols_.task_struct);
  program_.point_offset = fields;
  const StructLayout& task_struct = layout_->structs()[symbols_.task_struct.structure];
  program_.on_rq_field = task_struct.Named("on_rq")->offset;
  program_.state_field = task_struct.Named("state")->offset;
  const auto tasks = static_cast<uint8_t>(symbols_.task_names.size());
  uint32_t groups = 0;
  for (const Code& code : codes_) {
    for (size_t i = 0; i < code.tasks.size(); ++i) {
      // Tasks with a timer of their own are told apart by it.
      if (i == 0 || !code.companions.empty()) ++groups;
      Task task;
      task.name = symbols_.task_names[code.tasks[i]];
      task.kind = code.decl->name == "ksoftirqd" ? "ksoftirqd" : code.decl->kind;
      task.group = groups - 1;
      task.region = static_cast<uint32_t>(program_.words.size());
      task.start = code.code.start;
      auto& words = program_.words;
      const uint32_t begin = task.region;
      layout_->AddWords(symbols_.task_struct, 0, task.name, tasks, &words);
      if (code.decl->dormant) {
        words[begin + program_.on_rq_field].initial = 0;
        words[begin + program_.state_field].initial = kTaskDead;
      }
      const uint32_t last = code.code.first_point + code.code.points;
      words.push_back({task.name + " stands at", WordKind::kPointLow, static_cast<uint8_t>(task.start & 0xff), 255});
      words.push_back({task.name + " stands at, high", WordKind::kPointHigh, static_cast<uint8_t>(task.start >> 8),
                       static_cast<uint8_t>(last >> 8)});
      for (const Type& local : code.code.locals) {
        const bool of_task = local.kind == TypeKind::kTask;
        words.push_back(
            {task.name + "'s local", of_task ? WordKind::kTask : WordKind::kValue, 0, of_task ? tasks : local.max});
      }
      const uint8_t depth = memory_ == Memory::kTso
                                ? static_cast<uint8_t>(std::min<uint32_t>(kBufferDepthMax, code.code.plain_stores))
                                : uint8_t{0};
      program_.buffer_offsets.push_back(depth > 0 ? static_cast<uint32_t>(words.size()) - begin : 0);
      program_.buffer_depths.push_back(depth);
      if (depth > 0) words.push_back({task.name + "'s store buffer", WordKind::kBufferLen, 0, depth});
      for (uint8_t entry = 0; entry < depth; ++entry) {
        words.push_back({"", WordKind::kBufferLow, 0, 255});
        words.push_back({"", WordKind::kBufferHigh, 0, static_cast<uint8_t>(kStateBytesMax >> 8)});
        words.push_back({"", WordKind::kBufferValue, 0, 255});
      }
      program_.region_bytes = std::max(program_.region_bytes, static_cast<uint32_t>(words.size()) - begin);
      program_.tasks.push_back(std::move(task));
    }
  }
  program_.state_bytes = static_cast<uint32_t>(program_.words.size());
}

void Compiler::Relocate() {
  emitter_.Resolve();
  for (const uint32_t use : emitter_.local_uses()) {
    if (use < program_.code.size()) program_.code[use].a += static_cast<int32_t>(program_.point_offset + 2);
  }
  // What nothing stores to takes no room in stored states.
  std::vector<bool> written(program_.state_bytes);
  for (size_t task = 0; task < program_.tasks.size(); ++task) {
    const Code& code = *std::find_if(codes_.begin(), codes_.end(), [&](const Code& candidate) {
      return std::find(candidate.tasks.begin(), candidate.tasks.end(), task) != candidate.tasks.end();
    });
    program_.access_of.push_back(
        AccessesOf(program_, emitter_.touches(), task, code.code.first_point, code.code.points));
    const Access& all = program_.access_of.back().future[code.code.start - code.code.first_point];
    for (uint32_t i = 0; i < program_.state_bytes; ++i) {
      if (all.writes[i / 64] >> (i % 64) & 1) written[i] = true;
    }
  }
  for (uint32_t i = 0; i < program_.state_bytes; ++i) {
    Word& word = program_.words[i];
    word.constant = word.shared && !written[i];
  }
  for (Point& point : program_.points) {
    for (uint32_t at = point.entry; at < program_.code.size(); ++at) {
      const Op op = program_.code[at].op;
      if (op == Op::kPoint || op == Op::kEnd || op == Op::kResult) break;
      point.assertion = point.assertion || op == Op::kAssert || emitter_.touches()[at].bounded;
    }
  }
}

Result<Program> Compiler::Run(const Pass& pass, Uses* uses) {
  program_.memory = memory_;
  program_.name = text_.name;
  program_.title = text_.title;
  program_.strings.emplace_back();
  if (!Declare(pass) || !Generate(uses)) return wakewatch::Fail(*error_);
  PlaceTasks();
  if (program_.code.size() > kCodeMax || program_.points.size() >= kPointsMax) {
    Error error =
        ErrorAt(file_, {1, 1}, "this protocol is too large: over " + std::to_string(kCodeMax) + " instructions",
                "leave out what does not matter to the question");
    error.code = ErrorCode::kTooLarge;
    return wakewatch::Fail(std::move(error));
  }
  // With room for every field a state may be longer: what counts is the last pass.
  if (pass.fields != nullptr && program_.state_bytes > kStateBytesMax) {
    Error error = ErrorAt(file_, {1, 1},
                          "a state of this protocol takes " + std::to_string(program_.state_bytes) + " bytes, and " +
                              std::to_string(kStateBytesMax) + " are the limit",
                          "use fewer tasks and queues");
    error.code = ErrorCode::kTooLarge;
    return wakewatch::Fail(std::move(error));
  }
  if (pass.fields != nullptr) Relocate();
  return std::move(program_);
}

}  // namespace

Result<Program> Compile(const ProtocolText& text, const std::string& file, Memory memory) {
  static const Result<ProtocolText> prelude = Parse(PreludeText(), "prelude.wake");
  if (!prelude) return Fail(prelude.error());
  const Result<Desugared> desugared = Desugar(text, file);
  if (!desugared) return Fail(desugared.error());
  Pass pass;
  Uses uses;
  uses.fields = {"task.on_rq", "task.state"};
  // Three passes: what is called decides what code there is, and that decides which fields there are.
  for (int i = 0; i < 2; ++i) {
    uses.inlines.clear();
    uses.fields = {"task.on_rq", "task.state"};
    Result<Program> program = Compiler(*prelude, text, *desugared, file, memory).Run(pass, &uses);
    if (!program) return program;
    pass.stops = uses.inlines.contains("kthread_stop");
    pass.parks = uses.inlines.contains("kthread_park");
    pass.flushes = uses.inlines.contains("start_flush_work");
  }
  const FieldUse fields = uses.fields;
  pass.fields = &fields;
  return Compiler(*prelude, text, *desugared, file, memory).Run(pass, &uses);
}

}  // namespace wakewatch::protocol
