#include "server/live/shipped_verdicts.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/shipped.h"
#include "server/live/protocol_checks.h"

namespace wakewatch {
namespace {

constexpr uint64_t kStatesMax = 10'000'000, kMemoryBytesMax = 512u << 20;
constexpr std::chrono::milliseconds kLook{10};

}  // namespace

std::vector<ShippedAbout> ShippedProtocolsAbout() {
  std::vector<ShippedAbout> all;
  for (const protocol::ShippedProtocol& shipped : protocol::ShippedProtocols()) {
    const auto text = protocol::Parse(shipped.text, std::string(shipped.name));
    if (!text) continue;
    ShippedAbout about{std::string(shipped.name), text->title, text->explains, {}, {}};
    for (const protocol::Expectation& expectation : text->expect) {
      if (expectation.memory != "tso") about.expected_sc = expectation.verdict;
      if (expectation.memory != "sc") about.expected_tso = expectation.verdict;
    }
    all.push_back(std::move(about));
  }
  return all;
}

ShippedVerdicts::ShippedVerdicts(Options options) : options_(std::move(options)) {
  for (const ShippedAbout& about : ShippedProtocolsAbout()) {
    const protocol::ShippedProtocol* const shipped = protocol::ShippedProtocolNamed(about.name);
    for (const protocol::Memory memory : {protocol::Memory::kSc, protocol::Memory::kTso}) {
      Question question{shipped->name, shipped->text, {}};
      question.verdict.name = about.name;
      question.verdict.memory = protocol::Name(memory);
      question.verdict.expected = memory == protocol::Memory::kSc ? about.expected_sc : about.expected_tso;
      question.verdict.checker_version = protocol::kCheckerVersion;
      question.verdict.text_hash = ProtocolTextHash(shipped->text);
      const auto known = std::find_if(options_.known.begin(), options_.known.end(), [&](const ProtocolVerdict& v) {
        const ProtocolVerdict& q = question.verdict;
        return std::tie(v.name, v.memory, v.checker_version, v.text_hash) ==
                   std::tie(q.name, q.memory, q.checker_version, q.text_hash) &&
               v.verdict != protocol::Name(protocol::Verdict::kUnfinished);
      });
      if (known != options_.known.end()) {
        known_.push_back(*known);
      } else {
        open_.push_back(std::move(question));
      }
    }
  }
  if (open_.empty() || options_.time_max.count() == 0) {
    complete_ = true;
  } else {
    thread_ = std::thread([this] { Run(); });
  }
}

void ShippedVerdicts::Run() {
  for (Question& question : open_) {
    protocol::CheckOptions check;
    check.memory = question.verdict.memory == protocol::Name(protocol::Memory::kTso) ? protocol::Memory::kTso
                                                                                     : protocol::Memory::kSc;
    check.states_max = kStatesMax;
    check.memory_bytes_max = kMemoryBytesMax;
    const CheckRun run{.time_max = options_.time_max, .threads = 1, .cancelled = [this] { return stopping_.load(); }};
    const auto answer = RunCheck(question.text, std::string(question.name), check, run);
    if (stopping_) return;
    if (!answer) continue;
    const protocol::CheckResult& result = answer->result;
    question.verdict.verdict = protocol::Name(result.verdict);
    question.verdict.property = protocol::Name(result.property);
    question.verdict.states = result.states;
    question.verdict.depth = result.depth;
    question.verdict.steps = result.counterexample.size();
    Add(std::move(question.verdict));
  }
  if (options_.keep) options_.keep(Known());
  complete_ = true;
}

void ShippedVerdicts::Add(ProtocolVerdict verdict) {
  const std::lock_guard lock(mutex_);
  known_.push_back(std::move(verdict));
  std::sort(known_.begin(), known_.end(), [](const ProtocolVerdict& a, const ProtocolVerdict& b) {
    return std::tie(a.name, a.memory) < std::tie(b.name, b.memory);
  });
}

std::vector<ProtocolVerdict> ShippedVerdicts::Known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

void ShippedVerdicts::Wait(const std::function<bool()>& stop) {
  while (!complete_ && !(stop && stop())) std::this_thread::sleep_for(kLook);
}

void ShippedVerdicts::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace wakewatch
