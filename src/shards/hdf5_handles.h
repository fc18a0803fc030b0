#pragma once

#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"

namespace mosaic {

/// Held while HDF5 is in use: the library is usually built without thread safety. While it lives HDF5 prints nothing; its
/// messages become ours, see `throw_hdf5_error`.
class Hdf5Session {
 public:
  Hdf5Session();

 private:
  std::lock_guard<std::mutex> lock_;
};

/// "PATH: cannot ACTION: REASON", the reason being the system's for what the system refused ("No space left on device"),
/// else the innermost message of HDF5's error stack. A file that is shorter than its header says is called truncated.
[[noreturn]] void throw_hdf5_error(const std::string& path, const std::string& action);

/// For the calls that report by a negative number.
inline void check_hdf5(herr_t status, const std::string& path, const std::string& action) {
  if (status < 0) throw_hdf5_error(path, action);
}

/// An HDF5 identifier, closed at the end of its life.
template <herr_t (*Close)(hid_t)>
class H5Id {
 public:
  H5Id(hid_t id, const std::string& path, const std::string& action) : id_(id) {
    if (id_ < 0) throw_hdf5_error(path, action);
  }
  H5Id(H5Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  H5Id& operator=(H5Id&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~H5Id() {  // cannot report a failure: a writer has called H5Fflush before, and checked it
    if (id_ >= 0) Close(id_);
  }
  hid_t get() const { return id_; }

 private:
  hid_t id_;
};
using H5File = H5Id<H5Fclose>;
using H5Dataset = H5Id<H5Dclose>;
using H5Attribute = H5Id<H5Aclose>;
using H5Space = H5Id<H5Sclose>;
using H5Type = H5Id<H5Tclose>;
using H5Properties = H5Id<H5Pclose>;

/// How we open every file: without file locks (many parallel file systems have none, and refuse), in the oldest layout that
/// serves (any h5py reads it), large objects at multiples of kPoolAlignment.
H5Properties shard_access(const std::string& path);
H5File open_shard_file(const std::string& path, unsigned access_flags);

/// Fixed length, UTF-8, padded with zero bytes.
H5Type text_type(std::size_t length, const std::string& path);

/// The type on disk, and the same in memory.
template <class T>
struct H5Number;
template <>
struct H5Number<std::uint8_t> {
  static hid_t disk() { return H5T_STD_U8LE; }
  static hid_t memory() { return H5T_NATIVE_UINT8; }
};
template <>
struct H5Number<std::int32_t> {
  static hid_t disk() { return H5T_STD_I32LE; }
  static hid_t memory() { return H5T_NATIVE_INT32; }
};
template <>
struct H5Number<std::uint32_t> {
  static hid_t disk() { return H5T_STD_U32LE; }
  static hid_t memory() { return H5T_NATIVE_UINT32; }
};
template <>
struct H5Number<std::uint64_t> {
  static hid_t disk() { return H5T_STD_U64LE; }
  static hid_t memory() { return H5T_NATIVE_UINT64; }
};

}  // namespace mosaic
