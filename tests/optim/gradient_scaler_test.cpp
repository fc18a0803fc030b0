#include "optim/gradient_scaler.h"

#include <ATen/ATen.h>

#include <limits>

#include "catch.h"

namespace mosaic {
namespace {

TEST_CASE("unscaling divides by the scale and finds what is not finite", "[optim]") {
  const GradientScaler scaler;
  at::Tensor gradients = at::full({1000}, 65536.0f);
  CHECK(scaler.unscale(gradients).item<bool>());
  CHECK(at::equal(gradients, at::ones({1000})));
  for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    gradients.fill_(1);
    gradients[999] = bad;
    CHECK_FALSE(scaler.unscale(gradients).item<bool>());
  }
}

TEST_CASE("the scale halves at an overflow and doubles after 2000 finite steps in a row", "[optim]") {
  GradientScaler scaler;
  CHECK(scaler.scale() == 65536);
  scaler.update(false);
  scaler.update(false);
  CHECK(scaler.scale() == 16384);
  for (int i = 0; i < 1999; ++i) scaler.update(true);
  CHECK(scaler.scale() == 16384);
  scaler.update(true);
  CHECK(scaler.scale() == 32768);
  for (int i = 0; i < 1999; ++i) scaler.update(true);
  scaler.update(false);  // counts anew
  CHECK(scaler.scale() == 16384);
  scaler.update(true);
  CHECK(scaler.state() == GradientScaler::State{.scale = 16384, .finite_steps = 1});
}

TEST_CASE("a scaler that is saved and restored doubles at the same step", "[optim]") {
  GradientScaler straight;
  for (int i = 0; i < 1500; ++i) straight.update(true);
  GradientScaler resumed;
  resumed.set_state(straight.state());
  for (int i = 0; i < 500; ++i) straight.update(true), resumed.update(true);
  CHECK(resumed.scale() == 131072);
  CHECK(resumed.state() == straight.state());
}

TEST_CASE("the scale stays a finite float", "[optim]") {
  GradientScaler scaler;
  scaler.set_state({.scale = 0x1p127, .finite_steps = 1999});
  scaler.update(true);
  CHECK(scaler.scale() == 0x1p127);
}

}  // namespace
}  // namespace mosaic
