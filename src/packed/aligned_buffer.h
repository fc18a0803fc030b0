#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

namespace mosaic {

/// Memory for vectors: aligned to 64 bytes, all of it set, grown to what was needed most, never shrunk.
class AlignedBuffer {
 public:
  /// At least `bytes`, with what was in it lost if it had to grow.
  std::uint8_t* get(std::size_t bytes) {
    if (bytes > size_) {
      const std::size_t size = (bytes + bytes / 4 + kAlignment - 1) / kAlignment * kAlignment;
      memory_.reset(static_cast<std::uint8_t*>(::operator new (size, std::align_val_t{kAlignment})));
      std::memset(memory_.get(), 0, size);
      size_ = size;
    }
    return memory_.get();
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct Delete {
    void operator()(std::uint8_t* memory) const { ::operator delete (memory, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<std::uint8_t, Delete> memory_;
  std::size_t size_ = 0;
};

/// Up to a multiple of 64.
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace mosaic
