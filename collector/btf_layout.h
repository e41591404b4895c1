// Why: probes read the kernel's structures, and where a member lies and how wide it is differs between kernels and
// their configurations. The kernel describes its own types in BTF; nothing about them is assumed here. Source:
// /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF, 5.4+), Documentation/bpf/btf.rst.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "analysis/base/result.h"

struct btf;

namespace wakewatch {

struct MemberPlace {
  uint32_t offset = 0;     // bytes from the start of the structure that was asked about
  uint32_t size = 0;       // bytes; of an array, all of it
  bool is_signed = false;  // of an integer
};

class BtfLayout {
 public:
  // Errors: kNotFound (this kernel has no BTF), kPermission, kCorrupt (it is not BTF).
  static Result<BtfLayout> Load(const std::string& path = "/sys/kernel/btf/vmlinux");

  BtfLayout(BtfLayout&&) = default;
  BtfLayout& operator=(BtfLayout&&) = default;

  // The place of `member` ("wait.task_list": a member of a member) of `structure`; members of nameless structs and
  // unions count as members of what they are in. Errors: kNotFound, kUnsupported (a bit field).
  Result<MemberPlace> Member(std::string_view structure, std::string_view member) const;

 private:
  struct Free {
    void operator()(btf* types) const;
  };
  explicit BtfLayout(btf* types) : types_(types) {}

  std::unique_ptr<btf, Free> types_;
};

}  // namespace wakewatch
