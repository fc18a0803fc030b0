#pragma once

#include <string>

#include "preprocess/source_list.h"

namespace mosaic {

/// Before images are read from the containers of a split: what is compressed in them is written to files in `folder`, where SourceReader
/// finds it, and those that came with digests are read and compared with these. Shows its progress. What a run before has unpacked
/// since a container was last changed is left as it is.
/// @throws Error naming the first container that is not what it was
void prepare_containers(const SourceList& list, const std::string& split, const std::string& folder, int threads);

}  // namespace mosaic
