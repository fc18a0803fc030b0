#include "train/tensor_file.h"

#include <ATen/ATen.h>

#include <cstring>

#include "catch.h"
#include "support.h"
#include "weights/safetensors.h"

namespace mosaic {
namespace {

using test::TemporaryFolder;

bool holds(const SafetensorsFile& file, const std::string& name, const at::Tensor& expected) {
  const at::Tensor rows = expected.contiguous();
  const TensorBytes& stored = file.get(name);
  return at::IntArrayRef(stored.shape) == rows.sizes() && stored.bytes.size() == rows.nbytes() &&
         std::memcmp(stored.bytes.data(), rows.const_data_ptr(), rows.nbytes()) == 0;
}

TEST_CASE("tensors of any layout are written row by row, as they were when they were added", "[train]") {
  const TemporaryFolder folder;
  const at::Tensor weight = at::rand({8, 5, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor large =
      at::rand({64, 128, 5, 5}).contiguous(at::MemoryFormat::ChannelsLast);  // LibTorch copies it in parallel
  const at::Tensor transposed = at::rand({6, 4}, at::kDouble).t();
  const at::Tensor count = at::scalar_tensor(7, at::kLong);
  const at::Tensor weight_then = weight.clone();

  TensorFile file;
  file.add("weight", weight);
  file.add("large", large);
  file.add("transposed", transposed);
  file.add("count", count);
  weight.zero_();  // training goes on
  const std::uint32_t crc = file.write(folder / "a");

  const SafetensorsFile written(folder / "a");
  CHECK(holds(written, "weight", weight_then));
  CHECK(holds(written, "large", large));
  CHECK(holds(written, "transposed", transposed));
  CHECK(holds(written, "count", count));
  CHECK(file.bytes() == weight.nbytes() + large.nbytes() + transposed.nbytes() + count.nbytes());
  CHECK(file.write(folder / "b") == crc);  // a second try, after a failing disk
  CHECK(test::read_text(folder / "b") == test::read_text(folder / "a"));
}

TEST_CASE("the memory of a copy is used again, and what was not added again is not written", "[train]") {
  const TemporaryFolder folder;
  TensorFile file;
  file.add("weight", at::ones({4, 3, 2, 2}));
  file.add("momentum", at::ones({2}));
  file.clear();
  CHECK(file.empty());
  const at::Tensor other_layout = at::rand({4, 3, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast);
  file.add("weight", other_layout);
  file.write(folder / "a");

  const SafetensorsFile written(folder / "a");
  CHECK(written.tensors().size() == 1);
  CHECK(holds(written, "weight", other_layout));
}

}  // namespace
}  // namespace mosaic
