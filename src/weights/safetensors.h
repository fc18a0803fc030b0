#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace mosaic {

/// Tensors in a file, without LibTorch: names, element types, shapes and bytes.
/// Format: https://github.com/huggingface/safetensors, "Format": u64 header length, JSON header, data; little endian.

/// One tensor of a file. Row-major, contiguous.
struct TensorBytes {
  std::string dtype;                // "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::span<const std::byte> bytes;

  std::int64_t elements() const;
};

/// Bytes per element of a safetensors dtype.
/// @throws Error for an unknown one
std::int64_t dtype_bytes(const std::string& dtype);

/// A safetensors file, read whole. Every offset, shape and length is checked before anything is handed out.
class SafetensorsFile {
 public:
  /// @throws Error naming the file and what is wrong with it
  explicit SafetensorsFile(const std::string& path);
  /// @param path  for errors
  SafetensorsFile(const std::string& path, std::vector<std::byte> contents);

  const std::map<std::string, TensorBytes>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  /// @throws Error naming file and tensor if there is none of that name
  const TensorBytes& get(const std::string& name) const;

 private:
  std::string path_;
  std::vector<std::byte> contents_;
  std::map<std::string, TensorBytes> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor whose bytes are made when their turn comes, so that never more than one tensor's need be in memory.
struct TensorToWrite {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::function<std::span<const std::byte>()>
      bytes;  // row-major, contiguous; valid until the next tensor's are asked for
};

/// Write `tensors` to `path`, each at a multiple of its element size, and sync the file. Same input, same
/// bytes.
/// @return CRC-32C of what was to be written, all of it, as it was in memory
/// @throws Error naming the path and the system's reason
std::uint32_t write_safetensors(const std::string& path, const std::map<std::string, TensorBytes>& tensors,
                                const std::map<std::string, std::string>& metadata = {});
std::uint32_t write_safetensors(const std::string& path, const std::map<std::string, TensorToWrite>& tensors,
                                const std::map<std::string, std::string>& metadata = {});

}  // namespace mosaic
