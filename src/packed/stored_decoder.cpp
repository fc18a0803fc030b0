#include "packed/stored_decoder.h"

#include <algorithm>

#include "base/error.h"
#include "image/decode.h"

namespace mosaic {

StoredDecoder::StoredDecoder(const Kernels& kernels) : kernels_(kernels), rows_(kernels), resizer_(kernels) {}

void StoredDecoder::decode(const StoredImage& image, Image& out) {
  if (image.kind == StoredKind::kPackedJpeg) {
    decode_whole(open_packed(image), out);
  } else {
    decode_stored(image, out);
  }
}

void StoredDecoder::decode_crop(const StoredImage& image, Box box, int side, bool flip, std::uint8_t* out) {
  decode_scaled(image, box, {box.width, side, 0, side}, {box.height, side, 0, side}, flip, out,
                static_cast<std::size_t>(side) * 3);
}

void StoredDecoder::decode_crop_half(const StoredImage& image, Box box, int side, bool flip, std::uint8_t* out) {
  const bool large = box.width >= 2 * side && box.height >= 2 * side;
  if (!large || image.kind != StoredKind::kPackedJpeg) return decode_crop(image, box, side, flip, out);
  const PackedRecord record = open_packed(image);
  if (!CropRows::can_halve(record)) return decode_crop(image, box, side, flip, out);
  // Box and axes in pixels of the small image, of which the box may begin and end within one.
  const int right = box.left + box.width, bottom = box.top + box.height;
  const Box small{box.left / 2, box.top / 2, (right + 1) / 2 - box.left / 2, (bottom + 1) / 2 - box.top / 2};
  const auto axis = [side](int size, int begin, int end) {
    return ResizeAxis{size, side, 0, side, begin % 2 != 0, end % 2 != 0};
  };
  const Box part =
      resizer_.start(axis(small.width, box.left, right), axis(small.height, box.top, bottom),
                     static_cast<int>(record.components().size()), flip, out, static_cast<std::size_t>(side) * 3);
  rows_.start_half(record, {small.left + part.left, small.top + part.top, part.width, part.height});
  push_rows(part.height);
}

void StoredDecoder::decode_center_crop(const StoredImage& image, int resize_size, int crop_size, std::uint8_t* out) {
  const Size scaled =
      resize_size > 0 ? resized_to_shorter(image.width, image.height, resize_size) : Size{image.width, image.height};
  const Corner corner = center_crop_corner(scaled.width, scaled.height, crop_size);
  const std::size_t stride = static_cast<std::size_t>(crop_size) * 3;
  const int width = std::min(scaled.width, crop_size), height = std::min(scaled.height, crop_size);
  if (width < crop_size || height < crop_size) std::fill_n(out, stride * crop_size, std::uint8_t{0});
  const int left = std::max(corner.left, 0), top = std::max(corner.top, 0);
  std::uint8_t* to = out + std::max(-corner.top, 0) * stride + static_cast<std::size_t>(std::max(-corner.left, 0)) * 3;
  decode_scaled(image, {0, 0, image.width, image.height}, {image.width, scaled.width, left, left + width},
                {image.height, scaled.height, top, top + height}, false, to, stride);
}

void StoredDecoder::decode_scaled(const StoredImage& image, Box box, ResizeAxis across, ResizeAxis down, bool flip,
                                  std::uint8_t* out, std::size_t out_stride) {
  switch (image.kind) {
    case StoredKind::kPackedJpeg:
      return scale_record(open_packed(image), box, across, down, flip, out, out_stride);
    case StoredKind::kPixels:
      return scale_pixels(stored_pixels(image), box, across, down, flip, out, out_stride);
    default:
      decode_stored(image, decoded_);
      scale_pixels(decoded_, box, across, down, flip, out, out_stride);
  }
}

void StoredDecoder::decode_whole(const PackedRecord& record, Image& out) {
  out.width = record.width();
  out.height = record.height();
  const std::size_t stride = static_cast<std::size_t>(out.width) * 3;
  out.rgb.resize(stride * out.height);
  rows_.start(record, {0, 0, out.width, out.height});
  // The kernels may read before and after a channel: `interleave`.
  std::uint8_t* channel[3];
  for (int c = 0; c < 3; ++c) channel[c] = row_[c].get(static_cast<std::size_t>(out.width) + 2 * kRowSlack) + kRowSlack;
  for (int c = rows_.channels(); c < 3; ++c) channel[c] = channel[0];
  for (int y = 0; y < out.height; ++y) {
    rows_.next(channel[0], channel[1], channel[2]);
    kernels_.interleave(channel[0], channel[1], channel[2], out.width, false, out.rgb.data() + y * stride);
  }
}

void StoredDecoder::scale_record(const PackedRecord& record, Box box, ResizeAxis across, ResizeAxis down, bool flip,
                                 std::uint8_t* out, std::size_t out_stride) {
  const auto channels = static_cast<int>(record.components().size());
  const Box part = resizer_.start(across, down, channels, flip, out, out_stride);
  rows_.start(record, {box.left + part.left, box.top + part.top, part.width, part.height});
  push_rows(part.height);
}

/// From `rows_` to `resizer_`.
void StoredDecoder::push_rows(int count) {
  for (int y = 0; y < count; ++y) {
    rows_.next(resizer_.row(0), resizer_.row(1), resizer_.row(2));
    resizer_.push();
  }
}

void StoredDecoder::scale_pixels(ImageView image, Box box, ResizeAxis across, ResizeAxis down, bool flip,
                                 std::uint8_t* out, std::size_t out_stride) {
  const Box part = resizer_.start(across, down, 3, flip, out, out_stride);
  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  const std::uint8_t* row =
      image.rgb + (box.top + part.top) * stride + static_cast<std::size_t>(box.left + part.left) * 3;
  for (int y = 0; y < part.height; ++y, row += stride) {
    kernels_.deinterleave(row, part.width, resizer_.row(0), resizer_.row(1), resizer_.row(2));
    resizer_.push();
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
