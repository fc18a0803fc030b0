#include "plan/estimate.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.h"

namespace mosaic {
namespace {

constexpr double kBetween = 0.05, kOutside = 0.15;  // by how much an interval is wider

void add_new(std::vector<std::string>& sentences, const std::vector<std::string>& more) {
  for (const auto& sentence : more)
    if (std::find(sentences.begin(), sentences.end(), sentence) == sentences.end()) sentences.push_back(sentence);
}

/// On the line through `a` and `b`.
Estimate on_line(const Point& a, const Point& b, double x) {
  const double share = (x - a.x) / (b.x - a.x);
  const auto mix = [&](double of_a, double of_b) { return of_a + share * (of_b - of_a); };
  Estimate y{mix(a.y.value, b.y.value), mix(a.y.low, b.y.low), mix(a.y.high, b.y.high), a.y.assumed};
  add_new(y.assumed, b.y.assumed);
  return y;
}

Estimate outside(const std::vector<Point>& points, double x, const std::string& what) {
  const bool above = x > points.back().x;
  const Point& nearest = above ? points.back() : points.front();
  const Estimate proportional = nearest.y * (x / nearest.x);
  Estimate y = proportional;
  if (points.size() > 1) {
    y = on_line(points.front(), points.back(), x);
    const double value = proportional.value;
    // Costs that fall with x, by noise, do not fall on for ever.
    y.value = above ? std::clamp(y.value, std::min(nearest.y.value, value), value) : std::max(y.value, value);
    y.low = std::max(std::min({y.low, y.value, value}), std::min(nearest.y.low, proportional.low));
    y.high = std::max({y.high, y.value, value});
  }
  if (!above) y.high = std::max(y.high, std::min(nearest.y.value, 2 * y.value));
  const std::string measured =
      points.size() == 1 ? str(points.front().x) : str(points.front().x, " to ", points.back().x);
  return y.widened(1 - kOutside, 1 + kOutside)
      .assuming(str(std::llround(x), " ", what, " cost in line with ", measured));
}

}  // namespace

Estimate Estimate::widened(double down, double up) const { return {value, low * down, high * up, assumed}; }

Estimate Estimate::assuming(const std::string& sentence) const {
  Estimate other = *this;
  add_new(other.assumed, {sentence});
  return other;
}

Estimate operator+(const Estimate& a, const Estimate& b) {
  Estimate sum{a.value + b.value, a.low + b.low, a.high + b.high, a.assumed};
  add_new(sum.assumed, b.assumed);
  return sum;
}

Estimate operator*(const Estimate& a, double factor) {
  return {a.value * factor, a.low * factor, a.high * factor, a.assumed};
}

Estimate larger_of(const Estimate& a, const Estimate& b) {
  Estimate larger{std::max(a.value, b.value), std::max(a.low, b.low), std::max(a.high, b.high), a.assumed};
  add_new(larger.assumed, b.assumed);
  return larger;
}

Estimate along(std::vector<Point> points, double x, const std::string& what) {
  assert(!points.empty());
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  for (const Point& point : points)
    if (point.x == x) return point.y;
  if (x < points.front().x || x > points.back().x) return outside(points, x, what);
  const auto after = std::find_if(points.begin(), points.end(), [&](const Point& point) { return point.x > x; });
  return on_line(*(after - 1), *after, x).widened(1 - kBetween, 1 + kBetween);
}

}  // namespace mosaic
