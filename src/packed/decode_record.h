#pragma once

#include "image/image.h"
#include "image/jpeg_coefficients.h"
#include "packed/packed_record.h"

namespace mosaic {

/// All coefficients, as `encode_record` got them.
/// @throws Error if the record is damaged
void decode_coefficients(const PackedRecord& record, JpegCoefficients& out);

}  // namespace mosaic
