#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/error.h"

/// What the kernels for GPUs have in common. A kernel is written in a .cuh file, with the function that starts it; the
/// .cu file beside it makes instances for nvcc. Tests read the same .cuh with a C++ compiler and run it thread by
/// thread on the CPU: tests/cuda_emulation.h, to be included before, defines what the language CUDA adds. That is why
/// all of it has internal linkage.

namespace mosaic {

/// float16 and bfloat16 in memory.
struct Float16 {
  std::uint16_t bits;
};
struct Bfloat16 {
  std::uint16_t bits;
};

namespace {

__host__ __device__ inline float widen(float value) { return value; }

__host__ __device__ inline float widen(Bfloat16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

/// To the nearest value of type T, of two the even one.
template <class T>
__host__ __device__ inline T narrow(float value);

template <>
__host__ __device__ inline float narrow<float>(float value) {
  return value;
}

#ifdef __CUDACC__
__host__ __device__ inline float widen(Float16 value) { return __half2float(__ushort_as_half(value.bits)); }

template <>
__host__ __device__ inline Float16 narrow<Float16>(float value) {
  return {__half_as_ushort(__float2half_rn(value))};
}
template <>
__host__ __device__ inline Bfloat16 narrow<Bfloat16>(float value) {
  return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
}
#else
inline float widen(Float16 value) {
  _Float16 narrow;
  std::memcpy(&narrow, &value, sizeof narrow);
  return static_cast<float>(narrow);
}

template <>
inline Float16 narrow<Float16>(float value) {
  const auto rounded = static_cast<_Float16>(value);
  Float16 result;
  std::memcpy(&result, &rounded, sizeof result);
  return result;
}
template <>
inline Bfloat16 narrow<Bfloat16>(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return {static_cast<std::uint16_t>(value == value ? rounded : (bits >> 16) | 0x40u)};
}
#endif

/// `kSize` values side by side in memory, moved by one instruction where they are 16 bytes.
template <class T, int kSize>
struct alignas(sizeof(T) * kSize) Pack {
  T values[kSize];
};

/// The same, as computed with.
template <int kSize>
struct Floats {
  float values[kSize];

  __host__ __device__ float& operator[](int i) { return values[i]; }
  __host__ __device__ float operator[](int i) const { return values[i]; }
};

template <int kSize, class T>
__host__ __device__ inline Floats<kSize> load(const T* from) {
  const auto pack = *reinterpret_cast<const Pack<T, kSize>*>(from);
  Floats<kSize> wide;
  for (int i = 0; i < kSize; ++i) wide[i] = widen(pack.values[i]);
  return wide;
}

template <int kSize, class T>
__host__ __device__ inline void store(T* to, const Floats<kSize>& wide) {
  Pack<T, kSize> pack;
  for (int i = 0; i < kSize; ++i) pack.values[i] = narrow<T>(wide[i]);
  *reinterpret_cast<Pack<T, kSize>*>(to) = pack;
}

/// Values of T in 16 bytes.
template <class T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));

/// Whether rows of `channels` values that begin at these addresses are made of whole vectors.
template <class T, class... Pointers>
bool in_vectors(std::int64_t channels, const Pointers*... pointers) {
  return channels % kVector<T> == 0 && ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

/// A cudaStream_t, whose work is done in order.
using StreamHandle = void*;

#ifdef __CUDACC__
/// Start a kernel; does not wait for it.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, StreamHandle stream, const Arguments&... arguments) {
  kernel<<<grid, block, 0, static_cast<cudaStream_t>(stream)>>>(arguments...);
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess)
    throw Error(str("GPU: cannot start a kernel: ", cudaGetErrorString(status)), kExitCrash);
}
#endif

}  // namespace
}  // namespace mosaic
