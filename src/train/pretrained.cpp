#include "train/pretrained.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "train/checkpoint_files.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"
#include "weights/weights_file.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

at::ScalarType type_of(const TensorBytes& stored) {
  if (stored.dtype == "F32") return at::kFloat;
  if (stored.dtype == "F64") return at::kDouble;
  if (stored.dtype == "F16") return at::kHalf;
  if (stored.dtype == "BF16") return at::kBFloat16;
  throw Error(mosaic::str("got numbers of type ", stored.dtype, ", expected F32, F64, F16 or BF16"));
}

/// A copy: the bytes of a file may lie anywhere.
at::Tensor tensor_of(const TensorBytes& stored) {
  const at::Tensor tensor = at::empty(stored.shape, type_of(stored));
  std::memcpy(tensor.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  return tensor;
}

/// Without what wrappers of a module put before its names.
std::string plain_name(std::string name) {
  for (const std::string prefix : {"_orig_mod.", "module."})
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  return name;
}

bool is_counter(const std::string& name) { return name.ends_with(".num_batches_tracked"); }

/// "a, b, c and 12 more"
std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 3; ++i) text += (i ? ", " : "") + names[i];
  return names.size() <= 3 ? text : str(text, " and ", names.size() - 3, " more");
}

/// Whether `stored` is a last layer of another number of classes.
bool is_other_head(const std::string& name, const at::Tensor& mine, const TensorBytes& stored) {
  return name.starts_with("fc.") && stored.shape.size() == static_cast<std::size_t>(mine.dim()) &&
         stored.shape[0] != mine.size(0) &&
         std::equal(stored.shape.begin() + 1, stored.shape.end(), mine.sizes().begin() + 1);
}

}  // namespace

std::string load_pretrained(const std::string& path, ResNet& net) {
  const WeightsFile file = read_weights_file(path);
  std::map<std::string, const TensorBytes*> given;
  for (const auto& [name, tensor] : file.tensors) given[plain_name(name)] = &tensor;
  std::string sentence = "init_from: the weights of " + path;
  std::vector<std::string> missing, unknown;
  const c10::NoGradGuard no_grad;
  std::vector<NamedTensor> wanted = net.parameters();
  for (const NamedTensor& buffer : net.buffers()) wanted.push_back(buffer);
  for (const auto& [name, mine] : wanted) {
    const auto found = given.find(name);
    if (found == given.end()) {
      missing.push_back(name);
      continue;
    }
    const TensorBytes& stored = *found->second;
    given.erase(found);
    if (is_other_head(name, mine, stored)) {
      if (name == "fc.weight")
        sentence += mosaic::str(", which tells ", stored.shape[0], " classes apart, this net ", mine.size(0),
                                ": its last layer begins anew");
      continue;
    }
    if (at::IntArrayRef(stored.shape) != mine.sizes())
      throw Error(mosaic::str("init_from: ", path, ": ", name, ": got ", at::IntArrayRef(stored.shape), ", expected ",
                              mine.sizes(), ": another model.name?"));
    try {
      mine.copy_(tensor_of(stored));
    } catch (const Error& e) {
      throw Error(str("init_from: ", path, ": ", name, ": ", e.what()));
    }
  }
  for (const auto& [name, stored] : given)
    if (!is_counter(name)) unknown.push_back(name);
  if (!missing.empty())
    throw Error(str("init_from: ", path, " has no ", some_of(missing), ": expected torchvision's names of this net"));
  if (!unknown.empty())
    throw Error(str("init_from: ", path, " has ", some_of(unknown), ", which this net has not: another model.name?"));
  return sentence;
}

std::string export_weights(const std::string& checkpoint, const std::string& out, bool average) {
  if (!fs::exists(checkpoint)) throw Error(str("--export: there is no ", checkpoint));
  const FoundCheckpoint found = find_checkpoint(checkpoint);
  if (found.path.empty())
    throw Error(
        str("--export: no whole checkpoint in ", checkpoint, found.refused.empty() ? "" : ": " + found.refused[0]));
  const bool averaged = average && fs::exists(found.path + "/ema.safetensors");
  const SafetensorsFile file(found.path + (averaged ? "/ema.safetensors" : "/weights.safetensors"));
  PartialFile partial(out);
  if (out.ends_with(".safetensors")) {
    write_safetensors(partial.temporary(), file.tensors(), {{"format", "pt"}});
  } else if (out.ends_with(".pth") || out.ends_with(".pt")) {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : file.tensors()) names.push_back(name);
    write_torch_file(partial.temporary(), file.tensors(), names);
  } else {
    throw Error(str("--export: got ", out, ", expected a name that ends in .safetensors or .pth"));
  }
  partial.commit();
  return str(out, ": ", file.tensors().size(), " tensors, ", averaged ? "the average of the weights" : "the weights",
             " of ", found.path);
}

}  // namespace mosaic
