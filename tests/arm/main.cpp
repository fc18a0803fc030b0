#define CATCH_CONFIG_MAIN
#include "base/error.h"
#include "base/stored_image.h"
#include "catch.h"
#include "image/decode.h"

namespace mosaic {

/// The decoders of files need libraries that are not there for the other processor; no test of this program has such a file.
void decode_stored(const StoredImage&, Image&) { throw Error("built without decoders of files"); }

}  // namespace mosaic
