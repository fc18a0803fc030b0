#include "train/gather_numbers.h"

#include <ATen/ATen.h>

namespace mosaic {

std::vector<std::vector<double>> gather_numbers(Run& run, const std::vector<double>& mine) {
  const auto count = static_cast<std::int64_t>(mine.size());
  at::Tensor all = at::zeros({run.ranks.size(), count}, at::kDouble);
  double* row = all[run.ranks.rank()].mutable_data_ptr<double>();
  std::copy(mine.begin(), mine.end(), row);
  all = all.to(run.net.device());
  run.ranks.all_reduce_sum(buffer_of(all));
  const at::Tensor on_host = all.cpu();
  const double* first = on_host.const_data_ptr<double>();
  std::vector<std::vector<double>> ranks;
  for (int rank = 0; rank < run.ranks.size(); ++rank)
    ranks.emplace_back(first + rank * count, first + (rank + 1) * count);
  return ranks;
}

bool on_all_ranks(ProcessGroup& ranks, at::Device device, bool here) {
  const at::Tensor count = at::full({1}, here ? 1 : 0, at::TensorOptions(device).dtype(at::kLong));
  ranks.all_reduce_sum(buffer_of(count));
  return count.item<std::int64_t>() == ranks.size();
}

}  // namespace mosaic
