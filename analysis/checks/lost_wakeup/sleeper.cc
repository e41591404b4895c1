#include "analysis/checks/lost_wakeup/sleeper.h"

#include <algorithm>
#include <map>
#include <utility>

namespace wakewatch {
namespace {

constexpr uint32_t kSilentMin = 10;  // wakes without a habit, before there is none

}  // namespace

uint32_t Act::KeyOf(ActKind kind, uint64_t object) {
  uint64_t mixed = (object ^ static_cast<uint64_t>(kind) << 56) * 0x9e3779b97f4a7c15;
  mixed ^= mixed >> 29;
  return static_cast<uint32_t>(mixed) | 0x100;
}

void ActHabit::Add(uint32_t key, uint64_t now_ns) {
  if (begun_ns_ == 0) return;
  Count* slot = nullptr;
  for (Count& count : counts_) {
    if (count.hits != 0 && count.key == key) {
      slot = &count;
      break;
    }
    if (slot == nullptr || count.hits < slot->hits) slot = &count;
  }
  const auto bit = uint32_t{1} << (slot - counts_.data());
  if (slot->hits == 0 || slot->key != key) {
    // Of those that are no habit the rarest makes way.
    if (slot->hits != 0 && (Usual(*slot) || n_ < kLearnedMin)) return;
    *slot = {key, 0};
    seen_ &= ~bit;
  }
  if ((seen_ & bit) != 0) return;
  seen_ |= bit;
  ++slot->hits;
  if (answered_ || !Usual(key)) return;
  answered_ = true;
  response_.Add(now_ns - begun_ns_);
}

bool ActHabit::HasUsualObject() const {
  return std::any_of(counts_.begin(), counts_.end(),
                     [this](const Count& count) { return Usual(count) && Act::OfObject(count.key); });
}

bool ActHabit::Usual(uint32_t key) const {
  const bool known =
      std::any_of(counts_.begin(), counts_.end(), [&](const Count& count) { return count.key == key && Usual(count); });
  return known && (Act::OfObject(key) || !HasUsualObject());
}

bool ActHabit::HasUsual() const {
  return std::any_of(counts_.begin(), counts_.end(), [this](const Count& count) { return Usual(count); });
}

bool ActHabit::UsualSeenAround(uint64_t window_ns, const ActsSeen& seen) const {
  for (size_t kind = 0; kind < seen.size(); ++kind) {
    if (seen[kind].first_ns > window_ns || seen[kind].last_ns < window_ns) continue;
    const uint32_t key = Act::KeyOf(static_cast<ActKind>(kind));
    const auto usual = [&](const Count& count) { return count.key == key && Usual(count); };
    if (std::any_of(counts_.begin(), counts_.end(), usual)) return true;
  }
  return false;
}

const ActHabit* Sleeper::HabitOf(int32_t pid, char letter) const {
  for (const OfWaker& of : habits) {
    if (of.pid == pid && of.letter == letter) return &of.habit;
  }
  return nullptr;
}

void Sleeper::BeginHabits(int32_t pid, char letter, uint64_t now_ns) {
  for (const int32_t whose : {kAnybody, pid}) {
    if (whose == -1) continue;
    auto of = std::find_if(habits.begin(), habits.end(),
                           [&](const OfWaker& each) { return each.pid == whose && each.letter == letter; });
    if (of == habits.end() && habits.size() >= kHabitsMax) {
      of = std::min_element(habits.begin(), habits.end(),
                            [](const OfWaker& a, const OfWaker& b) { return a.habit.n() < b.habit.n(); });
      *of = OfWaker{whose, letter, {}};
    } else if (of == habits.end()) {
      of = habits.insert(of, OfWaker{whose, letter, {}});
    }
    of->habit.Begin(now_ns);
  }
}

void Sleeper::AddCall(WakeCall call) {
  if (calls.size() >= kCallsMax) calls.erase(calls.begin());
  calls.push_back(std::move(call));
}

void Sleeper::AddAct(ActKind kind, uint64_t object, uint64_t now_ns) {
  for (const uint32_t key : {Act::KeyOf(kind, object), Act::KeyOf(kind)}) {
    if (acts.size() >= kActsMax) acts.erase(acts.begin());
    acts.push_back({now_ns, key});
    for (OfWaker& of : habits) of.habit.Add(key, now_ns);
  }
}

void Sleeper::BeginWindow(uint64_t now_ns) {
  coming = false;
  window_ns = now_ns;
  calls.clear();
  acts.clear();
  prepared_queue = 0;
}

namespace {

// A caller sets its condition first and wakes then; when it is slow in between, the sleeper may have found the
// condition by itself, and the call comes after its answer. Then it has answered more often than it was woken.
bool AnsweredBefore(const WakeCall& call, const DoubtfulSleep& sleep, const ActHabit& habit) {
  size_t wakes = sleep.wakes;
  for (const WakeCall& other : sleep.calls) wakes += other.ns < call.ns && other.kind != CallKind::kWrongMask;
  std::map<uint32_t, size_t> answers;
  for (const Act& act : sleep.acts) {
    if (act.ns < call.ns && habit.Usual(act.key)) ++answers[act.key];
  }
  if (answers.empty()) return false;
  return std::all_of(answers.begin(), answers.end(), [&](const auto& answer) { return answer.second > wakes; });
}

}  // namespace

Answer AnswerTo(const WakeCall& call, const DoubtfulSleep& sleep, const Sleeper& sleeper, const ActsSeen& seen) {
  const ActHabit* habit = sleeper.HabitOf(call.pid, sleep.sleep.letter);
  if (habit == nullptr || habit->n() < kLearnedMin) habit = sleeper.HabitOf(Sleeper::kAnybody, sleep.sleep.letter);
  if (habit == nullptr) return Answer::kUnlearned;
  // The first few may have been of another kind: the wake that starts a new thread.
  if (!habit->HasUsual()) return habit->n() < kSilentMin ? Answer::kUnlearned : Answer::kSilent;
  // More acts than are kept: the one in question may have been among them.
  if (sleep.acts.size() >= Sleeper::kActsMax && sleep.acts.front().ns > call.ns) return Answer::kAnswered;
  const bool answered = std::any_of(sleep.acts.begin(), sleep.acts.end(),
                                    [&](const Act& act) { return act.ns > call.ns && habit->Usual(act.key); });
  if (answered || AnsweredBefore(call, sleep, *habit)) return Answer::kAnswered;
  return habit->UsualSeenAround(sleep.window_ns, seen) ? Answer::kMissing : Answer::kUnlearned;
}

}  // namespace wakewatch
