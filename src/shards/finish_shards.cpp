#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "shards/format.h"
#include "shards/hdf5_handles.h"
#include "shards/shard_tables.h"
#include "shards/shard_writer.h"

namespace mosaic {
namespace {

template <class T>
void overwrite_number(const H5File& file, const char* name, T value, const std::string& path) {
  const H5Attribute attribute(H5Aopen(file.get(), name, H5P_DEFAULT), path, str("write attribute ", name));
  check_hdf5(H5Awrite(attribute.get(), H5Number<T>::memory(), &value), path, "write");
}

void overwrite_text(const H5File& file, const char* name, const std::string& text, const std::string& path) {
  const H5Attribute attribute(H5Aopen(file.get(), name, H5P_DEFAULT), path, str("write attribute ", name));
  const H5Type type = text_type(text.size(), path);
  check_hdf5(H5Awrite(attribute.get(), type.get(), text.data()), path, "write");
}

void write_ending(const std::string& path, std::uint32_t shard, std::uint32_t shards, std::uint64_t samples_total,
                  const std::string& fingerprint) {
  {
    const Hdf5Session session;
    const H5File file = open_shard_file(path, H5F_ACC_RDWR);
    overwrite_number(file, "shard", shard, path);
    overwrite_number(file, "shards", shards, path);
    overwrite_number(file, "samples_total", samples_total, path);
    overwrite_text(file, "fingerprint", fingerprint, path);
    check_hdf5(H5Fflush(file.get(), H5F_SCOPE_LOCAL), path, "write");
  }
  sync(open_to_read(path), path);
}

void check_belongs(const ShardTables& part, const std::string& split, const std::vector<std::string>& class_names,
                   std::uint32_t max_side, const std::string& path) {
  if (part.split != split)
    throw Error(str(path, ": got a shard of split '", part.split, "', expected one of '", split, "'"));
  if (part.class_names != class_names) throw Error(str(path, ": class_names: not those of the first part"));
  if (part.max_side != max_side)
    throw Error(str(path, ": max_side: got ", part.max_side, ", expected ", max_side, " as in the first part"));
}

}  // namespace

std::string finish_shards(const std::vector<std::string>& parts, const std::string& folder, const std::string& split) {
  std::vector<std::string> names, paths;  // final name of each part, and where it is now
  for (std::size_t i = 0; i < parts.size(); ++i) {
    names.push_back(folder + "/" + shard_file_name(split, static_cast<int>(i)));
    // A part that is gone was renamed by an earlier attempt.
    paths.push_back(std::filesystem::exists(parts[i]) ? parts[i] : names[i]);
  }

  std::vector<std::string> class_names;
  std::uint32_t max_side = 0;
  std::unique_ptr<Fingerprint> fingerprint;
  std::uint64_t samples = 0;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const ShardTables part = read_shard_tables(paths[i]);
    if (i == 0) {
      class_names = part.class_names;
      max_side = part.max_side;
      fingerprint = std::make_unique<Fingerprint>(class_names, max_side);
    }
    check_belongs(part, split, class_names, max_side, paths[i]);
    add_to_fingerprint(*fingerprint, part);
    samples += part.size();
  }
  const std::string digits =
      fingerprint ? fingerprint->hex() : throw Error(str(folder, ": ", split, ": nothing to finish"));

  for (std::size_t i = 0; i < paths.size(); ++i)
    write_ending(paths[i], static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(parts.size()), samples, digits);
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (paths[i] != names[i] && std::rename(paths[i].c_str(), names[i].c_str()) != 0)
      throw_system_error(paths[i], "rename it to " + names[i]);
  sync_folder(folder);
  return digits;
}

}  // namespace mosaic
