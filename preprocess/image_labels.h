#pragma once

#include <string>
#include <vector>

namespace mosaic {

/// Where the classes of images are written that are not in class folders.
struct LabelFiles {
  std::string labels;     // see classes_of_images; empty: nowhere
  std::string class_ids;  // the class of number 1 in its first line, and so on; empty: labels are no such numbers
};

/// The class of each of `images`. The labels are a text in one of two forms: a line for each image, in the order of `images`, with
/// its class; or "NAME CLASS" or "NAME,CLASS" in any order, NAME with or without its ending, what follows the class ignored, and a
/// first line beginning with "ImageId" too (LOC_val_solution.csv). A class is a name (a WNID) or a number into `class_ids`. Or they are
/// ILSVRC2012_devkit_t12.tar.gz, which holds a text of the first form and the numbers' classes.
/// @param images  their names, without folders, sorted
/// @throws Error naming file and line
std::vector<std::string> classes_of_images(const std::vector<std::string>& images, const LabelFiles& files);

/// Names of classes, one a line, in the order of their numbers. Where each line begins with a WNID, that is the name, as in
/// LOC_synset_mapping.txt.
/// @throws Error if there are none, or one is empty or stands there twice
std::vector<std::string> read_class_names(const std::string& path);

}  // namespace mosaic
