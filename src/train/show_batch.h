#pragma once

#include <string>

#include "train/train.h"

namespace mosaic {

/// Write the first images of the batch that training would take next, as the net will see them, to a PNG file: cropped, flipped, augmented,
/// mixed, of the side of that moment, with the names of their classes. Trains nothing. For one rank, whose images they are.
/// @return a sentence that says what was written
/// @throws Error if a sample cannot be read, or the file cannot be written
std::string show_batch(Run& run, Data& data, const std::string& path);

}  // namespace mosaic
