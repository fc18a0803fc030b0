#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace mosaic {

/// What ILSVRC2012_devkit_t12.tar.gz says of the classes.
struct Devkit {
  std::vector<std::string>
      ground_truth;                    // numbers of the validation images' classes, in the order of the images' names
  std::vector<std::string> class_ids;  // WNIDs, that of number 1 first
};

/// @throws Error if it is no such archive
Devkit read_devkit(const std::string& path);

/// The WNIDs in the devkit's meta.mat, by their ILSVRC2012_ID, from 1 on without gaps. The file is a MATLAB 5.0 MAT-file with a struct
/// array that has those two fields.
/// @throws Error saying what is wrong with the bytes, without naming the file
std::vector<std::string> wnids_of_meta_mat(std::span<const std::byte> file);

}  // namespace mosaic
