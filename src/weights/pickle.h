#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mosaic {

/// The values of a Python pickle, as far as files of weights need them: numbers, texts, containers and tensors. Nothing is ever imported or
/// called: an object of any class but those of tensors is read as what it is made from, and that is thrown away.
/// Source: Python's Lib/pickletools.py (protocols 0 to 5, without the text opcodes of protocol 0); PyTorch's torch/serialization.py and torch/_utils.py.

/// Where a tensor's numbers are.
struct PickledStorage {
  std::string_view key;       // which storage of the file
  std::string_view dtype;     // as safetensors names it: "F32"
  std::int64_t elements = 0;  // as the pickle says
};

/// A strided view of a storage. Lengths and strides are not checked: see `torch_file.h`.
struct PickledTensor {
  PickledStorage storage;
  std::int64_t offset = 0;  // in elements
  std::vector<std::int64_t> shape, strides;
};

struct PickledNone {};
/// The name of a class or function: "collections", "OrderedDict".
struct PickledGlobal {
  std::string_view module, name;
};
/// An object of a class that is none of ours.
struct PickledObject {};

struct PickledValue;
using PickledItems = std::vector<PickledValue>;                          // of a list or tuple
using PickledDict = std::vector<std::pair<PickledValue, PickledValue>>;  // in the order of insertion; later ones win

/// Small, whatever it stands for: containers and tensors are those of the Pickle that gave it, texts are in its bytes. A container may hold itself.
struct PickledValue {
  std::variant<PickledNone, bool, std::int64_t, double, std::string_view, PickledGlobal, PickledObject, PickledStorage,
               const PickledTensor*, PickledItems*, PickledDict*>
      is;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&is);
  }
};

/// One pickle, read. Memory is at most a few dozen times its bytes.
class Pickle {
 public:
  /// Reads the pickle that `bytes`, which must outlive it, begin with; more may follow.
  /// @throws Error saying at which byte and what is wrong
  explicit Pickle(std::span<const std::byte> bytes);
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  const PickledValue& value() const { return value_; }
  /// Its length, up to and with its STOP.
  std::size_t bytes() const { return bytes_; }

 private:
  friend class PickleMachine;
  std::deque<PickledItems> items_;  // a deque: they stay where they are
  std::deque<PickledDict> dicts_;
  std::deque<PickledTensor> tensors_;
  PickledValue value_;
  std::size_t bytes_ = 0;
};

}  // namespace mosaic
