// Why: tests need a kernel's types without that kernel: a few structures, built by libbpf, as small as they can be.
#pragma once

#include <bpf/btf.h>

#include <string>

#include "collector/test_folder.h"

namespace wakewatch {

struct SmallKernel {
  bool old_state = false;    // task_struct.state, a long, as before 5.14
  bool byte_on_cpu = false;  // task_struct.on_cpu, one byte wide
  uint32_t queue_head = 8;   // offset of wait_queue_head.head; locks are larger in a debugging kernel
};

// BTF of task_struct, completion, wait_queue_head and work_struct.
inline std::string SmallKernelTypes(const SmallKernel& kernel) {
  btf* const types = btf__new_empty();
  const int u32 = btf__add_int(types, "unsigned int", 4, 0);
  const int s32 = btf__add_int(types, "int", 4, BTF_INT_SIGNED);
  const int u8 = btf__add_int(types, "unsigned char", 1, 0);
  const int u64 = btf__add_int(types, "unsigned long", 8, 0);
  const int s64 = btf__add_int(types, "long", 8, BTF_INT_SIGNED);
  const int character = btf__add_int(types, "char", 1, BTF_INT_CHAR);
  const int pointer = btf__add_ptr(types, 0);
  const int comm = btf__add_array(types, u32, character, 16);
  const int pid = btf__add_typedef(types, "pid_t", btf__add_const(types, s32));

  const int list_head = btf__add_struct(types, "list_head", 16);
  btf__add_field(types, "next", pointer, 0, 0);
  btf__add_field(types, "prev", pointer, 64, 0);
  const int swait = btf__add_struct(types, "swait_queue_head", 24);
  btf__add_field(types, "lock", u32, 0, 0);
  btf__add_field(types, "task_list", list_head, 64, 0);
  btf__add_struct(types, "completion", 32);
  btf__add_field(types, "done", u32, 0, 0);
  btf__add_field(types, "wait", swait, 64, 0);
  btf__add_struct(types, "wait_queue_head", kernel.queue_head + 16);
  btf__add_field(types, "lock", u32, 0, 0);
  btf__add_field(types, "head", list_head, kernel.queue_head * 8, 0);
  btf__add_struct(types, "work_struct", 32);
  btf__add_field(types, "data", u64, 0, 0);
  btf__add_field(types, "entry", list_head, 64, 0);
  btf__add_field(types, "func", pointer, 192, 0);

  const int in_union = btf__add_union(types, nullptr, 8);
  btf__add_field(types, "nested", u64, 0, 0);
  const int nameless = btf__add_struct(types, nullptr, 24);
  btf__add_field(types, "on_cpu", kernel.byte_on_cpu ? u8 : s32, 32, 0);
  btf__add_field(types, nullptr, in_union, 128, 0);
  btf__add_struct(types, "task_struct", 96);
  if (kernel.old_state) {
    btf__add_field(types, "state", s64, 16 * 8, 0);
  } else {
    btf__add_field(types, "__state", u32, 24 * 8, 0);
  }
  btf__add_field(types, nullptr, nameless, 48 * 8, 0);
  btf__add_field(types, "pid", pid, 72 * 8, 0);
  btf__add_field(types, "comm", comm, 76 * 8, 0);
  btf__add_field(types, "in_iowait", u32, 92 * 8 + 3, 1);

  uint32_t size = 0;
  const void* const bytes = btf__raw_data(types, &size);
  std::string blob(static_cast<const char*>(bytes), size);
  btf__free(types);
  return blob;
}

}  // namespace wakewatch
