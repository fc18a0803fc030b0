#include "device/resize_nearest.h"

#include <ATen/ATen.h>

#include "base/sha256.h"
#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

/// An image of `width` equal rows that count the columns.
at::Tensor columns(std::int64_t width, at::ScalarType type) {
  return at::arange(width, type).view({1, 1, 1, width}).expand({1, 1, width, width}).contiguous();
}

std::vector<int> indices(std::int64_t width, double scale, at::ScalarType type = at::kFloat) {
  const at::Tensor row = resize_nearest(columns(width, type), scale)[0][0][0].to(at::kInt);
  return {row.const_data_ptr<int>(), row.const_data_ptr<int>() + row.numel()};
}

TEST_CASE("pixels are picked by the scale, in float32, whatever the type of the images", "[device]") {
  auto head = indices(176, 112.0 / 176);
  CHECK(head.size() == 112);
  head.resize(12);
  CHECK(head == std::vector<int>{0, 1, 3, 4, 6, 7, 9, 11, 12, 14, 15, 17});
  for (const std::int64_t width : {45, 64, 167, 176, 224})
    for (std::int64_t pinned = 4; pinned < width; pinned += 4) {
      const double scale = static_cast<double>(pinned) / static_cast<double>(width);
      INFO(width << " to " << pinned);
      const at::Tensor images = columns(width, at::kFloat);
      const at::Tensor expected =
          at::upsample_nearest2d(images, at::OptionalIntArrayRef(), std::vector<double>{scale, scale});
      CHECK(at::equal(resize_nearest(images, scale), expected));
      CHECK(indices(width, scale, at::kDouble) == indices(width, scale));
    }
  CHECK(resize_nearest(columns(176, at::kFloat), 0.5).is_contiguous());
}

TEST_CASE("rows and columns are picked by the same rule", "[device]") {
  const at::Tensor images = columns(45, at::kFloat);
  CHECK(at::equal(resize_nearest(images.transpose(2, 3), 0.7), resize_nearest(images, 0.7).transpose(2, 3)));
}

TEST_CASE("some sizes fall one pixel short, as published", "[device]") {
  CHECK(indices(176, 60.0 / 176).size() == 59);
  CHECK(indices(176, 120.0 / 176).size() == 119);
  CHECK(indices(167, 100.0 / 167).size() == 99);
}

TEST_CASE("nothing is enlarged", "[device]") {
  const at::Tensor images = columns(8, at::kFloat);
  CHECK(resize_nearest(images, 1).is_same(images));
  CHECK(resize_nearest(images, 1.5).is_same(images));
}

TEST_CASE("source pixels, oblong sizes and images are the reference's", "[device][golden]") {
  const auto golden = test::golden_json("optim.json");
  const auto path = test::golden_path("optim.safetensors");
  if (!golden || !path) return;
  const auto& resizing = golden->at("progressive_resizing");
  for (const auto& c : resizing["indices"]) {
    const std::int64_t width = c["width"];
    const auto found = indices(width, c["pinned"].get<double>() / static_cast<double>(width));
    INFO(width << " to " << c["pinned"]);
    CHECK(found.size() == c["out"].get<std::size_t>());
    Sha256 hash;
    hash.add({reinterpret_cast<const std::byte*>(found.data()), found.size() * sizeof(int)});
    CHECK(hash.hex().substr(0, 16) == c["sha256"].get<std::string>());
  }
  for (const auto& c : resizing["rect"]) {
    const at::Tensor out = resize_nearest(at::zeros({1, 1, c["in"][0], c["in"][1]}), c["scale"]);
    CHECK(out.size(2) == c["out"][0].get<std::int64_t>());
    CHECK(out.size(3) == c["out"][1].get<std::int64_t>());
  }
  const SafetensorsFile file(*path);
  for (const auto& c : resizing["examples"]) {
    const std::string name = c["tensors"];
    // The examples' output sizes are multiples of 4: the scale is their quotient.
    const double scale = c["out"].get<double>() / c["in"].get<double>();
    CHECK(at::equal(resize_nearest(test::tensor_of(file.get(name + ".x")), scale),
                    test::tensor_of(file.get(name + ".y"))));
  }
}

}  // namespace
}  // namespace mosaic
