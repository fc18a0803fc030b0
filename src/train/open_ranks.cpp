#include "train/open_ranks.h"

#include <cstdlib>
#include <sstream>

#include "device/gpu.h"
#include "train/device_choice.h"

namespace mosaic {
namespace {

/// Every rank's answer, on every rank.
std::vector<RankGpu> gather_gpus(const RankGpu& mine) {
  std::vector<RankGpu> all;
  for (const std::string& text : gather_texts(str(mine.gpus, ' ', mine.host, ' ', mine.uuid))) {
    std::istringstream in(text);
    RankGpu one;
    in >> one.gpus >> one.host >> one.uuid;
    all.push_back(one);
  }
  return all;
}

bool sharing_is_allowed() {
  const char* value = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
  return value && std::string(value) == "1";
}

}  // namespace

Ranks open_ranks(const MpiSession& mpi, const Config& config) {
  const int count = config.device == DeviceChoice::kCpu ? 0 : gpu_count();
  const int index = gpu_of(mpi.local_rank(), count);
  const auto all = gather_gpus({mpi.host(), count, count > 0 ? gpu_uuid(index) : ""});
  bool on_gpus = false;
  agree([&] { on_gpus = use_gpus(config.device, all, sharing_is_allowed()); });

  if (!on_gpus) return {mpi.size() > 1 ? mpi_process_group() : single_process(), at::Device(at::kCPU)};
  agree([&] { use_gpu(index, config.cudnn_benchmark); });
  return {mpi.size() > 1 ? nccl_process_group(index) : single_process(),
          at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index))};
}

}  // namespace mosaic
