// Layers as single functions against the composition of operators, which defines them.
#include "model/fused_layers.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "catch.h"
#include "golden_tensors.h"
#include "model/blur_pool.h"
#include "model/channels_last.h"
#include "model/emulated_amx.h"
#include "model/fused_batch_norm.h"
#include "model/stochastic_depth.h"

namespace mosaic {
namespace {

struct Shape {
  std::vector<std::int64_t> channels;  // of the input, then after each convolution; two convolutions or three
  std::int64_t stride, n, height, width;
  bool downsample = false, drop = false, blur = false, frozen = false;
};

const std::vector<Shape> kShapes = {
    {{64, 64, 64}, 1, 4, 14, 14},
    {{64, 128, 128}, 2, 4, 14, 14, true},
    {{64, 16, 16, 64}, 1, 4, 10, 10},
    {{32, 16, 16, 64}, 1, 4, 10, 10, true},
    {{64, 32, 32, 128}, 2, 4, 10, 10, true},
    {{48, 24, 24, 48}, 1, 3, 11, 7},
    {{17, 5, 5, 17}, 1, 3, 9, 9},                                 // odd numbers of channels
    {{3, 1, 1, 3}, 1, 6, 5, 5},                                   // one channel
    {{7, 9, 13}, 2, 3, 9, 5, true},                               // odd, strided, oblong
    {{33, 31, 33}, 1, 2, 8, 8},                                   // one above, one below a vector
    {{16, 16, 16}, 1, 8, 1, 1},                                   // 1x1 images
    {{16, 8, 8, 32}, 2, 8, 1, 1, true},                           // the same, strided
    {{16, 16, 16}, 1, 64, 2, 1},                                  // 2x1
    {{64, 16, 16, 64}, 1, 5, 6, 6, false, true},                  // stochastic depth
    {{32, 16, 16, 64}, 2, 5, 7, 7, true, true},                   // with a downsample
    {{32, 16, 16, 64}, 2, 4, 9, 9, true, false, true},            // BlurPool
    {{16, 32, 32}, 2, 4, 8, 8, true, false, true},                // in a basic block
    {{32, 16, 16, 64}, 2, 4, 9, 9, true, true, true},             // with stochastic depth
    {{32, 16, 16, 32}, 1, 4, 8, 8, false, false, false, true},    // frozen batch norm
    {{16, 24, 24}, 2, 4, 8, 8, true, false, false, true},         // with a downsample
    {{256, 64, 64, 256}, 1, 2, 28, 28},                           // more than one chunk of rows
    {{64, 64, 64, 256}, 1, 2, 40, 40, true, true, false, false},  // with all of it
};

at::Tensor random(at::IntArrayRef sizes, at::Generator& generator) { return at::randn(sizes, generator); }

ResidualBlock make_block(const Shape& shape, at::Generator& g) {
  const auto layer = [&](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
    ResidualBlock::Layer l;
    l.conv = {random({out, in, kernel, kernel}, g) / std::sqrt(static_cast<double>(in * kernel * kernel)), stride,
              kernel / 2};
    l.conv.weight = l.conv.weight.contiguous(at::MemoryFormat::ChannelsLast);
    l.norm = {random({out}, g) * 0.3 + 1, random({out}, g) * 0.3, random({out}, g) * 0.1, random({out}, g).abs() + 0.5};
    if (shape.blur && stride > 1) l.conv.blur = low_pass_filter(in, l.conv.weight);
    return l;
  };
  ResidualBlock block;
  const auto& c = shape.channels;
  if (c.size() == 4)
    block.layers = {layer(c[0], c[1], 1, 1), layer(c[1], c[2], 3, shape.stride), layer(c[2], c[3], 1, 1)};
  else
    block.layers = {layer(c[0], c[1], 3, shape.stride), layer(c[1], c[2], 3, 1)};
  if (shape.downsample) block.downsample = layer(c[0], c.back(), 1, shape.stride);
  block.drop_rate = shape.drop ? 0.5 : 0;
  return block;
}

template <class F>
void for_layers(ResidualBlock& block, const F& f) {
  for (auto& layer : block.layers) f(layer);
  if (block.downsample) f(*block.downsample);
}

ResidualBlock copy_in(const ResidualBlock& block, at::ScalarType type) {
  ResidualBlock copy = block;
  for_layers(copy, [&](ResidualBlock::Layer& l) {
    for (at::Tensor* p : {&l.conv.weight, &l.norm.weight, &l.norm.bias})
      *p = p->detach().to(type, false, true).requires_grad_(true);
    for (at::Tensor* p : {&l.norm.running_mean, &l.norm.running_var}) *p = p->to(type, false, true);
    if (l.conv.blur.defined()) l.conv.blur = l.conv.blur.to(type);
  });
  return copy;
}

class AutocastToBfloat16 {
 public:
  AutocastToBfloat16() {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~AutocastToBfloat16() {
    at::autocast::decrement_nesting();
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
};

/// All that a pass makes: by name, and in double.
using Results = std::vector<std::pair<std::string, at::Tensor>>;

enum class Path { kPlain, kFused, kFusedWithAmx };

/// Forward and backward of a copy of `block` with parameters of type `parameters` on `x`, through two outputs with
/// gradients of their own, as in a net.
Results run(const ResidualBlock& original, const Shape& shape, at::ScalarType parameters, const at::Tensor& x,
            const at::Tensor& keep, const at::Tensor& dy, const at::Tensor& dy2, Path path) {
  ResidualBlock block = copy_in(original, parameters);
  const at::Tensor input = x.detach().clone().requires_grad_(true);
  BlockOutput y;
  {
    std::optional<AutocastToBfloat16> autocast;
    if (x.scalar_type() == at::kBFloat16) autocast.emplace();
    if (path == Path::kPlain) {
      y.branch = block(input, !shape.frozen, keep);
      y.shortcut = y.branch;
    } else {
      const AmxKernels* amx = path == Path::kFusedWithAmx ? &test::emulated_amx() : nullptr;
      y = fused_block({input, input}, block, !shape.frozen, keep, amx);
    }
  }
  CHECK(y.branch.scalar_type() == x.scalar_type());
  Results results = {{"y", y.branch.detach().clone()}};
  ((y.branch * dy.to(x.scalar_type())).sum() + (y.shortcut * dy2.to(x.scalar_type())).sum()).backward();
  results.emplace_back("dx", input.grad());
  int number = 0;
  for_layers(block, [&](ResidualBlock::Layer& l) {
    const std::string name = "layer " + std::to_string(number++) + " ";
    results.emplace_back(name + "weight", l.conv.weight.grad());
    results.emplace_back(name + "norm weight", l.norm.weight.grad());
    results.emplace_back(name + "norm bias", l.norm.bias.grad());
    results.emplace_back(name + "running mean", l.norm.running_mean);
    results.emplace_back(name + "running variance", l.norm.running_var);
    CHECK(l.norm.batches_tracked == (shape.frozen ? 0 : 1));
  });
  for (auto& r : results) r.second = r.second.to(at::kDouble);
  return results;
}

/// Distance over the length of what is expected.
double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm().clamp_min(1)).item<double>();
}

TEST_CASE("a fused block is the composition of its operators: forward, backward, statistics", "[model]") {
  at::Generator g = at::detail::createCPUGenerator(5);
  double logarithms = 0;  // of (distance of fused / distance of plain) in bfloat16
  int ratios = 0;
  for (std::size_t i = 0; i < kShapes.size(); ++i) {
    const Shape& shape = kShapes[i];
    const ResidualBlock block = make_block(shape, g);
    const at::Tensor x = (random({shape.n, shape.channels[0], shape.height, shape.width}, g) + 0.5)
                             .contiguous(at::MemoryFormat::ChannelsLast);
    const std::int64_t h = (shape.height - 1) / shape.stride + 1, w = (shape.width - 1) / shape.stride + 1;
    const at::Tensor dy = random({shape.n, shape.channels.back(), h, w}, g), dy2 = random(dy.sizes(), g);
    const at::Tensor keep = shape.drop ? at::arange(shape.n).remainder(2).to(at::kFloat) : at::Tensor();
    const auto all = [&](at::ScalarType type, at::ScalarType parameters, Path path) {
      return run(block, shape, parameters, x.to(type), keep, dy, dy2, path);
    };
    const Results exact = all(at::kDouble, at::kDouble, Path::kPlain);
    const Results plain = all(at::kFloat, at::kFloat, Path::kPlain), fused = all(at::kFloat, at::kFloat, Path::kFused);
    for (std::size_t k = 0; k < exact.size(); ++k) {
      INFO("shape " << i << ", " << exact[k].first);
      REQUIRE(fused[k].second.sizes() == exact[k].second.sizes());
      CHECK(distance(fused[k].second, exact[k].second) <= 3e-5);
      CHECK(distance(fused[k].second, plain[k].second) <= 3e-5);
    }
    // LibTorch 2.15 leaves parts of the weight's gradient unwritten there, on a processor with AVX-512 BF16.
    if (shape.stride == 2 && shape.height == 1) continue;
    const Results plain_half = all(at::kBFloat16, at::kFloat, Path::kPlain);
    for (const Path path : {Path::kFused, Path::kFusedWithAmx}) {
      const Results fused_half = all(at::kBFloat16, at::kFloat, path);
      for (std::size_t k = 0; k < exact.size(); ++k) {
        INFO("shape " << i << ", " << exact[k].first << " in bfloat16" << (path == Path::kFused ? "" : ", AMX"));
        const double mine = distance(fused_half[k].second, exact[k].second);
        const double theirs = distance(plain_half[k].second, exact[k].second);
        CHECK(mine <= 1.5 * theirs + 2e-3);
        if (mine == 0 || theirs == 0) continue;
        logarithms += std::log(mine / theirs);
        ++ratios;
      }
    }
  }
  // Of the 8 bits of a bfloat16 every rounding takes its part: there are fewer of them in a fused block.
  CHECK(std::exp(logarithms / ratios) <= 1);
}

/// The net's logits, and all gradients after it, as one list.
Results run_net(const std::string& name, bool fused, bool bfloat16, const at::Tensor& images, bool freeze = false,
                bool techniques = false) {
  ResNet net({.name = name, .num_classes = 10, .freeze_batch_norm = freeze}, at::detail::createCPUGenerator(17));
  std::vector<double> rates;
  if (techniques) {
    apply_blur_pool(net, {});
    rates = apply_stochastic_depth(net, {.drop_rate = 0.4});
  }
  use_channels_last(net);
  net.use_fused_layers(fused);
  if (images.scalar_type() == at::kDouble) net.to(at::kCPU, at::kDouble);
  const at::Tensor keep = rates.empty() ? at::Tensor() : draw_keep(rates, images.size(0), KeyedRandom{3});
  at::Tensor logits;
  {
    std::optional<AutocastToBfloat16> autocast;
    if (bfloat16) autocast.emplace();
    logits = net.forward(images, keep);
  }
  at::cross_entropy_loss(logits.to(images.scalar_type()), at::arange(images.size(0)).remainder(10)).backward();
  Results results = {{"logits", logits.detach()}};
  for (const auto& p : net.parameters()) results.emplace_back(p.name, p.tensor.grad());
  for (const auto& b : net.buffers()) results.emplace_back(b.name, b.tensor);
  CHECK(net.batches_tracked() == (freeze ? 0 : 1));
  for (auto& r : results) r.second = r.second.to(at::kDouble);
  return results;
}

at::Tensor some_images(std::int64_t n, std::int64_t side) {
  at::Generator g = at::detail::createCPUGenerator(11);
  return random({n, 3, side, side}, g);
}

TEST_CASE("a net with fused layers trains as one without", "[model]") {
  for (const std::string name : {"resnet18", "resnet50"})
    for (const bool freeze : {false, true})
      for (const bool techniques : {false, true}) {
        if (name == "resnet50" && freeze != techniques) continue;  // for time's sake
        const at::Tensor x = some_images(4, 64);
        const Results exact = run_net(name, false, false, x.to(at::kDouble), freeze, techniques);
        const Results fused = run_net(name, true, false, x, freeze, techniques);
        for (std::size_t k = 0; k < exact.size(); ++k) {
          INFO(name << (freeze ? ", frozen" : "") << (techniques ? ", techniques" : "") << ", " << exact[k].first);
          CHECK(distance(fused[k].second, exact[k].second) <= 5e-2);  // where a ReLU's input changes sign by rounding
        }
        CHECK(distance(fused[0].second, exact[0].second) <= 1e-4);
      }
}

TEST_CASE("a net computes convolutions by AMX's kernels where it was given them, in bfloat16", "[model]") {
  static int forward, backward, blocks;
  forward = backward = blocks = 0;
  AmxKernels counted = test::emulated_amx();
  counted.pack_forward = [](const AmxWeight& w, std::int64_t first_column, Bfloat16Bits* packed) {
    forward += first_column == 0;
    test::emulated_amx().pack_forward(w, first_column, packed);
  };
  counted.pack_backward = [](const AmxWeight& w, std::int64_t first_column, Bfloat16Bits* packed) {
    backward += first_column == 0;
    test::emulated_amx().pack_backward(w, first_column, packed);
  };
  counted.sum_parts = [](const AmxParts& parts) {
    ++blocks;
    test::emulated_amx().sum_parts(parts);
  };
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // for the counts
  ResNet net({.name = "resnet18", .num_classes = 10}, at::detail::createCPUGenerator(17));
  use_channels_last(net);
  net.use_fused_layers(true);
  net.use_amx(&counted);
  const auto step = [&](bool bfloat16) {
    std::optional<AutocastToBfloat16> autocast;
    if (bfloat16) autocast.emplace();
    net.forward(some_images(2, 32)).sum().backward();
  };
  step(false);
  CHECK(forward + backward + blocks == 0);
  step(true);
  at::set_num_threads(threads);
  // Four 3x3 without stride in the first stage, three and a 1x1 with stride 2 in each other.
  CHECK(forward == 4 + 3 * (3 + 1));
  CHECK(backward == 4 + 3 * (3 + 1));
  int expected_blocks = 4 * 2 * 2 * 9;  // of 32 x 32 channels
  for (const int width : {4, 8, 16}) expected_blocks += 3 * width * width * 9 + width * width / 2;
  CHECK(blocks == expected_blocks);
}

TEST_CASE("in float64 and in evaluation the switch changes no bit", "[model]") {
  const at::Tensor x = some_images(2, 32).to(at::kDouble);
  const Results plain = run_net("resnet18", false, false, x), fused = run_net("resnet18", true, false, x);
  for (std::size_t k = 0; k < plain.size(); ++k) CHECK(at::equal(plain[k].second, fused[k].second));

  const c10::NoGradGuard no_grad;
  ResNet net({.name = "resnet18", .num_classes = 10}, at::detail::createCPUGenerator(17));
  net.set_training(false);
  const at::Tensor before = net.forward(x.to(at::kFloat));
  net.use_fused_layers(true);
  CHECK(at::equal(net.forward(x.to(at::kFloat)), before));
}

TEST_CASE("a NaN in an image reaches loss, gradients and statistics of a fused net", "[model]") {
  at::Tensor x = some_images(2, 32);
  x[1][0][5][5] = std::nan("");
  for (const bool bfloat16 : {false, true})
    for (const auto& [name, tensor] : run_net("resnet18", true, bfloat16, x)) {
      INFO(name);
      CHECK(tensor.isnan().any().item<bool>());
    }
}

TEST_CASE("the backward pass of a fused layer can be made once, and says so", "[model]") {
  at::Generator g = at::detail::createCPUGenerator(5);
  ResidualBlock block = copy_in(make_block(kShapes[0], g), at::kFloat);
  const at::Tensor x = random({2, 64, 4, 4}, g).requires_grad_(true);
  const at::Tensor sum = fused_block({x, x}, block, true, {}).branch.sum();
  sum.backward({}, /*retain_graph=*/true);
  CHECK_THROWS(sum.backward());
}

TEST_CASE("fused batch norm does not depend on the number of threads", "[model]") {
  at::Generator g = at::detail::createCPUGenerator(5);
  const at::Tensor x = random({8, 24, 40, 40}, g).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor r = random(x.sizes(), g).contiguous(at::MemoryFormat::ChannelsLast), dy = r * 0.5;
  std::vector<at::Tensor> results[2];
  const int threads = at::get_num_threads();
  for (int i = 0; i < 2; ++i) {
    at::set_num_threads(i == 0 ? 1 : 3);
    BatchNorm norm{at::ones({24}), at::zeros({24}), at::zeros({24}), at::ones({24})};
    const NormPass pass = start_norm(x, norm, true);
    const at::Tensor y = norm_add_relu(x, pass, {}, {r});
    const auto gradients = norm_add_relu_backward(x.clone(), pass, {}, {r}, y, dy, r);
    results[i] = {norm.running_mean,       norm.running_var,     y, gradients.branch.x, gradients.shortcut.x,
                  gradients.branch.weight, gradients.branch.bias};
  }
  at::set_num_threads(threads);
  for (std::size_t k = 0; k < results[0].size(); ++k) CHECK(at::equal(results[0][k], results[1][k]));
}

TEST_CASE("the mean of large values far from 0 does not cost the variance its digits", "[model]") {
  at::Generator g = at::detail::createCPUGenerator(5);
  const at::Tensor x = (random({4, 20, 33, 33}, g) + 1000).contiguous(at::MemoryFormat::ChannelsLast);
  BatchNorm norm{at::ones({20}), at::zeros({20}), at::zeros({20}), at::zeros({20})};
  start_norm(x, norm, true);
  const at::Tensor wide = x.to(at::kDouble);
  CHECK(test::deviation_of_largest(norm.running_mean * 10, wide.mean({0, 2, 3})) <= 1e-6);
  CHECK(test::deviation_of_largest(norm.running_var * 10, wide.var({0, 2, 3}, true)) <= 1e-5);
}

}  // namespace
}  // namespace mosaic
