#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace mosaic {

/// Bytes that live as long as this or a copy of it; not to be written.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(std::shared_ptr<const std::byte> owner, std::size_t size) : owner_(std::move(owner)), size_(size) {}
  std::span<const std::byte> get() const { return {owner_.get(), size_}; }

 private:
  std::shared_ptr<const std::byte> owner_;  // aligned to 64 bytes
  std::size_t size_ = 0;
};

/// Where large read-only data is made once for all processes of a node.
class NodeMemory {
 public:
  virtual ~NodeMemory() = default;

  /// The bytes that `make` returns. Collective over the processes of the node: one of them runs its `make`, and all see the result.
  /// @throws what `make` throws, in the other processes as an Error with the same message and exit code
  virtual SharedBytes share(const std::function<std::vector<std::byte>()>& make) = 0;
};

/// For a process that is alone.
std::unique_ptr<NodeMemory> own_memory();

/// A copy of `bytes` in memory of this process.
SharedBytes copy_of(std::span<const std::byte> bytes);

}  // namespace mosaic
