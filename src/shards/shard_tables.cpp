#include "shards/shard_tables.h"

#include <filesystem>
#include <limits>

#include "shards/format.h"
#include "shards/hdf5_handles.h"

namespace mosaic {
namespace {

constexpr char kDamaged[] = ": the file is damaged: copy it again, or pack again";

/// Fixed-length text, without the zeros it is padded with.
std::string unpadded(const char* text, std::size_t length) {
  while (length > 0 && text[length - 1] == '\0') --length;
  return {text, length};
}

std::string read_text_attribute(const H5File& file, const char* name, const std::string& path) {
  const H5Attribute attribute(H5Aopen(file.get(), name, H5P_DEFAULT), path, str("read attribute ", name));
  const H5Type type(H5Aget_type(attribute.get()), path, str("read attribute ", name));
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0)
    throw Error(str(path, ": attribute ", name, ": expected a text of fixed length"));
  std::vector<char> text(H5Tget_size(type.get()));
  check_hdf5(H5Aread(attribute.get(), type.get(), text.data()), path, str("read attribute ", name));
  return unpadded(text.data(), text.size());
}

template <class T>
T read_number_attribute(const H5File& file, const char* name, const std::string& path) {
  const H5Attribute attribute(H5Aopen(file.get(), name, H5P_DEFAULT), path, str("read attribute ", name));
  const H5Space space(H5Aget_space(attribute.get()), path, str("read attribute ", name));
  if (H5Sget_simple_extent_npoints(space.get()) != 1)
    throw Error(str(path, ": attribute ", name, ": expected one number"));
  T value = 0;
  check_hdf5(H5Aread(attribute.get(), H5Number<T>::memory(), &value), path, str("read attribute ", name));
  return value;
}

H5Dataset open_column(const H5File& file, const char* name, const std::string& path) {
  return H5Dataset(H5Dopen2(file.get(), name, H5P_DEFAULT), path, str("read data set ", name));
}

std::uint64_t length_of(const H5Dataset& column, const char* name, const std::string& path) {
  const H5Space space(H5Dget_space(column.get()), path, str("read data set ", name));
  if (H5Sget_simple_extent_ndims(space.get()) != 1) throw Error(str(path, ": ", name, ": expected one dimension"));
  hsize_t length = 0;
  H5Sget_simple_extent_dims(space.get(), &length, nullptr);
  return length;
}

void check_length(const H5Dataset& column, const char* name, std::uint64_t samples, const std::string& path) {
  const std::uint64_t length = length_of(column, name, path);
  if (length != samples)
    throw Error(str(path, ": ", name, ": got ", length, " values, expected ", samples, " (one per image)"));
}

template <class T>
std::vector<T> read_column(const H5File& file, const char* name, std::uint64_t samples, const std::string& path) {
  const H5Dataset column = open_column(file, name, path);
  check_length(column, name, samples, path);
  std::vector<T> values(samples);
  check_hdf5(H5Dread(column.get(), H5Number<T>::memory(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), path,
             str("read data set ", name));
  return values;
}

/// Bytes per entry of a column of fixed-length texts.
std::size_t text_width(const H5Dataset& column, const char* name, const std::string& path) {
  const H5Type type(H5Dget_type(column.get()), path, str("read data set ", name));
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0)
    throw Error(str(path, ": ", name, ": expected texts of fixed length"));
  return H5Tget_size(type.get());
}

std::vector<std::string> read_class_names(const H5File& file, const std::string& path) {
  const char name[] = "class_names";
  const H5Dataset column = open_column(file, name, path);
  const std::size_t width = text_width(column, name, path);
  const std::uint64_t count = length_of(column, name, path);
  std::vector<char> texts(width * count);
  const H5Type type = text_type(width, path);
  check_hdf5(H5Dread(column.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()), path,
             str("read data set ", name));
  std::vector<std::string> names(count);
  for (std::size_t i = 0; i < count; ++i) names[i] = unpadded(texts.data() + i * width, width);
  return names;
}

/// Where the `bytes` of a column lie in the file, all of them.
std::uint64_t place_of(const H5Dataset& column, const char* name, std::uint64_t bytes, const std::string& path) {
  const haddr_t offset = H5Dget_offset(column.get());
  if (offset == HADDR_UNDEF) throw Error(str(path, ": ", name, ": expected a contiguous data set"));
  const std::uint64_t in_file = std::filesystem::file_size(path);
  if (offset > in_file || bytes > in_file - offset)
    throw Error(str(path, ": truncated: ", name, " ends at byte ", offset + bytes, ", the file has ", in_file,
                    " bytes: copy it again, or pack again"));
  return offset;
}

void check_format(const H5File& file, const std::string& path) {
  if (H5Aexists(file.get(), "format") <= 0)
    throw Error(str(path, ": no attribute 'format': an HDF5 file, but not a shard of this program"));
  if (const auto format = read_text_attribute(file, "format", path); format != kShardFormatName)
    throw Error(str(path, ": format: got '", format, "', expected '", kShardFormatName, "'"));
  const auto version = read_number_attribute<std::uint32_t>(file, "format_version", path);
  if (version != kShardFormatVersion)
    throw Error(str(path, ": format_version: got ", version, ", expected ", kShardFormatVersion,
                    version > kShardFormatVersion
                        ? ": packed by a newer version of this program: update this one, or pack again"
                        : ": packed by an older version of this program: pack again"));
}

void check_image(const ShardTables& t, std::size_t i, std::uint64_t pool_size, const std::string& path) {
  const auto fail = [&](const auto&... what) { throw Error(str(path, ": image ", i, ": ", what...)); };
  const auto classes = static_cast<std::int32_t>(t.class_names.size());
  if (t.labels[i] < 0 || t.labels[i] >= classes)
    fail("label: got ", t.labels[i], ", expected 0 to ", classes - 1, " (there are ", classes, " classes)", kDamaged);
  if (t.offsets[i] % kImageAlignment != 0)
    fail("offset: got ", t.offsets[i], ", expected a multiple of ", kImageAlignment, kDamaged);
  if (t.sizes[i] == 0 || t.offsets[i] > pool_size || t.sizes[i] > pool_size - t.offsets[i])
    fail("got ", t.sizes[i], " bytes at ", t.offsets[i], ", expected at least one, inside the pool of ", pool_size,
         kDamaged);
  constexpr std::uint32_t kMostPixels = std::numeric_limits<std::int32_t>::max();
  if (t.widths[i] == 0 || t.heights[i] == 0 || t.widths[i] > kMostPixels || t.heights[i] > kMostPixels)
    fail("size: got ", t.widths[i], " x ", t.heights[i], " pixels, expected 1 to ", kMostPixels, " each", kDamaged);
  if (t.kinds[i] > static_cast<std::uint8_t>(StoredKind::kPackedJpeg))
    fail("kind: got ", int{t.kinds[i]}, ", expected 0 (JPEG file), 1 (pixels) or 2 (packed JPEG)", kDamaged);
  const std::uint64_t pixels = std::uint64_t{t.widths[i]} * t.heights[i];
  if (t.kinds[i] == static_cast<std::uint8_t>(StoredKind::kPixels) && (t.sizes[i] % 3 != 0 || t.sizes[i] / 3 != pixels))
    fail("got ", t.sizes[i], " bytes, expected three for each of ", t.widths[i], " x ", t.heights[i], " pixels",
         kDamaged);
}

}  // namespace

