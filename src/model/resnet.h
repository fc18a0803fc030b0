#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/recipe.h"

namespace mosaic {

struct AmxKernels;

/// Without bias, as all convolutions of a ResNet.
struct Convolution {
  at::Tensor weight;  // (out, in, k, k)
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  at::Tensor blur = {};  // filter (in, 1, 3, 3) of the low pass in front, if there is one: blur_pool.h

  at::Tensor operator()(const at::Tensor& x) const;  // (N, in, H, W) -> (N, out, H', W')
};

/// 3x3, stride 2, padding 1.
struct MaxPool {
  at::Tensor blur =
      {};  // filter (C, 1, 3, 3), if set: the maximum goes in steps of 1, the low pass after it in steps of 2

  /// @param direct  blur by the kernel of direct_blur.h, on images that it can take
  at::Tensor operator()(const at::Tensor& x, bool direct = false) const;
};

/// eps 1e-5, momentum 0.1, unbiased variance for the running value, as torch's.
struct BatchNorm {
  at::Tensor weight, bias, running_mean, running_var;  // (C)
  std::int64_t batches_tracked = 0;                    // forwards in training; has no numeric effect

  at::Tensor operator()(const at::Tensor& x, bool training);
};

/// The two kinds of residual block in one: basic (two convolutions) and bottleneck (three).
struct ResidualBlock {
  struct Layer {
    Convolution conv;
    BatchNorm norm;
  };
  std::vector<Layer> layers;
  std::optional<Layer> downsample;  // on the shortcut, where stride or channels change
  double drop_rate = 0;             // in [0, 1]; 0: without stochastic depth (stochastic_depth.h)

  bool bottleneck() const { return layers.size() == 3; }

  /// @param batch_statistics  of batch norm: see BatchNorm
  /// @param keep  with a drop rate, in training: (N), 0 for the images that skip the block. Undefined in evaluation, where
  ///              the expected value 1 - drop_rate stands for it
  at::Tensor operator()(const at::Tensor& x, bool batch_statistics, const at::Tensor& keep = {});
};

/// A tensor of the network under torchvision's name: "layer1.0.bn1.running_mean".
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};
/// Without their names; they share their memory with `named`.
std::vector<at::Tensor> tensors_of(const std::vector<NamedTensor>& named);

/// ResNet-18 to -152 as torchvision's (V1.5: a bottleneck strides in its 3x3 convolution); with another `width` than 64, all layers
/// have that many times 1/64 of its channels.
/// Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385, section 4.1 and table 1.
/// Differs: initial weights are the reference recipe's (recipes section 3.2): Kaiming normal by fan_in, batch-norm gains
/// uniform in [0, 1), bias of the last layer -ln(classes) for binary cross-entropy.
class ResNet {
 public:
  /// On the CPU in float32. Draws from `random` (a CPU generator) exactly what the reference's builder draws, so that equal
  /// seeds give equal bits.
  ResNet(const ModelConfig& config, at::Generator random);

  /// @param images  (N, 3, S, S), normalised, of the network's type and on its device
  /// @param keep  what `draw_keep` returns, on the network's device: needed in training with stochastic depth, else unused
  /// @return logits (N, classes)
  at::Tensor forward(const at::Tensor& images, const at::Tensor& keep = {});

  /// In training, batch norm takes the statistics of the batch and moves the running ones towards them.
  void set_training(bool training) { training_ = training; }
  bool training() const { return training_; }

  /// In training, let each block be one function (fused_layers.h), where that is possible: in float32, alone or with autocast to
  /// bfloat16 or, on a GPU, float16. Off in a new net.
  void use_fused_layers(bool fused) { fused_layers_ = fused; }
  /// By which those blocks compute the convolutions that AmxConvolution can take; null, as in a new net: by none.
  void use_amx(const AmxKernels* kernels) { amx_ = kernels; }

  /// Moves and converts all tensors; parameters are new ones afterwards: call before an optimizer is built.
  void to(at::Device device, at::ScalarType type);
  at::Device device() const { return fc_weight_.device(); }
  at::ScalarType type() const { return fc_weight_.scalar_type(); }
  /// Of the convolutions' weights, and the one of images that need not be converted: channels_last.h.
  at::MemoryFormat layout() const { return stem_.conv.weight.suggest_memory_format(); }

  /// What is learnt, in torchvision's order; every one requires a gradient.
  std::vector<NamedTensor> parameters() const;
  /// Running means and variances, in torchvision's order.
  std::vector<NamedTensor> buffers() const;
  /// Makes all buffers views of one contiguous tensor, in the order of `buffers()`, and returns it: one message sends them.
  at::Tensor flatten_buffers();
  /// Forwards in training so far: torchvision's `num_batches_tracked` of every batch norm.
  std::int64_t batches_tracked() const { return stem_.norm.batches_tracked; }
  void set_batches_tracked(std::int64_t count);
  /// Names of all batch norms, "bn1", "layer1.0.bn1", ...: each has a `num_batches_tracked` under torchvision.
  std::vector<std::string> batch_norm_names() const;

 private:
  /// Calls visit(convolution name, batch-norm name, layer) in the order in which torchvision registers them.
  template <class Visit>
  void visit_layers(Visit visit);
  template <class Visit>
  void visit_layers(Visit visit) const;
  void initialise(const ModelConfig& config, at::Generator& random);

  // What changes the net's structure has a file of its own.
  friend std::vector<std::string> apply_blur_pool(ResNet& net, const BlurPoolConfig& config);
  friend std::vector<double> apply_stochastic_depth(ResNet& net, const StochasticDepthConfig& config);

  bool training_ = true;
  bool fused_layers_ = false;
  const AmxKernels* amx_ = nullptr;
  bool freeze_batch_norm_;
  ResidualBlock::Layer stem_;
  MaxPool max_pool_;
  std::vector<std::vector<ResidualBlock>> stages_;
  at::Tensor fc_weight_, fc_bias_;
};

template <class Visit>
void ResNet::visit_layers(Visit visit) {
  visit(std::string("conv1"), std::string("bn1"), stem_);
  for (std::size_t s = 0; s < stages_.size(); ++s)
    for (std::size_t b = 0; b < stages_[s].size(); ++b) {
      const std::string block = "layer" + std::to_string(s + 1) + "." + std::to_string(b) + ".";
      auto& layers = stages_[s][b].layers;
      for (std::size_t i = 0; i < layers.size(); ++i)
        visit(block + "conv" + std::to_string(i + 1), block + "bn" + std::to_string(i + 1), layers[i]);
      if (auto& downsample = stages_[s][b].downsample)
        visit(block + "downsample.0", block + "downsample.1", *downsample);
    }
}

template <class Visit>
void ResNet::visit_layers(Visit visit) const {
  const_cast<ResNet*>(this)->visit_layers([&](const std::string& conv, const std::string& norm,
                                              const ResidualBlock::Layer& layer) { visit(conv, norm, layer); });
}

}  // namespace mosaic
