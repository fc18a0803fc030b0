#include "shards/hdf5_handles.h"

#include <cstdlib>
#include <cstring>

#include "shards/format.h"

namespace mosaic {
namespace {

std::mutex& hdf5_mutex() {
  static std::mutex mutex;
  return mutex;
}

herr_t keep_innermost(unsigned depth, const H5E_error2_t* error, void* out) {
  if (depth == 0 && error->desc) *static_cast<std::string*>(out) = error->desc;
  return 0;
}

/// The number after `marker` in one of HDF5's messages, 0 if there is none.
std::uint64_t number_after(const std::string& marker, const std::string& message) {
  const auto at = message.find(marker);
  return at == std::string::npos ? 0 : std::strtoull(message.c_str() + at + marker.size(), nullptr, 10);
}

}  // namespace

Hdf5Session::Hdf5Session() : lock_(hdf5_mutex()) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5Eclear2(H5E_DEFAULT);
}

void throw_hdf5_error(const std::string& path, const std::string& action) {
  std::string reason = "HDF5 gives no reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &reason);
  // The library's own texts: "..., errno = 28, error message = '...', buf = ...", and
  // "truncated file: eof = 4096, sblock->base_addr = 0, stored_eof = 81920".
  if (const auto expected = number_after("stored_eof = ", reason); expected != 0)
    throw Error(str(path, ": truncated: got ", number_after("eof = ", reason), " bytes, expected ", expected,
                    ": copy it again, or pack again"));
  if (const auto number = number_after("errno = ", reason); number != 0)
    reason = std::strerror(static_cast<int>(number));
  throw Error(str(path, ": cannot ", action, ": ", reason));
}

H5Properties shard_access(const std::string& path) {
  H5Properties access(H5Pcreate(H5P_FILE_ACCESS), path, "prepare HDF5");
  check_hdf5(H5Pset_libver_bounds(access.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST), path, "set the HDF5 layout");
  check_hdf5(H5Pset_alignment(access.get(), kPoolAlignment, kPoolAlignment), path, "set the HDF5 alignment");
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  check_hdf5(H5Pset_file_locking(access.get(), false, true), path, "switch HDF5 file locks off");
#endif
  return access;
}

H5File open_shard_file(const std::string& path, unsigned access_flags) {
  const H5Properties access = shard_access(path);
  return H5File(H5Fopen(path.c_str(), access_flags, access.get()), path, "open it as HDF5");
}

H5Type text_type(std::size_t length, const std::string& path) {
  H5Type type(H5Tcopy(H5T_C_S1), path, "make an HDF5 text type");
  check_hdf5(H5Tset_size(type.get(), length), path, "make an HDF5 text type");
  check_hdf5(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), path, "make an HDF5 text type");
  check_hdf5(H5Tset_cset(type.get(), H5T_CSET_UTF8), path, "make an HDF5 text type");
  return type;
}

}  // namespace mosaic
