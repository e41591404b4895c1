// Source: include/trace/events/sched.h, sched_switch. The print fmt says, in every kernel since 2.6.32:
//   REC->prev_state & MASK ? __print_flags(REC->prev_state & MASK, "|", { 1, "S" }, …) : "R",
//   REC->prev_state & PREEMPTED ? "+" : ""
// The masks are C expressions, and kernels before 3.6 have none.
#include <bit>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/trace/format.h"

namespace wakewatch {
namespace {

constexpr std::string_view kField = "REC->prev_state";

// The integer expression at the front of a text: | & << >> + - and parentheses, with C's precedence.
class Expression {
 public:
  explicit Expression(std::string_view text) : text_(text) {}

  // Nothing when the text does not begin with one that has only numbers in it.
  std::optional<uint64_t> Value() {
    const uint64_t value = Or();
    return ok_ ? std::optional(value) : std::nullopt;
  }
  // What follows it, without white space in front.
  std::string_view rest() {
    SkipSpace();
    return text_;
  }

 private:
  static constexpr int kDepthMax = 64;  // the text is not ours to trust, the stack is

  void SkipSpace() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\t' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool Take(std::string_view token) {
    SkipSpace();
    if (!ok_ || !text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  uint64_t Or() {
    uint64_t value = And();
    while (Take("|")) value |= And();
    return value;
  }
  uint64_t And() {
    uint64_t value = Shift();
    while (Take("&")) value &= Shift();
    return value;
  }
  uint64_t Shift() {
    uint64_t value = Sum();
    while (true) {
      if (Take("<<")) {
        value <<= Sum() & 63;
      } else if (Take(">>")) {
        value >>= Sum() & 63;
      } else {
        return value;
      }
    }
  }
  uint64_t Sum() {
    uint64_t value = Term();
    while (true) {
      if (Take("+")) {
        value += Term();
      } else if (Take("-")) {
        value -= Term();
      } else {
        return value;
      }
    }
  }
  uint64_t Term() {
    if (Take("(")) {
      if (++depth_ > kDepthMax) ok_ = false;
      const uint64_t value = ok_ ? Or() : 0;
      --depth_;
      if (!Take(")")) ok_ = false;
      return value;
    }
    const int base = Take("0x") || Take("0X") ? 16 : 10;
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value, base);
    if (error != std::errc()) ok_ = false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    while (ok_ && !text_.empty() && (text_[0] == 'U' || text_[0] == 'L')) text_.remove_prefix(1);
    return value;
  }

  std::string_view text_;
  int depth_ = 0;
  bool ok_ = true;
};

// `{ 0x01, "S" }` at the front of *text. Nothing at the end of the list.
std::optional<std::pair<uint64_t, std::string_view>> TakeFlag(std::string_view* text) {
  const size_t open = text->find_first_not_of(", \t\n");
  if (open == std::string_view::npos || (*text)[open] != '{') return {};
  Expression value(text->substr(open + 1));
  const auto bits = value.Value();
  std::string_view rest = value.rest();
  const size_t begin = rest.find('"');
  const size_t end = begin == std::string_view::npos ? begin : rest.find('"', begin + 1);
  const size_t close = end == std::string_view::npos ? end : rest.find('}', end);
  if (!bits || close == std::string_view::npos || rest[0] != ',') return {};
  *text = rest.substr(close + 1);
  return std::pair(*bits, rest.substr(begin + 1, end - begin - 1));
}

// The value of `& EXPRESSION` at the front of `text`.
std::optional<uint64_t> MaskAt(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t\n");
  if (at == std::string_view::npos || text[at] != '&') return {};
  return Expression(text.substr(at + 1)).Value();
}

}  // namespace

PrevStates PrevStates::FromPrintFmt(std::string_view print_fmt) {
  const std::string start = "__print_flags(" + std::string(kField);
  const size_t flags = print_fmt.find(start);
  if (flags == std::string_view::npos) return {};
  const std::string_view mask_text = print_fmt.substr(flags + start.size());
  const size_t list = mask_text.find("\"|\"");
  if (list == std::string_view::npos) return {};

  PrevStates states;
  states.letters_.clear();
  std::string_view rest = mask_text.substr(list + 3);
  uint32_t all = 0;
  while (const auto flag = TakeFlag(&rest)) {
    const auto& [bits, name] = *flag;
    if (name.size() != 1 || bits > UINT32_MAX || !std::has_single_bit(bits)) continue;
    if ((all & bits) != 0) continue;
    states.letters_.emplace_back(static_cast<uint32_t>(bits), name[0]);
    all |= static_cast<uint32_t>(bits);
  }
  if (states.letters_.empty()) return {};

  // Kernels before 3.6 have neither mask nor +. One that cannot be computed ends behind the last letter.
  const bool masked = mask_text.find_first_not_of(" \t\n") == mask_text.find('&');
  const size_t plus = rest.find(kField);
  const uint64_t mask = MaskAt(mask_text).value_or(masked ? all : UINT32_MAX);
  uint64_t preempted = 0;
  if (masked && plus != std::string_view::npos) {
    preempted = MaskAt(rest.substr(plus + kField.size())).value_or(uint64_t{all} + 1);
  }
  states.preempt_bit_ = std::has_single_bit(preempted) ? static_cast<uint32_t>(preempted) : 0;
  states.mask_ = static_cast<uint32_t>(mask) & ~states.preempt_bit_;
  return states.mask_ == 0 ? PrevStates() : states;
}

char PrevStates::Letter(uint32_t raw) const {
  if (Runnable(raw)) return 'R';
  const uint32_t lowest = raw & mask_ & -(raw & mask_);
  for (const auto& [bit, letter] : letters_) {
    if (bit == lowest) return letter;
  }
  return '?';
}

std::string PrevStates::Text(uint32_t raw) const {
  std::string text;
  uint32_t left = raw & mask_;
  for (const auto& [bit, letter] : letters_) {
    if ((left & bit) == 0) continue;
    if (!text.empty()) text += '|';
    text += letter;
    left &= ~bit;
  }
  if (left != 0) {  // as the kernel prints bits that have no name
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, left, 16).ptr;
    text += (text.empty() ? "0x" : "|0x") + std::string(digits, end);
  }
  if (text.empty()) text = "R";
  if ((raw & preempt_bit_) != 0) text += '+';
  return text;
}

}  // namespace wakewatch
