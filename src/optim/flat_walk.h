#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mosaic {

/// The values of many tensors, one after the other, as if they were one: shared among threads in equal parts, however
/// many tensors there are and however small they be.
class FlatWalk {
 public:
  void add(std::int64_t values) { ends_.push_back((ends_.empty() ? 0 : ends_.back()) + values); }

  /// Calls f(tensor, begin, end) for ranges of values that cover all tensors, on LibTorch's threads.
  /// @param tensor  number in the order of `add`
  template <class F>
  void for_ranges(const F& f) const {
    constexpr std::int64_t kGrain = 1 << 15;  // below it a second thread costs more than it saves
    if (ends_.empty()) return;
    at::parallel_for(0, ends_.back(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      auto tensor = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), begin) - ends_.begin());
      while (begin < end) {
        const std::int64_t first = tensor == 0 ? 0 : ends_[tensor - 1];
        const std::int64_t last = std::min(end, ends_[tensor]);
        if (begin < last) f(tensor, begin - first, last - first);
        begin = last;
        ++tensor;
      }
    });
  }

 private:
  std::vector<std::int64_t> ends_;
};

/// Whether both are on one device in float32, the same values in the same order and without gaps: then they may be walked
/// side by side.
inline bool side_by_side(const at::Tensor& a, const at::Tensor& b) {
  const auto plain = [](const at::Tensor& t) {
    return t.scalar_type() == at::kFloat && t.is_non_overlapping_and_dense();
  };
  return plain(a) && plain(b) && a.device() == b.device() && a.sizes() == b.sizes() && a.strides() == b.strides();
}

}  // namespace mosaic
