#include "packed/stored_decoder.h"

#include "base/error.h"
#include "image/decode.h"

namespace mosaic {

StoredDecoder::StoredDecoder(const Kernels& kernels) : kernels_(kernels), rows_(kernels) {}

void StoredDecoder::decode(const StoredImage& image, Image& out) {
  if (image.kind != StoredKind::kPackedJpeg) return decode_stored(image, out);
  const PackedRecord record = open_packed(image);
  decode_box(record, {0, 0, image.width, image.height}, out);
}

void StoredDecoder::decode_crop(const StoredImage& image, Box box, int side, bool flip, std::uint8_t* out) {
  if (image.kind == StoredKind::kPackedJpeg) {
    const PackedRecord record = open_packed(image);
    decode_box(record, box, decoded_);
    resize_crop(decoded_, {0, 0, box.width, box.height}, side, side, flip, resize_, out);
  } else {
    decode_stored(image, decoded_);
    resize_crop(decoded_, box, side, side, flip, resize_, out);
  }
}

void StoredDecoder::decode_center_crop(const StoredImage& image, int resize_size, int crop_size, std::uint8_t* out) {
  decode(image, decoded_);
  resize_center_crop(decoded_, resize_size, crop_size, resize_, out);
}

void StoredDecoder::decode_box(const PackedRecord& record, Box box, Image& out) {
  out.width = box.width;
  out.height = box.height;
  const std::size_t stride = static_cast<std::size_t>(box.width) * 3;
  out.rgb.resize(stride * box.height);
  rows_.start(record, box);
  // The kernels may read before and after a channel: `interleave`.
  std::uint8_t* channel[3];
  for (int c = 0; c < 3; ++c) channel[c] = row_[c].get(static_cast<std::size_t>(box.width) + 2 * kRowSlack) + kRowSlack;
  for (int c = rows_.channels(); c < 3; ++c) channel[c] = channel[0];
  for (int y = 0; y < box.height; ++y) {
    rows_.next(channel[0], channel[1], channel[2]);
    kernels_.interleave(channel[0], channel[1], channel[2], box.width, false, out.rgb.data() + y * stride);
  }
}

PackedRecord open_packed(const StoredImage& image) {
  const PackedRecord record(image.bytes);
  if (record.width() != image.width || record.height() != image.height)
    throw Error(str("packed record: ", record.width(), " x ", record.height(), " pixels, expected ", image.width, " x ",
                    image.height));
  return record;
}

}  // namespace mosaic
