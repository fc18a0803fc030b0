#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "image/resize.h"
#include "packed/kernels.h"

namespace mosaic {

/// What is wanted of one direction of a resize: outputs [begin, end) of `in` samples scaled to `scaled`.
struct ResizeAxis {
  int in = 0, scaled = 0, begin = 0, end = 0;
  bool half_first = false, half_last = false;  // half of the first, or last, sample does not belong to the picture
  bool operator==(const ResizeAxis&) const = default;
};

/// The samples that the outputs depend on: [begin, end).
struct SourceRange {
  int begin = 0, end = 0;
};

/// Pillow's filter (image/resize.h) without the weights of zero at both ends of each output's, in memory that is used again.
class ResizeTaps {
 public:
  void set(ResizeAxis axis);

  std::vector<int> first, count;             // of each output; samples are counted from source.begin
  std::vector<const std::int32_t*> weights;  // `count` of them
  int most = 0;                              // the largest count
  SourceRange source;

 private:
  ResizeFilter filter_;
};

/// Pillow's weights in the tables of one set of kernels. Samples are counted from `source().begin`.
class AcrossTables {
 public:
  AcrossTables() = default;
  AcrossTables(ResizeAxis axis, PlanTables tables);
  AcrossTables(const AcrossTables&) = delete;
  AcrossTables& operator=(const AcrossTables&) = delete;

  /// Make the tables anew, in the memory that they had. @param taps  anything; overwritten
  void set(ResizeAxis axis, PlanTables tables, ResizeTaps& taps);
  const AcrossPlan& plan() const { return plan_; }
  SourceRange source() const { return source_; }

 private:
  void set_weights(const ResizeTaps& taps);
  void set_digits(const ResizeTaps& taps);
  void set_words(const ResizeTaps& taps);

  SourceRange source_;
  AcrossPlan plan_{};
  std::vector<std::int32_t> first_, weights_, quad_first_;
  std::vector<std::uint8_t> window_, quad_shuffle_;
  std::vector<std::int8_t> digits_;
  std::vector<std::int16_t> words_;
};

class DownTables {
 public:
  DownTables() = default;
  DownTables(ResizeAxis axis, PlanTables tables);
  DownTables(const DownTables&) = delete;
  DownTables& operator=(const DownTables&) = delete;

  /// As of AcrossTables.
  void set(ResizeAxis axis, PlanTables tables, ResizeTaps& taps);
  const DownPlan& plan() const { return plan_; }
  SourceRange source() const { return source_; }

 private:
  SourceRange source_;
  DownPlan plan_{};
  std::vector<std::int32_t> first_group_, groups_, rows_needed_, begin_, weights_;
  std::vector<std::int8_t> digits_;
  std::vector<std::int16_t> words_;
};

/// Bytes that the tables of both directions have at most, for outputs of `side` pixels from up to `in` pixels.
constexpr std::int64_t most_table_bytes(std::int64_t side, std::int64_t in) {
  const std::int64_t taps = 2 * ((in + side - 1) / side) + 1,
                     groups = (taps + 3) / 4 + 1;  // a tap group may be cut at both ends
  // Of an output: first sample, window, shuffles; first group, groups, rows, begin; 16 bytes for each group of either direction. Twice,
  // since memory grows to powers of two.
  return 2 * (side + 16) * (4 + 4 + 9 + 16 + 2 * 16 * groups);
}

/// Tables for the sizes of late: making them takes a good part of the time of a resize. Memory is bounded: a place for each of
/// kPlaces sizes, taken over by the next size that belongs there (some 10 MB in all, at 224 pixels); one for all that shrink more than
/// kMostScale times, which are rare and large.
template <class Tables>
class PlanCache {
 public:
  explicit PlanCache(PlanTables tables) : tables_(tables), places_(kPlaces + 1) {}

  static constexpr int kMostScale = 8;
  static constexpr std::size_t kPlaces = 512;

  /// Valid until the next call.
  const Tables& get(ResizeAxis axis) {
    const auto hash =
        static_cast<std::uint32_t>(axis.in) * 0x9E3779B1u ^ static_cast<std::uint32_t>(axis.scaled) * 0x85EBCA77u;
    Place& place = axis.in > kMostScale * axis.scaled ? places_.back() : places_[hash >> (32 - kPlacesBits)];
    if (place.axis != axis) {
      place.axis = {};  // no table's, should there be no memory for this one
      place.tables.set(axis, tables_, taps_);
      place.axis = axis;
    }
    return place.tables;
  }

 private:
  static constexpr int kPlacesBits = std::countr_zero(kPlaces);
  struct Place {
    ResizeAxis axis;
    Tables tables;
  };
  PlanTables tables_;
  ResizeTaps taps_;
  std::vector<Place> places_;
};

}  // namespace mosaic
