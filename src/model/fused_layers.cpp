#include "model/fused_layers.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cassert>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "model/amx_convolution.h"
#include "model/direct_blur.h"
#include "model/fused_batch_norm.h"
#include "model/pointwise_convolution.h"

namespace mosaic {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor in_channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

/// A convolution in one forward pass.
struct ConvolutionPass {
  at::Tensor input, weight;  // as convolved: after the blur, in the input's type
  std::int64_t blur_stride;  // 0: there is no blur
  std::int64_t stride, padding;
  std::int64_t height, width;         // before the blur
  std::optional<AmxConvolution> amx;  // else, if it can
  std::optional<PointwiseConvolution> pointwise;

  /// @param from  the weight is converted to its type, once for each Autocast
  ConvolutionPass(const Convolution& conv, const at::Tensor& from, const AmxKernels* kernels)
      : weight(at::autocast::cached_cast(from.scalar_type(), conv.weight, from.device().type()).detach()),
        blur_stride(conv.blur.defined() ? 1 : 0),
        stride(conv.stride),
        padding(conv.padding),
        height(from.size(2)),
        width(from.size(3)) {
    // A 1x1 convolution looks at single pixels: those of the blurred image that it would step over need not be made.
    if (blur_stride > 0 && weight.size(2) == 1 && weight.size(3) == 1 && padding == 0) std::swap(blur_stride, stride);
    input = blur_stride > 0 ? blur(from, blur_stride) : from;
    if (kernels && AmxConvolution::can_take(input, weight, stride, padding))
      amx.emplace(AmxConvolution{*kernels, weight, stride});
    else if (PointwiseConvolution::can_take(weight, padding))
      pointwise = {weight, stride};
  }

  bool images_by_products() const { return pointwise && pointwise->faster_for_images(input); }

  at::Tensor forward() const {
    if (amx) return amx->forward(input);
    if (images_by_products()) return pointwise->forward(input);
    return in_channels_last(at::conv2d(input, weight, {}, {stride, stride}, {padding, padding}));
  }

  struct Gradients {
    at::Tensor input, weight;
  };
  Gradients backward(const at::Tensor& dy) const {
    auto [dx, dw] = convolution_backward(dy);
    return {blur_stride > 0 ? blur_backward(dx, height, width, blur_stride) : dx, dw};
  }

  /// Of the convolution without its blur.
  Gradients convolution_backward(const at::Tensor& dy) const {
    if (amx) return {amx->input_gradient(dy, input.size(2), input.size(3)), amx->weight_gradient(dy, input)};
    const bool own_dx = images_by_products(), own_dw = pointwise.has_value();
    at::Tensor dx, dw;
    if (!own_dx || !own_dw)
      std::tie(dx, dw, std::ignore) =
          at::convolution_backward(dy, input, weight, std::nullopt, {stride, stride}, {padding, padding}, {1, 1}, false,
                                   {0, 0}, 1, {!own_dx, !own_dw, false});
    if (own_dw) dw = pointwise->weight_gradient(dy, input);
    dx = own_dx ? pointwise->input_gradient(dy, input.size(2), input.size(3)) : in_channels_last(dx);
    return {dx, dw};
  }
};

/// A convolution and its batch norm in one forward pass.
struct LayerPass {
  ConvolutionPass conv;
  at::Tensor x;  // between the two
  NormPass norm;

  LayerPass(ResidualBlock::Layer& layer, const at::Tensor& from, bool batch_statistics, const AmxKernels* amx)
      : conv(layer.conv, from, amx), x(conv.forward()), norm(start_norm(x, layer.norm, batch_statistics)) {}
};

/// A block's forward pass: what its backward pass needs. Not in autograd's hands, which would have to be told every
/// tensor's place in a list.
struct BlockPass : torch::CustomClassHolder {
  std::vector<LayerPass> layers;
  std::optional<LayerPass> downsample;
  at::Tensor keep, y;

