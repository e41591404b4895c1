#include "collector/btf_layout.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <optional>

namespace wakewatch {
namespace {

// Structures nest only so deep; what goes on longer is damaged.
constexpr int kDepthMax = 16;

struct Found {
  uint32_t type = 0;
  uint64_t bits = 0;  // from the start of the structure
  bool bit_field = false;
};

// What `type` is beneath its names and qualifiers.
const btf_type* Resolve(const btf* types, uint32_t* type) {
  for (int i = 0; i < kDepthMax; ++i) {
    const btf_type* const at = btf__type_by_id(types, *type);
    if (at == nullptr) return nullptr;
    if (!btf_is_mod(at) && !btf_is_typedef(at) && !btf_is_type_tag(at)) return at;
    *type = at->type;
  }
  return nullptr;
}

std::optional<Found> FindMember(const btf* types, uint32_t structure, std::string_view name, int depth) {
  const btf_type* const type = Resolve(types, &structure);
  if (name.empty() || type == nullptr || !btf_is_composite(type) || depth > kDepthMax) return std::nullopt;
  const btf_member* const members = btf_members(type);
  for (uint32_t i = 0; i < btf_vlen(type); ++i) {
    const char* const text = btf__name_by_offset(types, members[i].name_off);
    const uint64_t bits = btf_member_bit_offset(type, i);
    if (text != nullptr && name == text) {
      return Found{members[i].type, bits, btf_member_bitfield_size(type, i) != 0 || bits % 8 != 0};
    }
    if (text != nullptr && *text != '\0') continue;
    if (auto inside = FindMember(types, members[i].type, name, depth + 1)) {
      inside->bits += bits;
      return inside;
    }
  }
  return std::nullopt;
}

bool IsSigned(const btf* types, uint32_t type) {
  const btf_type* const at = Resolve(types, &type);
  return at != nullptr && btf_is_int(at) && (btf_int_encoding(at) & BTF_INT_SIGNED) != 0;
}

}  // namespace

void BtfLayout::Free::operator()(btf* types) const { btf__free(types); }

Result<BtfLayout> BtfLayout::Load(const std::string& path) {
  libbpf_set_print(nullptr);  // what goes wrong is in the answer
  btf* const types = btf__parse(path.c_str(), nullptr);
  if (types != nullptr) return BtfLayout(types);
  const int problem = errno;
  Error error = ErrnoError(problem, "cannot read the kernel's types", path);
  if (problem == ENOENT) {
    error.cause = "this kernel does not describe its types";
    error.remedy = "it needs CONFIG_DEBUG_INFO_BTF";
  } else if (problem == EINVAL || problem == ENODATA || problem == EPROTO) {
    error.code = ErrorCode::kCorrupt;
  }
  return Fail(std::move(error));
}

Result<MemberPlace> BtfLayout::Member(std::string_view structure, std::string_view member) const {
  const std::string name(structure);
  const int32_t id = btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_STRUCT);
  if (id < 0) return Fail(ErrorCode::kNotFound, "this kernel's types have no struct " + name);
  MemberPlace place;
  uint32_t type = static_cast<uint32_t>(id);
  for (std::string_view rest = member;;) {
    const size_t dot = rest.find('.');
    const auto found = FindMember(types_.get(), type, rest.substr(0, dot), 0);
    const std::string text = name + "." + std::string(member);
    if (!found) return Fail(ErrorCode::kNotFound, "this kernel has no " + text);
    if (found->bit_field) return Fail(ErrorCode::kUnsupported, text + " is a bit field, which a probe cannot read");
    place.offset += static_cast<uint32_t>(found->bits / 8);
    type = found->type;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  const int64_t size = btf__resolve_size(types_.get(), type);
  if (size < 0) return Fail(ErrorCode::kCorrupt, "the size of " + name + "." + std::string(member) + " is not known");
  place.size = static_cast<uint32_t>(size);
  place.is_signed = IsSigned(types_.get(), type);
  return place;
}

}  // namespace wakewatch
