#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace mosaic {

/// Copies of tensors on the host with their names, and the safetensors file that they become. Made for a training that stands still while
/// they are taken, and goes on while they are written: memory is kept and used again, since that of a new copy costs more than copying, and a
/// copy has its tensor's layout, since turning channels last into rows takes twice as long; the file's rows are made when it is written.
class TensorFile {
 public:
  /// Empty again; the memory stays.
  void clear() { names_.clear(); }
  /// Takes a copy, from a GPU into pinned memory. @param tensor  float32, float64 or int64, any layout without gaps
  void add(const std::string& name, const at::Tensor& tensor);
  bool empty() const { return names_.empty(); }
  std::uint64_t bytes() const;
  /// May run beside a training: this thread alone does the work.
  /// @return CRC-32C of the file
  /// @throws Error naming the path and the system's reason
  std::uint32_t write(const std::string& path) const;

 private:
  std::map<std::string, at::Tensor> kept_;  // of this copy and of earlier ones
  std::set<std::string> names_;             // of this copy
};

}  // namespace mosaic
