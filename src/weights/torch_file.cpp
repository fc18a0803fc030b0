#include "weights/torch_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>

#include "base/error.h"
#include "weights/pickle.h"
#include "weights/zip_entries.h"

namespace mosaic {
namespace {

static_assert(std::endian::native == std::endian::little,
              "files of torch are little endian, but for those that say otherwise");

// The first pickle of the older format: PROTO 2, LONG1 of 10 bytes, 0x1950a86a20f9469cfc6c, STOP.
constexpr std::array<unsigned char, 14> kOldMagic = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c,
                                                     0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool begins_with(std::span<const std::byte> contents, std::span<const unsigned char> magic) {
  return contents.size() >= magic.size() && std::memcmp(contents.data(), magic.data(), magic.size()) == 0;
}
bool is_zip(std::span<const std::byte> contents) {
  constexpr unsigned char kZip[] = {'P', 'K', 3, 4};
  return begins_with(contents, kZip);
}

using Storages = std::function<std::span<const std::byte>(const PickledStorage&)>;

const PickledValue* find(const PickledDict& dict, std::string_view key) {
  for (auto entry = dict.rbegin(); entry != dict.rend(); ++entry)
    if (const auto* name = entry->first.as<std::string_view>(); name && *name == key) return &entry->second;
  return nullptr;
}

/// The state dict in `value`, which may be one itself.
const PickledDict& state_dict_in(const PickledValue& value) {
  const auto* top = value.as<PickledDict*>();
  if (!top) throw Error("expected a dictionary of tensors, as torch.save(net.state_dict(), path) writes it");
  for (const char* key : {"state_dict_ema", "model_ema", "state_dict", "model"})
    if (const PickledValue* inner = find(**top, key); inner && inner->as<PickledDict*>())
      return **inner->as<PickledDict*>();
  return **top;
}

/// Elements from the first to behind the last that the tensor touches; nothing where that is no sane number.
std::optional<std::int64_t> extent(const PickledTensor& tensor) {
  if (tensor.shape.size() != tensor.strides.size() || tensor.offset < 0) return {};
  std::int64_t last = 0, count = 1;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    std::int64_t reach = 0;
    if (tensor.shape[d] < 0 || tensor.strides[d] < 0 || __builtin_mul_overflow(count, tensor.shape[d], &count))
      return {};
    if (tensor.shape[d] == 0) continue;
    if (__builtin_mul_overflow(tensor.shape[d] - 1, tensor.strides[d], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return {};
  }
  return count == 0 ? 0 : last + 1;
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t n : shape) count *= n;
  return count;
}

/// Rows of the last dimension one after the other; `tensor` fits into `from`, as `extent` says.
std::vector<std::byte> contiguous(const PickledTensor& tensor, std::span<const std::byte> from, std::size_t width) {
  const auto dimensions = tensor.shape.size();
  const auto count = static_cast<std::size_t>(product(tensor.shape));
  std::vector<std::byte> to(count * width);
  std::vector<std::int64_t> index(dimensions);
  std::int64_t at = tensor.offset;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(to.data() + i * width, from.data() + static_cast<std::size_t>(at) * width, width);
    for (std::size_t d = dimensions; d-- > 0;) {
      at += tensor.strides[d];
      if (++index[d] < tensor.shape[d]) break;
      at -= tensor.strides[d] * tensor.shape[d];
      index[d] = 0;
    }
  }
  return to;
}

TensorBytes tensor_bytes(const PickledTensor& tensor, const Storages& storages,
                         std::deque<std::vector<std::byte>>& memory) {
  const std::string dtype(tensor.storage.dtype);
  const auto width = static_cast<std::size_t>(dtype_bytes(dtype));
  const auto from = storages(tensor.storage);
  const auto reach = extent(tensor);
  const auto elements = static_cast<std::int64_t>(from.size() / width);
  // A tensor that repeats elements of its storage could be of any size, and no net has one.
  if (!reach || tensor.offset > elements || *reach > elements - tensor.offset || product(tensor.shape) > elements)
    throw Error(str("its shape lies outside its storage of ", elements, " elements"));
  memory.push_back(contiguous(tensor, from, width));
  return {dtype, tensor.shape, memory.back()};
}

std::map<std::string, TensorBytes> tensors_in(const PickledValue& value, const Storages& storages,
                                              std::deque<std::vector<std::byte>>& memory) {
  std::map<std::string, TensorBytes> tensors;
  for (const auto& [key, item] : state_dict_in(value)) {
    const auto* name = key.as<std::string_view>();
    const auto* tensor = item.as<const PickledTensor*>();
    if (!name || !tensor) continue;
    try {
      tensors[std::string(*name)] = tensor_bytes(**tensor, storages, memory);
    } catch (const Error& e) {
      throw Error(str("tensor ", *name, ": ", e.what()));
    }
  }
  if (tensors.empty()) throw Error("it holds no tensors by name");
  return tensors;
}

std::map<std::string, TensorBytes> tensors_of_zip(std::span<const std::byte> contents,
                                                  std::deque<std::vector<std::byte>>& memory) {
  auto files = read_zip(contents);
  std::string folder;
  for (const auto& [name, bytes] : files)
    if (name.ends_with("/data.pkl")) folder = name.substr(0, name.size() - 8);
  if (folder.empty()) throw Error("it is a zip archive without data.pkl: not one of torch.save");
  if (const auto order = files.find(folder + "byteorder"); order != files.end()) {
    const std::string_view text(reinterpret_cast<const char*>(order->second.data()), order->second.size());
    if (text != "little") throw Error("it was written by a big-endian machine: save it again on another one");
  }
  const Pickle pickle(files.at(folder + "data.pkl"));
  const auto storages = [&](const PickledStorage& storage) -> std::span<const std::byte> {
    const auto found = files.find(str(folder, "data/", storage.key));
    if (found == files.end()) throw Error(str("storage ", storage.key, " is missing"));
    return found->second;
  };
  return tensors_in(pickle.value(), storages, memory);
}

/// Pickles of magic number, version, system, state dict and the storages' keys; then for each key, in that order, u64 elements and the elements.
std::map<std::string, TensorBytes> tensors_of_stream(std::span<const std::byte> contents,
                                                     std::deque<std::vector<std::byte>>& memory) {
  std::size_t at = 0;
  for (int i = 0; i < 3; ++i) at += Pickle(contents.subspan(at)).bytes();
  const Pickle dict(contents.subspan(at));
  at += dict.bytes();
  const Pickle keys(contents.subspan(at));
  at += keys.bytes();
  const auto* list = keys.value().as<PickledItems*>();
  if (!list) throw Error("it has no list of storages");
  std::map<std::string_view, std::size_t> place;  // of storages: where their number of elements stands
  // How wide their elements are only the tensors know.
  std::map<std::string_view, std::size_t> width;
  for (const auto& [key, item] : state_dict_in(dict.value()))
    if (const auto* tensor = item.as<const PickledTensor*>())
      width[(*tensor)->storage.key] = static_cast<std::size_t>(dtype_bytes(std::string((*tensor)->storage.dtype)));
  for (const PickledValue& value : **list) {
    const auto* key = value.as<std::string_view>();
    if (!key || !width.contains(*key))
      throw Error("a storage of no tensor of the state dict: only files of one state dict can be read in this format");
    std::uint64_t elements = 0, bytes = 0;
    if (contents.size() - at < sizeof elements) throw Error("it ends too early");
    std::memcpy(&elements, contents.data() + at, sizeof elements);
    if (__builtin_mul_overflow(elements, width[*key], &bytes) || bytes > contents.size() - at - sizeof elements)
      throw Error(str("storage ", *key, " claims ", elements, " elements, and the file ends before"));
    place[*key] = at;
    at += sizeof elements + bytes;
  }
  const auto storages = [&](const PickledStorage& storage) {
    const auto found = place.find(storage.key);
    if (found == place.end()) throw Error(str("storage ", storage.key, " is missing"));
    std::uint64_t elements = 0;
    std::memcpy(&elements, contents.data() + found->second, sizeof elements);
    return contents.subspan(found->second + sizeof elements, elements * width[storage.key]);
  };
  return tensors_in(dict.value(), storages, memory);
}

/// Writes pickles of protocol 2, as Python 3.4 and newer read them.
class PickleWriter {
 public:
  void opcode(char c) { bytes_ += c; }
  void global(std::string_view module, std::string_view name) { bytes_ += str("c", module, "\n", name, "\n"); }
  void text(std::string_view t) {
    opcode('X');
    raw(static_cast<std::uint32_t>(t.size()));
    bytes_ += t;
  }
  void integer(std::int64_t value) {
    if (value >= 0 && value <= std::numeric_limits<std::int32_t>::max()) {
      opcode('J');
      raw(static_cast<std::int32_t>(value));
    } else {
      bytes_ += {'\x8a', '\x08'};
      raw(value);
    }
  }
  void tuple(const std::vector<std::int64_t>& values) {
    opcode('(');
    for (const std::int64_t v : values) integer(v);
    opcode('t');
  }
  void empty_ordered_dict() {
    global("collections", "OrderedDict");
    bytes_ += ")R";
  }
  const std::string& bytes() const { return bytes_; }

