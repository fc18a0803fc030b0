#pragma once

#include <string>

#include "preprocess/image_labels.h"
#include "preprocess/source_list.h"

namespace mosaic {

/// The split whose images are never scaled down.
inline constexpr char kValidation[] = "val";

/// Where images come from, and what has to be said about them.
struct SourceOptions {
  std::string source;        // a folder
  LabelFiles labels = {};    // of images in no class folders
  std::string classes = {};  // names of numbered classes; empty: their numbers
};

/// List one split of `options.source`, whatever it is:
/// - SPLIT/, a folder of class folders, of images (one class, or those that the labels say), of class tars, of tars in WebDataset's form,
///   or of MosaicML Streaming's shards;
/// - SPLIT.tar or ILSVRC2012_img_SPLIT.tar, see list_split_tar;
/// - tars in WebDataset's form whose names are SPLIT, perhaps with something before it, and a number: SPLIT-000000.tar,
///   imagenet-SPLIT-0000.tar; for val they may say validation;
/// - Parquet files as Hugging Face's `datasets` calls them: SPLIT-00000-of-00040.parquet; or any in SPLIT/.
/// A folder comes before archives. Labels of val that are called as they are downloaded are found in SOURCE.
/// @param why  end of the sentence if there is none
/// @param threads  that read containers
/// @throws Error if there is none, or more than one archive
SourceList list_split(const SourceOptions& options, const std::string& split, const std::string& why, int threads);

}  // namespace mosaic
