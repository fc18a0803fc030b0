#pragma once

#include <string>

#include "image/image.h"

namespace mosaic::test {

/// A picture that differs in every pixel and with every seed.
Image picture(int width, int height, int seed);

/// Write such a picture as a binary PPM file, its folder too.
void write_picture(const std::string& path, int width, int height, int seed);
void write_bmp_picture(const std::string& path, int width, int height, int seed);  // 24 bits

/// A real JPEG file of tests/corpus, copied to `path`; its folder is made.
void copy_corpus_image(const std::string& name, const std::string& path);

/// root/train and root/val with classes a and b: JPEG, PPM and BMP files, one of them deeper, `per_class` in train.
void write_small_folder(const std::string& root, int per_class = 6);

/// Width, height and pixels of a binary PPM file.
Image read_ppm(const std::string& path);

}  // namespace mosaic::test
