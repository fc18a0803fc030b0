#include "shards/shard_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "base/crc32c.h"
#include "base/file.h"
#include "shards/format.h"
#include "shards/hdf5_handles.h"

namespace mosaic {
namespace {

constexpr char kNoFingerprintYet[] = "0000000000000000000000000000000000000000000000000000000000000000";

/// The image bytes, in blocks: one large vector would be copied, and be twice in memory, each time that it grows.
class Pool {
 public:
  void append(std::span<const std::byte> bytes) {
    size_ += bytes.size();
    while (!bytes.empty()) {
      if (blocks_.empty() || blocks_.back().size() == kBlock) blocks_.emplace_back().reserve(kBlock);
      const auto part = bytes.first(std::min(bytes.size(), kBlock - blocks_.back().size()));
      blocks_.back().insert(blocks_.back().end(), part.begin(), part.end());
      bytes = bytes.subspan(part.size());
    }
  }
  void pad_to_multiple_of(std::uint64_t alignment) {
    static constexpr std::byte kZeros[kPoolAlignment] = {};
    append(std::span(kZeros).first((alignment - size_ % alignment) % alignment));
  }
  std::uint64_t size() const { return size_; }
  const std::vector<std::vector<std::byte>>& blocks() const { return blocks_; }

 private:
  static constexpr std::size_t kBlock = 1 << 20;
  std::vector<std::vector<std::byte>> blocks_;
  std::uint64_t size_ = 0;
};

/// All texts one after the other, each padded with zeros to the length of the longest.
struct PaddedTexts {
  std::size_t width = 1;  // HDF5 has no text of length 0
  std::string joined;
  explicit PaddedTexts(const std::vector<std::string>& texts) {
    for (const auto& text : texts) width = std::max(width, text.size());
    joined.reserve(width * texts.size());
    for (const auto& text : texts) joined.append(text).append(width - text.size(), '\0');
  }
};

H5File create_file(const std::string& path) {
  const H5Properties access = shard_access(path);
  const H5Properties creation(H5Pcreate(H5P_FILE_CREATE), path, "prepare HDF5");
  // The same images give the same bytes: no times, here and in create_column.
  check_hdf5(H5Pset_obj_track_times(creation.get(), false), path, "switch HDF5 time stamps off");
  return H5File(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), path, "create it");
}

/// One-dimensional, contiguous, its place in the file fixed at once, nothing written yet.
H5Dataset create_column(const H5File& file, const char* name, hid_t type, hsize_t length, const std::string& path) {
  const H5Properties creation(H5Pcreate(H5P_DATASET_CREATE), path, "prepare HDF5");
  check_hdf5(H5Pset_obj_track_times(creation.get(), false), path, "switch HDF5 time stamps off");
  check_hdf5(H5Pset_layout(creation.get(), H5D_CONTIGUOUS), path, "set the HDF5 layout");
  check_hdf5(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY), path, "set the HDF5 layout");
  check_hdf5(H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER), path, "set the HDF5 layout");
  const H5Space space(H5Screate_simple(1, &length, nullptr), path, "prepare HDF5");
  return H5Dataset(H5Dcreate2(file.get(), name, type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), path,
                   str("write data set ", name));
}

