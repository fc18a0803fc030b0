#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "support.h"
#include "weights/safetensors.h"

namespace mosaic::test {

/// {"shape": [...], "data": [...]} as float64.
inline at::Tensor tensor_of(const nlohmann::json& j) {
  const auto shape = j.at("shape").get<std::vector<std::int64_t>>();
  const auto data = j.at("data").get<std::vector<double>>();
  return at::tensor(data, at::kDouble).view(shape);
}

/// Targets of a loss: a list of class indices, or a tensor.
inline at::Tensor targets_of(const nlohmann::json& j) {
  if (j.is_array()) return at::tensor(j.get<std::vector<std::int64_t>>(), at::kLong);
  return tensor_of(j).to(at::kFloat);
}

/// A copy of one tensor of a safetensors file.
inline at::Tensor tensor_of(const TensorBytes& t) {
  const at::ScalarType type = t.dtype == "F32"   ? at::kFloat
                              : t.dtype == "F64" ? at::kDouble
                              : t.dtype == "I64" ? at::kLong
                              : t.dtype == "I32" ? at::kInt
                                                 : at::kByte;
  at::Tensor copy = at::empty(t.shape, type);
  std::memcpy(copy.data_ptr(), t.bytes.data(), t.bytes.size());
  return copy;
}

/// Largest |a - b| / max(1, |b|) over the elements.
inline double deviation(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble).flatten(), y = b.detach().to(at::kDouble).flatten();
  if (x.numel() != y.numel()) return std::numeric_limits<double>::infinity();
  if (x.numel() == 0) return 0;
  const double worst = ((x - y).abs() / y.abs().clamp_min(1)).max().item<double>();
  return std::isnan(worst) ? std::numeric_limits<double>::infinity() : worst;
}

/// Largest |a - b| over the largest |b|.
inline double deviation_of_largest(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble).flatten(), y = b.detach().to(at::kDouble).flatten();
  if (x.numel() != y.numel()) return std::numeric_limits<double>::infinity();
  const double worst = ((x - y).abs().max() / y.abs().max().clamp_min(1e-6)).item<double>();
  return std::isnan(worst) ? std::numeric_limits<double>::infinity() : worst;
}

}  // namespace mosaic::test
