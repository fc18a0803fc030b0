// The logits of a net with the weights of a file, for tests that compare them with other programs:
//   logits resnet50 CLASSES WEIGHTS plain|blurpool IMAGES.safetensors OUT.safetensors
// IMAGES holds `images` (N, 3, S, S), float32; OUT gets `logits` (N, CLASSES).
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <cstring>
#include <iostream>

#include "base/error.h"
#include "model/blur_pool.h"
#include "train/pretrained.h"
#include "weights/safetensors.h"

int main(int argc, char** argv) {
  using namespace mosaic;
  if (argc != 7) return 3;
  try {
    const c10::InferenceMode no_gradients;
    ModelConfig config;
    config.name = argv[1];
    config.num_classes = std::atoi(argv[2]);
    ResNet net(config, at::detail::createCPUGenerator(1));
    std::cout << load_pretrained(argv[3], net) << std::endl;
    if (argv[4] == std::string("blurpool")) apply_blur_pool(net, {});
    net.set_training(false);
    const SafetensorsFile file(argv[5]);
    const TensorBytes& stored = file.get("images");
    const at::Tensor images = at::empty(stored.shape);
    std::memcpy(images.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
    const at::Tensor logits = net.forward(images).contiguous();
    write_safetensors(
        argv[6],
        {{"logits",
          {"F32", logits.sizes().vec(), {static_cast<const std::byte*>(logits.const_data_ptr()), logits.nbytes()}}}});
    return 0;
  } catch (const Error& e) {
    std::cerr << "logits: " << e.what() << std::endl;
    return e.exit_code();
  }
}
