#include "collector/probe_definitions.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "collector/file_io.h"
#include "collector/kernel_functions.h"
#include "collector/probe_cost.h"

namespace wakewatch {
namespace {

// A return probe needs one of these for each call that is under way; without a number the kernel has two a CPU.
constexpr const char* kReturnsAtOnce = "64";

// Where kernels without lock debugging have the list of a wait queue behind the queue's address (the second: where
// spinlocks sleep). Who reads the events takes an address so far behind for an empty queue.
constexpr std::array<uint32_t, 2> kQueueHeadOffsets = {8, 32}, kCompletionHeadOffsets = {16, 16};

// The parts of kernel structures that probes read. A part that is not known is an error with its cause.
class Layouts {
 public:
  explicit Layouts(const BtfLayout& types) : types_(types) {}

  // "pid=+2464($arg1):s32": a number of `structure` at the address in `argument`. The first member that there is.
  Result<std::string> Number(const char* field, const std::string& argument, const char* structure,
                             std::initializer_list<const char*> members, bool hex) const {
    const auto place = Place(structure, members);
    if (!place) return Fail(place.error());
    if (place->size != 1 && place->size != 2 && place->size != 4 && place->size != 8) {
      return Fail(ErrorCode::kUnsupported, std::string(structure) + "." + *members.begin() + " has a width of " +
                                               std::to_string(place->size) + " bytes, which no probe can read");
    }
    const std::string kind = hex ? "x" : place->is_signed ? "s" : "u";
    return At(field, argument, place->offset) + kind + std::to_string(place->size * 8);
  }
  // As the above, with a type of a probe's own.
  Result<std::string> Typed(const char* field, const std::string& argument, const char* structure,
                            std::initializer_list<const char*> members, const char* type) const {
    const auto place = Place(structure, members);
    if (!place) return Fail(place.error());
    return At(field, argument, place->offset) + type;
  }
  Result<MemberPlace> Place(const char* structure, std::initializer_list<const char*> members) const {
    Result<MemberPlace> place = Fail(ErrorCode::kNotFound, "no member was named");
    Error first;
    for (const char* member : members) {
      place = types_.Member(structure, member);
      if (place) return place;
      if (first.cause.empty()) first = place.error();
    }
    return Fail(first);
  }

 private:
  static std::string At(const char* field, const std::string& argument, uint32_t offset) {
    return std::string(field) + "=+" + std::to_string(offset) + "(" + argument + "):";
  }
  const BtfLayout& types_;
};

// Puts fields one behind the other; the first error stays.
class Fields {
 public:
  Fields& Add(Result<std::string> field) {
    if (!text_) return *this;
    if (!field) {
      text_ = Fail(field.error());
    } else {
      *text_ += (text_->empty() ? "" : " ") + *field;
    }
    return *this;
  }
  Fields& Add(const char* field, const std::string& argument, const char* type) {
    return Add(std::string(field) + "=" + argument + ":" + type);
  }
  Result<std::string> Text() { return std::move(text_); }

