#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "weights/safetensors.h"

namespace mosaic {

/// The tensors of what Python's `torch.save` has written: a state dict, or a training checkpoint that holds one. Nothing in it is executed
/// (pickle.h). Both formats are read: the zip archive (PyTorch 1.6 and newer) and the stream of pickles before it, in which much of
/// torchvision's zoo is still published.
class TorchFile {
 public:
  /// @param path      for errors
  /// @param contents  the whole file; not needed afterwards
  /// @throws Error naming the file and what is wrong with it
  TorchFile(const std::string& path, std::span<const std::byte> contents);
  TorchFile(const TorchFile&) = delete;
  TorchFile& operator=(const TorchFile&) = delete;

  /// Contiguous, by their names in the state dict. Of a checkpoint those of the first that it has of "state_dict_ema", "model_ema", "state_dict", "model".
  const std::map<std::string, TensorBytes>& tensors() const { return tensors_; }

 private:
  std::map<std::string, TensorBytes> tensors_;
  std::deque<std::vector<std::byte>> memory_;
};

/// Whether `contents` begin as such a file does.
bool is_torch_file(std::span<const std::byte> contents);

/// Write a state dict that `torch.load(path, weights_only=True)` reads: an OrderedDict of tensors by name, in the order of `names`.
/// @throws Error naming the path and the reason
void write_torch_file(const std::string& path, const std::map<std::string, TensorBytes>& tensors,
                      const std::vector<std::string>& names);

}  // namespace mosaic
