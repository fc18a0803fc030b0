#include "train/flat_gradients.h"

#include <ATen/ATen.h>
#include <sys/mman.h>

#include <cassert>
#include <memory>
#include <new>

namespace mosaic {
namespace {

struct Pages {
  void* begin;
  std::size_t bytes;
};

void unmap(void* pages) {
  const std::unique_ptr<Pages> owned(static_cast<Pages*>(pages));
  ::munmap(owned->begin, owned->bytes);
}

/// Zeros that take memory only where they are written to, in large pages if the kernel has them: as fast as setting them.
c10::DataPtr zero_pages(std::size_t bytes) {
  void* begin = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw std::bad_alloc();
  ::madvise(begin, bytes, MADV_HUGEPAGE);
  return {begin, new Pages{begin, bytes}, &unmap, c10::Device(c10::DeviceType::CPU)};
}

}  // namespace

Buffer buffer_of(const at::Tensor& tensor) {
  assert(tensor.is_contiguous());
  const ElementType type = tensor.scalar_type() == at::kFloat      ? ElementType::kFloat32
                           : tensor.scalar_type() == at::kDouble   ? ElementType::kFloat64
                           : tensor.scalar_type() == at::kBFloat16 ? ElementType::kBfloat16
                                                                   : ElementType::kInt64;
  return {tensor.data_ptr(), static_cast<std::size_t>(tensor.numel()), type};
}

FlatGradients::FlatGradients(const std::vector<NamedTensor>& parameters) {
  std::int64_t total = 0;
  for (const auto& p : parameters) total += p.tensor.numel();
  flat_ = at::zeros({total}, parameters.front().tensor.options().requires_grad(false));
  std::int64_t at = 0;
  for (const auto& p : parameters) {
    at::Tensor parameter = p.tensor;
    // In the parameter's own layout, which may be channels-last.
    parameter.mutable_grad() = flat_.as_strided(parameter.sizes(), parameter.strides(), at);
    at += parameter.numel();
  }
}

void FlatGradients::zero() {
  if (!flat_.is_cpu()) {
    flat_.zero_();
    return;
  }
  // Not kept through the forward pass: its end is where most memory is in use. The views follow their storage.
  c10::StorageImpl* storage = flat_.storage().unsafeGetStorageImpl();
  storage->set_data_ptr_noswap({});
  storage->set_data_ptr_noswap(zero_pages(storage->nbytes()));
}

}  // namespace mosaic
