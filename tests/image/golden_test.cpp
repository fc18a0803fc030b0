#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "catch.h"
#include "image/decode.h"
#include "image/pictures.h"
#include "image/random_crop.h"
#include "image/resize.h"
#include "support.h"
#include "weights/safetensors.h"

namespace mosaic {
namespace {

using nlohmann::json;
using test::generated_image;
using test::golden_json;
using test::golden_path;
using test::sha256_of;

Image stored_image(const SafetensorsFile& file, const json& entry) {
  const TensorBytes& tensor = file.get(entry.at("tensor"));
  Image image{entry.at("w"), entry.at("h"), {}};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(tensor.bytes.data());
  image.rgb.assign(bytes, bytes + tensor.bytes.size());
  return image;
}

/// The images of resize_crop.json; those that are cut from photos are empty where the file with their pixels is not
/// there.
std::vector<Image> golden_images(const json& golden) {
  const auto stored = golden_path("resize_crop.safetensors");
  const auto photos = golden_path("resize_crop_photos.safetensors", true);
  std::optional<SafetensorsFile> stored_file, photo_file;
  if (stored) stored_file.emplace(*stored);
  if (photos) photo_file.emplace(*photos);
  std::vector<Image> images;
  for (const json& entry : golden.at("images")) {
    const std::string source = entry.at("source");
    Image image;
    if (source == "generated") {
      image = generated_image(entry.at("w"), entry.at("h"), std::stoull(entry.at("seed").get<std::string>()));
    } else if (const auto& file = source == "photo" ? photo_file : stored_file) {
      image = stored_image(*file, entry);
    }
    if (image.width > 0 && sha256_of(image.rgb) != entry.at("sha256"))
      throw Error(str("golden image ", images.size(), ": these are not the pixels that its SHA-256 is of"));
    images.push_back(std::move(image));
  }
  return images;
}

TEST_CASE("crops and their scaling have Pillow's bytes", "[image][golden]") {
  const auto golden = golden_json("resize_crop.json");
  if (!golden) return;
  const std::vector<Image> images = golden_images(*golden);
  ResizeScratch scratch;
  int compared = 0;
  for (const json& crop : golden->at("crops")) {
    const Image& image = images.at(crop.at("image"));
    if (image.width == 0) continue;
    const int size = crop.at("size");
    std::vector<std::uint8_t> out(static_cast<std::size_t>(size) * size * 3);
    const Box box{crop.at("left"), crop.at("top"), crop.at("w"), crop.at("h")};
    resize_crop(image, box, size, size, false, scratch, out.data());
    CAPTURE(crop.dump());
    CHECK(sha256_of(out) == crop.at("sha256"));
    ++compared;
  }
  CHECK(compared > 0);
}

TEST_CASE("the evaluation view has torchvision's bytes, at both of its stages", "[image][golden]") {
  const auto golden = golden_json("resize_crop.json");
  if (!golden) return;
  const std::vector<Image> images = golden_images(*golden);
  ResizeScratch scratch;
  int compared = 0;
  for (const json& eval : golden->at("evals")) {
    const Image& image = images.at(eval.at("image"));
    if (image.width == 0) continue;
    CAPTURE(eval.dump());
    const int resize = eval.at("resize"), crop = eval.at("crop");
    const Size size =
        resize > 0 ? resized_to_shorter(image.width, image.height, resize) : Size{image.width, image.height};
    CHECK(size == Size{eval.at("resized").at(1), eval.at("resized").at(0)});
    std::vector<std::uint8_t> resized(static_cast<std::size_t>(size.width) * size.height * 3);
    resize_crop(image, {0, 0, image.width, image.height}, size.width, size.height, false, scratch, resized.data());
    CHECK(sha256_of(resized) == eval.at("resized_sha256"));
    std::vector<std::uint8_t> out(static_cast<std::size_t>(crop) * crop * 3);
    resize_center_crop(image, resize, crop, scratch, out.data());
    CHECK(sha256_of(out) == eval.at("sha256"));
    ++compared;
  }
  CHECK(compared > 0);
}

TEST_CASE("sizes and corners of the evaluation view are torchvision's", "[image][golden]") {
  const auto golden = golden_json("resize_crop.json");
  if (!golden) return;
  for (const json& entry : golden->at("eval_geometry")) {
    CAPTURE(entry.dump());
    const Size size = resized_to_shorter(entry.at("in").at(1), entry.at("in").at(0), entry.at("resize"));
    CHECK(size == Size{entry.at("resized").at(1), entry.at("resized").at(0)});
    CHECK(center_crop_corner(size.width, size.height, entry.at("crop")) == Corner{entry.at("left"), entry.at("top")});
  }
}

/// The draws that torch made, and a check that the same ones are asked for.
class RecordedDraws : public CropDraws {
 public:
  RecordedDraws(const json& entry, const json& bounds) : entry_(entry), bounds_(bounds) {}

  float uniform(float low, float high) override {
    const bool area = uniforms_ % 2 == 0;
    const float value = entry_.at(area ? "area" : "log_ratio").at(uniforms_++ / 2);
    const json& expected = bounds_.at(area ? 1 : 0);
    CHECK(low == expected.at(0).get<float>());
    CHECK(high == expected.at(1).get<float>());
    return value;
  }
  std::int64_t integer(std::int64_t bound) override {
    CHECK(bound == entry_.at("ij_high_exclusive").at(integers_));
    return entry_.at("ij").at(integers_++);
  }
  bool all_taken() const { return uniforms_ == 2 * entry_.at("area").size() && integers_ == entry_.at("ij").size(); }

 private:
  const json& entry_;
  const json& bounds_;
  std::size_t uniforms_ = 0, integers_ = 0;
};

TEST_CASE("torch's draws give torchvision's boxes", "[image][golden]") {
  const auto golden = golden_json("resize_crop.json");
  if (!golden) return;
  const json& bounds = golden->at("rrc_uniform_bounds");
  for (const json& entry : golden->at("rrc")) {
    CAPTURE(entry.dump());
    RecordedDraws draws(entry, bounds);
    const Box box = random_resized_crop(entry.at("w"), entry.at("h"), bounds.at(1).at(0), bounds.at(1).at(1), draws);
    const json& expected = entry.at("box");
    CHECK(box == Box{expected.at(1), expected.at(0), expected.at(3), expected.at(2)});
    CHECK(draws.all_taken());
  }
}

TEST_CASE("photos decode to the pixels of Pillow 9.5", "[image][shared]") {
  const auto golden = golden_json("jpeg_decode.json");
  const auto folder = test::shared_path("data/imagenet-sample/val");
  if (!golden || !folder) return;
  int compared = 0;
  for (const json& row : golden->at("rows")) {
    const std::string path = str(*folder, "/", row.at(0).get<std::string>());
    if (!std::filesystem::exists(path)) continue;
    CAPTURE(path);
    const Image image = decode_file(read_file(path));
    CHECK(image.width == row.at(3));
    CHECK(image.height == row.at(4));
    CHECK(sha256_of(image.rgb).substr(0, 32) == row.at(5));
    ++compared;
  }
  CHECK(compared > 0);
}

}  // namespace
}  // namespace mosaic
