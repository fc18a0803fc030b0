#pragma once

#include <string>
#include <vector>

namespace mosaic {

/// A number that is not known exactly: what is expected, and between what it is likely to lie.
struct Estimate {
  double value = 0, low = 0, high = 0;
  std::vector<std::string> assumed = {};  // what was not measured, a sentence each; empty: all of it was

  bool measured() const { return assumed.empty(); }

  static Estimate exactly(double x) { return {x, x, x}; }

  /// The same value in an interval that is wider by factors: of the lower end, at most 1, and of the upper one, at least 1.
  Estimate widened(double down, double up) const;
  /// The same, resting on `sentence`, too.
  Estimate assuming(const std::string& sentence) const;
};

/// Ends are added to ends: what makes one estimate wrong is likely to make the other wrong in the same way.
Estimate operator+(const Estimate& a, const Estimate& b);
Estimate operator*(const Estimate& a, double factor);  // factor >= 0
/// End by end.
Estimate larger_of(const Estimate& a, const Estimate& b);

/// A measured number at some place.
struct Point {
  double x = 0;  // > 0
  Estimate y;
};

/// What lies at `x` on the straight lines from point to point. Beyond the outermost two their line goes on, but never gets below
/// what is in
/// proportion to the nearest point (going down), nor above it (going up): a cost that does not depend on x is never negative. Of a single
/// point: what is in proportion to it. Between points the interval is 5 % wider; outside of them it is 15 % wider, reaches what
/// is in proportion, and is assumed.
/// @param points  at least one, no two of the same x
/// @param what    for the sentence about what is assumed: "images per rank and step"
Estimate along(std::vector<Point> points, double x, const std::string& what);

}  // namespace mosaic
