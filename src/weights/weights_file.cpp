#include "weights/weights_file.h"

#include "base/file.h"
#include "weights/torch_file.h"

namespace mosaic {

WeightsFile read_weights_file(const std::string& path) {
  auto contents = read_file(path);
  if (is_torch_file(contents)) {
    const auto file = std::make_shared<TorchFile>(path, contents);
    return {file->tensors(), file};
  }
  const auto file = std::make_shared<SafetensorsFile>(path, std::move(contents));
  return {file->tensors(), file};
}

}  // namespace mosaic
