#pragma once

#include <string>
#include <vector>

#include "device/device_batch.h"
#include "train/train.h"

namespace mosaic {

/// The first 64 images of a batch as the net sees them at `run.now`: cropped, flipped, augmented, mixed, of the side of that moment, with
/// the names of their classes.
struct BatchSheet {
  std::string png;   // a contact sheet
  std::string what;  // its title: "epoch 0, batch 0: 64 of 256 images, 176 x 176 pixels"
};
/// @param classes  names, by label
BatchSheet batch_sheet(Run& run, const Batch& batch, const std::vector<std::string>& classes);

/// Write the first images of the batch that training would take next to a PNG file, as `batch_sheet` shows them. Trains nothing. For one rank, whose images they
/// are.
/// @return a sentence that says what was written
/// @throws Error if a sample cannot be read, or the file cannot be written
std::string show_batch(Run& run, Data& data, const std::string& path);

}  // namespace mosaic
