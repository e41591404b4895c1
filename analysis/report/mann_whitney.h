// Why: "is it slower than before?" of two sets of waits is a question about distributions of any shape, with ties,
// outliers and of very different size. The Mann-Whitney test asks how often a wait of one side is longer than one of
// the other, and how surprising that is if both came from one distribution. Here it runs on histograms: values of one
// bucket (within 1.6 % of each other) count as equal, which loses a little power and is never wrong.
//
// Waits are not independent: those of one busy stretch of a machine are long together, and an ordinary test would take
// a thousand of them for a thousand observations and call any two recordings different. What order they came in is no
// part of a histogram, so the guard is a bound: a side counts as no more observations than `independent_max`, which
// the caller makes of the length of what was recorded (see compare.h). The answer then errs towards "no sure change".
//
// p is two-sided, by the normal approximation with the variance of the tied ranks, a continuity correction of half the
// smallest step that the statistic can make, and, where the ranks are skewed and the sides are of different size, the
// next term of the Cornish-Fisher expansion as far as it makes p larger. Sources: Lehmann, Nonparametrics (1975), 1.4;
// the third moment of a sum drawn without replacement: Cochran, Sampling Techniques (1977), 2.15.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "analysis/base/histogram.h"

namespace wakewatch {

// Observations a side, below which there is no p: with eight and eight the approximation is within a factor of two of
// the exact test at p = 0.01, and errs upwards beyond.
inline constexpr double kObservationsMin = 8;
// And of those that are not in the fullest bucket, expected on the smaller side if both were alike: where nearly all
// waits are equal, p would rest on the few others.
inline constexpr double kOutsideMin = 5;

struct RankComparison {
  // Of all pairs of one of each side, in how many the one of `after` is longer; equal ones count half. 0.5 where a side
  // is empty.
  double longer = 0.5;
  std::optional<double> p;  // none: too few to tell. 1 where all are equal
};
// `independent_max`: what each side counts as at most.
RankComparison MannWhitney(const Histogram& before, double before_independent_max, const Histogram& after,
                           double after_independent_max);

// Holm's correction: of each p how surprising it is among all of them. Holds whether they depend on one another or not.
// In place.
void HolmAdjust(std::span<double> p);

}  // namespace wakewatch
