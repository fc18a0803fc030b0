#include "device/host_copy.h"

#include <ATen/ATen.h>

#include "catch.h"

namespace mosaic {
namespace {

TEST_CASE("numbers on their way to the host are those of the moment at which they were sent", "[device]") {
  const at::Tensor numbers = at::tensor({1.5, -2.0, 1e300}, at::kDouble);
  const HostCopy copy(numbers);
  numbers.zero_();
  CHECK(copy.values() == std::vector<double>{1.5, -2.0, 1e300});
}

TEST_CASE("what is sent to the device that it is on stays what it is", "[device]") {
  const at::Tensor numbers = at::arange(5);
  CHECK(sent_to(at::kCPU, numbers).is_same(numbers));
}

}  // namespace
}  // namespace mosaic
