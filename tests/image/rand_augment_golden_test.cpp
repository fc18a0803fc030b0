#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "catch.h"
#include "image/pictures.h"
#include "image/rand_augment.h"
#include "support.h"
#include "weights/safetensors.h"

namespace mosaic {
namespace {

using nlohmann::json;
using test::golden_json;
using test::golden_path;
using test::sha256_of;

AugmentOp op_named(const std::string& name) {
  static const std::array<std::string, 13> names = {
      "autocontrast", "equalize",    "posterize", "rotate",   "solarize",   "shear_x",  "shear_y",
      "translate_x",  "translate_y", "color",     "contrast", "brightness", "sharpness"};
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) throw Error(str("golden vectors: \"", name, "\" is no operation of RandAugment"));
  return static_cast<AugmentOp>(at - names.begin());
}

double parameter_of(const json& entry) { return entry.at("param").is_null() ? 0 : entry.at("param").get<double>(); }

std::vector<Image> images_of(const json& golden, const SafetensorsFile& file) {
  std::vector<Image> images;
  for (const json& entry : golden.at("images")) {
    Image image{entry.at("w"), entry.at("h"), {}};
    if (entry.contains("tensor")) {
      const auto bytes = file.get(entry.at("tensor")).bytes;
      std::transform(bytes.begin(), bytes.end(), std::back_inserter(image.rgb),
                     [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
    } else {
      image = test::generated_image(image.width, image.height, std::stoull(entry.at("seed").get<std::string>()));
    }
    if (sha256_of(image.rgb) != entry.at("sha256"))
      throw Error(str("randaugment.json: image ", images.size(), ": these are not the pixels that its SHA-256 is of"));
    images.push_back(std::move(image));
  }
  return images;
}

/// The recorded draws of one operation: numbers, or pairs of a name and a number.
class Recorded : public AugmentDraws {
 public:
  Recorded(AugmentOp op, const json& draws) : op_(op) {
    for (const json& draw : draws) left_.push_back(draw.is_array() ? draw.at(1) : draw);
  }
  int operation(int) override { return static_cast<int>(op_); }
  double uniform(double, double) override {
    if (left_.empty()) throw Error("an operation draws more numbers than the reference");
    const double value = left_.front();
    left_.erase(left_.begin());
    return value;
  }
  std::size_t left() const { return left_.size(); }

 private:
  AugmentOp op_;
  std::vector<double> left_;
};

void compare(const json& entries, const json& severity, const std::vector<Image>& images) {
  CHECK_FALSE(entries.empty());
  for (const json& entry : entries) {
    CAPTURE(entry.dump());
    const Image& image = images.at(entry.at("image"));
    Recorded draws(op_named(entry.at("op")), entry.at("draws"));
    const Augmentation drawn = draw_augmentation({.severity = severity}, image.width, image.height, draws);
    CHECK(draws.left() == 0);
    CHECK(drawn.parameter == parameter_of(entry));
    std::vector<std::uint8_t> out(image.rgb.size());
    apply(drawn, image, out.data());
    CHECK(sha256_of(out) == entry.at("sha256"));
  }
}

TEST_CASE("RandAugment's operations have the reference's parameters and bytes", "[image][golden]") {
  const auto golden = golden_json("randaugment.json");
  const auto tensors = golden_path("randaugment.safetensors");
  if (!golden || !tensors) return;
  const std::vector<Image> images = images_of(*golden, SafetensorsFile(*tensors));
  compare(golden->at("cases"), golden->at("severity_of_draws"), images);
  compare(golden->at("random"), golden->at("severity_of_draws"), images);
}

/// One picture of a tensor (N, 3, S, S).
Image picture_of(const TensorBytes& tensor, std::int64_t index) {
  const int side = static_cast<int>(tensor.shape.at(3));
  const std::size_t plane = static_cast<std::size_t>(side) * side;
  Image image{side, side, std::vector<std::uint8_t>(plane * 3)};
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < plane; ++i)
      image.rgb[i * 3 + c] =
          std::to_integer<std::uint8_t>(tensor.bytes[(static_cast<std::size_t>(index) * 3 + c) * plane + i]);
  return image;
}

/// SHA-256 of the batch (N, 3, S, S) that `step` trains on.
std::string augmented_batch(const json& step, const TensorBytes& pictures) {
  std::vector<std::uint8_t> batch;
  for (std::size_t i = 0; i < step.at("indices").size(); ++i) {
    const Image image = picture_of(pictures, step.at("indices").at(i));
    const json& entry = step.at("randaugment").at(i);
    std::vector<std::uint8_t> out(image.rgb.size());
    apply({op_named(entry.at("op")), parameter_of(entry)}, image, out.data());
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t at = c; at < out.size(); at += 3) batch.push_back(out[at]);
  }
  return sha256_of(batch);
}

TEST_CASE("the augmented batches of the reference's training runs have its bytes", "[image][golden]") {
  int compared = 0;
  for (const auto& file : std::filesystem::directory_iterator(test::golden_folder())) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with("trace_") || !name.ends_with(".json")) continue;
    const auto trace = golden_json(name);
    if (!trace->is_object() || !trace->contains("augmented_images")) continue;
    const auto path = golden_path(trace->at("images"));
    if (!path) continue;
    const SafetensorsFile images(*path);
    for (const json& step : trace->at("steps")) {
      CAPTURE(name, step.at("k").dump());
      CHECK(augmented_batch(step, images.get("train_images")) == step.at("images_sha256"));
      ++compared;
    }
  }
  if (compared == 0) test::say_skipped("no trace with RandAugment among the golden vectors");
}

}  // namespace
}  // namespace mosaic
