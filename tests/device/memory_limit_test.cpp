#include "device/memory_limit.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include "catch.h"

namespace mosaic {
namespace {

TEST_CASE("a tensor over the limit is refused, and one that was given back makes room", "[device]") {
  count_tensor_memory();
  const std::int64_t before = tensor_memory();
  at::Tensor first = at::empty({1'000'000}, at::kFloat);
  CHECK(tensor_memory() - before >= 4'000'000);
  CHECK(tensor_memory() - before < 4'010'000);
  {
    const MemoryLimit limit(before + 6'000'000);
    CHECK_THROWS_AS(at::empty({1'000'000}, at::kFloat), c10::OutOfMemoryError);
    first.reset();
    CHECK(tensor_memory() == before);
    CHECK_NOTHROW(first = at::empty({1'000'000}, at::kFloat));
  }
  CHECK_NOTHROW(at::empty({1'000'000}, at::kFloat));
}

TEST_CASE("a process that shares its node may take less", "[device]") {
  const std::int64_t alone = memory_for_tensors(1), with_others = memory_for_tensors(1000);
  CHECK(with_others < alone);
  CHECK(with_others > 0);
}

}  // namespace
}  // namespace mosaic
