/// libFuzzer: files of weights that hold anything. The first byte chooses how: the bytes themselves; a pickle of a state dict; in both cases what
/// comes after it as it is.
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "weights/pickle.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

using namespace mosaic;

namespace {

/// What stands in front of the state dict in the older format of torch.save: magic number, version, system.
const std::string kOldBegin = std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) +
                              std::string("\x80\x02M\xe9\x03.", 6) + "\x80\x02}.";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string contents = data[0] % 2 == 0 ? rest : kOldBegin + rest;
  const auto bytes = std::as_bytes(std::span(contents));
  try {
    if (is_torch_file(bytes))
      TorchFile("input", bytes);
    else if (data[0] % 4 == 0)
      SafetensorsFile("input", {bytes.begin(), bytes.end()});
    else
      Pickle pickle(bytes);
  } catch (const Error&) {
  }
  return 0;
}
