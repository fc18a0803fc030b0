#include "report/curve.h"

#include <cmath>

namespace mosaic {

void Curve::add(std::int64_t batch, double value) {
  if (!std::isfinite(value)) return;
  last_ = value;
  const std::int64_t number = batch / length_;
  if (stretches_.empty() || stretches_.back().number != number) stretches_.push_back({.number = number});
  Stretch& s = stretches_.back();
  s.batches += static_cast<double>(batch);
  s.values += value;
  ++s.count;
  if (stretches_.size() <= kMostPoints) return;
  length_ *= 2;
  std::vector<Stretch> longer;
  for (Stretch& old : stretches_) {
    old.number /= 2;
    if (longer.empty() || longer.back().number != old.number) {
      longer.push_back(old);
      continue;
    }
    longer.back().batches += old.batches;
    longer.back().values += old.values;
    longer.back().count += old.count;
  }
  stretches_ = std::move(longer);
}

std::vector<Curve::Point> Curve::points() const {
  std::vector<Point> all;
  for (const Stretch& s : stretches_)
    all.push_back({s.batches / static_cast<double>(s.count), s.values / static_cast<double>(s.count)});
  return all;
}

}  // namespace mosaic
