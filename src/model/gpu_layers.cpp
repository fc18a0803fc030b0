#include "model/gpu_layers.h"

#include <ATen/ATen.h>

#ifdef MOSAIC_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

#include "base/error.h"

namespace mosaic {
namespace {

/// Calls f.operator()<T>() with the storage type of `x`.
template <class F>
void with_type_of(const at::Tensor& x, const F& f) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return f.template operator()<float>();
    case at::kHalf:
      return f.template operator()<Float16>();
    default:
      return f.template operator()<Bfloat16>();
  }
}

template <class T>
const T* read(const at::Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}
template <class T>
T* write(const at::Tensor& x) {
  return static_cast<T*>(x.mutable_data_ptr());
}

GpuRows rows_of(const at::Tensor& x) { return {x.size(0) * x.size(2) * x.size(3), x.size(1), x.size(2) * x.size(3)}; }

Normalisation plain(const NormPass& norm) {
  return {read<float>(norm.mean), read<float>(norm.scale), read<float>(norm.bias)};
}

/// In the backward pass a shortcut without batch norm is not read, and has no image here.
template <class T>
Shortcut<T> plain(const ShortcutPass& shortcut) {
  return {read<T>(shortcut.x), shortcut.norm ? plain(*shortcut.norm) : Normalisation{}};
}

/// Scratch for sums over the rows of `x`.
at::Tensor parts_for(const at::Tensor& x, std::int64_t sums) {
  const GpuRows rows = rows_of(x);
  return at::empty({rows.parts(), sums, rows.channels}, x.options().dtype(at::kFloat).memory_format(std::nullopt));
}

/// What a batch norm's sums become.
struct Slopes {
  at::Tensor weight, bias, slope, offset;

  explicit Slopes(const NormPass& norm) {
    const at::Tensor all = at::empty({4, norm.mean.size(0)}, norm.mean.options());
    weight = all[0], bias = all[1], slope = all[2], offset = all[3];
  }

  GpuSlopes to() const { return {write<float>(weight), write<float>(bias), write<float>(slope), write<float>(offset)}; }
  InputGradient gradient(const NormPass& norm) const {
    return {read<float>(norm.mean), read<float>(norm.scale), read<float>(slope), read<float>(offset)};
  }
};

}  // namespace

NormPass GpuLayers::start_norm(const at::Tensor& x, BatchNorm& norm, bool batch_statistics) const {
  constexpr double kEpsilon = 1e-5;
  const at::Tensor weight = norm.weight.detach();
  NormPass pass{.bias = norm.bias.detach().clone(), .batch_statistics = batch_statistics};
  if (!batch_statistics) {
    pass.mean = norm.running_mean.clone();
    pass.inverse_deviation = (norm.running_var + kEpsilon).rsqrt();
    pass.scale = weight * pass.inverse_deviation;
    return pass;
  }
  const at::Tensor all = at::empty({3, weight.size(0)}, norm.running_mean.options());
  pass.mean = all[0], pass.inverse_deviation = all[1], pass.scale = all[2];
  const at::Tensor parts = parts_for(x, 2);
  with_type_of(x, [&]<class T>() {
    kernels_.of<T>().batch_norm.statistics(
        read<T>(x), rows_of(x), write<float>(parts),
        {write<float>(pass.mean), write<float>(pass.inverse_deviation), write<float>(pass.scale), read<float>(weight),
         write<float>(norm.running_mean), write<float>(norm.running_var)},
        kernels_.current_stream());
  });
  ++norm.batches_tracked;
  return pass;
}

at::Tensor GpuLayers::norm_relu(const at::Tensor& x, const NormPass& norm) const {
  at::Tensor y = at::empty_like(x);
  with_type_of(x, [&]<class T>() {
    kernels_.of<T>().batch_norm.relu_forward(read<T>(x), rows_of(x), plain(norm), write<T>(y),
                                             kernels_.current_stream());
  });
  return y;
}

at::Tensor GpuLayers::norm_add_relu(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                                    const ShortcutPass& shortcut) const {
  at::Tensor y = at::empty_like(x);
  with_type_of(x, [&]<class T>() {
    kernels_.of<T>().batch_norm.add_relu_forward(read<T>(x), rows_of(x), plain(norm), read<float>(keep),
                                                 plain<T>(shortcut), write<T>(y), kernels_.current_stream());
  });
  return y;
}

