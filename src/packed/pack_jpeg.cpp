#include "packed/pack_jpeg.h"

#include "base/error.h"
#include "packed/decode_record.h"
#include "packed/encode_record.h"
#include "packed/stored_decoder.h"

namespace mosaic {

std::string pack_jpeg(std::span<const std::byte> jpeg, const Image& pixels, std::vector<std::byte>& record) {
  JpegCoefficients coefficients;
  if (auto reason = read_jpeg_coefficients(jpeg, coefficients); !reason.empty()) return reason;
  if (auto reason = encode_record(coefficients, record); !reason.empty()) return reason;

  JpegCoefficients read_back;
  decode_coefficients(PackedRecord(record), read_back);
  if (read_back != coefficients) throw Error("packed record: it does not hold the coefficients it was made from");
  thread_local StoredDecoder decoder;  // its buffers are used again
  thread_local Image decoded;
  decoder.decode({StoredKind::kPackedJpeg, pixels.width, pixels.height, record}, decoded);
  return decoded.width == pixels.width && decoded.height == pixels.height && decoded.rgb == pixels.rgb
             ? ""
             : "libjpeg decodes it to other pixels";
}

}  // namespace mosaic