 private:
  Result<std::string> text_ = std::string();
};

using FieldsOf = Result<std::string> (*)(const Layouts&, const ArgumentNames&);

Fields TaskFields(const Layouts& layouts, const ArgumentNames& argument) {
  Fields fields;
  fields.Add(layouts.Number("pid", argument[0], "task_struct", {"pid"}, false))
      .Add(layouts.Typed("comm", argument[0], "task_struct", {"comm"}, "string"))
      .Add(layouts.Number("st", argument[0], "task_struct", {"__state", "state"}, true));  // "state" until 5.13
  return fields;
}

Result<std::string> Wakeup(const Layouts& layouts, const ArgumentNames& argument) {
  return TaskFields(layouts, argument)
      .Add("mode", argument[1], "x32")
      .Add(layouts.Number("oncpu", argument[0], "task_struct", {"on_cpu"}, false))
      .Text();
}
Result<std::string> WakeupResult(const Layouts&, const ArgumentNames&) { return std::string("ret=$retval:s32"); }
Result<std::string> Task(const Layouts& layouts, const ArgumentNames& argument) {
  return TaskFields(layouts, argument).Text();
}
Result<std::string> QueueWake(const Layouts& layouts, const ArgumentNames& argument) {
  return Fields()
      .Add("wq", argument[0], "x64")
      .Add("mode", argument[1], "x32")
      .Add("nr", argument[2], "s32")
      .Add(layouts.Typed("head", argument[0], "wait_queue_head", {"head"}, "x64"))
      .Text();
}
Result<std::string> Wait(const Layouts& layouts, const ArgumentNames& argument) {
  return Fields()
      .Add("x", argument[0], "x64")
      .Add(layouts.Number("done", argument[0], "completion", {"done"}, false))
      .Text();
}
Result<std::string> Complete(const Layouts& layouts, const ArgumentNames& argument) {
  return Fields()
      .Add(Wait(layouts, argument))
      .Add(layouts.Typed("head", argument[0], "completion", {"wait.task_list", "wait.head"}, "x64"))  // head until 5.6
      .Text();
}
Result<std::string> PrepareToWait(const Layouts&, const ArgumentNames& argument) {
  return Fields().Add("wq", argument[0], "x64").Add("state", argument[2], "x32").Text();
}
Result<std::string> Queue(const Layouts&, const ArgumentNames& argument) {
  return Fields().Add("wq", argument[0], "x64").Text();
}
Result<std::string> QueueWork(const Layouts& layouts, const ArgumentNames& argument) {
  return Fields()
      .Add("cpu", argument[0], "s32")
      .Add("wq", argument[1], "x64")
      .Add("work", argument[2], "x64")
      .Add(layouts.Typed("fn", argument[2], "work_struct", {"func"}, "symbol"))
      .Text();
}

struct Wish {
  const char *name, *function;
  FieldsOf fields;
  bool on_return = false;
  bool expected = true;  // false: not every kernel has the function, and nothing is missing without it
};

constexpr std::array kWishes = {
    Wish{"ttwu", "try_to_wake_up", Wakeup},
    Wish{"ttwu_ret", "try_to_wake_up", WakeupResult, true},
    Wish{"wake_up", "__wake_up", QueueWake},
    Wish{"complete", "complete", Complete},
    Wish{"complete_all", "complete_all", Complete},
    Wish{"wait_for_completion", "wait_for_completion", Wait},
    Wish{"wait_for_completion_timeout", "wait_for_completion_timeout", Wait},
    Wish{"wait_for_completion_interruptible", "wait_for_completion_interruptible", Wait},
    Wish{"wait_for_completion_killable", "wait_for_completion_killable", Wait},
    Wish{"wait_for_completion_interruptible_timeout", "wait_for_completion_interruptible_timeout", Wait, false, false},
    Wish{"wait_for_completion_killable_timeout", "wait_for_completion_killable_timeout", Wait, false, false},
    Wish{"wait_for_completion_state", "wait_for_completion_state", Wait, false, false},
    Wish{"wait_for_completion_io", "wait_for_completion_io", Wait, false, false},
    Wish{"wait_for_completion_io_timeout", "wait_for_completion_io_timeout", Wait, false, false},
    Wish{"prepare_to_wait_event", "prepare_to_wait_event", PrepareToWait},
    Wish{"prepare_to_wait", "prepare_to_wait", PrepareToWait},
    Wish{"prepare_to_wait_exclusive", "prepare_to_wait_exclusive", PrepareToWait},
    Wish{"finish_wait", "finish_wait", Queue},
    Wish{"add_wait_queue", "add_wait_queue", Queue},
    Wish{"add_wait_queue_exclusive", "add_wait_queue_exclusive", Queue},
    Wish{"remove_wait_queue", "remove_wait_queue", Queue},
    Wish{"kthread_stop", "kthread_stop", Task},
    Wish{"queue_work", "__queue_work", QueueWork},
};

std::string ThisMachine() {
  utsname name{};
  return uname(&name) == 0 ? name.machine : "unknown";
}

void AddRemarks(const Layouts& layouts, ProbePlan* plan) {
  const auto remark = [&](const char* structure, std::initializer_list<const char*> members,
                          const std::array<uint32_t, 2>& usual) {
    const auto place = layouts.Place(structure, members);
    if (!place || std::find(usual.begin(), usual.end(), place->offset) != usual.end()) return;
    plan->remarks.push_back(std::string("this kernel has the list of a ") + structure + " at " +
                            std::to_string(place->offset) + " bytes, not at " + std::to_string(usual[0]) +
                            ": empty queues are not recognised in its events");
  };
  remark("wait_queue_head", {"head"}, kQueueHeadOffsets);
  remark("completion", {"wait.task_list", "wait.head"}, kCompletionHeadOffsets);
}

}  // namespace

std::string ProbeDefinition::event() const { return std::string(kProbeGroup) + "/" + name; }

std::string ProbeDefinition::KprobeText() const {
  return std::string(on_return ? "r" : "p") + (on_return ? kReturnsAtOnce : "") + ":" + event() + " " + function + " " +
         fields;
}

std::string ProbeDefinition::FprobeText() const {
  return "f:" + event() + " " + function + (on_return ? "%return " : " ") + fields;
}

Result<ArgumentNames> ArgumentNames::For(std::string_view readme, const std::string& machine) {
  ArgumentNames names;
  if (readme.find("$arg<N>") != std::string_view::npos) {
    names.names_ = {"$arg1", "$arg2", "$arg3"};
  } else if (machine == "x86_64") {
    names.names_ = {"%di", "%si", "%dx"};
  } else if (machine == "aarch64") {
    names.names_ = {"%x0", "%x1", "%x2"};
  } else {
    return Fail(ErrorCode::kUnsupported,
                "this kernel's probes have no $arg1, and where " + machine + " passes arguments is not known here");
  }
  return names;
}

std::vector<std::string> AllProbeNames() {
  std::vector<std::string> names;
  for (const Wish& wish : kWishes) names.emplace_back(wish.name);
  names.emplace_back(kCostProbe);
  return names;
}

ProbePlan PlanProbes(const ProbeHost& host) {
  ProbePlan plan;
  const std::string readme = ReadTextFile(host.tracefs + "/README").value_or("");
  plan.kprobes = FileExists(host.tracefs + "/kprobe_events");
  plan.fprobes = readme.find(" f[:[<group>/]") != std::string::npos && FileExists(host.tracefs + "/dynamic_events");
  const auto refuse = [&plan](std::string why) {
    plan.refusal = std::move(why);
    return plan;
  };
  if (!plan.kprobes && !plan.fprobes) return refuse("this kernel has no kprobe events");
  if (sizeof(void*) != 8) return refuse("probes are placed on 64-bit machines only");
  const auto arguments = ArgumentNames::For(readme, host.machine.empty() ? ThisMachine() : host.machine);
  if (!arguments) return refuse(arguments.error().Text());
  const auto types = BtfLayout::Load(host.btf);
  if (!types) return refuse(types.error().Text());
  std::vector<std::string> names;
  for (const Wish& wish : kWishes) names.emplace_back(wish.function);
  const auto functions = KernelFunctions::Load(host.tracefs, host.kallsyms, names);
  if (!functions) return refuse(functions.error().Text());

  const Layouts layouts(*types);
  for (const Wish& wish : kWishes) {
    if (!wish.expected && functions->Absent(wish.function)) continue;
    auto fields = wish.fields(layouts, *arguments);
    if (std::string obstacle = functions->Obstacle(wish.function); !obstacle.empty()) {
      plan.missing.push_back({wish.name, std::move(obstacle)});
    } else if (!fields) {
      plan.missing.push_back({wish.name, fields.error().Text()});
    } else {
      plan.probes.push_back({wish.name, wish.function, wish.on_return, *std::move(fields)});
    }
  }
  AddRemarks(layouts, &plan);
  return plan;
}

}  // namespace wakewatch
