#pragma once

#include <string>

#include "model/resnet.h"

namespace mosaic {

/// Weights from and for other programs, under the names of torchvision's ResNets, which timm's plain ones share.

/// Begin with the weights of the file at `path`: a safetensors file, or a state dict or training checkpoint by torch.save. Their numbers are
/// converted to the net's type. Names may begin with "module." or "_orig_mod.", as wrappers leave them. The last layer keeps its initial
/// weights where the file's has another number of classes.
/// @return a sentence for the log
/// @throws Error naming the file and what is missing, too much or of another shape; `net` is then unusable
std::string load_pretrained(const std::string& path, ResNet& net);

/// Write the weights of a checkpoint to `out`: .safetensors, or .pth for `torch.load(out, weights_only=True)`. `strict=True` loads either into
/// torchvision's net.
/// @param checkpoint  a checkpoint, or a folder of checkpoints, of which the newest whole one is taken
/// @param average     the average of the weights (EMA) where the checkpoint has one; false: those that it was training
/// @return a sentence that says what was written from where
/// @throws Error naming the path and what is wrong
std::string export_weights(const std::string& checkpoint, const std::string& out, bool average);

}  // namespace mosaic
