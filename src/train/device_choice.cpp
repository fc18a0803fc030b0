#include "train/device_choice.h"

#include <map>
#include <set>

#include "base/error.h"

namespace mosaic {
namespace {

std::string join(const std::set<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void refuse_sharing(const std::vector<RankGpu>& ranks) {
  std::map<std::string, int> ranks_on;
  for (const auto& r : ranks) ++ranks_on[r.host];
  std::map<std::pair<std::string, std::string>, int> owner;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const auto& r = ranks[rank];
    const auto [other, is_new] = owner.emplace(std::pair(r.host, r.uuid), static_cast<int>(rank));
    if (!is_new)
      throw Error(str("device: host ", r.host, ": ranks ", other->second, " and ", rank, " would share one GPU (",
                      ranks_on[r.host], " ranks there, rank ", rank, " sees ", r.gpus, r.gpus == 1 ? " GPU" : " GPUs",
                      "): start one rank per GPU (mpirun --map-by ppr:GPUS:node, srun --ntasks-per-node=GPUS), or set "
                      "NCCL_MULTI_RANK_GPU_ENABLE=1 if they shall share it"));
  }
}

}  // namespace

int gpu_of(int local_rank, int visible_gpus) { return visible_gpus > 0 ? local_rank % visible_gpus : 0; }

bool use_gpus(DeviceChoice choice, const std::vector<RankGpu>& ranks, bool sharing_allowed) {
  if (choice == DeviceChoice::kCpu) return false;
  std::set<std::string> with, without;
  for (const auto& r : ranks) (r.gpus > 0 ? with : without).insert(r.host);
  if (choice == DeviceChoice::kGpu && !without.empty())
    throw Error(str("device: got gpu, but no GPU is usable on ", join(without),
                    ": check nvidia-smi and CUDA_VISIBLE_DEVICES there, or take device=cpu"));
  if (with.empty()) return false;
  if (!without.empty())
    throw Error(str("device: got auto, but some ranks have a GPU (on ", join(with), ") and some have none (on ",
                    join(without),
                    "): check nvidia-smi and CUDA_VISIBLE_DEVICES on the latter, or take device=cpu for all"));
  if (!sharing_allowed) refuse_sharing(ranks);
  return true;
}

}  // namespace mosaic
