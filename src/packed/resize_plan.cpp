#include "packed/resize_plan.h"

#include <algorithm>
#include <bit>

namespace mosaic {
namespace {

constexpr int kRun = 16;        // outputs in a run
constexpr int kGroup = 4;       // taps, or rows, in a group
constexpr int kVector = 64;     // bytes of AVX-512
constexpr int kQuadBytes = 16;  // that four outputs of AVX2 are taken from

/// w = (d2 * 256 + d1) * 256 + d0, signed bytes.
void split_digits(std::int32_t w, std::int8_t digit[3]) {
  for (int d = 0; d < 3; ++d) {
    digit[d] = static_cast<std::int8_t>(w & 255);
    w = (w - digit[d]) >> 8;
  }
}

/// w = hi * 2^15 + lo, signed words.
struct Words {
  std::int16_t hi, lo;
};
Words split_words(std::int32_t w) {
  std::int32_t lo = w & 0x7fff;
  if (lo >= 0x4000) lo -= 0x8000;
  return {static_cast<std::int16_t>((w - lo) >> 15), static_cast<std::int16_t>(lo)};
}

/// n times `value`. Memory grows to powers of two, so that tables which are made anew with other sizes soon find enough of it.
template <class T>
void refill(std::vector<T>& values, std::size_t n, T value) {
  values.clear();
  if (n > values.capacity()) values.reserve(std::bit_ceil(n));
  values.assign(n, value);
}

/// Calls store(output, tap, weight).
template <class Store>
void each_weight(const ResizeTaps& taps, Store store) {
  for (std::size_t i = 0; i < taps.first.size(); ++i)
    for (int t = 0; t < taps.count[i]; ++t) store(i, static_cast<std::size_t>(t), taps.weights[i][t]);
}

}  // namespace

void ResizeTaps::set(ResizeAxis axis) {
  make_filter(axis.in, axis.scaled, axis.begin, axis.end, filter_, axis.half_first ? 0.5 : 0, axis.half_last ? 0.5 : 0);
  first.clear();
  count.clear();
  weights.clear();
  most = 0;
  source = {axis.in, 0};
  for (std::size_t i = 0; i < filter_.first.size(); ++i) {
    const std::int32_t* w = &filter_.weights[i * filter_.stride];
    int begin = 0, end = filter_.count[i];
    while (end - begin > 1 && w[end - 1] == 0) --end;
    while (end - begin > 1 && w[begin] == 0) ++begin;
    first.push_back(filter_.first[i] + begin);
    count.push_back(end - begin);
    weights.push_back(w + begin);
    most = std::max(most, end - begin);
    source = {std::min(source.begin, first.back()), std::max(source.end, first.back() + end - begin)};
  }
  for (int& f : first) f -= source.begin;
}

AcrossTables::AcrossTables(ResizeAxis axis, PlanTables tables) {
  ResizeTaps taps;
  set(axis, tables, taps);
}

void AcrossTables::set(ResizeAxis axis, PlanTables tables, ResizeTaps& taps) {
  taps.set(axis);
  source_ = taps.source;
  const int outputs = axis.end - axis.begin;
  const int runs = (outputs + kRun - 1) / kRun, groups = (taps.most + kGroup - 1) / kGroup;
  const std::size_t padded = static_cast<std::size_t>(runs) * kRun;
  refill(first_, padded, taps.first.back());
  std::copy(taps.first.begin(), taps.first.end(), first_.begin());
  plan_ = {.outputs = outputs, .runs = runs, .tap_groups = groups, .reach = 0, .quads_fit = true};
  for (const int f : first_) plan_.reach = std::max(plan_.reach, f + kGroup * groups);
  switch (tables) {
    case PlanTables::kWeights:
      set_weights(taps);
      break;
    case PlanTables::kDigits:
      set_digits(taps);
      break;
    case PlanTables::kWords:
      set_words(taps);
      break;
  }
  plan_.first = first_.data();
  plan_.weights = weights_.data();
  plan_.window = window_.data();
  plan_.digits = digits_.data();
  plan_.words = words_.data();
  plan_.quad_shuffle = quad_shuffle_.data();
  plan_.quad_first = quad_first_.data();
}

void AcrossTables::set_weights(const ResizeTaps& taps) {
  const std::size_t stride = static_cast<std::size_t>(plan_.tap_groups) * kGroup;
  refill(weights_, first_.size() * stride, 0);
  each_weight(taps, [&](std::size_t i, std::size_t tap, std::int32_t w) { weights_[i * stride + tap] = w; });
}

void AcrossTables::set_digits(const ResizeTaps& taps) {
  const auto groups = static_cast<std::size_t>(plan_.tap_groups);
  const auto offset_in_run = [&](std::size_t i) { return first_[i] - first_[i / kRun * kRun]; };
  int span = 0;
  refill(window_, first_.size() * kGroup, std::uint8_t{0});
  for (std::size_t i = 0; i < first_.size(); ++i) {
    span = std::max(span, offset_in_run(i) + kGroup);
    for (int t = 0; t < kGroup; ++t) window_[i * kGroup + t] = static_cast<std::uint8_t>(offset_in_run(i) + t);
  }
  plan_.window_vectors = span <= kVector ? 1 : span <= 2 * kVector ? 2 : 0;
  refill(digits_, first_.size() / kRun * groups * 3 * kVector, std::int8_t{0});
  each_weight(taps, [&](std::size_t i, std::size_t tap, std::int32_t w) {
    std::int8_t digit[3];
    split_digits(w, digit);
    for (std::size_t d = 0; d < 3; ++d)
      digits_[((i / kRun * groups + tap / kGroup) * 3 + d) * kVector + i % kRun * kGroup + tap % kGroup] = digit[d];
  });
  for (std::size_t run = 0; run < first_.size(); run += kRun)
    plan_.reach = std::max(plan_.reach, first_[run] + kGroup * (plan_.tap_groups - 1) + kVector * plan_.window_vectors);
}

void AcrossTables::set_words(const ResizeTaps& taps) {
  const auto groups = static_cast<std::size_t>(plan_.tap_groups);
  const std::size_t quads = first_.size() / kGroup;
  refill(words_, first_.size() / kRun * groups * 8 * kRun, std::int16_t{0});
  each_weight(taps, [&](std::size_t i, std::size_t tap, std::int32_t w) {
    const Words word = split_words(w);
    const std::size_t pair = (i / kRun * groups + tap / kGroup) * 4 + tap % kGroup / 2 * 2;
    std::int16_t* hi = &words_[pair * 2 * kRun + 2 * (i % kRun) + tap % 2];
    hi[0] = word.hi;
    hi[2 * kRun] = word.lo;
  });
  refill(quad_shuffle_, quads * 2 * kQuadBytes, std::uint8_t{0x80});
  refill(quad_first_, quads, 0);
  for (std::size_t quad = 0; quad < quads; ++quad) {
    const std::int32_t first = quad_first_[quad] = first_[quad * kGroup];
    plan_.reach = std::max(plan_.reach, first + kGroup * (plan_.tap_groups - 1) + kQuadBytes);
    for (int i = 0; i < kGroup; ++i) {
      const int offset = first_[quad * kGroup + i] - first;
      if (offset + kGroup > kQuadBytes) {
        plan_.quads_fit = false;
        continue;
      }
      for (int tap = 0; tap < kGroup; ++tap)
        quad_shuffle_[(quad * 2 + tap / 2) * kQuadBytes + kGroup * i + tap % 2 * 2] =
            static_cast<std::uint8_t>(offset + tap);
    }
  }
}

DownTables::DownTables(ResizeAxis axis, PlanTables tables) {
  ResizeTaps taps;
  set(axis, tables, taps);
}

void DownTables::set(ResizeAxis axis, PlanTables tables, ResizeTaps& taps) {
  taps.set(axis);
  source_ = taps.source;
  const std::size_t outputs = taps.first.size();
  plan_ = {.outputs = static_cast<int>(outputs)};
  for (auto* table : {&first_group_, &groups_, &rows_needed_, &begin_}) refill(*table, outputs, 0);
  std::size_t all_groups = 0;
  for (std::size_t i = 0; i < outputs; ++i) {
    const int end = taps.first[i] + taps.count[i];
    first_group_[i] = taps.first[i] / kGroup;
    groups_[i] = (end + kGroup - 1) / kGroup - first_group_[i];
    rows_needed_[i] = end;
    begin_[i] = static_cast<std::int32_t>(all_groups);
    all_groups += static_cast<std::size_t>(groups_[i]);
    plan_.most_groups = std::max(plan_.most_groups, groups_[i]);
  }
  /// Calls store(group, row in the group, weight).
  const auto each_row = [&](auto store) {
    each_weight(taps, [&](std::size_t i, std::size_t tap, std::int32_t w) {
      const std::size_t row = static_cast<std::size_t>(taps.first[i] - first_group_[i] * kGroup) + tap;
      store(static_cast<std::size_t>(begin_[i]) + row / kGroup, row % kGroup, w);
    });
  };
  switch (tables) {
    case PlanTables::kWeights:
      refill(weights_, all_groups * kGroup, 0);
      each_row([&](std::size_t group, std::size_t row, std::int32_t w) { weights_[group * kGroup + row] = w; });
      break;
    case PlanTables::kDigits:
      refill(digits_, all_groups * 3 * kGroup, std::int8_t{0});
      each_row([&](std::size_t group, std::size_t row, std::int32_t w) {
        std::int8_t digit[3];
        split_digits(w, digit);
        for (std::size_t d = 0; d < 3; ++d) digits_[(group * 3 + d) * kGroup + row] = digit[d];
      });
      break;
    case PlanTables::kWords:  // rows 0 and 2, then 1 and 3
      refill(words_, all_groups * 2 * kGroup, std::int16_t{0});
      each_row([&](std::size_t group, std::size_t row, std::int32_t w) {
        const Words word = split_words(w);
        std::int16_t* hi = &words_[group * 2 * kGroup + row % 2 * kGroup + row / 2];
        hi[0] = word.hi;
        hi[2] = word.lo;
      });
      break;
  }
  plan_.first_group = first_group_.data();
  plan_.groups = groups_.data();
  plan_.rows_needed = rows_needed_.data();
  plan_.begin = begin_.data();
  plan_.weights = weights_.data();
  plan_.digits = digits_.data();
  plan_.words = words_.data();
}

}  // namespace mosaic
