#pragma once

#include <string>
#include <vector>

#include "preprocess/image_labels.h"
#include "preprocess/source_list.h"

namespace mosaic {

// Archives of images as they would be unpacked: the lists are those of list_image_folder of what was unpacked, in the same order.

/// List the tar of one split, of one of three kinds: class folders, n01440764/x.JPEG, which may be in a folder called as the split;
/// class tars, n01440764.tar, with their images (ILSVRC2012_img_train.tar); images alone, whose classes are in `labels`
/// (ILSVRC2012_img_val.tar). What else is in it is left out and said in the log.
/// @param threads  that read the class tars
/// @throws Error naming archive and member
SourceList list_split_tar(const std::string& path, const std::string& split, const LabelFiles& labels, int threads);

/// List class tars that are files in a folder, FOLDER/n01440764.tar.
/// @param tars  their names, sorted
SourceList list_class_tars(const std::string& folder, const std::vector<std::string>& tars, int threads);

/// A list of images in no class folders, in a folder, with the classes that `labels` gives them.
SourceList with_classes(SourceList flat, const LabelFiles& labels);

}  // namespace mosaic
