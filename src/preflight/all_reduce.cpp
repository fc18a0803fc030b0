#include "preflight/all_reduce.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"
#include "train/flat_gradients.h"

namespace mosaic {
namespace {

constexpr std::int64_t kNumbers = 25'557'032;  // parameters of ResNet-50
constexpr double kSlowest = 1e9;               // bytes per second over a network: what 10 Gbit/s give

}  // namespace

void check_all_reduce(const MpiSession& mpi, const Ranks& ranks, Table& table) {
  Row row{.name = "all-reduce of 102 MB", .found = "one rank: nothing to send"};
  const int size = mpi.size();
  if (size == 1) return table.add(row);

  const at::Tensor numbers = at::empty({kNumbers}, at::TensorOptions(ranks.device).dtype(at::kFloat));
  std::array<double, 6> seconds;
  for (double& one : seconds) {  // the first sets up connections
    numbers.fill_(1);
    ranks.group->barrier();
    const auto start = std::chrono::steady_clock::now();
    ranks.group->all_reduce_sum(buffer_of(numbers));
    ranks.group->barrier();
    one = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::sort(seconds.begin() + 1, seconds.end());
  const double median = seconds[3];
  // What each rank sends and receives in a ring.
  const double rate = 2.0 * (size - 1) / size * 4.0 * static_cast<double>(kNumbers) / median;
  row.found = mosaic::str(decimals(1e3 * median, 1), " ms, ", decimals(rate / 1e9, 2), " GB/s per rank");
  if (mpi.nodes() > 1 && rate < kSlowest) {
    row.verdict = Verdict::kWarning;
    row.expected =
        "at least 1 GB/s between nodes: is the fast network in use? NCCL_SOCKET_IFNAME chooses, NCCL_DEBUG=INFO shows";
  }
  bool right = false;
  if (!table.passes(row.name, [&] { right = numbers.eq(size).all().item<bool>(); })) return;
  const auto answers = gather_texts(right ? "right" : "wrong");
  if (const auto wrong = std::find(answers.begin(), answers.end(), "wrong"); wrong != answers.end()) {
    row.verdict = Verdict::kBad;
    row.exit_code = kExitCrash;
    row.found = mosaic::str("rank ", wrong - answers.begin(), " got a wrong sum");
    row.expected =
        mosaic::str("1 on each of ", size, " ranks to become ", size, ": a network or GPU that changes data");
  }
  table.add(row);
}

}  // namespace mosaic