 private:
  template <class T>
  void raw(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string bytes_ = "\x80\x02";
};

std::string_view storage_class(const std::string& dtype) {
  if (dtype == "F64") return "DoubleStorage";
  if (dtype == "F32") return "FloatStorage";
  if (dtype == "F16") return "HalfStorage";
  if (dtype == "BF16") return "BFloat16Storage";
  if (dtype == "I64") return "LongStorage";
  throw Error(str("tensors of type ", dtype, " are not written"));
}

/// As torch._tensor.Tensor.__reduce_ex__ would: _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()).
void add_tensor(PickleWriter& out, const TensorBytes& tensor, std::string_view key) {
  std::vector<std::int64_t> strides(tensor.shape.size(), 1);
  for (std::size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * tensor.shape[d];
  out.global("torch._utils", "_rebuild_tensor_v2");
  out.opcode('(');
  out.opcode('(');
  out.text("storage");
  out.global("torch", storage_class(tensor.dtype));
  out.text(key);
  out.text("cpu");
  out.integer(tensor.elements());
  out.opcode('t');
  out.opcode('Q');
  out.integer(0);
  out.tuple(tensor.shape);
  out.tuple(strides);
  out.opcode('\x89');
  out.empty_ordered_dict();
  out.opcode('t');
  out.opcode('R');
}

}  // namespace

bool is_torch_file(std::span<const std::byte> contents) { return is_zip(contents) || begins_with(contents, kOldMagic); }

TorchFile::TorchFile(const std::string& path, std::span<const std::byte> contents) {
  try {
    if (!is_torch_file(contents)) throw Error("it begins as none");
    tensors_ = is_zip(contents) ? tensors_of_zip(contents, memory_) : tensors_of_stream(contents, memory_);
  } catch (const Error& e) {
    throw Error(str(path, ": not a file of weights by torch.save: ", e.what()));
  }
}

void write_torch_file(const std::string& path, const std::map<std::string, TensorBytes>& tensors,
                      const std::vector<std::string>& names) {
  PickleWriter pickle;
  std::map<std::string, std::span<const std::byte>> files;
  pickle.empty_ordered_dict();
  pickle.opcode('(');
  for (std::size_t i = 0; i < names.size(); ++i) {
    const TensorBytes& tensor = tensors.at(names[i]);
    const std::string key = std::to_string(i);
    pickle.text(names[i]);
    add_tensor(pickle, tensor, key);
    files["archive/data/" + key] = tensor.bytes;
  }
  pickle.opcode('u');
  pickle.opcode('.');
  const std::string version = "3\n", order = "little";
  files["archive/data.pkl"] = std::as_bytes(std::span(pickle.bytes()));
  files["archive/version"] = std::as_bytes(std::span(version));
  files["archive/byteorder"] = std::as_bytes(std::span(order));
  write_zip(path, files);
}

}  // namespace mosaic
