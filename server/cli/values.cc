#include "server/cli/values.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>
#include <utility>

#include "analysis/base/cpu_list.h"
#include "analysis/trace/clock_pairs.h"

namespace wakewatch {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

tl::unexpected<Error> Refuse(std::string_view text, std::string_view problem, std::string_view example) {
  return Fail(Error{.code = ErrorCode::kInvalidArgument,
                    .cause = "'" + std::string(text) + "' " + std::string(problem),
                    .remedy = "for example " + std::string(example)});
}

// Takes an unsigned number off the front; nothing when there is none or it does not fit.
std::optional<uint64_t> TakeNumber(std::string_view* text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return value;
}

bool TakeChar(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

// Takes ".digits" off the front: its value in units of `one`, exact as far as `one` goes. 0 when there is no point.
std::optional<uint64_t> TakeFraction(std::string_view* text, uint64_t one) {
  if (!TakeChar(text, '.')) return 0;
  uint64_t value = 0, place = one;
  size_t digits = 0;
  for (; digits < text->size() && (*text)[digits] >= '0' && (*text)[digits] <= '9'; ++digits) {
    place /= 10;
    value += static_cast<uint64_t>((*text)[digits] - '0') * place;
  }
  text->remove_prefix(digits);
  return digits > 0 ? std::optional(value) : std::nullopt;
}

// number[.fraction] of `unit` ns. Nothing when it does not fit into 64 bits.
std::optional<uint64_t> Scale(uint64_t number, uint64_t fraction, uint64_t unit) {
  uint64_t ns = 0;
  if (__builtin_mul_overflow(number, unit, &ns) || __builtin_add_overflow(ns, fraction, &ns)) return std::nullopt;
  return ns;
}

struct Unit {
  std::string_view name;
  uint64_t ns;
};
constexpr Unit kUnits[] = {{"ns", 1},
                           {"us", 1000},
                           {"ms", 1'000'000},
                           {"s", kSecondNs},
                           {"min", 60 * kSecondNs},
                           {"h", 3600 * kSecondNs},
                           {"d", 86'400 * kSecondNs}};

// Exactly `digits` digits, between `low` and `high`.
std::optional<int> TakeField(std::string_view* text, size_t digits, int low, int high) {
  if (text->size() < digits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + digits, value);
  if (error != std::errc() || end != text->data() + digits || value < low || value > high) return std::nullopt;
  text->remove_prefix(digits);
  return value;
}

struct WallFields {
  std::tm tm = {};
  uint64_t fraction_ns = 0;
  bool utc = false;
};

std::optional<WallFields> ParseWall(std::string_view text) {
  WallFields wall;
  const auto year = TakeField(&text, 4, 1970, 2554);  // 2554: the last whole year that 64-bit nanoseconds hold
  if (!year || !TakeChar(&text, '-')) return std::nullopt;
  const auto month = TakeField(&text, 2, 1, 12);
  if (!month || !TakeChar(&text, '-')) return std::nullopt;
  const auto day = TakeField(&text, 2, 1, 31);
  if (!day || !(TakeChar(&text, ' ') || TakeChar(&text, 'T'))) return std::nullopt;
  const auto hour = TakeField(&text, 2, 0, 23);
  if (!hour || !TakeChar(&text, ':')) return std::nullopt;
  const auto minute = TakeField(&text, 2, 0, 59);
  if (!minute) return std::nullopt;
  int second = 0;
  if (TakeChar(&text, ':')) {
    const auto seconds = TakeField(&text, 2, 0, 60);
    const auto fraction = TakeFraction(&text, kSecondNs);
    if (!seconds || !fraction) return std::nullopt;
    second = *seconds;
    wall.fraction_ns = *fraction;
  }
  wall.utc = TakeChar(&text, 'Z');
  if (!text.empty()) return std::nullopt;
  wall.tm.tm_year = *year - 1900;
  wall.tm.tm_mon = *month - 1;
  wall.tm.tm_mday = *day;
  wall.tm.tm_hour = *hour;
  wall.tm.tm_min = *minute;
  wall.tm.tm_sec = second;
  wall.tm.tm_isdst = -1;
  return wall;
}

}  // namespace

Result<uint64_t> ParseDuration(std::string_view text) {
  constexpr std::string_view kExample = "5ms, 1.5s or 250us";
  std::string_view rest = text;
  const auto number = TakeNumber(&rest);
  if (!number) return Refuse(text, "is not a duration", kExample);
  if (rest.empty() && *number == 0) return 0;
  for (const Unit& unit : kUnits) {
    if (!rest.ends_with(unit.name)) continue;
    std::string_view fraction_text = rest.substr(0, rest.size() - unit.name.size());
    const auto fraction = TakeFraction(&fraction_text, unit.ns);
    if (!fraction || !fraction_text.empty()) continue;
    if (const auto ns = Scale(*number, *fraction, unit.ns)) return *ns;
    return Refuse(text, "is too long a duration", kExample);
  }
  return Refuse(text, "is not a duration with a unit (ns, us, ms, s, min, h, d)", kExample);
}

Result<TimePoint> ParseTimePoint(std::string_view text) {
  constexpr std::string_view kExample = "41.5 (seconds of the trace clock) or '2026-11-21 14:03:05'";
  std::string_view rest = text;
  if (const auto seconds = TakeNumber(&rest)) {
    const auto fraction = TakeFraction(&rest, kSecondNs);
    TakeChar(&rest, 's');
    if (fraction && rest.empty()) {
      if (const auto ns = Scale(*seconds, *fraction, kSecondNs)) return TimePoint{false, *ns};
      return Refuse(text, "is past the end of any trace clock", kExample);
    }
  }
  auto wall = ParseWall(text);
  if (!wall) return Refuse(text, "is not a time", kExample);
  const std::tm asked = wall->tm;
  const time_t seconds = wall->utc ? timegm(&wall->tm) : mktime(&wall->tm);
  // mktime() and timegm() turn the 31st of February into a day of March.
  if (seconds < 0 || wall->tm.tm_mday != asked.tm_mday) return Refuse(text, "is not a day of the calendar", kExample);
  return TimePoint{true, static_cast<uint64_t>(seconds) * kSecondNs + wall->fraction_ns};
}

Result<uint64_t> TraceTime(const TimePoint& point, const std::vector<ClockPair>& pairs) {
  return point.wall ? TraceTimeOf(point.ns, pairs) : Result<uint64_t>(point.ns);
}

Result<std::vector<uint32_t>> ParseCpus(std::string_view text) {
  auto cpus = ParseCpuList(text);
  if (!cpus || cpus->empty()) return Refuse(text, "is not a list of CPUs", "0-3,8");
  return *std::move(cpus);
}

Result<uint64_t> ParseBufferKb(std::string_view text) {
  constexpr uint64_t kLeast = 64, kMost = uint64_t{4} << 20;
  std::string_view rest = text;
  const auto kb = TakeNumber(&rest);
  if (!kb || !rest.empty() || *kb < kLeast || *kb > kMost)
    return Refuse(text, "is not a buffer size in KiB (64 to 4194304)", "8192");
  return *kb;
}

Result<uint64_t> ParsePositive(std::string_view text) {
  std::string_view rest = text;
  const auto number = TakeNumber(&rest);
  if (!number || !rest.empty() || *number == 0) return Refuse(text, "is not a whole number above zero", "20000");
  return *number;
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  const auto refuse = [&] { return Refuse(text, "is not an address and a port", "127.0.0.1:7400 or [::1]:7400"); };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  std::string_view address = text.substr(0, colon), port = text.substr(colon + 1);
  if (address.starts_with('[')) {
    if (!address.ends_with(']')) return refuse();
    address = address.substr(1, address.size() - 2);
  } else if (address.find(':') != std::string_view::npos) {
    return refuse();
  }
  const auto number = TakeNumber(&port);
  if (address.empty() || !number || !port.empty() || *number > UINT16_MAX) return refuse();
  return Endpoint{std::string(address), static_cast<uint16_t>(*number)};
}

Result<Confidence> ParseConfidence(std::string_view text) {
  for (const Confidence level : {Confidence::kSuspicious, Confidence::kStrong, Confidence::kProven}) {
    if (text == Name(level)) return level;
  }
  return Refuse(text, "is not a level", "suspicious, strong or proven");
}

}  // namespace wakewatch