template <class T>
void write_column(const H5File& file, const char* name, const std::vector<T>& values, const std::string& path) {
  const H5Dataset column = create_column(file, name, H5Number<T>::disk(), values.size(), path);
  check_hdf5(H5Dwrite(column.get(), H5Number<T>::memory(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), path,
             "write");
}

void write_texts(const H5File& file, const char* name, const std::vector<std::string>& texts, const std::string& path) {
  const PaddedTexts padded(texts);
  const H5Type type = text_type(padded.width, path);
  const H5Dataset column = create_column(file, name, type.get(), texts.size(), path);
  check_hdf5(H5Dwrite(column.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, padded.joined.data()), path, "write");
}

template <class T>
void write_number_attribute(const H5File& file, const char* name, T value, const std::string& path) {
  const H5Space space(H5Screate(H5S_SCALAR), path, "prepare HDF5");
  const H5Attribute attribute(H5Acreate2(file.get(), name, H5Number<T>::disk(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
                              path, str("write attribute ", name));
  check_hdf5(H5Awrite(attribute.get(), H5Number<T>::memory(), &value), path, "write");
}

void write_text_attribute(const H5File& file, const char* name, const std::string& text, const std::string& path) {
  const H5Space space(H5Screate(H5S_SCALAR), path, "prepare HDF5");
  const H5Type type = text_type(text.size(), path);
  const H5Attribute attribute(H5Acreate2(file.get(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), path,
                              str("write attribute ", name));
  check_hdf5(H5Awrite(attribute.get(), type.get(), text.data()), path, "write");
}

/// Learn now, not after minutes of writing, that the disk is too small. Where the file system cannot reserve, writing will
/// tell.
void reserve_room(const std::string& path, std::uint64_t bytes) {
  const FileDescriptor file = open_to_write(path);
  if (::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
    throw_system_error(path, "write");
}

void write_pool(const std::string& path, const Pool& pool, std::uint64_t offset) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) throw_system_error(path, "open");
  if (::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) throw_system_error(path, "write");
  for (const auto& block : pool.blocks()) write_all(file, block, path);
  sync(file, path);
}

}  // namespace

struct ShardWriter::State {
  std::string split;
  std::vector<std::string> class_names;
  std::uint32_t max_side;
  Pool pool = {};
  std::vector<std::uint64_t> offsets = {}, sizes = {};
  std::vector<std::int32_t> labels = {};
  std::vector<std::uint32_t> widths = {}, heights = {}, checksums = {};
  std::vector<std::uint8_t> kinds = {};
  std::vector<std::string> source_names = {};

  /// Everything but the pool's bytes. Returns where those belong.
  std::uint64_t write_tables(const std::string& path, std::uint64_t pool_size) const {
    const Hdf5Session session;
    const H5File file = create_file(path);
    write_text_attribute(file, "format", kShardFormatName, path);
    write_number_attribute(file, "format_version", kShardFormatVersion, path);
    write_text_attribute(file, "split", split, path);
    write_number_attribute(file, "shard", std::uint32_t{0},
                           path);  // this and all others without a value: see finish_shards
    write_number_attribute(file, "shards", std::uint32_t{0}, path);
    write_number_attribute(file, "samples", std::uint64_t{offsets.size()}, path);
    write_number_attribute(file, "samples_total", std::uint64_t{0}, path);
    write_text_attribute(file, "fingerprint", kNoFingerprintYet, path);
    if (max_side > 0) write_number_attribute(file, "max_side", max_side, path);
    write_column(file, "offsets", offsets, path);
    write_column(file, "sizes", sizes, path);
    write_column(file, "labels", labels, path);
    write_column(file, "widths", widths, path);
    write_column(file, "heights", heights, path);
    write_column(file, "kinds", kinds, path);
    write_column(file, "crc32c", checksums, path);
    write_texts(file, "class_names", class_names, path);
    write_texts(file, "source_names", source_names, path);
    const H5Dataset bytes = create_column(file, "bytes", H5Number<std::uint8_t>::disk(), pool_size, path);
    check_hdf5(H5Fflush(file.get(), H5F_SCOPE_LOCAL), path, "write");
    return H5Dget_offset(bytes.get());
  }
};

ShardWriter::ShardWriter(std::string split, std::vector<std::string> class_names, std::uint32_t max_side)
    : state_(new State{.split = std::move(split), .class_names = std::move(class_names), .max_side = max_side}) {}
ShardWriter::~ShardWriter() = default;

void ShardWriter::add(const StoredImage& image, std::int32_t label, const std::string& source_name) {
  State& s = *state_;
  assert(label >= 0 && static_cast<std::size_t>(label) < s.class_names.size() && !image.bytes.empty());
  s.pool.pad_to_multiple_of(kImageAlignment);
  s.offsets.push_back(s.pool.size());
  s.sizes.push_back(image.bytes.size());
  s.labels.push_back(label);
  s.widths.push_back(static_cast<std::uint32_t>(image.width));
  s.heights.push_back(static_cast<std::uint32_t>(image.height));
  s.kinds.push_back(static_cast<std::uint8_t>(image.kind));
  s.checksums.push_back(crc32c(image.bytes));
  s.source_names.push_back(source_name);
  s.pool.append(image.bytes);
}

std::int64_t ShardWriter::size() const { return static_cast<std::int64_t>(state_->offsets.size()); }
std::uint64_t ShardWriter::stored_bytes() const { return state_->pool.size(); }

void ShardWriter::write(const std::string& path) const {
  const State& s = *state_;
  assert(size() > 0);
  // Zeros up to a whole block, and one block more: see kPoolAlignment.
  const std::uint64_t pool_size =
      (s.pool.size() + kPoolAlignment - 1) / kPoolAlignment * kPoolAlignment + kPoolAlignment;

  PartialFile partial(path);
  reserve_room(partial.temporary(), pool_size);
  const std::uint64_t pool_offset = s.write_tables(partial.temporary(), pool_size);
  write_pool(partial.temporary(), s.pool, pool_offset);
  partial.commit();
}

}  // namespace mosaic
