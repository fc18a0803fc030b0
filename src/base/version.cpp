#include "base/version.h"

#include "base/version_of_build.h"  // written by scripts/cmake/Version.cmake

namespace mosaic {

const char* version() { return MOSAIC_VERSION; }

}  // namespace mosaic