NormGradients GpuLayers::norm_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& dy) const {
  const GpuRows rows = rows_of(x);
  const Slopes slopes(norm);
  const at::Tensor parts = parts_for(x, 2);
  with_type_of(x, [&]<class T>() {
    const auto& k = kernels_.of<T>().batch_norm;
    void* stream = kernels_.current_stream();
    k.relu_sums(read<T>(x), read<T>(dy), rows, plain(norm), write<float>(parts), stream);
    k.finish_gradients(read<float>(parts), 2, 0, rows, read<float>(norm.inverse_deviation), read<float>(norm.scale),
                       norm.batch_statistics, slopes.to(), stream);
    k.relu_backward(read<T>(x), read<T>(dy), rows, plain(norm), slopes.gradient(norm), write<T>(x), stream);
  });
  return {x, slopes.weight, slopes.bias};
}

NormAddGradients GpuLayers::norm_add_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                                                   const ShortcutPass& shortcut, const at::Tensor& y,
                                                   const at::Tensor& dy, const at::Tensor& more_dy) const {
  const GpuRows rows = rows_of(x);
  const std::int64_t sums = shortcut.norm ? 4 : 2;
  const at::Tensor g = at::empty_like(x), parts = parts_for(x, sums);
  NormAddGradients gradients{.shortcut = {.x = g}};
  with_type_of(x, [&]<class T>() {
    const auto& k = kernels_.of<T>().batch_norm;
    void* stream = kernels_.current_stream();
    k.add_relu_sums(read<T>(x), read<T>(y), read<T>(dy), read<T>(more_dy), rows, read<float>(norm.mean),
                    read<float>(keep), plain<T>(shortcut), write<T>(g), write<float>(parts), stream);
    // Each in the memory of its input, which has been read for the last time by then.
    const auto finish = [&](std::int64_t first, const at::Tensor& input, const at::Tensor& kept,
                            const NormPass& through) -> NormGradients {
      const Slopes slopes(through);
      k.finish_gradients(read<float>(parts), sums, first, rows, read<float>(through.inverse_deviation),
                         read<float>(through.scale), through.batch_statistics, slopes.to(), stream);
      k.backward(read<T>(input), read<T>(g), rows, read<float>(kept), slopes.gradient(through), write<T>(input),
                 stream);
      return {input, slopes.weight, slopes.bias};
    };
    gradients.branch = finish(0, x, keep, norm);
    if (shortcut.norm) gradients.shortcut = finish(2, shortcut.x, {}, *shortcut.norm);
  });
  return gradients;
}

at::Tensor GpuLayers::blur(const at::Tensor& x, std::int64_t stride) const {
  const BlurSize size{x.size(2), x.size(3), x.size(1)};
  at::Tensor y =
      at::empty({x.size(0), x.size(1), (size.height + stride - 1) / stride, (size.width + stride - 1) / stride},
                x.options().memory_format(at::MemoryFormat::ChannelsLast));
  with_type_of(x, [&]<class T>() {
    const auto& k = kernels_.of<T>().blur;
    (stride == 1 ? k.forward : k.forward_halving)(read<T>(x), x.size(0), size, write<T>(y), kernels_.current_stream());
  });
  return y;
}

at::Tensor GpuLayers::blur_backward(const at::Tensor& dy, std::int64_t height, std::int64_t width,
                                    std::int64_t stride) const {
  at::Tensor dx =
      at::empty({dy.size(0), dy.size(1), height, width}, dy.options().memory_format(at::MemoryFormat::ChannelsLast));
  with_type_of(dy, [&]<class T>() {
    const auto& k = kernels_.of<T>().blur;
    (stride == 1 ? k.forward : k.backward_halving)(read<T>(dy), dy.size(0), {height, width, dy.size(1)}, write<T>(dx),
                                                   kernels_.current_stream());
  });
  return dx;
}

#ifdef MOSAIC_CUDA
extern const GpuKernelsOf<float> kGpuFloat32;  // in gpu_kernels.cu
extern const GpuKernelsOf<Float16> kGpuFloat16;
extern const GpuKernelsOf<Bfloat16> kGpuBfloat16;

const GpuLayers& gpu_layers() {
  static const GpuKernels kernels{kGpuFloat32, kGpuFloat16, kGpuBfloat16,
                                  [] { return static_cast<void*>(c10::cuda::getCurrentCUDAStream().stream()); }};
  static const GpuLayers layers(kernels);
  return layers;
}
#else
const GpuLayers& gpu_layers() { throw Error("this build has no kernels for GPUs"); }
#endif

}  // namespace mosaic
