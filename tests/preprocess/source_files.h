#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mosaic::test {

/// Names and contents.
using Files = std::vector<std::pair<std::string, std::string>>;

/// All image files of a folder of class folders, in the order in which it is packed: "a/0.ppm".
Files files_of_folder(const std::string& folder);

/// A tar of these files as ustar has it; names of more than 100 characters as GNU tar writes them.
std::string tar_of(const Files& files);

/// Tars of one class each in one tar: "a.tar" with "0.ppm" for "a/0.ppm".
std::string tar_of_class_tars(const Files& files);

/// Samples for tars in WebDataset's form: "a/0.ppm" and "a/0.cls" for "a/0.ppm". Labels are numbers of the classes in order.
std::vector<Files> web_dataset_samples(const Files& files);

/// A sample of MosaicML Streaming.
struct MdsSample {
  std::int64_t i = 0, y = 0;
  std::string x;
};
std::vector<MdsSample> mds_samples(const Files& files);

/// A shard of them, as it is on the disk, and what index.json says of it.
struct MdsShard {
  std::string bytes;
  std::string json;
};
/// @param zip  what it is compressed to: in place of the file itself
MdsShard mds_shard(const std::vector<MdsSample>& samples, const std::string& name, bool with_i = true,
                   const std::optional<std::string>& zip = {});

/// A folder of MDS with `per_shard` samples in each shard.
void write_mds_folder(const std::string& folder, const std::vector<MdsSample>& samples, std::size_t per_shard,
                      bool zstd, bool with_i = true);

std::string zstd_of(const std::string& bytes);

/// The text of a file, its folder made.
void write_file(const std::string& path, const std::string& text);

}  // namespace mosaic::test
