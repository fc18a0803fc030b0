#pragma once

#include <cstdint>
#include <vector>

namespace mosaic {

/// A number over the batches of a run, however long, in at most kMostPoints means: stretches of batches get twice as long whenever there are
/// too many. What it shows of a run does not depend on when it is looked at, but for the last stretch.
class Curve {
 public:
  static constexpr std::size_t kMostPoints = 600;

  struct Point {
    double batch, value;  // means over a stretch
  };

  /// @param batch  not below the one before
  void add(std::int64_t batch, double value);
  std::vector<Point> points() const;
  bool empty() const { return stretches_.empty(); }
  double last() const { return last_; }  // NaN for an empty one

 private:
  struct Stretch {
    std::int64_t number;  // of the stretch: batch / length_
    double batches = 0, values = 0;
    std::int64_t count = 0;
  };

  std::int64_t length_ = 1;  // of a stretch, in batches
  std::vector<Stretch> stretches_;
  double last_ = __builtin_nan("");
};

}  // namespace mosaic
