#pragma once

#include <optional>
#include <string>
#include <vector>

#include "preprocess/source_list.h"

namespace mosaic {

/// Names of the classes of a list whose images have numbers for labels: those
/// in `classes_file`, one a line in the order of the labels (read_class_names);
/// without it the numbers themselves, 0 to the highest.
/// @throws Error if a label is not among them; without a file also if a number
/// below the highest has no image
void name_classes(SourceList& list, const std::string& classes_file);

/// A label as its text says: a decimal number from 0 on, spaces around it
/// allowed.
/// @return nothing for any other text
std::optional<std::int32_t> parse_label(const std::string& text);

/// The most classes that labels may number: one more than the highest of them.
inline constexpr std::int32_t kMostNumberedClasses = 1'000'000;

}  // namespace mosaic
