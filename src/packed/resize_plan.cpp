#include "packed/resize_plan.h"

#include <algorithm>

namespace mosaic {
namespace {

constexpr int kRun = 16;        // outputs in a run
constexpr int kGroup = 4;       // taps, or rows, in a group
constexpr int kVector = 64;     // bytes of AVX-512
constexpr int kQuadBytes = 16;  // that four outputs of AVX2 are taken from

/// Pillow's filter without the weights of zero at both ends, counted from the first sample that has another weight.
struct Taps {
  std::vector<int> first, count;
  std::vector<const std::int32_t*> weights;
  int most = 0;
  SourceRange source;
  ResizeFilter filter;

  explicit Taps(ResizeAxis axis) {
    make_filter(axis.in, axis.scaled, axis.begin, axis.end, filter);
    source = {axis.in, 0};
    for (std::size_t i = 0; i < filter.first.size(); ++i) {
      const std::int32_t* w = &filter.weights[i * filter.stride];
      int begin = 0, end = filter.count[i];
      while (end - begin > 1 && w[end - 1] == 0) --end;
      while (end - begin > 1 && w[begin] == 0) ++begin;
      first.push_back(filter.first[i] + begin);
      count.push_back(end - begin);
      weights.push_back(w + begin);
      most = std::max(most, end - begin);
      source = {std::min(source.begin, first.back()), std::max(source.end, first.back() + end - begin)};
    }
    for (int& f : first) f -= source.begin;
  }
};

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

}  // namespace

AcrossTables::AcrossTables(ResizeAxis axis, PlanTables tables) {
  const Taps taps(axis);
  source_ = taps.source;
  const int outputs = axis.end - axis.begin;
  const int runs = (outputs + kRun - 1) / kRun, groups = (taps.most + kGroup - 1) / kGroup;
  const std::size_t padded = static_cast<std::size_t>(runs) * kRun;
  for (std::size_t i = 0; i < padded; ++i) first_.push_back(taps.first[std::min<std::size_t>(i, outputs - 1)]);
  plan_ = {.outputs = outputs, .runs = runs, .tap_groups = groups, .reach = 0, .quads_fit = true};
  for (const int f : first_) plan_.reach = std::max(plan_.reach, f + kGroup * groups);

  /// Calls store(run, output in the run, tap group, tap in the group, weight).
  const auto each_weight = [&](const auto& store) {
    for (int i = 0; i < outputs; ++i)
      for (int t = 0; t < taps.count[i]; ++t) store(i / kRun, i % kRun, t / kGroup, t % kGroup, taps.weights[i][t]);
  };
  const auto at = [&](int run, int group) { return static_cast<std::size_t>(run) * groups + group; };

  switch (tables) {
    case PlanTables::kWeights:
      weights_.assign(padded * groups * kGroup, 0);
      each_weight([&](int run, int i, int group, int tap, std::int32_t w) {
        weights_[((static_cast<std::size_t>(run) * kRun + i) * groups + group) * kGroup + tap] = w;
      });
      break;
    case PlanTables::kDigits: {
      int span = 0;
      for (std::size_t i = 0; i < padded; ++i) span = std::max(span, first_[i] - first_[i / kRun * kRun] + kGroup);
      plan_.window_vectors = span <= kVector ? 1 : span <= 2 * kVector ? 2 : 0;
      for (std::size_t i = 0; i < padded; ++i)
        for (int t = 0; t < kGroup; ++t)
          window_.push_back(static_cast<std::uint8_t>(first_[i] - first_[i / kRun * kRun] + t));
      digits_.assign(static_cast<std::size_t>(runs) * groups * 3 * kVector, 0);
      each_weight([&](int run, int i, int group, int tap, std::int32_t w) {
        std::int8_t digit[3];
        split_digits(w, digit);
        for (int d = 0; d < 3; ++d) digits_[(at(run, group) * 3 + d) * kVector + kGroup * i + tap] = digit[d];
      });
      for (int run = 0; run < runs; ++run)
        plan_.reach = std::max(plan_.reach, first_[static_cast<std::size_t>(run) * kRun] + kGroup * (groups - 1) +
                                                kVector * plan_.window_vectors);
      break;
    }
    case PlanTables::kWords:
      words_.assign(static_cast<std::size_t>(runs) * groups * 8 * kRun, 0);
      each_weight([&](int run, int i, int group, int tap, std::int32_t w) {
        const Words word = split_words(w);
        std::int16_t* hi = &words_[(at(run, group) * 4 + tap / 2 * 2) * 2 * kRun + 2 * i + tap % 2];
        hi[0] = word.hi;
        hi[2 * kRun] = word.lo;
      });
      quad_shuffle_.assign(padded / kGroup * 2 * kQuadBytes, 0x80);
      for (std::size_t quad = 0; quad < padded / kGroup; ++quad) {
        quad_first_.push_back(first_[quad * kGroup]);
        plan_.reach = std::max(plan_.reach, quad_first_.back() + kGroup * (groups - 1) + kQuadBytes);
        for (int i = 0; i < kGroup; ++i) {
          const int offset = first_[quad * kGroup + i] - quad_first_.back();
          if (offset + kGroup > kQuadBytes) {
            plan_.quads_fit = false;
            continue;
          }
          for (int tap = 0; tap < kGroup; ++tap)
            quad_shuffle_[(quad * 2 + tap / 2) * kQuadBytes + kGroup * i + tap % 2 * 2] =
                static_cast<std::uint8_t>(offset + tap);
        }
      }
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

DownTables::DownTables(ResizeAxis axis, PlanTables tables) {
  const Taps taps(axis);
  source_ = taps.source;
  plan_.outputs = axis.end - axis.begin;
  for (int i = 0; i < plan_.outputs; ++i) {
    const int first = taps.first[i], end = first + taps.count[i];
    const int first_group = first / kGroup, groups = (end + kGroup - 1) / kGroup - first_group;
    first_group_.push_back(first_group);
    groups_.push_back(groups);
    rows_needed_.push_back(end);
    plan_.most_groups = std::max(plan_.most_groups, groups);

    std::vector<std::int32_t> weights(static_cast<std::size_t>(groups) * kGroup, 0);
    for (int t = 0; t < taps.count[i]; ++t) weights[first + t - first_group * kGroup] = taps.weights[i][t];
    begin_.push_back(begin_.empty() ? 0 : begin_.back() + groups_[i - 1]);
    switch (tables) {
      case PlanTables::kWeights:
        weights_.insert(weights_.end(), weights.begin(), weights.end());
        break;
      case PlanTables::kDigits:
        for (std::size_t g = 0; g < weights.size(); g += kGroup) {
          std::int8_t digit[kGroup][3];
          for (int k = 0; k < kGroup; ++k) split_digits(weights[g + k], digit[k]);
          for (int d = 0; d < 3; ++d)
            for (int k = 0; k < kGroup; ++k) digits_.push_back(digit[k][d]);
        }
        break;
      case PlanTables::kWords:
        for (std::size_t g = 0; g < weights.size(); g += kGroup)
          for (int k = 0; k < 2; ++k) {  // rows 0 and 2, then 1 and 3
            const Words a = split_words(weights[g + k]), b = split_words(weights[g + k + 2]);
            words_.insert(words_.end(), {a.hi, b.hi, a.lo, b.lo});
          }
        break;
    }
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
