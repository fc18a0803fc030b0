#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <optional>
#include <vector>

namespace mosaic {

/// Numbers on their way from the device to the host: from a GPU by a copy that is queued behind what its current stream has to do, into
/// page-locked memory, and that nothing waits for but `values`.
class HostCopy {
 public:
  /// @param numbers  float64 (n); may be written to again as soon as this returns
  explicit HostCopy(const at::Tensor& numbers);

  /// Waits for the copy.
  std::vector<double> values() const;

 private:
  at::Tensor on_host_;
  std::optional<c10::Event> copied_;  // of a GPU's copy
};

/// `numbers` on the device. From the host to a GPU without waiting for what is queued there, which a plain copy does.
at::Tensor sent_to(at::Device device, const at::Tensor& numbers);

}  // namespace mosaic