  ShortcutPass shortcut(const at::Tensor& x) const {
    return downsample ? ShortcutPass{downsample->x, &downsample->norm} : ShortcutPass{x};
  }
};

void keep_pass(AutogradContext* context, c10::intrusive_ptr<torch::CustomClassHolder> pass) {
  context->saved_data["pass"] = c10::IValue::make_capsule(std::move(pass));
}

/// The forward pass that `context` holds, for the one backward pass: its memory is used up in there, and goes back
/// after it.
template <class Pass>
c10::intrusive_ptr<Pass> take_pass(AutogradContext* context) {
  const c10::IValue taken = std::exchange(context->saved_data["pass"], {});
  TORCH_CHECK(taken.isCapsule(), "a fused layer's backward pass was asked for twice");
  return c10::static_intrusive_pointer_cast<Pass>(taken.toCapsule());
}

/// How a block is run, beside its tensors.
struct BlockCall {
  ResidualBlock& block;
  bool batch_statistics;
  const at::Tensor& keep;
  const AmxKernels* amx;
};

struct FusedBlock : torch::autograd::Function<FusedBlock> {
  /// @param parameters  of the layers, then of the downsample: (convolution, norm's weight, norm's bias) each; the
  ///                    values are read from the block
  static variable_list forward(AutogradContext* context, const at::Tensor& branch, const at::Tensor& shortcut,
                               const at::TensorList&, const BlockCall& call) {
    context->set_materialize_grads(false);
    auto pass = c10::make_intrusive<BlockPass>();
    at::Tensor z = in_channels_last(branch);
    for (auto& layer : call.block.layers) {
      if (!pass->layers.empty()) z = norm_relu(pass->layers.back().x, pass->layers.back().norm);
      pass->layers.emplace_back(layer, z, call.batch_statistics, call.amx);
    }
    const at::Tensor around = in_channels_last(shortcut);
    if (call.block.downsample)
      pass->downsample.emplace(*call.block.downsample, around, call.batch_statistics, call.amx);
    if (call.keep.defined()) pass->keep = call.keep.to(at::kFloat).contiguous();
    const LayerPass& last = pass->layers.back();
    at::Tensor y = norm_add_relu(last.x, last.norm, pass->keep, pass->shortcut(around));
    pass->y = y.detach();  // not the very tensor: that will hold this function
    keep_pass(context, std::move(pass));
    return {y, y.detach()};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto owner = take_pass<BlockPass>(context);
    BlockPass& pass = *owner;
    at::Tensor dy = gradients[0], more_dy = gradients[1];
    if (!dy.defined()) std::swap(dy, more_dy);
    if (more_dy.defined()) more_dy = in_channels_last(more_dy);

    const std::size_t layers = pass.layers.size();
    std::vector<NormGradients> norms(layers + 1);
    variable_list weights(layers + 1);
    {
      const LayerPass& last = pass.layers.back();
      auto both = norm_add_relu_backward(last.x, last.norm, pass.keep, pass.shortcut({}), pass.y, in_channels_last(dy),
                                         more_dy);
      norms[layers - 1] = both.branch;
      norms[layers] = both.shortcut;
    }
    at::Tensor d_shortcut = norms[layers].x;
    if (pass.downsample) {
      auto through = pass.downsample->conv.backward(d_shortcut);
      d_shortcut = through.input;
      weights[layers] = through.weight;
    }
    at::Tensor d_branch;
    for (std::size_t i = layers; i-- > 0;) {
      auto through = pass.layers[i].conv.backward(norms[i].x);
      weights[i] = through.weight;
      d_branch = through.input;
      if (i > 0) norms[i - 1] = norm_relu_backward(pass.layers[i - 1].x, pass.layers[i - 1].norm, d_branch);
    }

    variable_list all = {d_branch, d_shortcut};
    for (std::size_t i = 0; i < layers + (pass.downsample ? 1 : 0); ++i)
      all.insert(all.end(), {weights[i], norms[i].weight, norms[i].bias});
    all.emplace_back();  // of the call
    return all;
  }
};

/// The stem's batch norm in one forward pass.
struct NormReluPass : torch::CustomClassHolder {
  at::Tensor x;
  NormPass norm;
};

struct FusedNormRelu : torch::autograd::Function<FusedNormRelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& /*weight*/,
                            const at::Tensor& /*bias*/, BatchNorm& norm, bool batch_statistics) {
    auto pass = c10::make_intrusive<NormReluPass>();
    pass->x = in_channels_last(x);
    pass->norm = start_norm(pass->x, norm, batch_statistics);
    const at::Tensor y = norm_relu(pass->x, pass->norm);
    keep_pass(context, std::move(pass));
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto pass = take_pass<NormReluPass>(context);
    const auto g = norm_relu_backward(pass->x, pass->norm, in_channels_last(gradients[0]));
    return {g.x, g.weight, g.bias, {}, {}};
  }
};

}  // namespace

bool can_fuse(const at::Tensor& x, const BatchNorm& norm) { return is_fusable(x, norm); }

at::Tensor fused_norm_relu(const at::Tensor& x, BatchNorm& norm, bool batch_statistics) {
  return FusedNormRelu::apply(x, norm.weight, norm.bias, norm, batch_statistics);
}

BlockOutput fused_block(const BlockOutput& x, ResidualBlock& block, bool batch_statistics, const at::Tensor& keep,
                        const AmxKernels* amx) {
  assert(block.drop_rate == 0 || keep.defined());
  variable_list parameters;
  const auto add = [&](const ResidualBlock::Layer& layer) {
    parameters.insert(parameters.end(), {layer.conv.weight, layer.norm.weight, layer.norm.bias});
  };
  for (const auto& layer : block.layers) add(layer);
  if (block.downsample) add(*block.downsample);
  const BlockCall call{block, batch_statistics, keep, amx};
  const at::TensorList list(parameters);
  auto y = FusedBlock::apply(x.branch, x.shortcut, list, call);
  return {y[0], y[1]};
}

}  // namespace mosaic
