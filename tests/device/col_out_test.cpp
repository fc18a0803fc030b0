#include "device/col_out.h"

#include <ATen/ATen.h>

#include "catch.h"
#include "golden_tensors.h"

namespace mosaic {
namespace {

TEST_CASE("rows and columns go missing, the same of every image, the rest keeps its order", "[device]") {
  const at::Tensor images = at::arange(2 * 3 * 4, at::kFloat).view({2, 1, 3, 4});
  const at::Tensor out =
      col_out(images, {.rows = at::tensor({0, 2}, at::kLong), .columns = at::tensor({1, 3}, at::kLong)});
  CHECK(at::equal(out, at::tensor({1.0f, 3.0f, 9.0f, 11.0f, 13.0f, 15.0f, 21.0f, 23.0f}).view({2, 1, 2, 2})));
  CHECK(out.is_contiguous());
}

TEST_CASE("176 pixels become 167, 224 become 212; what stays is ascending, and drawn anew for each key", "[device]") {
  const KeptLines a = draw_kept_lines({}, 176, 224, KeyedRandom{1});
  CHECK(a.rows.size(0) == 167);
  CHECK(a.columns.size(0) == 212);
  CHECK((a.rows.narrow(0, 1, 166) > a.rows.narrow(0, 0, 166)).all().item<bool>());
  CHECK((0 <= a.rows[0].item<std::int64_t>() && a.rows[166].item<std::int64_t>() < 176));
  CHECK(at::equal(a.rows, draw_kept_lines({}, 176, 224, KeyedRandom{1}).rows));
  CHECK_FALSE(at::equal(a.rows, draw_kept_lines({}, 176, 224, KeyedRandom{2}).rows));
}

TEST_CASE("every line is left out as often as the share says", "[device]") {
  at::Tensor left_out = at::zeros({20}, at::kLong);
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const at::Tensor rows = draw_kept_lines({.p_row = 0.25}, 20, 1, KeyedRandom{i}).rows;
    left_out += at::ones({20}, at::kLong).index_fill(0, rows, 0);
  }
  for (int i = 0; i < 20; ++i) CHECK(left_out[i].item<double>() == Approx(1000).margin(110));  // four sigma
}

TEST_CASE("lines kept and images that remain are the reference's", "[device][golden]") {
  const auto golden = test::golden_json("optim.json");
  const auto path = test::golden_path("optim.safetensors");
  if (!golden || !path) return;
  const SafetensorsFile file(*path);
  for (const auto& c : golden->at("colout")["cases"]) {
    const std::string name = c["tensors"];
    INFO(name);
    const auto lines = [&](const char* key) { return at::tensor(c[key].get<std::vector<std::int64_t>>(), at::kLong); };
    const at::Tensor out =
        col_out(test::tensor_of(file.get(name + ".x")), {.rows = lines("rows"), .columns = lines("cols")});
    CHECK(at::equal(out, test::tensor_of(file.get(name + ".y"))));
    const KeptLines drawn =
        draw_kept_lines({.p_row = c["p_row"], .p_col = c["p_col"]}, c["in"][0], c["in"][1], KeyedRandom{1});
    CHECK(drawn.rows.size(0) == c["out"][0].get<std::int64_t>());
    CHECK(drawn.columns.size(0) == c["out"][1].get<std::int64_t>());
  }
  for (const auto& [share, kept] : golden->at("colout")["kept"].items())
    for (std::size_t i = 0; i < kept.size(); ++i)
      CHECK(draw_kept_lines({.p_row = std::stod(share)}, static_cast<std::int64_t>(i) + 1, 1, KeyedRandom{1})
                .rows.size(0) == kept[i].get<std::int64_t>());
}

}  // namespace
}  // namespace mosaic
