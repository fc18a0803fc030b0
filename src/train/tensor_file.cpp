#include "train/tensor_file.h"

#include <ATen/ATen.h>

#include "weights/safetensors.h"

namespace mosaic {
namespace {

/// The same values row by row. A slice at a time: LibTorch copies small ones on the thread that asks, and shares large ones among threads
/// that the training needs.
at::Tensor in_rows(const at::Tensor& copy) {
  if (copy.is_contiguous()) return copy;
  const at::Tensor rows = at::empty(copy.sizes(), copy.options().pinned_memory(false));
  for (std::int64_t i = 0; i < copy.size(0); ++i) rows.select(0, i).copy_(copy.select(0, i));
  return rows;
}

std::string dtype_of(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kFloat ? "F32" : tensor.scalar_type() == at::kDouble ? "F64" : "I64";
}

}  // namespace

void TensorFile::add(const std::string& name, const at::Tensor& tensor) {
  at::Tensor& copy = kept_[name];
  if (!copy.defined() || copy.sizes() != tensor.sizes() || copy.strides() != tensor.strides() ||
      copy.scalar_type() != tensor.scalar_type())
    copy = at::empty_strided(tensor.sizes(), tensor.strides(),
                             at::TensorOptions(at::kCPU).dtype(tensor.scalar_type()).pinned_memory(tensor.is_cuda()));
  copy.copy_(tensor.detach());
  names_.insert(name);
}

std::uint64_t TensorFile::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& name : names_) sum += kept_.at(name).nbytes();
  return sum;
}

std::uint32_t TensorFile::write(const std::string& path) const {
  std::map<std::string, TensorToWrite> tensors;
  at::Tensor rows;  // of the tensor that is being written
  for (const auto& name : names_) {
    const at::Tensor& copy = kept_.at(name);
    tensors[name] = {dtype_of(copy), copy.sizes().vec(), [&copy, &rows] {
                       rows = in_rows(copy);
                       return std::span(static_cast<const std::byte*>(rows.const_data_ptr()), rows.nbytes());
                     }};
  }
  return write_safetensors(path, tensors, {{"format", "pt"}});
}

}  // namespace mosaic
