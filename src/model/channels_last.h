#pragma once

#include "model/resnet.h"

namespace mosaic {

/// Store convolution weights with the channel as the innermost dimension (NHWC), which makes LibTorch run the whole net in
/// that layout: images need not be converted, and nothing but the choice of kernels changes. Recipes section 6.3.
/// The tensors that `net.parameters()` returned before stay the net's parameters. Call before anything takes over their
/// layout: gradient buffers, an optimizer's momentum. `ResNet::to` keeps the layout. Code that needs the bytes in torchvision's
/// order (files, messages) must ask for `contiguous()`.
void use_channels_last(ResNet& net);

}  // namespace mosaic
