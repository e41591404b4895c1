// Why: a finding says that a wakeup was lost; the shipped protocol of its class shows how that comes to be, step by
// step, and what would have to change.
#pragma once

#include <string_view>

namespace wakewatch {

// The name of the shipped protocol that explains a class of lost wakeups ("kthread-stop"), for `wakewatch check`; empty
// where none does.
std::string_view ProtocolExplaining(std::string_view cls);

}  // namespace wakewatch
