#include "model/channels_last.h"

#include <ATen/ATen.h>

namespace mosaic {

void use_channels_last(ResNet& net) {
  for (const auto& p : net.parameters())
    if (p.tensor.dim() == 4) p.tensor.set_data(p.tensor.detach().contiguous(at::MemoryFormat::ChannelsLast));
}

}  // namespace mosaic
