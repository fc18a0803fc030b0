#pragma once

#include <map>
#include <memory>
#include <string>

#include "weights/safetensors.h"

namespace mosaic {

/// A file of weights as another program has written it.
struct WeightsFile {
  std::map<std::string, TensorBytes> tensors;
  std::shared_ptr<const void> memory;  // what their bytes lie in
};

/// By what the file begins with, whatever its name: safetensors, or what Python's torch.save makes of a state dict (.pth, .pt, .bin).
/// @throws Error naming the file and what is wrong with it
WeightsFile read_weights_file(const std::string& path);

}  // namespace mosaic
