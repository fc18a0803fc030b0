#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/stored_image.h"
#include "image/image.h"

namespace mosaic {

/// What the first bytes say, whatever the file is called.
enum class ImageFormat { kUnknown, kJpeg, kPng, kPnm, kBmp, kTiff, kWebp };
ImageFormat image_format(std::span<const std::byte> file);

/// Decode one whole file of any format above to the pixels of Pillow's `Image.open(f).convert('RGB')`: grey replicated,
/// alpha dropped, CMYK and YCCK converted without a profile, 16-bit colours cut to their upper 8 bits but 16-bit grey
/// clipped at 255, orientation ignored in JPEG, PNG and WebP but applied in TIFF. JPEG: libjpeg-turbo's defaults
/// (integer slow DCT, fancy upsampling).
/// What Pillow decodes in silence is good (junk between JPEG markers, a PNG without its last chunk), what it raises on
/// is an error: truncated files, and images of more than 178,956,970 pixels. Variants that we do not decode as Pillow
/// does, or that its versions decode differently, are errors too, by name.
/// @throws Error saying what is wrong with the bytes, without the file's name
Image decode_file(std::span<const std::byte> file);

/// Decode what a shard holds as a file or as pixels into `out`, whose memory is used again; packed/ does the other kinds.
/// `image.width` and `height` must be what the bytes say. Thread-safe on different `out`.
/// @throws Error saying what is wrong with the bytes, without naming the sample: the caller knows it
void decode_stored(const StoredImage& image, Image& out);

/// The pixels of an image that is stored as such, where they lie.
/// @throws Error if there are fewer or more of them than its size says
ImageView stored_pixels(const StoredImage& image);

}  // namespace mosaic