ShardTables read_shard_tables(const std::string& path) {
  const Hdf5Session session;
  const H5File file = open_shard_file(path, H5F_ACC_RDONLY);
  check_format(file, path);

  ShardTables t;
  t.split = read_text_attribute(file, "split", path);
  t.shard = read_number_attribute<std::uint32_t>(file, "shard", path);
  t.shards = read_number_attribute<std::uint32_t>(file, "shards", path);
  t.samples_total = read_number_attribute<std::uint64_t>(file, "samples_total", path);
  t.fingerprint = read_text_attribute(file, "fingerprint", path);
  t.class_names = read_class_names(file, path);
  if (H5Aexists(file.get(), "max_side") > 0) t.max_side = read_number_attribute<std::uint32_t>(file, "max_side", path);

  const H5Dataset pool = open_column(file, "bytes", path);
  const std::uint64_t pool_size = length_of(pool, "bytes", path);
  t.pool_offset = place_of(pool, "bytes", pool_size, path);

  const auto samples = read_number_attribute<std::uint64_t>(file, "samples", path);
  if (samples == 0 || samples > pool_size)
    throw Error(str(path, ": attribute samples: got ", samples, ", expected 1 to ", pool_size, kDamaged));
  const H5Dataset names = open_column(file, "source_names", path);
  check_length(names, "source_names", samples, path);
  t.names_width = text_width(names, "source_names", path);
  t.names_offset = place_of(names, "source_names", t.names_width * samples, path);

  t.offsets = read_column<std::uint64_t>(file, "offsets", samples, path);
  t.sizes = read_column<std::uint64_t>(file, "sizes", samples, path);
  t.labels = read_column<std::int32_t>(file, "labels", samples, path);
  t.widths = read_column<std::uint32_t>(file, "widths", samples, path);
  t.heights = read_column<std::uint32_t>(file, "heights", samples, path);
  t.kinds = read_column<std::uint8_t>(file, "kinds", samples, path);
  t.crc32c = read_column<std::uint32_t>(file, "crc32c", samples, path);
  for (std::size_t i = 0; i < t.size(); ++i) check_image(t, i, pool_size, path);
  return t;
}

ShardOutline read_shard_outline(const std::string& path) {
  const Hdf5Session session;
  const H5File file = open_shard_file(path, H5F_ACC_RDONLY);
  check_format(file, path);
  ShardOutline outline{.shards = read_number_attribute<std::uint32_t>(file, "shards", path)};
  if (outline.shards == 0) throw Error(str(path, ": packing was not finished: run the same `preprocess pack` again"));
  const H5Dataset pool = open_column(file, "bytes", path);
  outline.pool_size = length_of(pool, "bytes", path);
  outline.pool_offset = place_of(pool, "bytes", outline.pool_size, path);
  return outline;
}

void add_to_fingerprint(Fingerprint& fingerprint, const ShardTables& t) {
  for (std::size_t i = 0; i < t.size(); ++i)
    fingerprint.add(t.labels[i], static_cast<StoredKind>(t.kinds[i]), t.widths[i], t.heights[i], t.sizes[i],
                    t.crc32c[i]);
}

}  // namespace mosaic
