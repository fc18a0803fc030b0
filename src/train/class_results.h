#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/evaluate.h"
#include "train/train.h"

namespace mosaic {

/// What an evaluation says of each class, over all ranks.
struct ClassResults {
  /// Images of class `label` that the net takes for another class.
  struct Confusion {
    std::int64_t label = 0, taken_for = 0;
    std::int64_t images = 0;
    std::int64_t sample = 0;  // the first of them in the evaluation set
  };
  std::vector<std::int64_t> images, correct;  // of each class, by its label
  std::vector<Confusion> confusions;          // those of the most images first, then by label; at most kMostConfusions
};
inline constexpr std::size_t kMostConfusions = 24;

/// Collective. What an evaluation has found on each rank, put together; the same on all ranks, and for any number of them.
/// @param mine     of this rank
/// @param samples  of this rank, in the order of its batches
ClassResults class_results(const EvalResult& mine, const std::vector<std::int64_t>& samples, std::int64_t classes);

/// As JSON: {"epoch", "batch", "classes": [{"name", "images", "correct"}, ...], "confusions": [{"class", "taken_for", "images"}, ...]}.
/// @param names  of the classes, by label; a net may know more, which have no name and no images
std::string classes_json(const ClassResults& results, const std::vector<std::string>& names, const Progress& now);

/// A PNG file that shows an image of each of the first confusions, as the net saw it, with the names of both classes.
/// @param results  with at least one confusion
/// @throws Error if an image cannot be read
std::string confused_images(const ClassResults& results, Data& data, std::int64_t batch_size);

}  // namespace mosaic
