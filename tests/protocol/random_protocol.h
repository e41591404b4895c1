// Why: protocols that nobody would think of, yet made of what protocols are made of: a waiter, a waker, and something
// between them that is now and then a little wrong.
#pragma once

#include <cstdint>
#include <string>

namespace wakewatch::protocol {

// The text of a protocol of 2 or 3 kinds of tasks, each of a few statements; the same for the same seed, on every
// machine. About one in three loses; a few never come to rest.
std::string RandomProtocol(uint64_t seed);

}  // namespace wakewatch::protocol
