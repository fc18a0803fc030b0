#include "base/file.h"
#include "batch/loader.h"
#include "catch.h"
#include "image/decode.h"
#include "packed/pack_jpeg.h"
#include "support.h"

namespace mosaic {
namespace {

/// One photo in every kind that a shard can hold it in.
struct Photo {
  std::vector<std::byte> file = read_file(test::source_folder() + "/tests/corpus/images/420.jpg");
  Image image = decode_file(file);
  std::vector<std::byte> record;
  Photo() { REQUIRE(pack_jpeg(file, image, record) == ""); }
  std::vector<StoredImage> kinds() const {
    return {{StoredKind::kJpegFile, image.width, image.height, file},
            {StoredKind::kPixels, image.width, image.height, std::as_bytes(std::span(image.rgb))},
            {StoredKind::kPackedJpeg, image.width, image.height, record}};
  }
};

void check_same(const View& view, int side) {
  const Photo photo;
  const auto scratch = View::make_scratch();
  for (std::int64_t sample = 0; sample < 50; ++sample) {
    std::vector<std::vector<std::uint8_t>> results;
    for (const StoredImage& stored : photo.kinds()) {
      results.emplace_back(static_cast<std::size_t>(side) * side * 3);
      view.render(stored, 3, sample, side, *scratch, results.back().data());
    }
    CAPTURE(sample, side);
    CHECK(results[1] == results[0]);
    CHECK(results[2] == results[0]);
  }
}

TEST_CASE("how an image is stored makes no difference to what training and evaluation see", "[batch]") {
  TrainDatasetConfig train;
  for (const int side : {7, 24, 32}) {
    check_same(View(train, std::nullopt, 17), side);
    check_same(View(train, RandAugmentConfig{}, 17), side);
    check_same(View(DatasetConfig{.resize_size = 30, .crop_size = side}), side);
    check_same(View(DatasetConfig{.resize_size = -1, .crop_size = side}), side);
  }
  train.resize_size = 28;
  check_same(View(train, std::nullopt, 17), 24);
}

}  // namespace
}  // namespace mosaic
