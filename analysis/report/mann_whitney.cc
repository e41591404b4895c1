#include "analysis/report/mann_whitney.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace wakewatch {
namespace {

// The waits that one bucket holds: ties.
struct Tie {
  double before = 0, after = 0;
  double all() const { return before + after; }
};

std::vector<Tie> TiesOf(const Histogram& before, const Histogram& after) {
  const auto left = before.Buckets(), right = after.Buckets();
  std::vector<Tie> ties;
  for (size_t i = 0, j = 0; i < left.size() || j < right.size();) {
    const uint64_t low = i == left.size()    ? right[j].low
                         : j == right.size() ? left[i].low
                                             : std::min(left[i].low, right[j].low);
    Tie tie;
    if (i < left.size() && left[i].low == low) tie.before = static_cast<double>(left[i++].count);
    if (j < right.size() && right[j].low == low) tie.after = static_cast<double>(right[j++].count);
    ties.push_back(tie);
  }
  return ties;
}

// Of the ranks of all waits together, from their mean; those of a tie share the middle one.
struct Ranks {
  double after_sum = 0;         // of the ranks of `after`
  double square = 0, cube = 0;  // means
  double step = 0;              // the least by which after_sum changes
  double fullest = 0;           // the size of the largest tie
};

Ranks RanksOf(const std::vector<Tie>& ties, double n) {
  Ranks ranks;
  double below = 0;
  for (size_t i = 0; i < ties.size(); ++i) {
    const double size = ties[i].all();
    const double rank = below + (size + 1) / 2 - (n + 1) / 2;
    below += size;
    ranks.after_sum += ties[i].after * rank;
    ranks.square += size / n * rank * rank;
    ranks.cube += size / n * rank * rank * rank;
    ranks.fullest = std::max(ranks.fullest, size);
    if (i == 0) continue;
    const double step = (ties[i - 1].all() + size) / 2;
    ranks.step = i == 1 ? step : std::min(ranks.step, step);
  }
  return ranks;
}

// Of both tails, for an excess of z standard deviations of a statistic of this skewness.
double TailOf(double z, double skew) {
  double shown = z;
  if (z > 1 && skew > 0) {
    const double at = std::min(z, 3 / skew);  // from there on the expansion would fall
    shown = std::min(z, at - skew * (at * at - 1) / 6);
  }
  return std::min(1.0, std::erfc(std::max(shown, 0.0) / std::numbers::sqrt2));
}

}  // namespace

RankComparison MannWhitney(const Histogram& before, double before_independent_max, const Histogram& after,
                           double after_independent_max) {
  RankComparison answer;
  if (before.n() == 0 || after.n() == 0) return answer;
  const auto before_n = static_cast<double>(before.n()), after_n = static_cast<double>(after.n());
  const double n = before_n + after_n;
  const Ranks ranks = RanksOf(TiesOf(before, after), n);
  const double shift = ranks.after_sum / (before_n * after_n);
  answer.longer = 0.5 + shift;
  const double first = std::min(before_n, before_independent_max), second = std::min(after_n, after_independent_max);
  if (std::min(first, second) < kObservationsMin) return answer;
  if (ranks.square == 0) {
    answer.p = 1;
    return answer;
  }
  if ((1 - ranks.fullest / n) * std::min(first, second) < kOutsideMin) return answer;
  const double both = first + second, pairs = first * second;
  const double untied = (n * n - 1) / 12;
  const double deviation = std::sqrt(ranks.square / untied * (both + 1) / (12 * pairs));
  const double correction = ranks.step / n * both / pairs / 2;
  const double skew = (first - second) * std::sqrt(both - 1) / ((both - 2) * std::sqrt(pairs)) * ranks.cube /
                      std::pow(ranks.square, 1.5);
  answer.p = TailOf((std::abs(shift) - correction) / deviation, shift < 0 ? -skew : skew);
  return answer;
}

void HolmAdjust(std::span<double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  double least = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    least = std::max(least, std::min(1.0, p[order[i]] * static_cast<double>(order.size() - i)));
    p[order[i]] = least;
  }
}

}  // namespace wakewatch
