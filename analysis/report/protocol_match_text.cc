#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/protocol_json.h"
#include "analysis/report/protocol_match.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kRight = TextTable::Align::kRight;
constexpr size_t kSleepsShown = 40;

constexpr std::string_view kMeanings[kSleepVerdicts] = {
    "look like a losing run, and like no healthy one", "look like a healthy run, and like no losing one",
    "look like both: these events cannot tell", "look like no run of this protocol",
    "not judged: events were lost, or somebody outside of the protocol came between"};

std::string NamesText(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + PrintableText(name);
  return out.empty() ? "none" : out;
}

std::string ThreadText(const MatchedThread& thread) {
  std::string out;
  for (const auto& [role, threads] : thread.roles) {
    out += fmt::format("  {}: {}\n", PrintableText(role), PrintableText(threads));
  }
  for (const auto& [object, address] : thread.objects) {
    out += fmt::format("  {}: at {:#x}\n", PrintableText(object), address);
  }
  return out;
}

std::string SleepsText(const ProtocolMatch& match) {
  TextTable table({{"ran from", kRight},
                   {"slept from", kRight},
                   {"for", kRight},
                   {"pid", kRight},
                   {"thread"},
                   {"verdict"},
                   {"finding"}});
  size_t all = 0;
  for (const MatchedSleep& sleep : match.sleeps) {
    if (sleep.verdict != SleepVerdict::kLosing && sleep.finding_id.empty()) continue;
    if (++all > kSleepsShown) continue;
    table.AddRow({TraceTimeText(sleep.start_ns), TraceTimeText(sleep.sleep_ns),
                  DurationText(sleep.end_ns - sleep.sleep_ns) + (sleep.open ? ", still asleep" : ""),
                  std::to_string(sleep.pid), sleep.comm, std::string(Name(sleep.verdict)), sleep.finding_id});
  }
  if (all == 0) return {};
  return "\nSLEEPS that can only be a loss, or that a finding is about\n" + table.Text() +
         LeftOutText(all, table.rows(), "sleeps");
}

Json CountsValue(const std::array<uint64_t, kSleepVerdicts>& counts) {
  Json value = Json::object();
  for (size_t i = 0; i < kSleepVerdicts; ++i) value[std::string(Name(static_cast<SleepVerdict>(i)))] = counts[i];
  return value;
}

Json ThreadValue(const MatchedThread& thread) {
  Json roles = Json::array(), objects = Json::array();
  for (const auto& [role, threads] : thread.roles) roles.push_back({{"role", role}, {"threads", threads}});
  for (const auto& [object, address] : thread.objects) {
    objects.push_back({{"object", object}, {"address", fmt::format("{:#x}", address)}});
  }
  return {{"pid", thread.pid},         {"comm", thread.comm},
          {"roles", std::move(roles)}, {"objects", std::move(objects)},
          {"follows", thread.follows}, {"counts", CountsValue(thread.sleeps)}};
}

Json SleepValue(const MatchedSleep& sleep) {
  return {{"pid", sleep.pid},
          {"comm", sleep.comm},
          {"start_ns", sleep.start_ns},
          {"sleep_ns", sleep.sleep_ns},
          {"end_ns", sleep.end_ns},
          {"open", sleep.open},
          {"verdict", Name(sleep.verdict)},
          {"why", sleep.why.empty() ? Json(nullptr) : Json(sleep.why)},
          {"finding", sleep.finding_id.empty() ? Json(nullptr) : Json(sleep.finding_id)}};
}

}  // namespace

std::string ProtocolMatchText(const ProtocolMatch& match) {
  std::string out = fmt::format("{} against {} ({}, events up to E{})\n", PrintableText(match.protocol),
                                PrintableText(match.path), Name(match.memory), match.level);
  if (match.guessed) {
    out += fmt::format("who is {0} is a guess, so that no sleep is called a loss: name the thread, {0}=PID\n",
                       PrintableText(match.victim));
  }
  for (const MatchedThread& thread : match.threads) {
    uint64_t sleeps = 0;
    for (const uint64_t n : thread.sleeps) sleeps += n;
    out += fmt::format("\n{} (pid {}) as {}: {}\n", PrintableText(thread.comm), thread.pid, PrintableText(match.victim),
                       CountedText(sleeps, "sleep"));
    out += ThreadText(thread);
    for (size_t i = 0; i < kSleepVerdicts; ++i) {
      if (thread.sleeps[i] > 0) out += fmt::format("  {:>8} {}\n", CountText(thread.sleeps[i]), kMeanings[i]);
    }
    if (!thread.follows)
      out += "  nearly all of its sleeps look like no healthy run: it does not follow this protocol\n";
  }
  out += fmt::format("\nevents that were compared: {}\nnot in this recording: {}\n", NamesText(match.recorded),
                     NamesText(match.unrecorded));
  return out + SleepsText(match);
}

std::string ProtocolMatchJson(const ProtocolMatch& match) {
  Json threads = Json::array(), sleeps = Json::array();
  for (const MatchedThread& thread : match.threads) threads.push_back(ThreadValue(thread));
  for (const MatchedSleep& sleep : match.sleeps) sleeps.push_back(SleepValue(sleep));
  const Json value = {{"schema_version", kProtocolSchemaVersion},
                      {"model_version", protocol::kCheckerVersion},
                      {"protocol", match.protocol},
                      {"path", match.path},
                      {"memory", Name(match.memory)},
                      {"level", fmt::format("E{}", match.level)},
                      {"victim", match.victim},
                      {"guessed", match.guessed},
                      {"counts", CountsValue(match.Counts())},
                      {"threads", std::move(threads)},
                      {"sleeps", std::move(sleeps)},
                      {"recorded", match.recorded},
                      {"unrecorded", match.unrecorded}};
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace wakewatch
